package exact

import "math/big"

// precision is far more than what any float32 result needs to be told from its
// neighbours: the results here keep at least half of these bits, from e^-128 to
// 1 - e^-256.
const precision = 512

func newBig() *big.Float { return new(big.Float).SetPrec(precision) }

// bigExp returns e^x for |x| up to 256, by Taylor's series of e^(x/2^k).
func bigExp(x *big.Float) *big.Float {
	const halvings = 32
	r := newBig().SetMantExp(newBig().Set(x), -halvings)
	sum, term := newBig().SetInt64(1), newBig().SetInt64(1)
	for i := int64(1); term.Sign() != 0 && term.MantExp(nil) > -precision; i++ {
		term.Mul(term, r)
		term.Quo(term, newBig().SetInt64(i))
		sum.Add(sum, term)
	}
	for range halvings {
		sum.Mul(sum, sum)
	}
	return sum
}

// beyond is where the functions' distance from their limits does not matter any
// more, being less than 2^-184.
const beyond = 128

// BigSigmoid is [Sigmoid] with hundreds of correct bits.
func BigSigmoid(x float32) *big.Float {
	limited := max(-beyond, min(float64(x), beyond))
	e := bigExp(newBig().SetFloat64(-limited))
	one := newBig().SetInt64(1)
	return e.Quo(one, e.Add(one, e))
}

// BigTanh is [Tanh] with hundreds of correct bits.
func BigTanh(x float32) *big.Float {
	limited := max(-beyond, min(float64(x), beyond))
	e := bigExp(newBig().SetFloat64(2 * limited))
	one := newBig().SetInt64(1)
	return newBig().Quo(newBig().Sub(e, one), newBig().Add(e, one))
}

// BigUlps is [Ulps] with an exact value of any precision.
func BigUlps(got float32, exact *big.Float) float64 {
	exponent := -126
	if exact.Sign() != 0 {
		exponent = exact.MantExp(nil)
	}
	unit := max(exponent-1, -126) - 23
	d := newBig().Sub(newBig().SetFloat64(float64(got)), exact)
	ulps, _ := d.SetMantExp(d.Abs(d), -unit).Float64()
	return ulps
}
