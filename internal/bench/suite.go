package bench

import (
	"math"
	"math/rand/v2"
	"slices"

	"example.com/lstm"
	"example.com/lstm/internal/dispatch"
	"example.com/lstm/internal/panel"
	"example.com/lstm/internal/peak"
)

// A Shape is the size of a layer.
type Shape struct{ Input, Hidden int }

// Shapes are from small audio networks to layers that no second-level cache
// holds.
var Shapes = []Shape{
	{1, 8}, {1, 16}, {1, 20}, {1, 32}, {1, 40}, {16, 32}, {32, 64}, {64, 64},
	{64, 128}, {128, 128}, {256, 256}, {512, 512}, {1024, 1024},
}

// The sizes of batches, of a sequence and of a slice of activations.
var Batches = []int{8, 32, 128}

const (
	SequenceSteps = 100
	Elements      = 4096
)

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
	bound := 1 / math.Sqrt(float64(s.Hidden))
	uniform := func(n int) []float32 {
		v := make([]float32, n)
		for i := range v {
			v[i] = float32((2*r.Float64() - 1) * bound)
		}
		return v
	}
	rows := panel.Gates * s.Hidden
	return &lstm.Model{Layers: []lstm.Weights{{
		InputSize: s.Input, HiddenSize: s.Hidden,
		WeightIH: uniform(rows * s.Input), WeightHH: uniform(rows * s.Hidden),
		BiasIH: uniform(rows), BiasHH: uniform(rows),
	}}}
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

// Suite returns what lstm bench measures: a group for the activations and one
// for every shape. The peaks that do not depend on a shape are in all of them, so
// that they see every second of the run.
func Suite(shapes []Shape, paths []string) ([][]*Candidate, error) {
	common := Peaks(paths)
	groups := [][]*Candidate{append(activations(paths), common...)}
	for _, s := range shapes {
		n, err := lstm.New(s.Model())
		if err != nil {
			return nil, err
		}
		group := slices.Clone(common)
		for _, path := range paths {
			group = append(group, s.loads(path)...)
			group = append(group, s.step(n, path))
			// Pure Go has no tiles: its batches and sequences take as long as
			// their steps, and those of large layers take seconds.
			if path != "generic" {
				group = append(group, s.forward(n, path))
				for _, batch := range Batches {
					group = append(group, s.stepBatch(n, path, batch))
				}
			}
		}
		groups = append(groups, group)
	}
	return groups, nil
}

// Ours returns what is measured beside peers: a step, a sequence and batches, on
// the path that a program that uses this package has here, and the loads of a step.
func (s Shape) Ours(n *lstm.Network) []*Candidate {
	path := lstm.Path()
	group := append(s.loads(path), s.step(n, path), s.forward(n, path))
	for _, batch := range Batches {
		group = append(group, s.stepBatch(n, path, batch))
	}
	return group
}

// use returns a function that chooses the path.
func use(path string) func() {
	return func() {
		if err := dispatch.Set(path); err != nil {
			panic(err) // the caller has asked for a path that is not in lstm.Paths
		}
	}
}

func (s Shape) step(n *lstm.Network, path string) *Candidate {
	state, x, y := n.NewState(), s.Inputs(1), make([]float32, s.Hidden)
	return &Candidate{
		Figure:  Figure{Kind: Step, Input: s.Input, Hidden: s.Hidden, Path: path, Work: s.FLOPs()},
		Prepare: use(path),
		Run: func(calls int) {
			for range calls {
				n.Step(state, x, y)
			}
		},
	}
}

func (s Shape) forward(n *lstm.Network, path string) *Candidate {
	state, x, y := n.NewState(), s.Inputs(SequenceSteps), make([]float32, SequenceSteps*s.Hidden)
	return &Candidate{
		Figure: Figure{Kind: Forward, Input: s.Input, Hidden: s.Hidden, Steps: SequenceSteps, Path: path,
			Work: SequenceSteps * s.FLOPs()},
		Prepare: use(path),
		Run: func(calls int) {
			for range calls {
				n.Forward(state, x, y)
			}
		},
	}
}

func (s Shape) stepBatch(n *lstm.Network, path string, batch int) *Candidate {
	states := make([]*lstm.State, batch)
	xs, ys := make([][]float32, batch), make([][]float32, batch)
	inputs := s.Inputs(batch)
	for i := range states {
		states[i] = n.NewState()
		xs[i], ys[i] = inputs[i*s.Input:][:s.Input], make([]float32, s.Hidden)
	}
	return &Candidate{
		Figure: Figure{Kind: StepBatch, Input: s.Input, Hidden: s.Hidden, Batch: batch, Path: path,
			Work: float64(batch) * s.FLOPs()},
		Prepare: use(path),
		Run: func(calls int) {
			for range calls {
				n.StepBatch(states, xs, ys)
			}
		},
	}
}

// loads are the peaks of steps: loading as many bytes. There are none for a
// path that has no such kernel.
func (s Shape) loads(path string) []*Candidate {
	var group []*Candidate
	for _, l := range []struct {
		kind  Kind
		bytes int
	}{{Load, s.WeightBytes()}, {LoadRecurrent, s.RecurrentBytes()}} {
		buffer := peak.Buffer(l.bytes / 4)
		if !peak.Load(path, buffer) {
			return nil
		}
		group = append(group, &Candidate{
			Figure: Figure{Kind: l.kind, Input: s.Input, Hidden: s.Hidden, Path: path, Work: float64(l.bytes)},
			Run: func(calls int) {
				for range calls {
					peak.Load(path, buffer)
				}
			},
		})
	}
	return group
}

// Peaks are those that depend on no shape.
func Peaks(paths []string) []*Candidate {
	const iterations = 1000
	var group []*Candidate
	if peak.Clock(iterations) {
		group = append(group, &Candidate{
			Figure: Figure{Kind: Clock, Work: peak.ClockIteration * iterations},
			Run:    func(calls int) { peak.Clock(calls * iterations) },
		})
	}
	for _, path := range paths {
		if lanes := peak.FMA(path, iterations); lanes > 0 {
			group = append(group, &Candidate{
				Figure: Figure{Kind: FMA, Path: path, Work: float64(2 * peak.FMAIteration * lanes * iterations)},
				Run:    func(calls int) { peak.FMA(path, calls*iterations) },
			})
		}
	}
	return group
}

func activations(paths []string) []*Candidate {
	x, y := normals(rand.New(rand.NewPCG(1, 1)), Elements), make([]float32, Elements)
	for i := range x {
		x[i] *= 3 // where both functions bend and flatten
	}
	var group []*Candidate
	for _, path := range paths {
		for _, f := range []struct {
			kind Kind
			call func(dst, x []float32)
		}{{Sigmoid, lstm.Sigmoid}, {Tanh, lstm.Tanh}} {
			group = append(group, &Candidate{
				Figure:  Figure{Kind: f.kind, N: Elements, Path: path, Work: Elements},
				Prepare: use(path),
				Run: func(calls int) {
					for range calls {
						f.call(y, x)
					}
				},
			})
		}
	}
	return group
}
