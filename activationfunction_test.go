package lstm

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm/internal/contract"
	"example.com/lstm/internal/lstmtest"
)

func TestActivationText(t *testing.T) {
	require.Equal(t, "leaky_relu", ActivationLeakyReLU.String())
	require.Equal(t, "ActivationFunction(200)", ActivationFunction(200).String())
	require.Equal(t, "sigmoid", Activation{Function: ActivationSigmoid}.String())
	require.Equal(t, "leaky_relu(0.01)", ActivationLeakyReLU.WithDefaults().String())
	require.Equal(t, "hard_sigmoid(0.2, 0.5)", ActivationHardSigmoid.WithDefaults().String())
	require.Equal(t, "ActivationFunction(200)", ActivationFunction(200).WithDefaults().String())
}

func TestActivationCheck(t *testing.T) {
	for f := range ActivationFunction(len(activationTable)) {
		require.NotEmpty(t, f.String(), "%d", f)
		require.NoError(t, f.WithDefaults().check("x"))
		p := &activationTable[f]
		if !p.hasAlpha {
			require.EqualError(t, Activation{Function: f, Alpha: 0.5}.check("layer 2"),
				"lstm: layer 2: Alpha is 0.5, want 0: "+f.String()+" has no such parameter")
		} else {
			require.EqualError(t, Activation{Function: f, Alpha: inf}.check("layer 2"), "lstm: layer 2: Alpha is +Inf, want a finite number")
		}
		if !p.hasBeta {
			require.EqualError(t, Activation{Function: f, Beta: -1}.check("layer 2"),
				"lstm: layer 2: Beta is -1, want 0: "+f.String()+" has no such parameter")
		} else {
			require.EqualError(t, Activation{Function: f, Beta: nan}.check("layer 2"), "lstm: layer 2: Beta is NaN, want a finite number")
		}
	}
	require.EqualError(t, Activation{Function: 99}.check("layer 2"),
		"lstm: layer 2: Function is ActivationFunction(99), want one of the functions that have a name")
	require.ErrorIs(t, Activation{Function: 99}.check("layer 2"), ErrUnsupported)
	require.True(t, isFinite(math.MaxFloat32) && isFinite(0) && !isFinite(inf) && !isFinite(nan))
}

// What each function is, in float64, and how far from that it may be: in the sum
// of what is added, where that can cancel.
func TestActivationFormulas(t *testing.T) {
	r := lstmtest.NewRand(41)
	x := append(lstmtest.Normals(r, 1000, 3), lstmtest.Normals(r, 1000, 30)...)
	y := make([]float32, len(x))
	lstmtest.EachPath(t, func(t *testing.T) {
		for _, c := range []struct {
			a       Activation
			formula func(x float64) float64
			added   float64
		}{
			{Activation{Function: ActivationSigmoid}, func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }, 0},
			{Activation{Function: ActivationTanh}, math.Tanh, 0},
			{Activation{ActivationHardSigmoid, 0.25, 0.5}, func(x float64) float64 { return max(0, min(1, 0.25*x+0.5)) }, 1},
			{Activation{ActivationHardSigmoid, -3, 0.125}, func(x float64) float64 { return max(0, min(1, -3*x+0.125)) }, 1},
			{Activation{Function: ActivationReLU}, func(x float64) float64 { return max(0, x) }, 0},
			{Activation{ActivationLeakyReLU, 0.25, 0}, func(x float64) float64 { return max(0.25*x, x) }, 0},
			{Activation{ActivationLeakyReLU, -2, 0}, func(x float64) float64 { return max(-2*x, x) }, 0},
			{Activation{ActivationThresholdedReLU, 1.5, 0}, func(x float64) float64 { return above(x, 1.5) }, 0},
			{Activation{ActivationThresholdedReLU, -1.5, 0}, func(x float64) float64 { return above(x, -1.5) }, 0},
			{Activation{Function: ActivationSoftsign}, func(x float64) float64 { return x / (1 + math.Abs(x)) }, 0},
			{Activation{ActivationELU, 1, 0}, func(x float64) float64 { return max(x, math.Expm1(min(x, 0))) }, 0},
			{Activation{ActivationELU, 0.75, 0}, func(x float64) float64 { return max(x, 0.75*math.Expm1(min(x, 0))) }, 0},
			{Activation{ActivationScaledTanh, 1.75, 0.625}, func(x float64) float64 { return 1.75 * math.Tanh(0.625*x) }, 0},
			{Activation{ActivationAffine, -1.25, 3}, func(x float64) float64 { return -1.25*x + 3 }, 3},
			{Activation{Function: ActivationSoftplus}, func(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }, 0},
			{Activation{Function: ActivationIdentity}, func(x float64) float64 { return x }, 0},
		} {
			c.a.Apply(y, x)
			for i, v := range x {
				want := c.formula(float64(v))
				if want < 0x1p-126 && want > 0 {
					continue // softplus is 0 there
				}
				require.InDelta(t, want, y[i], 0x1p-22*(math.Abs(want)+c.added), "%v of %v", c.a, v)
			}
		}
		Exp(y, x)
		for i, v := range x {
			if want := math.Exp(min(float64(v), 0)); want >= 0x1p-94 {
				require.InDelta(t, want, y[i], 0x1p-23*want, "exp of %v", v)
			} else {
				require.Zero(t, y[i], "exp of %v", v)
			}
		}
	})
}

