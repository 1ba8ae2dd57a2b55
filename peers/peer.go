package main

import (
	"fmt"
	"math"

	"example.com/lstm"
	"example.com/lstm/internal/bench"
)

// A job is what one call does: some steps of some streams.
type job struct{ steps, streams int }

// jobs are those that are compared: what bench.Shape.Ours measures of lstm.
func jobs() []job {
	list := []job{{1, 1}, {bench.SequenceSteps, 1}}
	for _, batch := range bench.Batches {
		list = append(list, job{1, batch})
	}
	return list
}

// A peer is another program that runs LSTM networks.
type peer interface {
	name() string
	version() string

	// open makes a runner of the layer, for inputs x of shape
	// [steps, streams, input].
	open(layer *lstm.Weights, j job, x []float32) (runner, error)
}

// A runner makes the same call again and again. The state that a call leaves is
// where the next one begins; the first begins at zero.
type runner interface {
	run() error
	outputs() []float32 // of the last call, [steps, streams, hidden]
}

// figure is what a peer's time for the job is called.
func (j job) figure(s bench.Shape, peer string) bench.Figure {
	f := bench.Figure{
		Kind: bench.Step, Input: s.Input, Hidden: s.Hidden, Peer: peer,
		Work: s.FLOPs() * float64(j.steps*j.streams),
	}
	switch {
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
	r := &reference{job: j, network: network, x: x, y: make([]float32, j.steps*j.streams*layer.HiddenSize)}
	for range j.streams {
		r.states = append(r.states, network.NewState())
	}
	return r, nil
}

func (r *reference) run() error {
	input, hidden := r.network.InputSize(), r.network.OutputSize()
	for t := range r.job.steps {
		for i, state := range r.states {
			at := t*r.job.streams + i
			r.network.Step(state, r.x[at*input:][:input], r.y[at*hidden:][:hidden])
		}
	}
	return nil
}

func (r *reference) outputs() []float32 { return r.y }

const (
	// tolerance is how far answers may be apart: those of peers that round after
	// other operations, in another order, and approximate exp and tanh.
	tolerance = 1e-4

	comparedCalls = 3 // enough to see whether states are fed back
)

// compare runs a peer beside the reference and returns the largest difference
// of their answers.
func compare(ours, theirs runner) (worst float64, err error) {
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
