// Package float16 converts between float32 and IEEE binary16, and lays binary16
// numbers out for the kernels.
package float16

import (
	"math"

	"example.com/lstm/internal/aligned"
)

// Widen converts the bits of a binary16 number; every one has an equal among the
// float32.
func Widen(bits uint16) float32 {
	sign := uint32(bits>>15) << 31
	exponent := uint32(bits >> 10 & 0x1f)
	fraction := uint32(bits & 0x3ff)
	switch exponent {
	case 0: // zero or subnormal: units of 2^-24
		magnitude := float32(fraction) * 0x1p-24
		return math.Float32frombits(sign | math.Float32bits(magnitude))
	case 0x1f: // Inf or NaN
		return math.Float32frombits(sign | 0xff<<23 | fraction<<13)
	}
	return math.Float32frombits(sign | (exponent+127-15)<<23 | fraction<<13)
}

// Round returns the bits of the binary16 number that is nearest to x, of two the
// one with an even fraction, and whether it is finite. Subnormal ones count as the
// others do. An infinity and what is at least half-way from the largest, 65504, to
// 2^16 becomes an infinity; a NaN remains one.
func Round(x float32) (bits uint16, finite bool) {
	const (
		inf16     = 0x7c00
		infinity  = 0xff << 23
		overflow  = 0x477ff000 // 65520
		least     = 0x38800000 // 2^-14, the least normal number
		rebias    = (127 - 15) << 23
		half      = 1<<12 - 1 // almost: an odd fraction makes it whole
		magnitude = math.MaxInt32
	)
	b := math.Float32bits(x)
	sign := uint16(b >> 16 & 0x8000)
	switch b &= magnitude; {
	case b > infinity:
		return sign | inf16 | 0x200, false
	case b >= overflow:
		return sign | inf16, false
	case b >= least:
		// A carry goes on into the exponent, as it has to.
		return sign | uint16((b-rebias+half+b>>13&1)>>13), true
	}
	// The last bit of a sum of 0.5 is 2^-24, the unit of subnormal numbers. That
	// of a carry is the least normal number.
	sum := math.Float32frombits(b) + 0.5
	return sign | uint16(math.Float32bits(sum)-math.Float32bits(0.5)), true
}

// Pack rounds weights and lays the results out as kernels read them: each float32 of
// the memory is two of them, the first in its lower bits. There is an even number,
// and none becomes infinite, as the caller has checked. What becomes zero is +0.
func Pack(weights []float32) []float32 {
	packed := aligned.New(len(weights) / 2)
	for i := range packed {
		low, high := nonNegativeZero(weights[2*i]), nonNegativeZero(weights[2*i+1])
		packed[i] = math.Float32frombits(uint32(low) | uint32(high)<<16)
	}
	return packed
}

// nonNegativeZero rounds x, and a zero to +0.
func nonNegativeZero(x float32) uint16 {
	bits, _ := Round(x)
	if bits == 1<<15 {
		return 0
	}
	return bits
}

// At returns element i of packed memory.
func At(packed []float32, i int) float32 {
	return Widen(uint16(math.Float32bits(packed[i/2]) >> (i % 2 * 16)))
}

// Unpack widens the first elements of packed memory, as many as dst has, an even
// number.
func Unpack(dst, packed []float32) {
	for i, both := range packed[:len(dst)/2] {
		bits := math.Float32bits(both)
		dst[2*i], dst[2*i+1] = Widen(uint16(bits)), Widen(uint16(bits>>16))
	}
}
