// Package exact has the truth about the activations, to judge float32 results
// by: fast to within a known small error, and with as many digits as it takes.
package exact

import (
	"math"
	"math/big"
)

// RelativeError bounds the error of the functions here, relative to the result. It is 2^-26 of a float32's last place.
//
// With u = 2^-53, the rounding error of one operation: expNegative is within
// 2.3u (1u of the table, 1u of the last addition, the rest of the polynomial,
// whose truncation is below 2^-63). Sigmoid adds that of a sum and a division
// and is within 5.4u. Tanh by way of 1 - e, with e ≤ 0.61 known to 2.3u, is
// within 7.4u, and by its series within 1.3u. ExpMinusOne, with e ≤ 0.61, is
// within 4.6u, and by its series within 2.5u. Softplus adds to expNegative the
// errors of math.Log1p, 2u by its source, and of a sum, and is within 5.3u. The
// bound is 8u.
const RelativeError = 0x1p-50

// Sigmoid returns 1 / (1 + e^-x). Below -128, where the value is less than
// 2^-184, it returns 0. x is not NaN.
func Sigmoid(x float32) float64 {
	e := expNegative(math.Abs(float64(x)))
	if x < 0 {
		return e / (1 + e)
	}
	return 1 / (1 + e)
}

// Tanh returns the hyperbolic tangent of x, which is not NaN.
func Tanh(x float32) float64 {
	a := math.Abs(float64(x))
	if a < 0.25 {
		z := a * a
		p := tanhSeries[len(tanhSeries)-1]
		for i := len(tanhSeries) - 2; i >= 0; i-- {
			p = p*z + tanhSeries[i]
		}
		a += a * z * p
	} else {
		e := expNegative(2 * a)
		a = (1 - e) / (1 + e)
	}
	return math.Copysign(a, float64(x))
}

// tanhSeries are the coefficients of x³, x⁵, … in Taylor's series of tanh, whose
// signs alternate. Below 1/4, the first that is missing contributes 2^-58.
var tanhSeries = [...]float64{
	-1.0 / 3,
	2.0 / 15,
	-17.0 / 315,
	62.0 / 2835,
	-1382.0 / 155925,
	21844.0 / 6081075,
	-929569.0 / 638512875,
	6404582.0 / 10854718875,
	-443861162.0 / 1856156927625,
	18888466084.0 / 194896477400625,
}

// Exp returns e^x for x ≤ 0, and 1 for x > 0. Below -128 it returns 0. x is not NaN.
func Exp(x float32) float64 { return expNegative(-min(float64(x), 0)) }

// ExpMinusOne returns e^x - 1 for x < 0, and x for x ≥ 0. x is not NaN.
func ExpMinusOne(x float32) float64 {
	v := float64(x)
	switch {
	case v >= 0:
		return v
	case v <= -0.5:
		return expNegative(-v) - 1
	}
	p := expSeries[len(expSeries)-1]
	for i := len(expSeries) - 2; i >= 0; i-- {
		p = p*v + expSeries[i]
	}
	return v * p
}

// expSeries are the coefficients of x, x², … in the series of e^x. Above -1/2, the
// first that is missing contributes 2^-59.
var expSeries = makeExpSeries()

func makeExpSeries() (series [15]float64) {
	factorial := 1.0
	for i := range series {
		factorial *= float64(i + 1)
		series[i] = 1 / factorial
	}
	return series
}

// Softplus returns ln(1 + e^x). Below -128, where the value is less than 2^-184, it
// returns 0. x is not NaN.
func Softplus(x float32) float64 {
	return max(float64(x), 0) + math.Log1p(expNegative(math.Abs(float64(x))))
}

const (
	tableSteps = 32 // table entries from one whole number to the next
	tableEnd   = 128
)

// expTable[k] is e^(-k/32), correctly rounded.
var expTable = makeTable()

func makeTable() *[tableSteps*tableEnd + 1]float64 {
	var table [tableSteps*tableEnd + 1]float64
	factor := bigExp(big.NewFloat(-1.0 / tableSteps))
	e := newBig().SetInt64(1)
	for k := range table {
		table[k], _ = e.Float64()
		e.Mul(e, factor)
	}
	return &table
}

// expNegative returns e^-a for a ≥ 0, 0 if a is more than 128. a is a float32
// or twice one, which makes r exact.
func expNegative(a float64) float64 {
	if a > tableEnd {
		return 0
	}
	k := int(a*tableSteps + 0.5)
	r := float64(k)/tableSteps - a // at most 1/64, and -a = r - k/32
	q := 1.0 / 5040
	q = q*r + 1.0/720
	q = q*r + 1.0/120
	q = q*r + 1.0/24
	q = q*r + 1.0/6
	q = q*r + 1.0/2
	q = q*r + 1
	t := expTable[k]
	return t + t*(q*r)
}

// Ulps returns the distance of got from the exact value, in units of the last
// place of a float32 near the exact value. Both are finite.
func Ulps(got float32, exact float64) float64 {
	const minExponent = -126
	exponent := int(math.Float64bits(exact)>>52&0x7ff) - 1023
	unit := max(exponent, minExponent) - 23
	return math.Abs(float64(got)-exact) * math.Float64frombits(uint64(1023-unit)<<52)
}
