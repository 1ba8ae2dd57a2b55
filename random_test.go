package lstm

import (
	"math"
	"math/rand/v2"

	"example.com/lstm/internal/panel"
)

// newRand returns a generator that depends on the numbers given only.
func newRand(seed ...int) *rand.Rand {
	h := uint64(14695981039346656037)
	for _, s := range seed {
		h = (h ^ uint64(s)) * 1099511628211
	}
	return rand.New(rand.NewPCG(h, 0x9e3779b97f4a7c15))
}

func normals(r *rand.Rand, n int, scale float64) []float32 {
	s := make([]float32, n)
	for i := range s {
		s[i] = float32(r.NormFloat64() * scale)
	}
	return s
}

// awkward are the values at which kernels go wrong first.
var awkward = []float32{
	0, float32(math.Copysign(0, -1)), 1, -1,
	math.SmallestNonzeroFloat32, -math.SmallestNonzeroFloat32, 0x1.fffffcp-127, 0x1p-126, -0x1p-126,
	math.MaxFloat32, -math.MaxFloat32, float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()),
	1 + 0x1p-23, 1 - 0x1p-24, 0x1p-12, 0x1.000002p-12, 0x1p-64, -0x1p-64, 0x1.fffffep-65, -0x1.fffffep-65, 40, -0x1.5d589ep+6, 0x1.233334p+3, 88.8, -88.8,
}

// awkwards returns normals with some awkward values among them.
func awkwards(r *rand.Rand, n int, scale float64) []float32 {
	s := normals(r, n, scale)
	for i := range s {
		if r.IntN(8) == 0 {
			s[i] = awkward[r.IntN(len(awkward))]
		}
	}
	return s
}

// randomLayer makes weights with both biases, large enough to move the gates.
func randomLayer(r *rand.Rand, input, hidden int) Weights {
	scale := 2 / math.Sqrt(float64(input+hidden))
	return Weights{
		InputSize:  input,
		HiddenSize: hidden,
		WeightIH:   normals(r, panel.Gates*hidden*input, scale),
		WeightHH:   normals(r, panel.Gates*hidden*hidden, scale),
		BiasIH:     normals(r, panel.Gates*hidden, 0.5),
		BiasHH:     normals(r, panel.Gates*hidden, 0.5),
	}
}

// randomModel makes a stack of layers: sizes are the input size and the hidden
// sizes from the input up. outputs is the head's size, 0 for none.
func randomModel(r *rand.Rand, outputs int, sizes ...int) *Model {
	m := &Model{}
	for l := 1; l < len(sizes); l++ {
		m.Layers = append(m.Layers, randomLayer(r, sizes[l-1], sizes[l]))
	}
	if outputs > 0 {
		top := sizes[len(sizes)-1]
		m.Head = &Linear{
			InFeatures:  top,
			OutFeatures: outputs,
			Weight:      normals(r, outputs*top, 1),
			Bias:        normals(r, outputs, 1),
		}
	}
	return m
}
