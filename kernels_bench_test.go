package lstm

import (
	"fmt"
	"testing"

	"example.com/lstm/internal/panel"
)

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

// BenchmarkInput is the part of Forward that is computed for several steps at
// once: the contribution of the inputs.
func BenchmarkInput(b *testing.B) {
	for _, s := range [][2]int{{1, 8}, {16, 32}, {64, 64}, {128, 128}, {256, 256}, {512, 512}, {1024, 1024}} {
		b.Run(fmt.Sprintf("input=%d/hidden=%d/steps=%d", s[0], s[1], blockSteps), func(b *testing.B) {
			n := benchNetwork(b, s[0], s[1])
			eachBenchPath(b, func(b *testing.B, _ string) {
				x := matrix{normals(newRand(1), blockSteps*s[0], 1), s[0], s[0]}
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
