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

// BigExp is [Exp] with hundreds of correct bits.
func BigExp(x float32) *big.Float {
	return bigExp(newBig().SetFloat64(max(-beyond, min(float64(x), 0))))
}

// BigExpMinusOne is [ExpMinusOne] with hundreds of correct bits.
func BigExpMinusOne(x float32) *big.Float {
	if x >= 0 {
		return newBig().SetFloat64(float64(x))
	}
	e := BigExp(x)
	return e.Sub(e, newBig().SetInt64(1))
}

// BigSoftplus is [Softplus] with hundreds of correct bits.
func BigSoftplus(x float32) *big.Float {
	t := BigExp(-max(x, -x))
	// ln(1 + t) is 2·(z + z³/3 + z⁵/5 + …) with z = t/(2 + t).
	z := newBig().Quo(t, newBig().Add(t, newBig().SetInt64(2)))
	square := newBig().Mul(z, z)
	sum, power := newBig(), newBig().Set(z)
	for i := int64(1); ; i += 2 {
		term := newBig().Quo(power, newBig().SetInt64(i))
		if sum.Sign() != 0 && term.MantExp(nil) < sum.MantExp(nil)-precision {
			break
		}
		sum.Add(sum, term)
		power.Mul(power, square)
	}
	sum.Add(sum, sum)
	return sum.Add(sum, newBig().SetFloat64(max(float64(x), 0)))
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
