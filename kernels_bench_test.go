package lstm

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"example.com/lstm/internal/lstmtest"
	"example.com/lstm/internal/panel"
)

// benchShapes are input and hidden sizes on both sides of each cache's size.
var benchShapes = [][2]int{{1, 8}, {1, 20}, {16, 32}, {64, 64}, {64, 128}, {128, 128}, {256, 256}, {512, 512}, {1024, 1024}}

// eachBenchPath runs a benchmark once per path.
func eachBenchPath(b *testing.B, run func(b *testing.B, path string)) {
	for _, path := range Paths() {
		b.Run("path="+path, func(b *testing.B) {
			lstmtest.UsePath(b, path)
			run(b, path)
		})
	}
}

func benchNetwork(b *testing.B, input, hidden int) *Network {
	b.Helper()
	n, err := New(randomModel(lstmtest.NewRand(input, hidden), 0, input, hidden))
	if err != nil {
		b.Fatal(err)
	}
	return n
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
				x, y := lstmtest.Normals(lstmtest.NewRand(1), s[0], 1), make([]float32, s[1])
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
				x := matrix{lstmtest.Normals(lstmtest.NewRand(1), blockSteps*s[0], 1), s[0], s[0]}
				width := panel.Gates * panel.PaddedUnits(s[1])
				sums := matrix{make([]float32, blockSteps*width), width, width}
				for b.Loop() {
					n.layers[0].takeInputs(blockSteps, x, sums)
				}
				flops := 2 * float64(panel.Gates*s[1]*s[0]*blockSteps*b.N)
				b.ReportMetric(flops/float64(b.Elapsed().Nanoseconds()), "GFLOP/s")
			})
		})
	}
}
