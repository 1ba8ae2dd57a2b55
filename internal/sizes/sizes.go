// Package sizes multiplies sizes that nobody has checked yet.
package sizes

import (
	"math"
	"math/bits"
)

// Product multiplies dimensions that are not negative; ok is false when the
// result does not fit an int.
func Product(dims ...int) (n int, ok bool) {
	p := uint(1)
	for _, d := range dims {
		hi, lo := bits.Mul(p, uint(d))
		if hi != 0 || lo > math.MaxInt {
			return 0, false
		}
		p = lo
	}
	return int(p), true
}
