package lstm

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm/internal/contract"
	"example.com/lstm/internal/exact"
	"example.com/lstm/internal/lstmtest"
)

var (
	inf, nan, negativeZero = lstmtest.Inf, lstmtest.NaN, lstmtest.NegativeZero
	maxFloat, least        = lstmtest.MaxFloat, lstmtest.Least
)

// exactFMA computes x·y + z with as many digits as it takes, and rounds at the
// end. It owes nothing to float64 arithmetic unless an operand is not finite.
type exactFMA struct {
	x, y, z big.Float
	// How many sums, normal and subnormal, come out wrong where a float64 is
	// rounded once more without a look at it.
	wrong, wrongSubnormal int
}

func newExactFMA() *exactFMA {
	e := new(exactFMA)
	// From the least product, 2^-298, to the greatest are fewer bits than this.
	e.x.SetPrec(640)
	return e
}

func (e *exactFMA) fma(x, y, z float32) float32 {
	for _, v := range []float32{x, y, z} {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return float32(float64(x)*float64(y) + float64(z))
		}
	}
	e.x.SetFloat64(float64(x))
	e.x.Mul(&e.x, e.y.SetFloat64(float64(y)))
	e.x.Add(&e.x, e.z.SetFloat64(float64(z)))
	sum, _ := e.x.Float32()
	return sum
}

// check compares with that fma, and the chains of path portable, which must see
// every sum that they may not round twice.
func (e *exactFMA) check(t *testing.T, x, y, z float32) {
	t.Helper()
	// All signs that make a difference: of the product and of z.
	for _, x := range []float32{x, -x} {
		for _, z := range []float32{z, -z} {
			want, got := e.fma(x, y, z), fma(x, y, z)
			if math.Float32bits(got) != math.Float32bits(want) && (got == got || want == want) {
				t.Fatalf("fma(%x, %x, %x) is %x (%#08x), want %x (%#08x)", x, y, z,
					got, math.Float32bits(got), want, math.Float32bits(want))
			}
			s := float64(x)*float64(y) + float64(z)
			if !sameBits(want, float32(s)) {
				if e.wrong++; math.Abs(s) < 0x1p-126 {
					e.wrongSubnormal++
				}
				require.True(t, maybeHalfway(s), "fma(%x, %x, %x)", x, y, z)
			}
			var sums, weights [portableRows]float32
			for r := range sums {
				sums[r], weights[r] = z, x
			}
			chainPortable(sums[:], weights[:], []float32{y})
			for _, got := range sums {
				if !sameBits(want, got) {
					t.Fatalf("a chain's fma(%x, %x, %x) is %x (%#08x), want %x (%#08x)", x, y, z,
						got, math.Float32bits(got), want, math.Float32bits(want))
				}
			}
		}
	}
}

func TestFMASpecialValues(t *testing.T) {
	zero, negZero := float32(0), negativeZero
	for _, c := range []struct{ x, y, z, want float32 }{
		{zero, zero, zero, zero},
		{negZero, zero, zero, zero},
		{negZero, zero, negZero, negZero},
		{zero, zero, negZero, zero},
		{1, -1, 1, zero}, // an exact zero is positive
		{-1, 1, 1, zero},
		{least, -least, zero, negZero}, // underflow keeps the sign
		{least, least, negZero, zero},
		{least, 0.5, zero, zero}, // half-way to 0, which is even
		{least, 0.5, least, 2 * least},
		{maxFloat, 1, 0x1p+102, maxFloat},
		{maxFloat, 1, 0x1p+103, inf},                          // half-way to 2^128
		{0x1p+103 - 0x1p+80, 1 + 0x1p-23, maxFloat, maxFloat}, // a little less
		{maxFloat, 2, -maxFloat, maxFloat},
		{maxFloat, maxFloat, zero, inf},
		{maxFloat, maxFloat, -inf, -inf},
		{inf, 1, zero, inf},
		{inf, -1, maxFloat, -inf},
		{1, 1, -inf, -inf},
		{inf, 1, -inf, nan},
		{inf, -1, inf, nan},
		{inf, zero, 1, nan},
		{zero, -inf, nan, nan},
		{nan, 1, 1, nan},
		{1, nan, 1, nan},
		{1, 1, nan, nan},
	} {
		lstmtest.RequireBits(t, []float32{c.want}, []float32{fma(c.x, c.y, c.z)}, "fma(%x, %x, %x)", c.x, c.y, c.z)
		lstmtest.RequireBits(t, []float32{c.want}, []float32{fma(c.y, c.x, c.z)}, "fma(%x, %x, %x)", c.y, c.x, c.z)
	}
}

