package exact

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// The functions are within their bound: near every entry of the table and
// between, where the series begins, and anywhere.
func TestRelativeError(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var xs []float32
	for k := range tableSteps * tableEnd {
		for _, at := range []float64{0, 0.499, 0.501, r.Float64()} {
			xs = append(xs, float32((float64(k)+at)/tableSteps))
		}
	}
	for i := range 64 {
		xs = append(xs, math.Nextafter32(0.25, float32(i%2)), math.Nextafter32(0.5, float32(i%2)), float32(0.25*r.Float64()), float32(math.Ldexp(1+r.Float64(), -i)))
	}
	xs = append(xs, 0, math.SmallestNonzeroFloat32, 0x1p-126, 0x1p-127, 127.99, 128)
	thin := 1
	if testing.Short() {
		thin = 20
	}
	worst := map[string]float64{}
	for i := 0; i < len(xs); i += thin {
		for _, x := range []float32{xs[i], -xs[i]} {
			for name, f := range map[string]struct {
				fast  float64
				exact *big.Float
			}{
				"sigmoid":  {Sigmoid(x), BigSigmoid(x)},
				"tanh":     {Tanh(x), BigTanh(x)},
				"e^x":      {Exp(x), BigExp(x)},
				"e^x - 1":  {ExpMinusOne(x), BigExpMinusOne(x)},
				"softplus": {Softplus(x), BigSoftplus(x)},
			} {
				if f.exact.Sign() == 0 {
					require.Zero(t, f.fast)
					continue
				}
				d := newBig().Sub(newBig().SetFloat64(f.fast), f.exact)
				relative, _ := d.Quo(d.Abs(d), newBig().Abs(f.exact)).Float64()
				require.Less(t, relative, RelativeError, "%s(%x)", name, x)
				worst[name] = max(worst[name], relative)
			}
		}
	}
	for name, relative := range worst {
		t.Logf("the largest error of %s is %.1f of 2^-53", name, relative*0x1p53)
	}
}

// Beyond the table, the distance from the limit is no part of a float32.
func TestLimits(t *testing.T) {
	for _, x := range []float32{128.1, 1000, math.MaxFloat32, float32(math.Inf(1))} {
		require.Equal(t, 1.0, Sigmoid(x))
		require.Equal(t, 0.0, Sigmoid(-x))
		require.Equal(t, 1.0, Tanh(x))
		require.Equal(t, -1.0, Tanh(-x))
		require.Equal(t, 1.0, Exp(x))
		require.Equal(t, 0.0, Exp(-x))
		require.Equal(t, float64(x), ExpMinusOne(x))
		require.Equal(t, -1.0, ExpMinusOne(-x))
		require.Equal(t, float64(x), Softplus(x))
		require.Equal(t, 0.0, Softplus(-x))
		require.Less(t, BigUlps(1, BigSigmoid(x)), 0x1p-100)
		require.Less(t, BigUlps(0, BigSigmoid(-x)), 0x1p-30)
		require.Less(t, BigUlps(-1, BigTanh(-x)), 0x1p-100)
	}
	require.True(t, math.Signbit(Tanh(float32(math.Copysign(0, -1)))))
}

// e to 60 digits, and tanh 1/2 from the definition of e.
func TestBig(t *testing.T) {
	require.Equal(t, "2.71828182845904523536028747135266249775724709369995957496697",
		bigExp(newBig().SetInt64(1)).Text('f', 59))
	require.Equal(t, "0.462117157260009758502318483643672548730289280330113038552732",
		BigTanh(0.5).Text('f', 60))
	require.Equal(t, "0.731058578630004879251159241821836274365144640165056519276366",
		BigSigmoid(1).Text('f', 60))
	require.Equal(t, "-0.632120558828557678404476229838539132554188868968232165492163",
		BigExpMinusOne(-1).Text('f', 60))
	require.Equal(t, "0.693147180559945309417232121458176568075500134360255254120680",
		BigSoftplus(0).Text('f', 60))
}

func TestUlps(t *testing.T) {
	const least = math.SmallestNonzeroFloat32
	for _, c := range []struct {
		got   float32
		exact float64
		want  float64
	}{
		{1, 1, 0},
		{1, 1 + 0x1p-24, 0.5},
		{1, 1 - 0x1p-25, 0.5},
		{3, 3 + 0x1p-22, 1},
		{-3, -3 - 0x1p-22, 1},
		{least, 0, 1},
		{0, 0x1p-150, 0.5},
		{0x1p-126, 0x1p-126 + 0x1p-148, 2},
	} {
		what := fmt.Sprintf("%x and %x", c.got, c.exact)
		require.Equal(t, c.want, Ulps(c.got, c.exact), what)
		require.Equal(t, c.want, BigUlps(c.got, big.NewFloat(c.exact)), what)
	}
	// Less than 1 by so little that float64 cannot tell: its unit is that below 1.
	below := newBig().Sub(newBig().SetInt64(1), newBig().SetMantExp(newBig().SetInt64(1), -200))
	require.Equal(t, 1.0, BigUlps(1-0x1p-24, below))
}

func BenchmarkSigmoid(b *testing.B) { benchmark(b, Sigmoid) }
func BenchmarkTanh(b *testing.B)    { benchmark(b, Tanh) }

func benchmark(b *testing.B, f func(float32) float64) {
	x, sum := float32(-20), 0.0
	for b.Loop() {
		sum += f(x)
		if x += 0.001; x > 20 {
			x = -20
		}
	}
	if sum == 0 {
		b.Fatal(sum)
	}
}
