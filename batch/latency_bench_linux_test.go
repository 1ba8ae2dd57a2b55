package batch_test

import (
	"context"
	"fmt"
	"math/bits"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"testing"
	"time"

	"example.com/lstm"
	"example.com/lstm/batch"
)

// BenchmarkLatency is how long steps take at half the load that the batcher can bear,
// from when they were due to when the caller has the answer: steps of 10,000 streams
// become due at random times, whatever has become of those before (an open loop). The
// load is half of what the same way of stepping does when every stream takes its next
// step at once. A process of its own says when steps are due (see startGenerator), on the
// processors that taskset has not given to this one, if there are any. Reading what it
// says is work of this process, which the greatest load has not.
//
// gc=on has a goroutine that leaves some 200 MB of garbage a second, as the rest of a
// service might, so that the collector runs again and again; gc=off has neither.
// lost are steps whose streams had not ended the one before.
func BenchmarkLatency(b *testing.B) {
	const streams = 10000
	eachShape(b, func(b *testing.B, n *lstm.Network) {
		for _, way := range ways {
			for _, gc := range []string{"on", "off"} {
				b.Run(fmt.Sprintf("streams=%d/way=%s/gc=%s", streams, way.name, gc), func(b *testing.B) {
					benchmarkLatency(b, n, streams, way, gc == "on")
				})
			}
		}
	})
}

func benchmarkLatency(b *testing.B, n *lstm.Network, streams int, way way, collect bool) {
	batcher, err := batch.New(n, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer batcher.Close()
	rate := greatestRate(batcher, streams, way) / 2
	load := newLoad(batcher, streams, way.name == "step")
	defer load.stop()
	runtime.GC()
	if collect {
		defer litter()()
	} else {
		defer debug.SetGCPercent(debug.SetGCPercent(-1))
	}
	load.run(rate, int(rate/5)) // a fifth of a second, which does not count
	load.latencies.reset()
	load.lost = 0

	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	stats := batcher.Stats()
	b.ResetTimer()
	load.run(rate, b.N)
	b.StopTimer()
	runtime.ReadMemStats(&after)
	steps, batches := batcher.Stats().Steps-stats.Steps, batcher.Stats().Batches-stats.Batches
	b.ReportMetric(rate, "steps/s")
	b.ReportMetric(float64(steps)/float64(max(batches, 1)), "steps/batch")
	b.ReportMetric(float64(after.NumGC-before.NumGC)/b.Elapsed().Seconds(), "collections/s")
	b.ReportMetric(float64(load.lost), "lost")
	for _, p := range []struct {
		part float64
		name string
	}{{0.5, "p50-µs"}, {0.99, "p99-µs"}, {0.999, "p99.9-µs"}} {
		b.ReportMetric(load.latencies.quantile(p.part).Seconds()*1e6, p.name)
	}
}

// greatestRate is how many steps a second the batcher does at most.
func greatestRate(batcher *batch.Batcher, streams int, way way) float64 {
	var all []*benchStream
	for range streams {
		all = append(all, newBenchStream(batcher))
	}
	way.round(all, 2)
	begin, rounds := time.Now(), 0
	for time.Since(begin) < 500*time.Millisecond {
		way.round(all, 10)
		rounds += 10
	}
	return float64(rounds*streams) / time.Since(begin).Seconds()
}

// A load is streams in turn, each of which has at most one step on its way.
type load struct {
	streams   []*loadStream
	next      int
	lost      int
	onWay     atomic.Int64
	latencies histogram
}

type loadStream struct {
	benchStream
	busy     atomic.Bool
	due      time.Duration // on the clock of monotonic
	begin    chan struct{} // of the goroutine that calls Step, nil with Submit
	finished func(error)
}

func newLoad(batcher *batch.Batcher, streams int, goroutines bool) *load {
	l := &load{}
	for range streams {
		s := &loadStream{benchStream: *newBenchStream(batcher)}
		s.finished = func(err error) {
			must(err)
			l.latencies.add(monotonic() - s.due)
			s.busy.Store(false)
			l.onWay.Add(-1)
		}
		l.streams = append(l.streams, s)
		if goroutines {
			s.begin = make(chan struct{}, 1)
			go func() {
				for range s.begin {
					s.finished(s.Step(context.Background(), s.x, s.y))
				}
			}()
		}
	}
	return l
}

func (l *load) stop() {
	for _, s := range l.streams {
		if s.begin != nil {
			close(s.begin)
		}
	}
}

// run begins steps at that rate, at times that are exponentially distributed, and
// returns when they have ended. Another process says when steps are due, so that the
// scheduler of this one does not make it wait for its turn.
func (l *load) run(rate float64, steps int) {
	generator := startGenerator(rate, steps)
	defer generator.end()
	for steps > 0 {
		for _, due := range generator.next() {
			l.begin(due)
			steps--
		}
	}
	for l.onWay.Load() > 0 {
		runtime.Gosched()
	}
}

func (l *load) begin(due time.Duration) {
	s := l.streams[l.next]
	l.next = (l.next + 1) % len(l.streams)
	if s.busy.Swap(true) {
		l.lost++
		return
	}
	s.due = due
	l.onWay.Add(1)
	if s.begin != nil {
		s.begin <- struct{}{}
		return
	}
	must(s.Submit(context.Background(), s.x, s.y, s.finished))
}

// litter leaves garbage until the function is called that it returns.
func litter() (stop func()) {
	stopped, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		var kept [100][]byte
		for {
			select {
			case <-stopped:
				return
			case <-time.After(time.Millisecond):
			}
			for i := range 200 {
				kept[i%len(kept)] = make([]byte, 1<<10)
			}
		}
	}()
	return func() {
		close(stopped)
		<-ended
	}
}

// A histogram counts durations in classes whose limits are 1/16 apart.
type histogram struct{ counts [64 * 16]atomic.Int64 }

func (h *histogram) add(d time.Duration) {
	v := uint64(max(d, 16))
	exponent := bits.Len64(v) - 5
	h.counts[exponent*16+int(v>>exponent)].Add(1)
}

func (h *histogram) reset() {
	for i := range h.counts {
		h.counts[i].Store(0)
	}
}

// quantile is the upper limit of the class that the quantile is in.
func (h *histogram) quantile(part float64) time.Duration {
	total := int64(0)
	for i := range h.counts {
		total += h.counts[i].Load()
	}
	left := int64(part * float64(total))
	for i := range h.counts {
		if left -= h.counts[i].Load(); left < 0 {
			exponent := max(i/16-1, 0)
			return time.Duration((i - exponent*16 + 1) << exponent)
		}
	}
	return 0
}
