package bench

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// busy spins for a time per call.
func busy(kind Kind, call time.Duration) *Candidate {
	return &Candidate{Figure: Figure{Kind: kind, Work: 1}, Run: func(n int) {
		for start := time.Now(); time.Since(start) < time.Duration(n)*call; {
		}
	}}
}

func TestMeasure(t *testing.T) {
	quick, slow := busy(Step, time.Microsecond), busy(Forward, time.Millisecond)
	prepared := 0
	quick.Prepare = func() { prepared++ }
	shared := busy(FMA, 10*time.Microsecond)

	var turns [][2]int
	groups := [][]*Candidate{{quick, slow, shared}, {shared}}
	err := Measure(t.Context(), groups, 50*time.Millisecond, func(done, of int) { turns = append(turns, [2]int{done, of}) })
	require.NoError(t, err)
	require.Len(t, turns, 2*passes)
	require.Equal(t, [2]int{2 * passes, 2 * passes}, turns[len(turns)-1])

	require.Greater(t, quick.calls, 1, "a slice has many short calls")
	require.Equal(t, 1, slow.calls, "a slice is one long call")
	require.Equal(t, prepared, quick.Slices)
	require.GreaterOrEqual(t, shared.Slices, 2*passes)
	require.Greater(t, quick.Slices, 3*slow.Slices, "as much time, not as many slices")
	for _, c := range []*Candidate{quick, slow, shared} {
		require.GreaterOrEqual(t, c.Slices, passes)
		require.LessOrEqual(t, c.Min, c.Median)
	}
	// The calls take no less time than they spin.
	require.GreaterOrEqual(t, slow.Min, 1e6)
}

// A candidate has no more slices than say something.
func TestMeasureKnowsEnough(t *testing.T) {
	c := &Candidate{Figure: Figure{Kind: Step}, Run: func(int) {}}
	c.calls = 1
	require.NoError(t, Measure(t.Context(), [][]*Candidate{{c}}, time.Minute, nil))
	require.Equal(t, passes*enoughSlices, c.Slices)
}

func TestMeasureIsStopped(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := busy(Step, time.Microsecond)
	c.Prepare = func() {
		if len(c.slices) == 3 {
			cancel()
		}
	}
	err := Measure(ctx, [][]*Candidate{{c}}, time.Hour, nil)
	require.ErrorIs(t, err, context.Canceled)
}

func TestMedian(t *testing.T) {
	require.Equal(t, 3.0, median([]float64{3}))
	require.Equal(t, 2.5, median([]float64{1, 2, 3, 4}))
	require.Equal(t, 3.0, median([]float64{1, 2, 3, 4, 5}))
}
