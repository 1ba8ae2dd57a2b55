package bench

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// busy takes that time for a call. Time is synctest's, which passes while
// somebody sleeps and never else.
func busy(kind Kind, call time.Duration) *Candidate {
	return &Candidate{Figure: Figure{Kind: kind, Work: 1}, Run: func(n int) {
		time.Sleep(time.Duration(n) * call)
	}}
}

func TestMeasure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		quick, slow := busy(Step, time.Microsecond), busy(Forward, time.Millisecond)
		prepared := 0
		quick.Prepare = func() { prepared++ }
		shared := busy(FMA, 10*time.Microsecond)

		var iterations [][2]int
		groups := [][]*Candidate{{quick, slow, shared}, {shared}}
		err := Measure(t.Context(), groups, 50*time.Millisecond, func(done, of int) { iterations = append(iterations, [2]int{done, of}) })
		require.NoError(t, err)
		require.Len(t, iterations, 2*passes)
		require.Equal(t, [2]int{2 * passes, 2 * passes}, iterations[len(iterations)-1])

		require.Equal(t, int(sliceTime/time.Microsecond), quick.calls, "a slice has many short calls")
		require.Equal(t, 1, slow.calls, "a slice is one long call")
		require.Equal(t, prepared, quick.Slices)
		require.GreaterOrEqual(t, shared.Slices, 2*passes)
		require.Greater(t, quick.Slices, 3*slow.Slices, "as much time, not as many slices")
		for _, c := range []*Candidate{quick, slow, shared} {
			require.GreaterOrEqual(t, c.Slices, passes)
		}
		require.Equal(t, [2]float64{1e3, 1e3}, [2]float64{quick.Min, quick.Median})
		require.Equal(t, [2]float64{1e6, 1e6}, [2]float64{slow.Min, slow.Median})
	})
}

// A candidate has no more slices than say something.
func TestMeasureKnowsEnough(t *testing.T) {
	c := &Candidate{Figure: Figure{Kind: Step}, Run: func(int) {}}
	c.calls = 1
	require.NoError(t, Measure(t.Context(), [][]*Candidate{{c}}, time.Minute, nil))
	require.Equal(t, passes*enoughSlices, c.Slices)
}

func TestMeasureIsStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		c := busy(Step, time.Microsecond)
		c.Prepare = func() {
			if len(c.slices) == 3 {
				cancel()
			}
		}
		err := Measure(ctx, [][]*Candidate{{c}}, time.Hour, nil)
		require.ErrorIs(t, err, context.Canceled)
	})
}

func TestMedian(t *testing.T) {
	require.Equal(t, 3.0, median([]float64{3}))
	require.Equal(t, 2.5, median([]float64{1, 2, 3, 4}))
	require.Equal(t, 3.0, median([]float64{1, 2, 3, 4, 5}))
}