func TestFMAOfAwkwardValues(t *testing.T) {
	e := newExactFMA()
	for _, x := range lstmtest.Awkward {
		for _, y := range lstmtest.Awkward {
			for _, z := range lstmtest.Awkward {
				e.check(t, x, y, z)
			}
		}
	}
}

// Sums that lie half-way between two float32, or beside that by far less than
// float64 can tell: rounding twice gets these wrong.
func TestFMAHalfway(t *testing.T) {
	e, r := newExactFMA(), lstmtest.NewRand(3)
	beside := []float32{1, 1 - 0x1p-24, 1 + 0x1p-23, 1 - 0x1p-23}
	for i := range thinned(t, 20_000) {
		// z is any float32, the largest included, every fourth a subnormal, and x·y
		// half of the distance to its neighbour, times two factors that nearly
		// cancel: (1 + 2^-23)·(1 - 2^-23) is 1 - 2^-46.
		z := math.Float32frombits(r.Uint32N(0x7f800000))
		if i%4 == 0 {
			z = math.Float32frombits(r.Uint32N(1 << 23))
		}
		half := math.Ldexp(1, unitExponent(float64(z))-1)
		shift := r.IntN(20) - 10
		f, g := beside[r.IntN(4)], beside[r.IntN(4)]
		for _, exponent := range []int{-75, 0} { // half is too small for one float32 where z is subnormal
			x := float32(math.Ldexp(half, shift-exponent)) * f
			y := float32(math.Ldexp(1, exponent-shift)) * g
			e.check(t, x, y, z)
		}
	}
	for range thinned(t, 20_000) {
		// x·y has 25 bits, the last of them 1, and z all but vanishes beside it.
		x, y := r.Uint32N(1<<13)|1, r.Uint32N(1<<12)|1
		for x*y>>24 == 0 {
			x *= 3
		}
		scale := r.IntN(240) - 130 // down to where the product is subnormal
		z := float32(math.Ldexp(float64(1+r.IntN(3)), scale-20-r.IntN(100)))
		e.check(t, float32(x), float32(math.Ldexp(float64(y), scale)), z)
		e.check(t, float32(x), float32(math.Ldexp(float64(y), scale)), least)
		e.check(t, float32(x), float32(math.Ldexp(float64(y), scale)), 0)
	}
	require.Greater(t, e.wrong, e.wrongSubnormal)
	require.Positive(t, e.wrongSubnormal)
}

func TestFMACancellation(t *testing.T) {
	e, r := newExactFMA(), lstmtest.NewRand(4)
	for range thinned(t, 20_000) {
		x, y := anyFinite(r), anyFinite(r)
		p := float32(float64(x) * float64(y))
		if math.IsInf(float64(p), 0) {
			continue
		}
		e.check(t, x, y, -p)
		e.check(t, x, y, math.Nextafter32(-p, inf))
		e.check(t, x, y, math.Nextafter32(-p, -inf))
	}
}

func TestFMARandom(t *testing.T) {
	e, r := newExactFMA(), lstmtest.NewRand(5)
	for range thinned(t, 100_000) {
		e.check(t, anyFinite(r), anyFinite(r), anyFinite(r))
		// The same order of magnitude, so that every bit counts.
		e.check(t, float32(r.NormFloat64()), float32(r.NormFloat64()), float32(r.NormFloat64()))
		// Subnormal results.
		e.check(t, float32(r.NormFloat64()*0x1p-70), float32(r.NormFloat64()*0x1p-70), float32(r.NormFloat64()*0x1p-140))
	}
}

// anyFinite returns a float32 of any magnitude.
func anyFinite(r *rand.Rand) float32 {
	return math.Float32frombits(r.Uint32N(0x7f800000) | r.Uint32()&(1<<31))
}

// thinned is n, or a part of it in a short run.
func thinned(t *testing.T, n int) int {
	if testing.Short() {
		return n / 20
	}
	return n
}

// unitExponent is the exponent of the last place of a float32 near x.
func unitExponent(x float64) int {
	if x == 0 {
		return -149
	}
	_, e := math.Frexp(x)
	return max(e-24, -149)
}

