package gen

import (
	"math"

	"example.com/lstm/internal/contract"
)

// The contract's σ, tanh and flush, operation by operation as docs/contract.md
// and the oracle have them. Two of their lines are turned round, which rounds
// the same: -(x - y) for y - x, so that every fused operation has the form
// c + a·b or c - a·b, the only ones of all machines.

var sigmoidConstants = struct {
	max, min, least, negLog2E, round, ln2Hi, ln2Lo Value
	p                                              [5]Value
}{
	max:      constant(Float("sigmoidMax", contract.Sigmoid.Max)),
	min:      constant(Float("sigmoidMin", contract.Sigmoid.Min)),
	least:    constant(Float("sigmoidLeast", contract.Sigmoid.Least)),
	negLog2E: constant(Float("sigmoidNegLog2E", contract.Sigmoid.NegLog2E)),
	round:    constant(Float("sigmoidRound", contract.Sigmoid.Round)),
	ln2Hi:    constant(Float("sigmoidLn2Hi", contract.Sigmoid.Ln2Hi)),
	ln2Lo:    constant(Float("sigmoidLn2Lo", contract.Sigmoid.Ln2Lo)),
	p: [5]Value{
		constant(Float("sigmoidP0", contract.Sigmoid.P[0])),
		constant(Float("sigmoidP1", contract.Sigmoid.P[1])),
		constant(Float("sigmoidP2", contract.Sigmoid.P[2])),
		constant(Float("sigmoidP3", contract.Sigmoid.P[3])),
		constant(Float("sigmoidP4", contract.Sigmoid.P[4])),
	},
}

// sigmoid adds the lines of σ(x) to a new thread.
func (f *Formula) sigmoid(x Value) (*Thread, Value) {
	t, k := f.Thread("σ: "), &sigmoidConstants
	t.say("x = min(40, max(Min, x))")
	x = t.do(Max, k.min, x)
	x = t.do(Min, k.max, x)
	t.say("m = x·(-1/ln2) + Round, n = m - Round")
	m := t.do(FMA, x, k.negLog2E, k.round)
	n := t.do(Sub, m, k.round)
	t.say("r = x + n·ln2, in two parts")
	r := t.do(FMA, n, k.ln2Hi, x)
	r = t.do(FMA, n, k.ln2Lo, r)
	t.say("r², and s = 2^n by its bits")
	r2 := t.do(Mul, r, r)
	s := t.shift(m, 23)
	t.say("a = P3·r + P2, b = P1·r + P0")
	a := t.do(FMA, r, k.p[3], k.p[2])
	b := t.do(FMA, r, k.p[1], k.p[0])
	t.say("q = (P4·r² + a)·r² + b")
	a = t.do(FMA, r2, k.p[4], a)
	q := t.do(FMA, a, r2, b)
	t.say("-w = r - q·r², w = e^-r - 1")
	w := t.do(FNMA, q, r2, r)
	t.say("d = (s + 1) + w·s")
	d := t.do(FNMA, w, s, t.do(Add, s, one))
	t.say("y = 1 / d")
	y := t.do(Div, one, d)
	t.say("e = ((s - d) + 1) + w·s, what d lacks")
	e := t.do(Sub, s, d)
	e = t.do(Add, e, one)
	e = t.do(FNMA, w, s, e)
	t.say("g = (1 - y·d) - y·e")
	g := t.do(FNMA, y, d, one)
	g = t.do(FNMA, y, e, g)
	t.say("σ = y + g·y, or 0 where y < Least")
	return t, t.do(ZeroBelow, y, k.least, t.do(FMA, g, y, y))
}

var one = constant(Float("one", 1))

var tanhConstants = struct {
	max, negTwoLog2E, round, roundMax, roundMask, roundZero, halfLn2, three Value
	p                                                                       [4]Value
}{
	max:         constant(Float("tanhMax", contract.Tanh.Max)),
	negTwoLog2E: constant(Float("tanhNegTwoLog2E", contract.Tanh.NegTwoLog2E)),
	round:       constant(Float("tanhRound", contract.Tanh.Round)),
	roundMax:    constant(Float("tanhRoundMax", contract.Tanh.RoundMax)),
	roundMask:   constant(Constant{"tanhRoundMask", contract.Tanh.RoundMask}),
	roundZero:   constant(Float("tanhRoundZero", contract.Tanh.RoundZero)),
	halfLn2:     constant(Float("tanhHalfLn2", contract.Tanh.HalfLn2)),
	three:       constant(Float("three", 3)),
	p: [4]Value{
		constant(Float("tanhP0", contract.Tanh.P[0])),
		constant(Float("tanhP1", contract.Tanh.P[1])),
		constant(Float("tanhP2", contract.Tanh.P[2])),
		constant(Float("tanhP3", contract.Tanh.P[3])),
	},
}

var (
	signBit    = constant(Constant{"signBit", 1 << 31})
	allButSign = constant(Constant{"allButSign", math.MaxInt32})
	tiny       = constant(Float("tiny", contract.Tiny))
)

// tanh adds the lines of tanh(x) to a new thread.
func (f *Formula) tanh(x Value) (*Thread, Value) {
	t := f.Thread("tanh: ")
	y, sign := t.tanh(x)
	return t, t.do(Or, y, sign)
}

// tanh is |tanh(x)|, and x's sign.
func (t *Thread) tanh(x Value) (y, sign Value) {
	k := &tanhConstants
	t.say("A = min(9.1, |x|), and x's sign")
	abs := t.do(And, x, allButSign)
	sign = t.do(And, x, signBit)
	abs = t.do(Min, k.max, abs)
	t.say("m = A·(-2/ln2) + Round, cut to n + 3199, n ≤ 0")
	m := t.do(FMA, abs, k.negTwoLog2E, k.round)
	m = t.do(Min, k.roundMax, m)
	m = t.do(And, m, k.roundMask)
	n := t.do(Sub, m, k.roundZero)
	t.say("r = A + n·ln2/2, z = r²")
	r := t.do(FMA, n, k.halfLn2, abs)
	z := t.do(Mul, r, r)
	t.say("p = ((P3·z + P2)·z + P1)·z + P0")
	p := t.do(FMA, z, k.p[3], k.p[2])
	p = t.do(FMA, p, z, k.p[1])
	t.say("F = 2^n by its bits")
	f := t.shift(m, int(contract.Tanh.ShiftToExp))
	p = t.do(FMA, p, z, k.p[0])
	t.say("t = r + r·z·p = tanh r")
	rz := t.do(Mul, r, z)
	tr := t.do(FMA, rz, p, r)
	t.say("a = 1 - F, N = a - t·(3 - F), D = (1 + F) + a·t")
	a := t.do(Sub, one, f)
	num := t.do(FNMA, tr, t.do(Sub, k.three, f), a)
	den := t.do(FMA, a, tr, t.do(Add, f, one))
	t.say("|tanh| = a - F·N/D, and x's sign")
	y = t.do(Div, num, den)
	return t.do(FNMA, y, f, a), sign
}

// flush adds the lines of flush(x) to a new thread.
func (f *Formula) flush(x Value) (*Thread, Value) {
	t := f.Thread("")
	t.say("x, or 0 where |x| is tiny")
	return t, t.flush(x)
}

func (t *Thread) flush(x Value) Value {
	return t.do(ZeroBelow, t.do(And, x, allButSign), tiny, x)
}
