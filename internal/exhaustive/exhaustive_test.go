package exhaustive

import (
	"context"
	"flag"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm"
	"example.com/lstm/internal/contract"
)

var everything = flag.Bool("exhaustive", false, "try all 2^32 inputs, which takes minutes")

// What the package documentation says.
var largestErrors = map[string]float64{"sigmoid": 0.9651, "tanh": 0.9760, "elu": 0.8937, "softplus": 0.9535}

func TestAll(t *testing.T) {
	if !*everything {
		t.Skip("takes minutes; run with -exhaustive")
	}
	for _, f := range Functions[:2] {
		t.Run(f.Name, func(t *testing.T) {
			result, err := f.Verify(t.Context(), lstm.Paths(), func(int) {})
			require.NoError(t, err)
			t.Logf("on %v, at most %.6f ulp, at %x", result.Paths, result.Ulps, result.At)
			require.InDelta(t, largestErrors[f.Name], result.Ulps, 0.00005, "the documented bound")
		})
	}
}

// TestSample tries the functions that take longer with one input in fifteen; lstm
// verify -exhaustive tries all.
func TestSample(t *testing.T) {
	if !*everything {
		t.Skip("takes minutes; run with -exhaustive")
	}
	for _, f := range Functions[2:] {
		t.Run(f.Name, func(t *testing.T) {
			result, err := f.VerifySample(t.Context(), lstm.Paths())
			require.NoError(t, err)
			t.Logf("on %v, at most %.6f ulp, at %x", result.Paths, result.Ulps, result.At)
			require.LessOrEqual(t, result.Ulps, largestErrors[f.Name]+0.00005, "the documented bound")
		})
	}
}

// Many inputs about every place where something begins or ends.
func TestInPlaces(t *testing.T) {
	around := int64(1000)
	if testing.Short() {
		around = 50
	}
	for _, f := range Functions {
		for _, place := range []float32{0, 0x1p-126, 0x1p-25, 0x1p-12, 0.25, math.Ln2 / 2, contract.Softplus.Near, 1, 9.1, 17, -contract.ELU.Min, 40, -contract.Sigmoid.Min, 104, infinity} {
			bits := int64(math.Float32bits(place))
			first, tried := max(0, bits-around), 0
			result, err := f.verify(t.Context(), lstm.Paths(), first, bits+around, func(n int) { tried += n })
			require.NoError(t, err)
			require.EqualValues(t, 2*(bits+around-first), tried)
			require.LessOrEqual(t, result.Ulps, largestErrors[f.Name]+0.00005)
		}
		_, err := f.verify(t.Context(), lstm.Paths(), positive-around, positive, func(int) {})
		require.NoError(t, err)
	}
}

// Each promise, broken.
func TestBrokenPromises(t *testing.T) {
	flawed := func(f Function, at, wrong float32) error {
		apply := f.apply
		f.apply = func(dst, x []float32) {
			apply(dst, x)
			for i, v := range x {
				if math.Float32bits(v) == math.Float32bits(at) {
					dst[i] = wrong
				}
			}
		}
		bits := int64(math.Float32bits(at) &^ signBit)
		_, err := f.verify(t.Context(), []string{"generic"}, max(bits-100, 0), bits+100, func(int) {})
		return err
	}
	sigmoid, tanh := *Functions[0], *Functions[1]
	nan := float32(math.NaN())
	negativeZero := float32(math.Copysign(0, -1))

	require.NoError(t, flawed(sigmoid, 0, 0.5))
	require.ErrorContains(t, flawed(sigmoid, 0, 0.5+0x1p-23), "sigmoid(0x0p+00 (0x00000000)) is 0x1.000004p-01 (0x3f000002), wrong by 2.0000 ulp")
	require.ErrorContains(t, flawed(sigmoid, 50, 1+0x1p-23), "is not from 0 to 1")
	require.ErrorContains(t, flawed(sigmoid, 50, nan), "is not from 0 to 1")
	require.ErrorContains(t, flawed(sigmoid, 1e-9, 0.5-0x1p-25), "sigmoid is not monotone")
	require.ErrorContains(t, flawed(sigmoid, nan, 0.5), "for NaNs")
	require.ErrorContains(t, flawed(sigmoid, -nan, 0.5), "for NaNs")
	require.ErrorContains(t, flawed(sigmoid, infinity, 1-0x1p-24), "sigmoid is not monotone between 0x1.fffffep+127 (0x7f7fffff) and +Inf")
	require.ErrorContains(t, flawed(sigmoid, -infinity, negativeZero), "sigmoid(-Inf (0xff800000)) is -0x0p+00 (0x80000000), want 0")
	require.ErrorContains(t, flawed(sigmoid, contract.Sigmoid.Min, 0x1p-126), "(0xc2aeac4f)) is 0x1p-126 (0x00800000), want 0")
	require.ErrorContains(t, flawed(tanh, negativeZero, 0), "and of the negative")
	require.ErrorContains(t, flawed(tanh, 1e-40, 1e-40+math.SmallestNonzeroFloat32), "wrong by 1.0000 ulp")

	two := sigmoid
	calls := 0
	two.apply = func(dst, x []float32) {
		lstm.Sigmoid(dst, x)
		if calls++; calls == 2 {
			dst[7] = 0.25
		}
	}
	_, err := two.verify(t.Context(), []string{"generic", "generic"}, 0, 100, func(int) {})
	require.ErrorContains(t, err, "sigmoid(0x1.8p-147 (0x00000006)) is 0x1p-02 (0x3e800000) on path generic, and 0x1p-01 (0x3f000000) on path generic")

	_, err = sigmoid.Verify(t.Context(), []string{"avx1024"}, func(int) {})
	require.ErrorContains(t, err, "avx1024")
}

// Errors that float64 cannot tell apart are decided with more digits.
func TestLargestError(t *testing.T) {
	var e errors
	e.add(0.4, 6)
	require.Empty(t, e.inputs)
	e.add(0.55, 1)
	e.add(0.55+doubt/2, 2)
	e.add(0.55-doubt/4, 3)
	e.add(0.54, 4)
	require.Len(t, e.inputs, 3)
	var other errors
	other.add(0.6, 5)
	e.merge(&other)
	require.Equal(t, []input{{5, 0.6}}, e.inputs)
	ulps, at := e.decide(Functions[0])
	require.EqualValues(t, 5, at)
	require.Positive(t, ulps)
}

func TestVerifyEndsWithContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	blocks := 0
	_, err := Functions[0].Verify(ctx, []string{"generic"}, func(int) { blocks++; cancel() })
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 1, blocks)
}
