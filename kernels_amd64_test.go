//go:build !purego && !noasm

package lstm

import (
	"slices"
	"testing"
	"unsafe"

	"example.com/lstm/internal/dispatch"
	"example.com/lstm/internal/panel"
)

// Which of the two kernels a step takes on AVX-512 depends on the size of its
// weights. Here each takes all sizes.
func TestKernelStepAndPairsAVX512(t *testing.T) {
	if !slices.Contains(Paths(), dispatch.AVX512.String()) {
		for _, name := range requiredPaths(t) {
			if name == dispatch.AVX512.String() {
				t.Fatalf("LSTM_REQUIRE names %s, and this machine has only %v", name, Paths())
			}
		}
		t.Skipf("this machine has only %v", Paths())
	}
	kernels := map[string]func(sums *float32, sumsStride int, weights *float32, weightsStride int, skip int,
		x *float32, n int, c *float32, h *float32, units int){
		"step": stepAVX512, "stepPairs": stepPairsAVX512,
	}
	for units := 1; units <= 70; units++ {
		// On both sides of a turn of the loop, and of enough rows for the shadow.
		for _, inputs := range []int{1, 2, 3, 4, 5, 47, 48, 49, 70} {
			r := newRand(units, inputs)
			w := randomLayer(r, inputs, units)
			l := packLayer(&w)
			x := normals(r, inputs+units, 1)
			oldC := normals(r, panel.PaddedUnits(units), 1)
			wantC, wantH := slices.Clone(oldC), make([]float32, units)
			stepGeneric(&l.bias, &l.panels, x, wantC, wantH)
			for name, kernel := range kernels {
				c, h := slices.Clone(oldC), make([]float32, units+panel.Units)
				kernel(unsafe.SliceData(l.bias.sums), l.bias.stride, unsafe.SliceData(l.panels.floats), l.panels.stride, l.panels.skip,
					unsafe.SliceData(x), len(x), unsafe.SliceData(c), unsafe.SliceData(h), units)
				requireBits(t, wantC[:units], c[:units], "%s: c, (%d, %d)", name, inputs, units)
				requireBits(t, wantH, h[:units], "%s: h, (%d, %d)", name, inputs, units)
				requireBits(t, make([]float32, panel.Units), h[units:], "%s: behind h, (%d, %d)", name, inputs, units)
			}
		}
	}
}
