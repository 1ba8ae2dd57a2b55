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
	y, refined := t.sigmoid(x, k.min, k.max)
	return t, t.let("σ", ZeroBelow, y, k.least, refined)
}

// gate adds the lines of σ(z) of a gate's sum z to a new thread: shut no more
// tightly than at contract.Shut, where σ needs not be made 0.
func (f *Formula) gate(z Value) (*Thread, Value) {
	t := f.Thread("σ: ")
	_, refined := t.sigmoid(z, shut, sigmoidConstants.max)
	return t, t.named("σ", refined)
}

// sigmoid is the quotient of σ(min(most, max(least, x))), and σ itself. The limits
// lie within those of σ.
func (t *Thread) sigmoid(x, least, most Value) (quotient, refined Value) {
	k := &sigmoidConstants
	t.line()
	x = t.do(Max, least, t.see(x, "x"))
	x = t.let("x", Min, most, x)
	t.line()
	m := t.let("m", FMA, x, k.negLog2E, k.round)
	n := t.let("n", Sub, m, k.round)
	t.line()
	r := t.let("r", FMA, n, k.ln2Hi, x)
	r = t.let("r", FMA, n, k.ln2Lo, r)
	t.line("s = 2^n")
	r2 := t.let("r²", FMA, r, r, leastSquare)
	s := t.shift("s", m, 23)
	t.line()
	a := t.let("a", FMA, r, k.p[3], k.p[2])
	b := t.let("b", FMA, r, k.p[1], k.p[0])
	t.line()
	a = t.do(FMA, r2, k.p[4], a)
	q := t.let("q", FMA, a, r2, b)
	t.line("v = 1 - e^-r")
	v := t.let("v", FNMA, q, r2, r)
	t.line()
	d := t.let("d", FNMA, v, s, t.do(Add, s, one))
	t.line()
	y := t.let("y", Div, one, d)
	t.line("what d lacks of 1 + e^-x")
	e := t.do(Sub, s, d)
	e = t.do(Add, e, one)
	e = t.let("e", FNMA, v, s, e)
	t.line()
	g := t.do(FNMA, y, d, one)
	g = t.let("g", FNMA, y, e, g)
	t.line()
	return y, t.do(FMA, g, y, y)
}

var (
	shut        = constant(Float("shut", contract.Shut))
	leastSquare = constant(Float("leastSquare", contract.LeastSquare))
)

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
	y, sign := t.tanh(x, tanhConstants.max)
	return t, t.let("tanh", Or, y, sign)
}

// tanh is tanh(min(most, |x|)), and x's sign. most is no more than the limit of
// tanh.
func (t *Thread) tanh(x, most Value) (y, sign Value) {
	k := &tanhConstants
	t.line()
	abs := t.do(And, t.see(x, "x"), allButSign)
	sign = t.let("sign", And, x, signBit)
	abs = t.let("A", Min, most, abs)
	t.line("n ≤ 0")
	m := t.do(FMA, abs, k.negTwoLog2E, k.round)
	m = t.do(Min, k.roundMax, m)
	m = t.let("m", And, m, k.roundMask)
	n := t.let("n", Sub, m, k.roundZero)
	t.line()
	r := t.let("r", FMA, n, k.halfLn2, abs)
	z := t.let("z", FMA, r, r, leastSquare)
	t.line()
	p := t.do(FMA, z, k.p[3], k.p[2])
	p = t.let("p", FMA, p, z, k.p[1])
	t.line("F = 2^n")
	f := t.shift("F", m, int(contract.Tanh.ShiftToExp))
	p = t.let("p", FMA, p, z, k.p[0])
	t.line("t = tanh r")
	rz := t.do(Mul, r, z)
	tr := t.let("t", FMA, rz, p, r)
	t.line()
	a := t.let("a", Sub, one, f)
	num := t.let("N", FNMA, tr, t.do(Sub, k.three, f), a)
	den := t.let("D", FMA, a, tr, t.do(Add, f, one))
	t.line()
	y = t.do(Div, num, den)
	return t.let("|tanh|", FNMA, y, f, a), sign
}

// flush adds the lines of flush(x) to a new thread.
func (f *Formula) flush(x Value) (*Thread, Value) {
	t := f.Thread("")
	t.line()
	return t, t.flush("y", t.see(x, "x"))
}

// flush is x, or +0 where it is tiny, by name.
func (t *Thread) flush(name string, x Value) Value {
	return t.let(name, ZeroBelow, t.do(And, x, allButSign), tiny, x)
}