func above(x, threshold float64) float64 {
	if x > threshold {
		return x
	}
	return 0
}

func TestActivationsOfSpecialNumbers(t *testing.T) {
	tiny := float32(0x1p-70)
	lstmtest.EachPath(t, func(t *testing.T) {
		for _, c := range []struct {
			a       Activation
			x, want float32
		}{
			{Activation{ActivationHardSigmoid, 0.25, 0.5}, inf, 1},
			{Activation{ActivationHardSigmoid, 0.25, 0.5}, -inf, 0},
			{Activation{ActivationHardSigmoid, 0.25, 0.5}, 2, 1},
			{Activation{ActivationHardSigmoid, 0.25, 0.5}, -2, 0},
			{Activation{ActivationHardSigmoid, 0, 0.5}, inf, nan},
			{Activation{ActivationHardSigmoid, 1, tiny}, negativeZero, 0}, // β counts as 0
			{Activation{ActivationHardSigmoid, 0.5, 0}, -least, negativeZero},
			{Activation{Function: ActivationReLU}, negativeZero, negativeZero},
			{Activation{Function: ActivationReLU}, -least, 0},
			{Activation{Function: ActivationReLU}, -inf, 0},
			{Activation{Function: ActivationReLU}, inf, inf},
			{Activation{Function: ActivationReLU}, least, least},
			{Activation{ActivationLeakyReLU, 0.25, 0}, negativeZero, negativeZero},
			{Activation{ActivationLeakyReLU, 0.25, 0}, -inf, -inf},
			{Activation{ActivationLeakyReLU, tiny, 0}, -1, negativeZero}, // α counts as 0
			{Activation{ActivationLeakyReLU, 0, 0}, -inf, nan},
			{Activation{ActivationLeakyReLU, 0, 0}, inf, inf},
			{Activation{ActivationThresholdedReLU, 1, 0}, 1, 0},
			{Activation{ActivationThresholdedReLU, 1, 0}, 1 + 0x1p-23, 1 + 0x1p-23},
			{Activation{ActivationThresholdedReLU, 1, 0}, inf, inf},
			{Activation{ActivationThresholdedReLU, 1, 0}, -inf, 0},
			{Activation{ActivationThresholdedReLU, 0, 0}, negativeZero, 0},
			{Activation{ActivationThresholdedReLU, tiny, 0}, least, least}, // α counts as 0
			{Activation{ActivationThresholdedReLU, -1, 0}, -1, 0},
			{Activation{ActivationThresholdedReLU, -1, 0}, negativeZero, negativeZero},
			{Activation{ActivationThresholdedReLU, maxFloat, 0}, maxFloat, 0},
			{Activation{ActivationThresholdedReLU, maxFloat, 0}, inf, inf},
			{Activation{ActivationThresholdedReLU, -maxFloat, 0}, -inf, 0},
			{Activation{Function: ActivationSoftsign}, negativeZero, negativeZero},
			{Activation{Function: ActivationSoftsign}, inf, 1},
			{Activation{Function: ActivationSoftsign}, -inf, -1},
			{Activation{Function: ActivationSoftsign}, -maxFloat, -1},
			{Activation{Function: ActivationSoftsign}, least, least},
			{Activation{ActivationELU, 1, 0}, negativeZero, negativeZero},
			{Activation{ActivationELU, 1, 0}, -least, -least},
			{Activation{ActivationELU, 1, 0}, -inf, -1},
			{Activation{ActivationELU, 1, 0}, inf, inf},
			{Activation{ActivationELU, 0.5, 0}, -inf, -0.5},
			{Activation{ActivationScaledTanh, 3, 0.5}, inf, 3},
			{Activation{ActivationScaledTanh, 3, 0.5}, negativeZero, negativeZero},
			{Activation{ActivationScaledTanh, -3, 0.5}, negativeZero, 0},
			{Activation{ActivationScaledTanh, 3, 0}, inf, nan},
			{Activation{ActivationAffine, 1, 0}, negativeZero, 0},
			{Activation{ActivationAffine, 2, 1}, -inf, -inf},
			{Activation{ActivationAffine, 0x1p+100, -maxFloat}, 0x1p+28, 0x1p+104}, // rounded once
			{Activation{Function: ActivationSoftplus}, 0, math.Ln2},
			{Activation{Function: ActivationSoftplus}, negativeZero, math.Ln2},
			{Activation{Function: ActivationSoftplus}, inf, inf},
			{Activation{Function: ActivationSoftplus}, -inf, 0},
			{Activation{Function: ActivationSoftplus}, maxFloat, maxFloat},
			{Activation{Function: ActivationSoftplus}, contract.Sigmoid.Min, 0},
			{Activation{Function: ActivationIdentity}, negativeZero, negativeZero},
		} {
			for n := 1; n <= 40; n++ {
				x, want := slices.Repeat([]float32{c.x}, n), slices.Repeat([]float32{c.want}, n)
				c.a.Apply(x, x)
				lstmtest.RequireBits(t, want, x, "%d × %v of %x", n, c.a, c.x)
			}
		}
		for f := range ActivationFunction(len(activationTable)) {
			if a := f.WithDefaults(); a.elementwise() {
				y := []float32{nan, -nan, math.Float32frombits(0x7f800001)}
				a.Apply(y, y)
				lstmtest.RequireBits(t, []float32{nan, nan, nan}, y, "%v", a)
			}
		}
	})
}

// Slices of every length, in place and not.
func TestActivationApply(t *testing.T) {
	lstmtest.EachPath(t, func(t *testing.T) {
		r := lstmtest.NewRand(42)
		for f := range ActivationFunction(len(activationTable)) {
			a := f.WithDefaults()
			if !a.elementwise() {
				continue
			}
			for _, n := range []int{0, 1, 15, 16, 17, 33, maxElements, maxElements + 1, 2*maxElements + 5} {
				x := lstmtest.Awkwards(r, n+1, 4)
				dst, want := make([]float32, n+1), make([]float32, n)
				dst[n], x[n] = 77, 77
				for i, v := range x[:n] {
					one := []float32{v}
					a.Apply(one, one)
					want[i] = one[0]
				}
				a.Apply(dst[:n], x[:n])
				lstmtest.RequireBits(t, append(want, 77), dst, "%v of %d elements", a, n)
				a.Apply(x[:n], x[:n])
				lstmtest.RequireBits(t, append(want, 77), x, "%v of %d elements in place", a, n)
			}
		}
	})
}
