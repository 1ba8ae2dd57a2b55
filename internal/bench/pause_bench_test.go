package bench_test

import (
	"runtime"
	"runtime/metrics"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm"
	"example.com/lstm/internal/bench"
	"example.com/lstm/internal/lstmtest"
	"example.com/lstm/internal/panel"
)

// Assembly cannot be interrupted, and the garbage collector stops the world
// twice a cycle: as long as a kernel call takes, everything else waits for it.

// BenchmarkGCPause collects garbage again and again while networks that no
// cache holds run on all processors, alone, in batches and in sequences. It
// reports how long the collector has waited for everyone to stop, and the same
// without any such work. (Where the operating system has other things to do, the
// longest of them is as long as those take.)
func BenchmarkGCPause(b *testing.B) {
	const size = 1024
	n := newNetwork(b, bench.Shape{Input: size, Hidden: size})
	ways := []func(){
		func() {
			s, x := n.NewState(), make([]float32, size)
			n.Step(s, x, nil)
		},
		func() {
			x := lstmtest.Normals(lstmtest.NewRand(1), 12*size, 1)
			n.Forward(n.NewState(), x, nil)
		},
		func() {
			var states []*lstm.State
			xs := make([][]float32, 2*panel.MaxColumns)
			for i := range xs {
				states = append(states, n.NewState())
				xs[i] = make([]float32, size)
			}
			n.StepBatch(states, xs, nil)
		},
	}
	b.Run("work=none", func(b *testing.B) { benchmarkPause(b, runtime.Gosched) })
	lstmtest.BenchEachPath(b, func(b *testing.B, _ string) {
		var stop atomic.Bool
		var group sync.WaitGroup
		for i := range 2 * runtime.GOMAXPROCS(0) {
			group.Go(func() {
				for !stop.Load() {
					ways[i%len(ways)]()
				}
			})
		}
		benchmarkPause(b, runtime.Gosched)
		stop.Store(true)
		group.Wait()
	})
}

func benchmarkPause(b *testing.B, between func()) {
	before := stops()
	for b.Loop() {
		runtime.GC()
		between()
	}
	median, longest := since(before, stops())
	b.ReportMetric(median*1e6, "median-stop-µs")
	b.ReportMetric(longest*1e6, "longest-stop-µs")
}

// stops reads how long it has taken until everyone had stopped for the
// collector, how often.
func stops() *metrics.Float64Histogram {
	sample := []metrics.Sample{{Name: "/sched/pauses/stopping/gc:seconds"}}
	metrics.Read(sample)
	return sample[0].Value.Float64Histogram()
}

// since returns the upper ends of the classes with the median and the longest
// of what has been added to a histogram.
func since(before, now *metrics.Float64Histogram) (median, longest float64) {
	var all, below uint64
	for i := range now.Counts {
		all += now.Counts[i] - before.Counts[i]
	}
	for i := range now.Counts {
		added := now.Counts[i] - before.Counts[i]
		if added == 0 {
			continue
		}
		longest = now.Buckets[i+1]
		if below < (all+1)/2 {
			median = longest
		}
		below += added
	}
	return median, longest
}

func TestSince(t *testing.T) {
	buckets := []float64{0, 1, 2, 3, 4}
	before := &metrics.Float64Histogram{Counts: []uint64{5, 0, 1, 9}, Buckets: buckets}
	for _, c := range []struct {
		now             []uint64
		median, longest float64
	}{
		{[]uint64{5, 0, 1, 9}, 0, 0},
		{[]uint64{6, 0, 1, 9}, 1, 1},
		{[]uint64{6, 1, 2, 9}, 2, 3},
		{[]uint64{5, 3, 1, 10}, 2, 4},
		{[]uint64{6, 0, 1, 11}, 4, 4},
	} {
		median, longest := since(before, &metrics.Float64Histogram{Counts: c.now, Buckets: buckets})
		require.Equal(t, c.median, median, c)
		require.Equal(t, c.longest, longest, c)
	}
}
