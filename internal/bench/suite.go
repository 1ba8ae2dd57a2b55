package bench

import (
	"math/rand/v2"
	"slices"

	"example.com/lstm"
	"example.com/lstm/internal/dispatch"
	"example.com/lstm/internal/peak"
)

// Shapes are from small audio networks to layers that no second-level cache
// holds.
var Shapes = []Shape{
	{1, 8}, {1, 16}, {1, 20}, {1, 32}, {1, 40}, {16, 32}, {32, 64}, {64, 64},
	{64, 128}, {128, 128}, {256, 256}, {512, 512}, {1024, 1024},
}

// Batches are the numbers of streams in a batch.
var Batches = []int{8, 32, 128}

const (
	SequenceSteps   = 100  // of a call of Forward, and at most of a sequence of ForwardBatch
	SequenceStreams = 32   // of a call of ForwardBatch
	Elements        = 4096 // of a call of Sigmoid or Tanh
)

// Lengths are the names of how long the sequences of ForwardBatch are.
var Lengths = []string{EqualLengths, EvenLengths}

const (
	EqualLengths = "equal" // all the same
	EvenLengths  = "even"  // spread evenly from 1 to the most, in no order
)

// SequenceLengths are those lengths for a number of sequences of up to steps, the
// shortest first.
func SequenceLengths(lengths string, steps, sequences int) []int {
	list := make([]int, sequences)
	for i := range list {
		list[i] = steps
		if lengths == EvenLengths {
			list[i] = 1 + i*(steps-1)/max(1, sequences-1)
		}
	}
	return list
}

// Suite returns what lstm bench measures: a group for the activations and one
// for every shape. The peaks that do not depend on a shape are in all of them, so
// that they see every second of the run.
func Suite(shapes []Shape, paths []string) ([][]*Candidate, error) {
	common := Peaks(paths)
	groups := [][]*Candidate{append(Activations(paths, Elements), common...)}
	for _, s := range shapes {
		n, err := lstm.New(s.Model())
		if err != nil {
			return nil, err
		}
		group := slices.Clone(common)
		for _, path := range paths {
			group = append(group, s.Loads(path)...)
			group = append(group, s.Step(n, path))
			// Pure Go has no tiles: its batches and sequences take as long as
			// their steps, and those of large layers take seconds.
			if !dispatch.PureGo(path) {
				formats, err := s.stepFormats(path)
				if err != nil {
					return nil, err
				}
				group = append(group, formats...)
				group = append(group, s.Forward(n, path))
				for _, batch := range Batches {
					group = append(group, s.StepBatch(n, path, batch))
				}
				for _, lengths := range Lengths {
					group = append(group, s.ForwardBatch(n, path, lengths))
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
	group := append(s.Loads(path), s.Step(n, path), s.Forward(n, path))
	for _, batch := range Batches {
		group = append(group, s.StepBatch(n, path, batch))
	}
	return group
}

// mostBesidePeers is the largest hidden size of which peers run sequences of many
// streams: calls of larger layers take seconds.
const mostBesidePeers = 512

// OurSequences returns what is measured beside peers in a run of its own:
// sequences of many streams, or nothing if the layer is too large for that.
func (s Shape) OurSequences(n *lstm.Network) []*Candidate {
	if s.Hidden > mostBesidePeers {
		return nil
	}
	var group []*Candidate
	for _, lengths := range Lengths {
		group = append(group, s.ForwardBatch(n, lstm.Path(), lengths))
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

// Step is one step of one stream.
func (s Shape) Step(n *lstm.Network, path string) *Candidate {
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

// Forward is SequenceSteps steps of one stream.
func (s Shape) Forward(n *lstm.Network, path string) *Candidate {
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

// StepBatch is one step of each of batch streams.
func (s Shape) StepBatch(n *lstm.Network, path string, batch int) *Candidate {
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

// ForwardBatch is a sequence of each of SequenceStreams streams, of such lengths.
func (s Shape) ForwardBatch(n *lstm.Network, path, lengths string) *Candidate {
	states := make([]*lstm.State, SequenceStreams)
	xs, ys := make([][]float32, SequenceStreams), make([][]float32, SequenceStreams)
	steps := 0
	inOrder := SequenceLengths(lengths, SequenceSteps, SequenceStreams)
	for i, place := range s.random().Perm(SequenceStreams) {
		length := inOrder[place]
		states[i] = n.NewState()
		xs[i], ys[i] = s.Inputs(length), make([]float32, length*s.Hidden)
		steps += length
	}
	return &Candidate{
		Figure: Figure{Kind: ForwardBatch, Input: s.Input, Hidden: s.Hidden, Batch: SequenceStreams, Steps: SequenceSteps,
			Lengths: lengths, Path: path, Work: float64(steps) * s.FLOPs()},
		Prepare: use(path),
		Run: func(calls int) {
			for range calls {
				n.ForwardBatch(states, xs, ys)
			}
		},
	}
}

// Loads are the peaks of steps: loading as many bytes. There are none for a
// path that has no such kernel.
func (s Shape) Loads(path string) []*Candidate {
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

// Activations are both functions of n elements.
func Activations(paths []string, n int) []*Candidate {
	x, y := normals(rand.New(rand.NewPCG(1, 1)), n), make([]float32, n)
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
				Figure:  Figure{Kind: f.kind, N: n, Path: path, Work: float64(n)},
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
