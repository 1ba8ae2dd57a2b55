package lstm_test

import (
	"fmt"
	"strings"
	"testing"

	"example.com/lstm"
	"example.com/lstm/internal/bench"
	"example.com/lstm/internal/dispatch"
)

// What lstm bench measures, as Go benchmarks, whose names are key=value, sizes
// first, the path last. Each of a kind with the peak that limits it is in one run
// with it: a figure means something only as a ratio to what the machine could do
// in that minute.

func BenchmarkStep(b *testing.B) {
	eachShape(b, func(b *testing.B, s bench.Shape, n *lstm.Network) {
		for _, path := range lstm.Paths() {
			run(b, s.Step(n, path))
		}
		eachFormat(b, s, func(n *lstm.Network, w bench.Weights) {
			for _, path := range lstm.Paths() {
				run(b, s.Step(n, path).Of(w))
			}
		})
	})
}

func BenchmarkStepBatch(b *testing.B) {
	eachShape(b, func(b *testing.B, s bench.Shape, n *lstm.Network) {
		for _, batch := range append([]int{1, 2}, bench.Batches...) {
			for _, path := range lstm.Paths() {
				run(b, s.StepBatch(n, path, batch))
			}
		}
		eachFormat(b, s, func(n *lstm.Network, w bench.Weights) {
			for _, batch := range bench.FormatBatches {
				for _, path := range lstm.Paths() {
					run(b, s.StepBatch(n, path, batch).Of(w))
				}
			}
		})
	})
}

func BenchmarkForward(b *testing.B) {
	eachShape(b, func(b *testing.B, s bench.Shape, n *lstm.Network) {
		for _, path := range lstm.Paths() {
			run(b, s.Forward(n, path))
		}
		eachFormat(b, s, func(n *lstm.Network, w bench.Weights) {
			for _, path := range lstm.Paths() {
				run(b, s.Forward(n, path).Of(w))
			}
		})
	})
}

func BenchmarkForwardBatch(b *testing.B) {
	eachShape(b, func(b *testing.B, s bench.Shape, n *lstm.Network) {
		for _, lengths := range bench.Lengths {
			for _, path := range lstm.Paths() {
				run(b, s.ForwardBatch(n, path, lengths))
			}
		}
	})
}

func BenchmarkSigmoid(b *testing.B) { benchmarkActivation(b, bench.Sigmoid) }

func BenchmarkTanh(b *testing.B) { benchmarkActivation(b, bench.Tanh) }

func benchmarkActivation(b *testing.B, kind bench.Kind) {
	for _, n := range []int{16, bench.Elements} {
		for _, c := range bench.Activations(lstm.Paths(), n) {
			if c.Kind == kind {
				run(b, c)
			}
		}
	}
}

// BenchmarkLoad is the peak of a step of one stream: loading as many bytes as
// the weights have.
func BenchmarkLoad(b *testing.B) {
	for _, s := range bench.Shapes {
		for _, path := range lstm.Paths() {
			for _, c := range s.Loads(path) {
				if c.Kind == bench.Load {
					run(b, c)
				}
			}
		}
	}
}

// BenchmarkFMA is the peak of batches and of a sequence's inputs.
func BenchmarkFMA(b *testing.B) { benchmarkPeak(b, bench.FMA) }

// BenchmarkClock tells how many cycles a nanosecond has.
func BenchmarkClock(b *testing.B) { benchmarkPeak(b, bench.Clock) }

func benchmarkPeak(b *testing.B, kind bench.Kind) {
	for _, c := range bench.Peaks(lstm.Paths()) {
		if c.Kind == kind {
			run(b, c)
		}
	}
}

// eachShape runs a benchmark once per shape, of which it makes a network only if
// it is among those asked for.
func eachShape(b *testing.B, run func(b *testing.B, s bench.Shape, n *lstm.Network)) {
	for _, s := range bench.Shapes {
		b.Run(sizes(s), func(b *testing.B) { run(b, s, newNetwork(b, s)) })
	}
}

// eachFormat calls run with a network for each format but float32, whose benchmarks have
// no key weights in their names.
func eachFormat(b *testing.B, s bench.Shape, run func(n *lstm.Network, w bench.Weights)) {
	b.Helper()
	for _, w := range bench.Formats[1:] {
		n, err := s.Network(w)
		if err != nil {
			b.Fatal(err)
		}
		run(n, w)
	}
}

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

// run is the benchmark of a candidate, under what its name has and that of b has
// not.
func run(b *testing.B, c *bench.Candidate) {
	name := "Benchmark" + c.Name()
	rest, ok := strings.CutPrefix(name, b.Name()+"/")
	if !ok {
		runHere(b, c)
		return
	}
	b.Run(rest, func(b *testing.B) { runHere(b, c) })
}

func runHere(b *testing.B, c *bench.Candidate) {
	if c.Prepare != nil {
		best := lstm.Path()
		b.Cleanup(func() { _ = dispatch.Set(best) })
		c.Prepare()
	}
	b.ResetTimer()
	c.Run(b.N)
	b.ReportMetric(c.Work*float64(b.N)/float64(b.Elapsed().Nanoseconds()), c.Kind.Unit())
}
