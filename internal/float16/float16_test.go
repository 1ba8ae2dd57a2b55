package float16

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

const halves = 1 << 16 // of all bits

// value is a half by the definition of the format.
func value(bits uint16) float64 {
	exponent, fraction := int(bits>>10&0x1f), float64(bits&0x3ff)
	v := math.Ldexp(1024+fraction, exponent-25)
	switch {
	case exponent == 0:
		v = math.Ldexp(fraction, -24)
	case exponent == 31 && fraction == 0:
		v = math.Inf(1)
	case exponent == 31:
		v = math.NaN()
	}
	return math.Copysign(v, 1-2*float64(bits>>15))
}

func TestWiden(t *testing.T) {
	for bits := range halves {
		want, got := value(uint16(bits)), float64(Widen(uint16(bits)))
		if math.IsNaN(want) {
			require.True(t, math.IsNaN(got), "%#04x", bits)
			continue
		}
		require.Equal(t, math.Float64bits(want), math.Float64bits(got), "%#04x is %g", bits, want)
	}
}

// A half is itself. The number half-way to the next of greater magnitude becomes
// the even one of both; its neighbours become what they are nearest to.
func TestRound(t *testing.T) {
	round := func(x float32, want uint16, finite bool) {
		for _, sign := range []uint16{0, 1 << 15} {
			x := float32(math.Copysign(float64(x), 1-2*float64(sign>>15)))
			got, ok := Round(x)
			require.Equal(t, want|sign, got, "%g (%#x)", x, math.Float32bits(x))
			require.Equal(t, finite, ok, "%g", x)
		}
	}
	const inf = 0x7c00
	for bits := uint16(0); bits < inf; bits++ {
		above := value(bits + 1)
		if bits+1 == inf {
			above = 0x1p16
		}
		halfway := float32((value(bits) + above) / 2)
		even := bits + bits&1
		round(Widen(bits), bits, true)
		round(math.Nextafter32(halfway, 0), bits, true)
		round(halfway, even, even < inf)
		round(math.Nextafter32(halfway, 1e6), bits+1, bits+1 < inf)
	}
	round(math.SmallestNonzeroFloat32, 0, true)
	round(0x1p-126, 0, true)
	round(math.MaxFloat32, inf, false)
	round(float32(math.Inf(1)), inf, false)
	bits, finite := Round(float32(math.NaN()))
	require.True(t, math.IsNaN(value(bits)))
	require.False(t, finite)
}

func TestPack(t *testing.T) {
	weights := []float32{1, -2, 0x1.004p0, -0x1p-26, 65519, float32(math.Copysign(0, -1)), -0x1p-24, 0x1.8p-25}
	want := []float32{1, -2, 1.0009765625, 0, 65504, 0, -0x1p-24, 0x1p-24}
	packed := Pack(weights)
	require.Len(t, packed, len(weights)/2)
	got := make([]float32, len(weights))
	Unpack(got, packed)
	for i := range want {
		require.Equal(t, math.Float32bits(want[i]), math.Float32bits(got[i]), i)
		require.Equal(t, math.Float32bits(want[i]), math.Float32bits(At(packed, i)), i)
	}
}

// Pairs of numbers are what each of them is.
func TestUnpack(t *testing.T) {
	partners := []uint16{0, 1 << 15, 1, 0x3ff, 0x400, 0x3c00, 0xbc01, 0x7bff, 0x7c00, 0x7e00}
	for bits := range halves {
		for _, partner := range partners {
			want := []float32{Widen(uint16(bits)), Widen(partner)}
			got := make([]float32, 2)
			Unpack(got, []float32{math.Float32frombits(uint32(bits) | uint32(partner)<<16)})
			requireBits(t, want, got, "%#04x and %#04x", bits, partner)
			Unpack(got, []float32{math.Float32frombits(uint32(partner) | uint32(bits)<<16)})
			requireBits(t, []float32{want[1], want[0]}, got, "%#04x and %#04x", partner, bits)
		}
	}
}

func requireBits(t *testing.T, want, got []float32, format string, args ...any) {
	for i := range want {
		if math.Float32bits(want[i]) != math.Float32bits(got[i]) {
			t.Fatalf(format+" are %g, want %g", append(args, got, want)...)
		}
	}
}
