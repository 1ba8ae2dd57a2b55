//go:build !purego && !noasm

package lstm

import (
	"fmt"
	"slices"
	"testing"
	"unsafe"

	"example.com/lstm/internal/dispatch"
)

// BenchmarkPairs shows where two panels at once are better than one after the
// other: maxPairFloats is between the sizes at which the one and the other wins.
func BenchmarkPairs(b *testing.B) {
	if !slices.Contains(Paths(), dispatch.AVX512.String()) {
		b.Skip("this machine has no avx512")
	}
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
		state := normals(newRand(1), s[0]+s[1], 1)
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