// everyNth is how densely the activations are tried here. Package exhaustive
// tries all 2^32 values, which takes minutes.
const everyNth = 4001

// ordinal counts the float32 values in ascending order, 0 being 0: it is the
// inverse of nth.
func ordinal(x float32) int64 {
	if x < 0 {
		return -int64(math.Float32bits(-x))
	}
	return int64(math.Float32bits(x))
}

func nth(i int64) float32 {
	if i < 0 {
		return -math.Float32frombits(uint32(-i))
	}
	return math.Float32frombits(uint32(i))
}

// An activation is one of the functions that are within 1 ulp, and the truth about it.
type activation struct {
	name   string
	slice  func(dst, x []float32)
	exact  func(x float32) float64 // to within a small part of a float32's last place
	where  []float32               // its thresholds
	zeroTo float32                 // up to here it is +0 by the contract; NaN for nowhere
}

var activations = []activation{
	{
		name:  "sigmoid",
		slice: Sigmoid,
		exact: exact.Sigmoid,
		// The limits, where σ becomes 0, where it becomes 1, and where the
		// reduction's n changes.
		where:  []float32{40, contract.Sigmoid.Min, -104, 16.64, 17.33, math.Ln2 / 2, -math.Ln2 / 2, 3 * math.Ln2 / 2, 88.8, -88.8},
		zeroTo: contract.Sigmoid.Min,
	},
	{
		name:   "tanh",
		slice:  Tanh,
		exact:  exact.Tanh,
		where:  []float32{0x1.233334p+3, 9.01, 9.02, math.Ln2 / 4, 3 * math.Ln2 / 4, 0x1p-12, 40, 88.8, 88.7228},
		zeroTo: nan,
	},
	{
		name:   "elu",
		slice:  ActivationELU.WithDefaults().Apply,
		exact:  exact.ExpMinusOne,
		where:  []float32{contract.ELU.Min, 17.33, math.Ln2 / 2, 3 * math.Ln2 / 2},
		zeroTo: nan,
	},
	{
		name:   "softplus",
		slice:  ActivationSoftplus.WithDefaults().Apply,
		exact:  exact.Softplus,
		where:  []float32{contract.Sigmoid.Min, contract.Softplus.Near, 17.33, 3 * math.Ln2 / 2},
		zeroTo: contract.Sigmoid.Min,
	},
	{
		name:   "exp",
		slice:  Exp,
		exact:  exact.Exp,
		where:  []float32{contract.Exp.Min, -0x1.049f94p+6, math.Ln2 / 2, 3 * math.Ln2 / 2},
		zeroTo: -0x1.049f94p+6,
	},
}

// walk tries every step-th value from one to the other, both included: each
// within 1 ulp and not less than the one before.
func (a *activation) walk(t *testing.T, from, to float32, step int64) {
	t.Helper()
	const chunk = 4096
	var x, y [chunk]float32
	last := float32(math.Inf(-1))
	for first := ordinal(from); first <= ordinal(to); first += chunk * step {
		n := 0
		for i := first; n < chunk && i <= ordinal(to); i += step {
			x[n] = nth(i)
			n++
		}
		a.slice(y[:n], x[:n])
		for i, v := range y[:n] {
			if x[i] <= a.zeroTo {
				if math.Float32bits(v) != 0 {
					t.Fatalf("%s(%x) is %x, want 0", a.name, x[i], v)
				}
			} else if want := a.exact(x[i]); math.IsInf(want, 0) {
				require.EqualValues(t, want, v, "%s(%x)", a.name, x[i])
			} else if u := exact.Ulps(v, want); !(u < 1) {
				t.Fatalf("%s(%x) is %x, wrong by %.3f ulp", a.name, x[i], v, u)
			}
			if v < last {
				t.Fatalf("%s(%x) is %x, less than %x for a smaller argument", a.name, x[i], v, last)
			}
			last = v
		}
	}
}

func TestActivationsEverywhere(t *testing.T) {
	lstmtest.EachPath(t, func(t *testing.T) {
		for _, a := range activations {
			step := int64(everyNth)
			if testing.Short() {
				step *= 10
			}
			a.walk(t, -inf, inf, step)
		}
	})
}

