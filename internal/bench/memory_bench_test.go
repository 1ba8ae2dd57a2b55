package bench_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"example.com/lstm"
	"example.com/lstm/internal/bench"
)

// What networks and streams occupy, and what it costs to make them and to use
// them for the first time.

// sizes is a shape in the name of a benchmark.
func sizes(s bench.Shape) string { return fmt.Sprintf("input=%d/hidden=%d", s.Input, s.Hidden) }

func newNetwork(b *testing.B, s bench.Shape) *lstm.Network {
	b.Helper()
	n, err := lstm.New(s.Model())
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// eachModel runs a benchmark once per shape.
func eachModel(b *testing.B, run func(b *testing.B, m *lstm.Model)) {
	for _, s := range bench.Shapes {
		b.Run(sizes(s), func(b *testing.B) { run(b, s.Model()) })
	}
}

// BenchmarkNew reports what a network holds for each of its weights and biases,
// which are 4 bytes in the model, beside what it allocates.
func BenchmarkNew(b *testing.B) {
	eachModel(b, func(b *testing.B, m *lstm.Model) {
		var n *lstm.Network
		b.ReportAllocs()
		for b.Loop() {
			n, _ = lstm.New(m)
		}
		b.ReportMetric(float64(n.MemorySize())/float64(n.Parameters()), "B/parameter")
	})
}

// BenchmarkRead reads a file from memory and makes its network, as Open does.
func BenchmarkRead(b *testing.B) {
	eachModel(b, func(b *testing.B, m *lstm.Model) {
		var file bytes.Buffer
		if err := m.Write(&file); err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(file.Len()))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := lstm.Read(bytes.NewReader(file.Bytes())); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkNewState reports what a stream holds: B/op.
func BenchmarkNewState(b *testing.B) {
	eachModel(b, func(b *testing.B, m *lstm.Model) {
		n, _ := lstm.New(m)
		b.ReportAllocs()
		for b.Loop() {
			n.NewState()
		}
	})
}

// BenchmarkFirstStep makes a network and a stream, and reports how long their
// first step took, beside the second. Nothing is prepared by the first, but of
// the weights, which have just been packed, a part is in no cache any more.
func BenchmarkFirstStep(b *testing.B) {
	eachModel(b, func(b *testing.B, m *lstm.Model) {
		layer := m.Layers[0].(*lstm.Weights)
		x, y := make([]float32, layer.InputSize), make([]float32, layer.HiddenSize)
		var times [2]time.Duration
		for b.Loop() {
			n, _ := lstm.New(m)
			s := n.NewState()
			for i := range times {
				start := time.Now()
				n.Step(s, x, y)
				times[i] += time.Since(start)
			}
		}
		b.ReportMetric(float64(times[0])/float64(b.N), "ns/first")
		b.ReportMetric(float64(times[1])/float64(b.N), "ns/second")
	})
}

// BenchmarkForwardGoroutine is a sequence on a new goroutine, whose stack has yet
// to grow to the scratch that Forward needs, beside the same sequence on one
// that has grown.
func BenchmarkForwardGoroutine(b *testing.B) {
	for _, s := range []bench.Shape{{Input: 1, Hidden: 8}, {Input: 64, Hidden: 64}, {Input: 128, Hidden: 128}, {Input: 512, Hidden: 512}} {
		for _, steps := range []int{2, 100} {
			n := newNetwork(b, s)
			state, x, y := n.NewState(), make([]float32, steps*s.Input), make([]float32, steps*s.Hidden)
			for _, goroutine := range []string{"old", "new"} {
				b.Run(fmt.Sprintf("%s/steps=%d/goroutine=%s", sizes(s), steps, goroutine), func(b *testing.B) {
					done := make(chan struct{})
					call := func() {
						n.Forward(state, x, y)
						done <- struct{}{}
					}
					calls := make(chan struct{})
					go func() {
						for range calls {
							call()
						}
					}()
					defer close(calls)
					for b.Loop() {
						if goroutine == "new" {
							go call()
						} else {
							calls <- struct{}{}
						}
						<-done
					}
				})
			}
		}
	}
}
