package bench

import (
	"fmt"
	"math"
	"math/rand/v2"

	"example.com/lstm"
	"example.com/lstm/internal/panel"
)

// A Shape is the size of a layer.
type Shape struct{ Input, Hidden int }

func (s Shape) String() string { return fmt.Sprintf("%d, %d", s.Input, s.Hidden) }

// Of is the figure of a kind for the shape, without its times.
func (s Shape) Of(kind Kind, path string) Figure {
	return Figure{Kind: kind, Input: s.Input, Hidden: s.Hidden, Path: path}
}

// FLOPs is the number of multiplications and additions of one step's gates.
func (s Shape) FLOPs() float64 { return float64(2 * panel.Gates * s.Hidden * (s.Input + s.Hidden)) }

// InputFLOPs is how many of them belong to the input.
func (s Shape) InputFLOPs() float64 { return float64(2 * panel.Gates * s.Hidden * s.Input) }

// WeightBytes is what a step reads: the packed weights.
func (s Shape) WeightBytes() int {
	return 4 * (panel.BiasFloats(s.Hidden) + panel.Floats(s.Hidden, s.Input+s.Hidden))
}

// RecurrentBytes is what a step reads whose inputs have been taken in before.
func (s Shape) RecurrentBytes() int {
	return 4 * (panel.BiasFloats(s.Hidden) + panel.Floats(s.Hidden, s.Hidden))
}

// Model returns a layer of that shape as PyTorch initializes it, with which
// states stay in a range that trained networks have. It is always the same.
func (s Shape) Model() *lstm.Model {
	r := s.random()
	uniform := func(n int) []float32 { return s.uniform(r, n) }
	rows := panel.Gates * s.Hidden
	return &lstm.Model{Layers: []lstm.Layer{&lstm.Weights{
		InputSize: s.Input, HiddenSize: s.Hidden,
		WeightIH: uniform(rows * s.Input), WeightHH: uniform(rows * s.Hidden),
		BiasIH: uniform(rows), BiasHH: uniform(rows),
	}}}
}

// uniform are parameters as PyTorch initializes them.
func (s Shape) uniform(r *rand.Rand, n int) []float32 {
	bound := 1 / math.Sqrt(float64(s.Hidden))
	v := make([]float32, n)
	for i := range v {
		v[i] = float32((2*r.Float64() - 1) * bound)
	}
	return v
}

// Inputs returns inputs of n steps. They are always the same.
func (s Shape) Inputs(n int) []float32 {
	return normals(s.random(), n*s.Input)
}

func (s Shape) random() *rand.Rand { return rand.New(rand.NewPCG(uint64(s.Input), uint64(s.Hidden))) }

func normals(r *rand.Rand, n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(r.NormFloat64())
	}
	return v
}
