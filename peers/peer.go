package main

import (
	"fmt"
	"math"

	"example.com/lstm"
	"example.com/lstm/internal/bench"
)

// A job is what one call does: some steps of some streams, which go on where the
// last call has left them; or, with lengths, one of bench.Lengths, a whole sequence
// of up to that many steps for each of the streams, all from the state of zeros.
type job struct {
	steps, streams int
	lengths        string
}

// jobs are those that are compared: what bench.Shape.Ours measures of lstm.
func jobs() []job {
	list := []job{{steps: 1, streams: 1}, {steps: bench.SequenceSteps, streams: 1}}
	for _, batch := range bench.Batches {
		list = append(list, job{steps: 1, streams: batch})
	}
	return list
}

// sequenceJobs are the same for bench.Shape.OurSequences.
func sequenceJobs() []job {
	var list []job
	for _, lengths := range bench.Lengths {
		list = append(list, job{bench.SequenceSteps, bench.SequenceStreams, lengths})
	}
	return list
}

// A stretch is a number of steps that the same streams take.
type stretch struct{ steps, streams int }

// stretches are the job's steps in their order. The streams of a stretch are the
// first ones of those before: a stream that has more steps comes first. Inputs and
// outputs lie in the same order, [steps, streams, …] of one stretch after the other,
// as in a PackedSequence of PyTorch.
func (j job) stretches() []stretch {
	if j.lengths == "" {
		return []stretch{{j.steps, j.streams}}
	}
	var list []stretch
	begin := 0
	lengths := bench.SequenceLengths(j.lengths, j.steps, j.streams)
	for i, length := range lengths {
		if length > begin {
			list = append(list, stretch{length - begin, len(lengths) - i})
			begin = length
		}
	}
	return list
}

// rows is the number of all steps of all streams.
func (j job) rows() int {
	n := 0
	for _, s := range j.stretches() {
		n += s.steps * s.streams
	}
	return n
}

// A peer is another program that runs LSTM networks.
type peer interface {
	name() string
	version() string

	// open makes a runner of the layer, for inputs x of shape [rows, input].
	open(layer *lstm.Weights, j job, x []float32) (runner, error)
}

// A variantPeer has other layers than PyTorch's nn.LSTM, too.
type variantPeer interface {
	peer

	has(layer lstm.Layer) bool

	// openVariant is open for a layer that it has. Outputs of directions are one
	// behind the other, so that a job has one stream.
	openVariant(layer lstm.Layer, j job, x []float32) (runner, error)
}

// A runner makes the same call again and again. Unless the job is of whole
// sequences, the state that a call leaves is where the next one begins; the first
// begins at zero.
type runner interface {
	run() error
	outputs() []float32 // of the last call, [rows, hidden], or as many as the layer has
}

// figure is what a peer's time for the job is called.
func (j job) figure(s bench.Shape, peer string) bench.Figure {
	f := bench.Figure{
		Kind: bench.Step, Input: s.Input, Hidden: s.Hidden, Peer: peer,
		Work: s.FLOPs() * float64(j.rows()),
	}
	switch {
	case j.lengths != "":
		f.Kind, f.Batch, f.Steps, f.Lengths = bench.ForwardBatch, j.streams, j.steps, j.lengths
	case j.steps > 1:
		f.Kind, f.Steps = bench.Forward, j.steps
	case j.streams > 1:
		f.Kind, f.Batch = bench.StepBatch, j.streams
	}
	return f
}

// reference runs a job on lstm, for the others' answers to be compared with.
type reference struct {
	job     job
	network *lstm.Network
	states  []*lstm.State
	x, y    []float32
}

func newReference(layer *lstm.Weights, j job, x []float32) (*reference, error) {
	network, err := lstm.New(&lstm.Model{Layers: []lstm.Layer{layer}})
	if err != nil {
		return nil, err
	}
	r := &reference{job: j, network: network, x: x, y: make([]float32, j.rows()*layer.HiddenSize)}
	for range j.streams {
		r.states = append(r.states, network.NewState())
	}
	return r, nil
}

func (r *reference) run() error {
	input, hidden := r.network.InputSize(), r.network.OutputSize()
	if r.job.lengths != "" {
		for _, state := range r.states {
			state.Reset()
		}
	}
	x, y := r.x, r.y
	for _, stretch := range r.job.stretches() {
		for range stretch.steps {
			for _, state := range r.states[:stretch.streams] {
				r.network.Step(state, x[:input], y[:hidden])
				x, y = x[input:], y[hidden:]
			}
		}
	}
	return nil
}

func (r *reference) outputs() []float32 { return r.y }

// variantReference is reference for one stream and any layer.
type variantReference struct {
	network *lstm.SequenceNetwork
	state   *lstm.SequenceState
	x, y    []float32
}

func newVariantReference(layer lstm.Layer, j job, x []float32) (*variantReference, error) {
	network, err := lstm.NewSequenceNetwork(&lstm.Model{Layers: []lstm.Layer{layer}})
	if err != nil {
		return nil, err
	}
	return &variantReference{network, network.NewState(), x, make([]float32, j.rows()*network.OutputSize())}, nil
}

func (r *variantReference) run() error {
	r.network.Forward(r.x, r.y, r.state, r.state)
	return nil
}

func (r *variantReference) outputs() []float32 { return r.y }

const (
	// tolerance is how far answers may be apart: those of peers that round after
	// other operations, in another order, and approximate exp and tanh.
	tolerance = 1e-4

	comparedCalls = 3 // enough to see whether states are fed back
)

// compare runs a peer beside the reference and returns the largest difference
// of their answers, which is an error where it is more than tolerance.
func compare(ours, theirs runner, tolerance float64) (worst float64, err error) {
	for call := range comparedCalls {
		if err := ours.run(); err != nil {
			return 0, err
		}
		if err := theirs.run(); err != nil {
			return 0, err
		}
		want, got := ours.outputs(), theirs.outputs()
		if len(got) != len(want) {
			return 0, fmt.Errorf("%d outputs, want %d", len(got), len(want))
		}
		for i := range want {
			difference := math.Abs(float64(got[i]) - float64(want[i]))
			if !(difference <= tolerance) { // NaN is not
				return 0, fmt.Errorf("output %d of call %d is %g, want %g", i, call, got[i], want[i])
			}
			worst = max(worst, difference)
		}
	}
	return worst, nil
}