// All values near 0, near the thresholds and where numbers change their kind.
func TestActivationsInPlaces(t *testing.T) {
	const around = 10_000
	lstmtest.EachPath(t, func(t *testing.T) {
		for _, a := range activations {
			places := append([]float32{0, 0x1p-126, 1, 0x1p-24, maxFloat}, a.where...)
			for _, place := range places {
				for _, x := range []float32{place, -place} {
					from, to := ordinal(x)-around, ordinal(x)+around
					a.walk(t, nth(max(from, ordinal(-inf))), nth(min(to, ordinal(inf))), 1)
				}
			}
		}
	})
}

func TestTanhIsOdd(t *testing.T) {
	lstmtest.EachPath(t, func(t *testing.T) {
		r := lstmtest.NewRand(6)
		x := lstmtest.Awkwards(r, 4000, 3)
		for i := range x[:2000] {
			x[i] = anyFinite(r)
		}
		negated := make([]float32, len(x))
		for i, v := range x {
			negated[i] = -v
		}
		y, z := make([]float32, len(x)), make([]float32, len(x))
		Tanh(y, x)
		Tanh(z, negated)
		for i := range z {
			z[i] = -z[i]
		}
		lstmtest.RequireBits(t, y, z, "-tanh(-x)")
	})
}

func TestActivationsOfSpecialValues(t *testing.T) {
	lstmtest.EachPath(t, func(t *testing.T) {
		for _, c := range []struct{ x, sigmoid, tanh float32 }{
			{0, 0.5, 0},
			{negativeZero, 0.5, negativeZero},
			{least, 0.5, least},
			{-least, 0.5, -least},
			{0x1.fffffcp-127, 0.5, 0x1.fffffcp-127},
			{0x1p-126, 0.5, 0x1p-126},
			{-0x1p-126, 0.5, -0x1p-126},
			{0x1p-13, 0.5 + 0x1p-15, 0x1p-13},
			{40, 1, 1},
			{-40, 0x1.397924p-58, -1},
			{math.Nextafter32(contract.Sigmoid.Min, 0), 0x1.0000ccp-126, -1},
			{contract.Sigmoid.Min, 0, -1},
			{-104, 0, -1},
			{maxFloat, 1, 1},
			{-maxFloat, 0, -1},
			{inf, 1, 1},
			{-inf, 0, -1},
			{nan, nan, nan},
			{-nan, nan, nan},
			{math.Float32frombits(0x7f800001), nan, nan}, // a signalling NaN
			{math.Float32frombits(0xffffffff), nan, nan},
		} {
			// Every lane of a vector, and what is left of one.
			for n := 1; n <= 40; n++ {
				x, y := make([]float32, n), make([]float32, n)
				for i := range x {
					x[i] = c.x
				}
				want := make([]float32, n)
				for i := range want {
					want[i] = c.sigmoid
				}
				Sigmoid(y, x)
				lstmtest.RequireBits(t, want, y, "%d × sigmoid(%x)", n, c.x)
				for i := range want {
					want[i] = c.tanh
				}
				Tanh(y, x)
				lstmtest.RequireBits(t, want, y, "%d × tanh(%x)", n, c.x)
			}
		}
	})
}

// Slices of every length about a vector's and a call's, in place and not, are
// the functions of their elements, and nothing beyond is touched.
func TestActivationsOfSlices(t *testing.T) {
	lstmtest.EachPath(t, func(t *testing.T) {
		lengths := []int{maxElements - 1, maxElements, maxElements + 1, 2*maxElements + 5}
		for n := range 70 {
			lengths = append(lengths, n)
		}
		r := lstmtest.NewRand(7)
		scalar := map[string]func(float32) float32{
			"sigmoid": sigmoid, "tanh": tanh, "softplus": softplus, "exp": exp,
			"elu": func(x float32) float32 {
				if x < 0 {
					return expMinusOne(x)
				}
				return x
			},
		}
		for _, n := range lengths {
			for _, a := range activations {
				x := lstmtest.Awkwards(r, n+2, 4)
				x[0], x[n+1] = 77, 77
				dst := make([]float32, n+2)
				dst[0], dst[n+1] = 77, 77
				want := make([]float32, n+2)
				want[0], want[n+1] = 77, 77
				for i := 1; i <= n; i++ {
					want[i] = scalar[a.name](x[i])
				}
				a.slice(dst[1:n+1], x[1:n+1])
				lstmtest.RequireBits(t, want, dst, "%s of %d elements", a.name, n)
				a.slice(x[1:n+1], x[1:n+1])
				lstmtest.RequireBits(t, want, x, "%s of %d elements in place", a.name, n)
			}
		}
	})
}
