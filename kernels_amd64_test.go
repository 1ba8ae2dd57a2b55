//go:build !purego && !noasm

package lstm

import (
	"fmt"
	"slices"
	"testing"
	"unsafe"

	"example.com/lstm/internal/dispatch"
	"example.com/lstm/internal/lstmtest"
	"example.com/lstm/internal/panel"
)

// Which of the two kernels a step takes on AVX-512 depends on the size of its
// weights. Here each takes all sizes.
func TestKernelStepAndPairsAVX512(t *testing.T) {
	lstmtest.NeedPath(t, dispatch.AVX512.String())
	kernels := map[string]func(sums *float32, sumsStride int, weights *float32, weightsStride int, skip int,
		x *float32, n int, c *float32, h *float32, units int){
		"step": stepAVX512, "stepPairs": stepPairsAVX512,
	}
	for units := 1; units <= 70; units++ {
		// On both sides of an iteration of the loop, and of enough rows for the shadow.
		for _, inputs := range []int{1, 2, 3, 4, 5, 47, 48, 49, 70} {
			r := lstmtest.NewRand(units, inputs)
			w := randomLayer(r, inputs, units)
			l := packLayer(w, true)
			x := lstmtest.Normals(r, inputs+units, 1)
			oldC := lstmtest.Normals(r, panel.PaddedUnits(units), 1)
			wantC, wantH := slices.Clone(oldC), make([]float32, units)
			stepGeneric(&l.bias, &l.panels, x, wantC, wantH)
			for name, kernel := range kernels {
				c, h := slices.Clone(oldC), make([]float32, units+panel.Units)
				kernel(unsafe.SliceData(l.bias.sums), l.bias.stride, unsafe.SliceData(l.panels.floats), l.panels.stride, l.panels.skip,
					unsafe.SliceData(x), len(x), unsafe.SliceData(c), unsafe.SliceData(h), units)
				lstmtest.RequireBits(t, wantC[:units], c[:units], "%s: c, (%d, %d)", name, inputs, units)
				lstmtest.RequireBits(t, wantH, h[:units], "%s: h, (%d, %d)", name, inputs, units)
				lstmtest.RequireBits(t, make([]float32, panel.Units), h[units:], "%s: behind h, (%d, %d)", name, inputs, units)
			}
		}
	}
}

// BenchmarkPairs shows where two panels at once are better than one after the
// other: what pairFloats returns should be between the sizes at which the one and
// the other wins.
func BenchmarkPairs(b *testing.B) {
	lstmtest.NeedPath(b, dispatch.AVX512.String())
	kernels := []struct {
		name string
		step func(sums *float32, sumsStride int, weights *float32, weightsStride int, skip int,
			x *float32, n int, c *float32, h *float32, units int)
	}{
		{"step", stepAVX512},
		{"stepPairs", stepPairsAVX512},
	}
	for _, s := range [][2]int{{1, 32}, {16, 32}, {32, 32}, {1, 40}, {1, 48}, {16, 48}, {1, 64}, {32, 64}, {64, 64}} {
		l := &benchNetwork(b, s[0], s[1]).layers[0]
		p := l.panels
		state := lstmtest.Normals(lstmtest.NewRand(1), s[0]+s[1], 1)
		c, h := make([]float32, s[1]+15), make([]float32, s[1])
		for _, k := range kernels {
			b.Run(fmt.Sprintf("bytes=%d/input=%d/hidden=%d/kernel=%s", 4*len(p.floats), s[0], s[1], k.name), func(b *testing.B) {
				for b.Loop() {
					k.step(unsafe.SliceData(l.bias.sums), l.bias.stride, unsafe.SliceData(p.floats), p.stride, p.skip,
						unsafe.SliceData(state), len(state), unsafe.SliceData(c), unsafe.SliceData(h), len(h))
				}
			})
		}
	}
}
