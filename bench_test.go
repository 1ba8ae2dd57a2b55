package lstm

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"example.com/lstm/internal/panel"
	"example.com/lstm/internal/peak"
)

// The benchmarks' names are key=value, sizes first, the path last. Each of a
// kind with the peak that limits it is in one run with it: a figure means
// something only as a ratio to what the machine could do in that minute.

// benchShapes are input and hidden sizes, from small audio networks to layers
// that no cache holds.
var benchShapes = [][2]int{
	{1, 8}, {1, 16}, {1, 20}, {1, 32}, {1, 40}, {16, 32}, {32, 64}, {64, 64},
	{64, 128}, {128, 128}, {256, 256}, {512, 512}, {1024, 1024},
}

// eachBenchPath runs a benchmark once per path.
func eachBenchPath(b *testing.B, run func(b *testing.B, path string)) {
	for _, path := range Paths() {
		b.Run("path="+path, func(b *testing.B) {
			usePath(b, path)
			run(b, path)
		})
	}
}

func benchNetwork(b *testing.B, input, hidden int) *Network {
	b.Helper()
	n, err := New(randomModel(newRand(input, hidden), 0, input, hidden))
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// weightBytes is what a step reads: the packed weights.
func weightBytes(input, hidden int) int64 {
	return 4 * int64(panel.BiasFloats(hidden)+panel.Floats(hidden, input+hidden))
}

// reportFLOPs reports multiplications and additions, as many steps as that an
// operation.
func reportFLOPs(b *testing.B, input, hidden, steps int) {
	macs := float64(panel.Gates*hidden*(input+hidden)) * float64(steps)
	b.ReportMetric(2*macs*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GFLOP/s")
}

func BenchmarkStep(b *testing.B) {
	for _, s := range benchShapes {
		b.Run(fmt.Sprintf("input=%d/hidden=%d", s[0], s[1]), func(b *testing.B) {
			n := benchNetwork(b, s[0], s[1])
			eachBenchPath(b, func(b *testing.B, _ string) {
				state := n.NewState()
				x := normals(newRand(1), s[0], 1)
				y := make([]float32, s[1])
				b.SetBytes(weightBytes(s[0], s[1]))
				for b.Loop() {
					n.Step(state, x, y)
				}
			})
		})
	}
}

func BenchmarkStepBatch(b *testing.B) {
	for _, s := range benchShapes {
		for _, batch := range []int{1, 2, 8, 32, 128} {
			b.Run(fmt.Sprintf("input=%d/hidden=%d/batch=%d", s[0], s[1], batch), func(b *testing.B) {
				n := benchNetwork(b, s[0], s[1])
				eachBenchPath(b, func(b *testing.B, _ string) {
					var states []*State
					var xs, ys [][]float32
					for i := range batch {
						states = append(states, n.NewState())
						xs = append(xs, normals(newRand(i), s[0], 1))
						ys = append(ys, make([]float32, s[1]))
					}
					for b.Loop() {
						n.StepBatch(states, xs, ys)
					}
					reportFLOPs(b, s[0], s[1], batch)
				})
			})
		}
	}
}

func BenchmarkForward(b *testing.B) {
	const steps = 100
	for _, s := range benchShapes {
		b.Run(fmt.Sprintf("input=%d/hidden=%d/steps=%d", s[0], s[1], steps), func(b *testing.B) {
			n := benchNetwork(b, s[0], s[1])
			eachBenchPath(b, func(b *testing.B, _ string) {
				state := n.NewState()
				x := normals(newRand(1), steps*s[0], 1)
				y := make([]float32, steps*s[1])
				for b.Loop() {
					n.Forward(state, x, y)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*steps), "ns/step")
				reportFLOPs(b, s[0], s[1], steps)
			})
		})
	}
}

// BenchmarkTwoKernels steps with gates and then cells, as formats and cells without
// fused kernels do, in turns with the fused step, and reports the ratio of the
// medians.
func BenchmarkTwoKernels(b *testing.B) {
	for _, s := range benchShapes {
		b.Run(fmt.Sprintf("input=%d/hidden=%d", s[0], s[1]), func(b *testing.B) {
			fused := benchNetwork(b, s[0], s[1])
			two := unfused(fused)
			eachBenchPath(b, func(b *testing.B, _ string) {
				x, y := normals(newRand(1), s[0], 1), make([]float32, s[1])
				states := [2]*State{fused.NewState(), two.NewState()}
				steps := max(1, 10_000/s[1]/(s[0]+s[1])) // of some microseconds
				var times [2][]time.Duration
				for b.Loop() {
					for i, n := range []*Network{fused, two} {
						start := time.Now()
						for range steps {
							n.Step(states[i], x, y)
						}
						times[i] = append(times[i], time.Since(start))
					}
				}
				slices.Sort(times[0])
				slices.Sort(times[1])
				b.ReportMetric(float64(times[1][len(times[1])/2])/float64(times[0][len(times[0])/2]), "ratio")
			})
		})
	}
}

// BenchmarkInput is the part of Forward that is computed for several steps at
// once: the contribution of the inputs.
func BenchmarkInput(b *testing.B) {
	for _, s := range benchShapes {
		b.Run(fmt.Sprintf("input=%d/hidden=%d/steps=%d", s[0], s[1], blockSteps), func(b *testing.B) {
			n := benchNetwork(b, s[0], s[1])
			eachBenchPath(b, func(b *testing.B, _ string) {
				x := matrix{normals(newRand(1), blockSteps*s[0], 1), s[0], s[0]}
				width := panel.Gates * panel.PaddedUnits(s[1])
				sums := matrix{make([]float32, blockSteps*width), width, width}
				for b.Loop() {
					n.layers[0].takeInputs(blockSteps, x, sums)
				}
				reportFLOPs(b, s[0], s[1], blockSteps)
			})
		})
	}
}

func BenchmarkSigmoid(b *testing.B) { benchElements(b, Sigmoid) }

func BenchmarkTanh(b *testing.B) { benchElements(b, Tanh) }

func benchElements(b *testing.B, f func(dst, x []float32)) {
	for _, n := range []int{16, 4096} {
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			x := normals(newRand(1), n, 3)
			dst := make([]float32, n)
			eachBenchPath(b, func(b *testing.B, _ string) {
				b.SetBytes(int64(4 * n))
				for b.Loop() {
					f(dst, x)
				}
			})
		})
	}
}

