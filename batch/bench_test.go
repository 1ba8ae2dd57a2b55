package batch_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"example.com/lstm"
	"example.com/lstm/batch"
	"example.com/lstm/internal/bench"
)

// The networks and the numbers of streams that are measured.
var (
	shapes       = []bench.Shape{{Input: 16, Hidden: 32}, {Input: 64, Hidden: 64}, {Input: 128, Hidden: 128}, {Input: 512, Hidden: 512}}
	streamCounts = []int{1, 100, 1000, 10000}
)

// BenchmarkBatch is the time of a step when every stream takes the next as soon as its
// last has ended: by a goroutine for each stream that calls Step, or by Submit from its
// callback. In turns with it, bare StepBatch takes as many steps of as many streams,
// 32 at a time, on as many goroutines as there are workers: %bare is how much the
// batcher does in the same time, in percent.
func BenchmarkBatch(b *testing.B) {
	eachShape(b, func(b *testing.B, n *lstm.Network) {
		for _, streams := range streamCounts {
			for _, way := range ways {
				b.Run(fmt.Sprintf("streams=%d/way=%s", streams, way.name), func(b *testing.B) { benchmarkBatch(b, n, streams, way) })
			}
		}
	})
}

func benchmarkBatch(b *testing.B, n *lstm.Network, streams int, way way) {
	perRound := max(20, 2000/streams)
	batcher, err := batch.New(n, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer batcher.Close()
	var all []*benchStream
	for range streams {
		all = append(all, newBenchStream(batcher))
	}
	bare := newBare(n, streams)
	way.round(all, perRound)
	bare.round(perRound)

	var took, bareTook time.Duration
	steps := 0
	before := batcher.Stats()
	b.ResetTimer()
	for steps < b.N {
		begin := time.Now()
		way.round(all, perRound)
		took += time.Since(begin)
		begin = time.Now()
		bare.round(perRound)
		bareTook += time.Since(begin)
		steps += streams * perRound
	}
	after := batcher.Stats()
	b.ReportMetric(float64(took.Nanoseconds())/float64(steps), "ns/op")
	b.ReportMetric(float64(bareTook.Nanoseconds())/float64(steps), "bare-ns/op")
	b.ReportMetric(100*float64(bareTook)/float64(took), "%bare")
	b.ReportMetric(float64(after.Steps-before.Steps)/float64(after.Batches-before.Batches), "steps/batch")
}

func eachShape(b *testing.B, run func(b *testing.B, n *lstm.Network)) {
	for _, s := range shapes {
		b.Run(fmt.Sprintf("input=%d/hidden=%d", s.Input, s.Hidden), func(b *testing.B) {
			n, err := lstm.New(s.Model())
			if err != nil {
				b.Fatal(err)
			}
			run(b, n)
		})
	}
}

// A benchStream is a stream and what its steps need.
type benchStream struct {
	*batch.Stream
	x, y []float32
	left int         // steps of the round
	next func(error) // the callback that submits the next
	done func()
}

func newBenchStream(b *batch.Batcher) *benchStream {
	n := b.Network()
	s := &benchStream{Stream: b.NewStream(), x: make([]float32, n.InputSize()), y: make([]float32, n.OutputSize())}
	s.next = func(err error) {
		must(err)
		if s.left--; s.left < 0 {
			s.done()
			return
		}
		must(s.Submit(context.Background(), s.x, s.y, s.next))
	}
	return s
}

// A way is how all streams take some steps each.
type way struct {
	name  string
	round func(all []*benchStream, steps int)
}

var ways = []way{
	{"step", func(all []*benchStream, steps int) {
		var group sync.WaitGroup
		for _, s := range all {
			group.Go(func() {
				for range steps {
					must(s.Step(context.Background(), s.x, s.y))
				}
			})
		}
		group.Wait()
	}},
	{"submit", func(all []*benchStream, steps int) {
		var group sync.WaitGroup
		group.Add(len(all))
		for _, s := range all {
			s.left, s.done = steps, group.Done
			s.next(nil)
		}
		group.Wait()
	}},
}

// bare is StepBatch without a batcher.
type bare struct {
	network *lstm.Network
	states  []*lstm.State
	xs, ys  [][]float32
}

func newBare(n *lstm.Network, streams int) *bare {
	b := &bare{network: n}
	for range streams {
		b.states = append(b.states, n.NewState())
		b.xs = append(b.xs, make([]float32, n.InputSize()))
		b.ys = append(b.ys, make([]float32, n.OutputSize()))
	}
	return b
}

// round takes steps of each stream, each goroutine those of its part of the streams.
func (b *bare) round(steps int) {
	const size = 32
	goroutines := runtime.GOMAXPROCS(0)
	var group sync.WaitGroup
	for g := range goroutines {
		first, end := g*len(b.states)/goroutines, (g+1)*len(b.states)/goroutines
		group.Go(func() {
			for range steps {
				for i := first; i < end; i += size {
					j := min(i+size, end)
					if j == i+1 {
						b.network.Step(b.states[i], b.xs[i], b.ys[i])
					} else {
						b.network.StepBatch(b.states[i:j], b.xs[i:j], b.ys[i:j])
					}
				}
			}
		})
	}
	group.Wait()
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
