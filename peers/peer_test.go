package main

import (
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm"
	"example.com/lstm/internal/bench"
)

// Every peer that is there gives lstm's answers, at shapes with all their sizes
// different, in calls that follow each other. The environment variable
// LSTM_ONNXRUNTIME names the library of ONNX Runtime.
func TestAnswers(t *testing.T) {
	for _, p := range openPeers(os.Getenv("LSTM_ONNXRUNTIME")) {
		t.Run(p.name(), func(t *testing.T) {
			require.NotEmpty(t, p.version())
			for _, s := range []bench.Shape{{Input: 1, Hidden: 1}, {Input: 3, Hidden: 5}, {Input: 20, Hidden: 7}} {
				for _, j := range []job{{1, 1, ""}, {4, 1, ""}, {1, 3, ""}, {4, 3, ""}, {4, 3, bench.EqualLengths}, {4, 3, bench.EvenLengths}, {9, 12, bench.EvenLengths}} {
					layer := s.Model().Layers[0].(*lstm.Weights)
					x := s.Inputs(j.rows())
					theirs, err := p.open(layer, j, x)
					require.NoError(t, err)
					ours, err := newReference(layer, j, x)
					require.NoError(t, err)
					_, err = compare(ours, theirs, tolerance)
					require.NoError(t, err, "%v, %+v", s, j)
				}
			}
		})
	}
}

func TestStretches(t *testing.T) {
	for _, c := range []struct {
		job  job
		want []stretch
	}{
		{job{4, 3, ""}, []stretch{{4, 3}}},
		{job{4, 3, bench.EqualLengths}, []stretch{{4, 3}}},
		{job{4, 3, bench.EvenLengths}, []stretch{{1, 3}, {1, 2}, {2, 1}}}, // 1, 2 and 4 steps
		{job{2, 4, bench.EvenLengths}, []stretch{{1, 4}, {1, 1}}},         // 1, 1, 1 and 2
	} {
		require.Equal(t, c.want, c.job.stretches(), "%+v", c.job)
	}
	require.Equal(t, 7, job{4, 3, bench.EvenLengths}.rows())
}

// forgetful is a runner whose every call begins with the state of zeros.
type forgetful struct {
	open func() *reference
	last *reference
}

func (f *forgetful) run() error {
	f.last = f.open()
	return f.last.run()
}

func (f *forgetful) outputs() []float32 { return f.last.outputs() }

// wrong is a runner whose answer is off by something.
type wrong struct {
	*reference
	by float32
}

func (w wrong) outputs() []float32 {
	y := append([]float32(nil), w.y...)
	y[len(y)-1] += w.by
	return y
}

func TestCompareFindsDifferences(t *testing.T) {
	s, j := bench.Shape{Input: 3, Hidden: 5}, job{1, 2, ""}
	open := func() *reference {
		r, err := newReference(s.Model().Layers[0].(*lstm.Weights), j, s.Inputs(2))
		require.NoError(t, err)
		return r
	}
	worst, err := compare(open(), open(), tolerance)
	require.NoError(t, err)
	require.Zero(t, worst)

	worst, err = compare(open(), wrong{open(), tolerance / 2}, tolerance)
	require.NoError(t, err)
	require.InDelta(t, tolerance/2, worst, tolerance/10)

	_, err = compare(open(), wrong{open(), 2 * tolerance}, tolerance)
	require.ErrorContains(t, err, "output 9 of call 0 is ")
	_, err = compare(open(), wrong{open(), float32(math.NaN())}, tolerance)
	require.ErrorContains(t, err, "is NaN, want ")
	_, err = compare(open(), &forgetful{open: open}, tolerance)
	require.ErrorContains(t, err, "of call 1 is ")

	other, err := newReference(s.Model().Layers[0].(*lstm.Weights), job{1, 1, ""}, s.Inputs(1))
	require.NoError(t, err)
	_, err = compare(open(), other, tolerance)
	require.ErrorContains(t, err, "5 outputs, want 10")
}

// Figures of peers stand beside those of lstm.
func TestFiguresMatch(t *testing.T) {
	s := bench.Shape{Input: 3, Hidden: 5}
	network, err := lstm.New(s.Model())
	require.NoError(t, err)
	var ours []bench.Figure
	for _, c := range append(s.Ours(network), s.OurSequences(network)...) {
		if c.Kind != bench.Load && c.Kind != bench.LoadRecurrent {
			c.Path = ""
			ours = append(ours, c.Figure)
		}
	}
	var theirs []bench.Figure
	for _, j := range append(jobs(), sequenceJobs()...) {
		theirs = append(theirs, j.figure(s, ""))
	}
	require.Equal(t, ours, theirs)
}
