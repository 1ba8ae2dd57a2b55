package lstm

import (
	"fmt"
	"math"
	"math/rand/v2"

	"example.com/lstm/internal/panel"
)

// RandomModel makes a model that has learned nothing, for tests, examples and
// measurements that need no file. Its parameters are distributed as PyTorch
// initializes them, evenly between ±1/√H; the same arguments give the same
// parameters on every machine.
//
// sizes are the input size and then the hidden size of each layer. outputs is the
// number of outputs of the head, or 0 for a model without. RandomModel panics if
// a size is less than 1, if there is no layer, or if outputs is negative.
func RandomModel(seed uint64, outputs int, sizes ...int) *Model {
	if len(sizes) < 2 {
		panic(fmt.Errorf("lstm: RandomModel: sizes are %v, want the input size and at least one hidden size", sizes))
	}
	for i, size := range sizes {
		if size < 1 {
			panic(fmt.Errorf("lstm: RandomModel: sizes[%d] is %d, want at least 1", i, size))
		}
	}
	if outputs < 0 {
		panic(fmt.Errorf("lstm: RandomModel: outputs is %d, want at least 0", outputs))
	}
	r := rand.NewPCG(seed, 0)
	m := &Model{}
	for l, hidden := range sizes[1:] {
		rows, input := panel.Gates*hidden, sizes[l]
		m.Layers = append(m.Layers, Weights{
			InputSize:  input,
			HiddenSize: hidden,
			WeightIH:   uniform(r, rows*input, hidden),
			WeightHH:   uniform(r, rows*hidden, hidden),
			BiasIH:     uniform(r, rows, hidden),
			BiasHH:     uniform(r, rows, hidden),
		})
	}
	if outputs > 0 {
		top := sizes[len(sizes)-1]
		m.Head = &Linear{
			InFeatures:  top,
			OutFeatures: outputs,
			Weight:      uniform(r, outputs*top, top),
			Bias:        uniform(r, outputs, top),
		}
	}
	return m
}

// uniform returns n numbers between ±1/√features. No product is added to anything,
// so there is nothing that a compiler could fuse and round another way.
func uniform(r *rand.PCG, n, features int) []float32 {
	scale := 1 / math.Sqrt(float64(features))
	s := make([]float32, n)
	for i := range s {
		whole := int64(r.Uint64()>>40) - 1<<23 // 24 bits
		s[i] = float32(float64(whole) * 0x1p-23 * scale)
	}
	return s
}
