// Package sizes multiplies sizes that nobody has checked yet, and rounds others.
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

// IsProduct reports whether n is rows × width, width being at least 1, even
// where that does not fit an int.
func IsProduct(n, rows, width int) bool { return n%width == 0 && n/width == rows }

// RoundUp returns the smallest multiple of m that is at least n.
func RoundUp(n, m int) int { return (n + m - 1) / m * m }
