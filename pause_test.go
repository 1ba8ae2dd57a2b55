package lstm

import (
	"fmt"
	"math"
	"runtime"
	"runtime/metrics"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

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
	n := benchNetwork(b, size, size)
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
			var states []*State
			xs := make([][]float32, 2*panel.MaxColumns)
			for i := range xs {
				states = append(states, n.NewState())
				xs[i] = make([]float32, size)
			}
			n.StepBatch(states, xs, nil)
		},
	}
	b.Run("work=none", func(b *testing.B) { benchmarkPause(b, runtime.Gosched) })
	eachBenchPath(b, func(b *testing.B, _ string) {
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

// BenchmarkLongestCall times the longest calls that each kernel is given: as
// many weights or multiplications as the limits in layer.go allow, and as many
// elements. The weights come from the farthest cache, or from memory.
func BenchmarkLongestCall(b *testing.B) {
	for _, c := range longestCalls() {
		b.Run("kernel="+c.name, func(b *testing.B) {
			eachBenchPath(b, func(b *testing.B, _ string) {
				shortest := time.Duration(math.MaxInt64)
				i := 0
				for b.Loop() {
					start := time.Now()
					c.call(i)
					shortest = min(shortest, time.Since(start))
					i++
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1e3, "µs/call")
				b.ReportMetric(float64(shortest.Nanoseconds())/1e3, "least-µs/call")
			})
		})
	}
}

type longestCall struct {
	name string
	call func(i int) // i cycles through more weights than a cache holds
}

func longestCalls() []longestCall {
	const size = 1024
	w := randomLayer(lstmtest.NewRand(1), size, size)
	l := packLayer(&w)
	x, c := lstmtest.Normals(lstmtest.NewRand(2), 2*size, 1), make([]float32, panel.PaddedUnits(size))
	h := make([]float32, size)
	z := make([]float32, panel.MaxColumns*panel.Gates*size)
	y := make([]float32, maxElements)
	var columns [panel.MaxColumns]column
	for i := range columns {
		columns[i] = column{x: x, c: make([]float32, size), h: make([]float32, size)}
	}

	// The same arithmetic as the callers', see layer.go and batch.go.
	chain := min(len(x), maxStepChain)
	stepUnits := max(1, maxCallFloats/l.panels.stride) * panel.Units
	tileChain := min(len(x), maxTileChain)
	tileUnits := l.panels.tileUnits(panel.MaxColumns, tileChain)
	part := func(i, units int) panels { return l.panels.advance(i * units % size) }
	tile := func(units int) []column {
		list := columns
		for i := range list {
			list[i].x, list[i].c, list[i].h = x[:tileChain], list[i].c[:units], list[i].h[:units]
		}
		return list[:]
	}
	d := packHead(&Linear{InFeatures: size, OutFeatures: size, Weight: lstmtest.Normals(lstmtest.NewRand(3), size*size, 1)})
	rows := maxCallFloats / size
	return []longestCall{
		{fmt.Sprintf("step/weights=%d/units=%d", stepUnits*panel.Gates*chain, stepUnits), func(i int) {
			p := part(i, stepUnits)
			from := chainStart{sums: p.floats, stride: p.stride}
			step(&from, &p, x[:chain], c[:stepUnits], h[:stepUnits])
		}},
		{fmt.Sprintf("stepTile/columns=%d/elements=%d/units=%d", panel.MaxColumns, tileChain, tileUnits), func(i int) {
			p := part(i, tileUnits)
			from := chainStart{sums: p.floats, stride: p.stride}
			stepTile(&from, &p, tile(tileUnits))
		}},
		{fmt.Sprintf("gates/columns=%d/elements=%d/units=%d", panel.MaxColumns, tileChain, tileUnits), func(i int) {
			p := part(i, tileUnits)
			from := chainStart{sums: p.floats, stride: p.stride}
			gates(float32Weights, &from, &p, tile(tileUnits), tileUnits, z, panel.Gates*tileUnits)
		}},
		{fmt.Sprintf("head/weights=%d", rows*size), func(i int) {
			o := i * rows % size
			head(d.weights[o*size:][:rows*size], d.bias[o:][:rows], x[:size], h[:rows])
		}},
		{fmt.Sprintf("sigmoid/elements=%d", maxElements), func(int) { elements(sigmoidFunction, y, y) }},
		{fmt.Sprintf("tanh/elements=%d", maxElements), func(int) { elements(tanhFunction, y, y) }},
	}
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
