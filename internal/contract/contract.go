// Package contract holds the coefficients of the numeric contract: the one
// table that the pure-Go oracle and the kernel generator have in common; and
// Flush, its rule for tiny numbers, for packing and the oracle.
//
// The op sequences that use the coefficients are written twice on purpose, by
// hand in the oracle and over vectors in the generator, so that each can prove
// the other. What they mean is explained in docs/contract.md.
package contract

import "math"

// Tiny is the least magnitude of a parameter, of an element of an input, of an h
// and of a c that is not taken as zero. What is nearer to zero becomes +0 where
// it enters or is made, so that no product meets a subnormal number, which costs
// some processors a hundred times the usual time.
const Tiny = 0x1p-64

// Shut is the least sum of a gate that counts: below it, a gate is as if it were
// Shut. It lets 2^-60.6 through, so little that it makes no difference beside
// Tiny, and so much that its product with what is not tiny is no subnormal number.
const Shut = -42

// LeastSquare is added to the squares in σ and tanh, which it changes by nothing
// that shows: where they are as small as that, the functions are linear. Without it
// the square of a number near Tiny would be subnormal, and its cube vanish.
const LeastSquare = 0x1p-60

// The quantisation of vectors that int8 weights are multiplied with: the largest
// magnitude of an element becomes a top, and what is least of the largest magnitudes
// keeps a vector of zeros from a division by zero. Smaller, it would make scales whose
// product with those of ordinary weights is subnormal.
const (
	Top            = 127  // of 7 bits and a sign
	TopDigits      = 8191 // of 14 bits with the sign
	LeastMagnitude = Tiny
)

// Flush returns x, or +0 if x is nearer to zero than [Tiny]. A NaN is not.
func Flush(x float32) float32 {
	const tiny = (127 - 64) << 23 // the bits of Tiny
	bits := math.Float32bits(x)
	if bits&^(1<<31) < tiny {
		bits = 0 // an integer is moved on a condition, without a jump
	}
	return math.Float32frombits(bits)
}

// Sigmoid is σ(x) = 1 / (1 + e^-x), by reduction to e^-r - 1 with |r| ≤ ln2/2
// and a division whose rounding error is compensated.
var Sigmoid = struct {
	Max          float32 // above it, σ is 1 in float32
	Min          float32 // up to it, σ is 0, since farther down it would be subnormal
	Least        float32 // between the quotients of Min and of the number above it
	NegLog2E     float32 // -1/ln 2
	Round        float32 // 1.5·2^23 + 127: adding it rounds to an integer and biases the exponent
	Ln2Hi, Ln2Lo float32 // ln 2 in two parts, the first with trailing zeros
	// e^-r - 1 = -r + r²·(P0 + P1·r + P2·r² + P3·r³ + P4·r⁴)
	P [5]float32
}{
	Max:      40,
	Min:      -0x1.5d589ep+6,
	Least:    0x1.00008p-126,
	NegLog2E: -0x1.715476p+0,
	Round:    12583039,
	Ln2Hi:    0x1.62e4p-1,
	Ln2Lo:    0x1.7f7d1cp-20,
	P: [5]float32{
		0x1.fffffap-2,
		-0x1.555492p-3,
		0x1.555a26p-5,
		-0x1.12397ep-7,
		0x1.694c8ep-10,
	},
}

// Tanh is tanh|x| by the addition theorem: with |x| = r - n·ln2/2, n ≤ 0, it is a
// rational function of tanh r and F = 2^n.
var Tanh = struct {
	Max         float32 // beyond it, tanh is 1 in float32
	NegTwoLog2E float32 // -2/ln 2
	Round       float32 // 3200.25: leaves n + 3199 in the high bits of the significand
	RoundMax    float32 // 3200 - 2^-12, so that n ≤ 0
	RoundMask   uint32  // clears the fraction of n
	RoundZero   float32 // 3199: what n = 0 looks like
	ShiftToExp  uint32  // moves n into the exponent field
	HalfLn2     float32 // ln 2 / 2
	// tanh r = r + r³·(P0 + P1·r² + P2·r⁴ + P3·r⁶)
	P [4]float32
}{
	Max:         0x1.233334p+3,
	NegTwoLog2E: -0x1.715476p+1,
	Round:       3200.25,
	RoundMax:    3200 - 0x1p-12,
	RoundMask:   0xfffff000,
	RoundZero:   3199,
	ShiftToExp:  11,
	HalfLn2:     0x1.62e43p-2,
	P: [4]float32{
		-0x1.55552ap-2,
		0x1.10ff6cp-3,
		-0x1.b59a4ap-5,
		0x1.2b10e8p-6,
	},
}

// Softsign is x / (1 + |x|).
var Softsign = struct {
	Max float32 // beyond it, the quotient is 1 in float32
}{
	Max: 0x1p+25,
}

// Exp is e^x for x ≤ 0, by Sigmoid's reduction to e^r with |r| ≤ ln2/2, the rounding
// errors of r and of 1 + r made good.
var Exp = struct {
	Min   float32 // below it, e^x is as of it
	Least float32 // less is 0, so that no quotient of a sum of 2^32 of them is subnormal
	// e^r = 1 + r + r²·(P0 + P1·r + P2·r² + P3·r³ + P4·r⁴ + P5·r⁵)
	P [6]float32
}{
	Min:   -87,
	Least: 0x1p-94,
	P: [6]float32{
		0.5,
		0x1.555556p-3,
		0x1.5554f6p-5,
		0x1.111004p-7,
		0x1.6d3caap-10,
		0x1.a242fcp-13,
	},
}

// ELU has the limit of e^x - 1.
var ELU = struct {
	Min float32 // below it, e^x - 1 is -1 in float32
}{
	Min: -25,
}

// Softplus is ln(1 + e^x): near 0 by a series, elsewhere by way of t = e^-|x|.
var Softplus = struct {
	Near         float32 // the series holds for |x| below it
	Ln2Hi, Ln2Lo float32 // ln 2 as two float32
	// ln(1 + e^x) = ln 2 + x/2 + x²·(N0 + N1·x² + N2·x⁴ + N3·x⁶)
	N [4]float32
	// ln(1 + t) = t - t²·(F0 + F1·t + … + F7·t⁷), t ≤ e^-Near
	F     [8]float32
	Slope float32 // 1 + Slope·(1 - ln(1 + t)/t) is nearly 1 / (1 + t), the derivative
}{
	Near:  0.5625,
	Ln2Hi: 0x1.62e43p-1,
	Ln2Lo: -0x1.05c61p-29,
	N: [4]float32{
		0.125,
		-0x1.5554fep-8,
		0x1.6bc564p-12,
		-0x1.a26d58p-16,
	},
	F: [8]float32{
		0.5,
		-0x1.5554a2p-2,
		0x1.ffd2c2p-3,
		-0x1.97665p-3,
		0x1.4716dap-3,
		-0x1.dd671cp-4,
		0x1.03b834p-4,
		-0x1.21f2d4p-6,
	},
	Slope: -1.75,
}

// HeadSums is the number of partial sums of a row of the linear head.
const HeadSums = 16