// BenchmarkLoad is the peak of a step of one stream: loading as many bytes as
// the weights have, for every shape.
func BenchmarkLoad(b *testing.B) {
	for _, s := range benchShapes {
		bytes := weightBytes(s[0], s[1])
		b.Run(fmt.Sprintf("bytes=%d", bytes), func(b *testing.B) {
			p := peak.Buffer(int(bytes / 4))
			eachBenchPath(b, func(b *testing.B, path string) {
				if !peak.Load(path, p) {
					b.Skip("no peak kernel for this path")
				}
				b.SetBytes(bytes)
				for b.Loop() {
					peak.Load(path, p)
				}
			})
		})
	}
}

// BenchmarkFMA is the peak of batches and of a sequence's inputs.
func BenchmarkFMA(b *testing.B) {
	const iterations = 1000
	eachBenchPath(b, func(b *testing.B, path string) {
		lanes := peak.FMA(path, iterations)
		if lanes == 0 {
			b.Skip("no peak kernel for this path")
		}
		for b.Loop() {
			peak.FMA(path, iterations)
		}
		flops := 2 * float64(lanes*peak.FMAIteration*iterations) * float64(b.N)
		b.ReportMetric(flops/float64(b.Elapsed().Nanoseconds()), "GFLOP/s")
	})
}

// BenchmarkClock tells how many cycles a nanosecond has.
func BenchmarkClock(b *testing.B) {
	const iterations = 1000
	if !peak.Clock(iterations) {
		b.Skip("no peak kernel for this machine")
	}
	for b.Loop() {
		peak.Clock(iterations)
	}
	b.ReportMetric(float64(peak.ClockIteration*iterations)*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GHz")
}
