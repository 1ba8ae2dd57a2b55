// Package float16 converts between float32 and IEEE binary16, and lays binary16
// numbers out for the kernels.
package float16

import (
	"math"

	"example.com/lstm/internal/aligned"
)

// Bits of binary16 numbers. The fraction has ten.
const (
	signBit     = 1 << 15
	infinity    = 0x1f << 10
	leastNormal = 1 << 10
)

// rebias is the difference between the exponents of a float32 and of a binary16
// number of the same value.
const rebias = (127 - 15) << 23

// Widen converts the bits of a binary16 number; every one has an equal among the
// float32.
func Widen(bits uint16) float32 {
	sign := uint32(bits&signBit) << 16
	magnitude := uint32(bits &^ signBit)
	switch {
	case magnitude < leastNormal: // zero or subnormal: units of 2^-24
		return math.Float32frombits(sign | math.Float32bits(float32(magnitude)*0x1p-24))
	case magnitude >= infinity: // or NaN
		return math.Float32frombits(sign | 0xff<<23 | (magnitude-infinity)<<13)
	}
	return math.Float32frombits(sign | magnitude<<13 + rebias)
}

// Round returns the bits of the binary16 number that is nearest to x, of two the
// one with an even fraction, and whether it is finite. Subnormal ones count as the
// others do. An infinity and what is at least half-way from the largest, 65504, to
// 2^16 becomes an infinity; a NaN remains one.
func Round(x float32) (bits uint16, finite bool) {
	const (
		infinity32 = 0xff << 23
		overflow   = 0x477ff000 // 65520
		least      = 0x38800000 // 2^-14, the least normal number
		half       = 1<<12 - 1  // almost: an odd fraction makes it whole
	)
	b := math.Float32bits(x)
	sign := uint16(b >> 16 & signBit)
	switch b &= math.MaxInt32; {
	case b > infinity32:
		return sign | infinity | leastNormal/2, false
	case b >= overflow:
		return sign | infinity, false
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
	if bits == signBit {
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
	const (
		both      = 1 | 1<<16 // times a number: that in each half
		some      = both * (0xf << 11)
		sign      = 1 << 31
		magnitude = (1<<15 - 1) << 13
	)
	packed = packed[:len(dst)/2]
	for i := range packed {
		bits := math.Float32bits(packed[i])
		// Of a number that is not normal, these bits of the exponent are 0 now.
		normal := (bits&^(both*signBit) + both*leastNormal) & some
		if normal&math.MaxUint16 != 0 && normal>>16 != 0 {
			dst[2*i] = math.Float32frombits(bits<<16&sign | bits<<13&magnitude + rebias)
			dst[2*i+1] = math.Float32frombits(bits&sign | bits>>3&magnitude + rebias)
		} else {
			dst[2*i], dst[2*i+1] = Widen(uint16(bits)), Widen(uint16(bits>>16))
		}
	}
}
