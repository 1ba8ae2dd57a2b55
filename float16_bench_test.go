package lstm

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"example.com/lstm/internal/float16"
	"example.com/lstm/internal/lstmtest"
	"example.com/lstm/internal/panel"
)

// BenchmarkFloat16 runs kernels of float16 weights in turns with those of float32, each
// layer in one call, and reports the ratio of the medians: steps of one stream, and
// the gates' sums of as many columns as a tile has.
func BenchmarkFloat16(b *testing.B) {
	for _, s := range benchShapes {
		input, hidden := s[0], s[1]
		wide := packLayer(randomLayer(lstmtest.NewRand(input, hidden), input, hidden), true)
		halves := wide.panels
		halves.floats, halves.stride, halves.narrow = float16.Pack(halves.floats), halves.stride/2, narrowHalves()
		c, h := make([]float32, panel.PaddedUnits(hidden)), make([]float32, hidden)
		z := make([]float32, panel.MaxColumns*panel.Gates*len(c))
		var columns [panel.MaxColumns]column
		for i := range columns {
			columns[i].x = lstmtest.Normals(lstmtest.NewRand(1), input+hidden, 1)
		}
		for _, kernel := range []struct {
			name            string
			float32, halved func()
		}{
			{
				"step",
				func() { step(&wide.bias, &wide.panels, columns[0].x, c, h) },
				func() { stepFloat16(&wide.bias, &halves, columns[0].x, c, h) },
			},
			{
				"gates",
				func() { gates(float32Weights, &wide.bias, &wide.panels, columns[:], hidden, z, panel.Gates*len(c)) },
				func() { gates(float16Weights, &wide.bias, &halves, columns[:], hidden, z, panel.Gates*len(c)) },
			},
		} {
			b.Run(fmt.Sprintf("input=%d/hidden=%d/kernel=%s", input, hidden, kernel.name), func(b *testing.B) {
				lstmtest.BenchEachPath(b, func(b *testing.B, _ string) {
					calls := max(1, 100_000/hidden/(input+hidden)) // of some microseconds
					var times [2][]time.Duration
					for b.Loop() {
						for i, call := range []func(){kernel.float32, kernel.halved} {
							start := time.Now()
							for range calls {
								call()
							}
							times[i] = append(times[i], time.Since(start))
						}
					}
					slices.Sort(times[0])
					slices.Sort(times[1])
					median := len(times[0]) / 2
					b.ReportMetric(float64(times[1][median])/float64(times[0][median]), "ratio")
					b.ReportMetric(float64(times[1][median])/float64(calls), "float16-ns")
				})
			})
		}
	}
}
