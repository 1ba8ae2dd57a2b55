package gen

import "example.com/lstm/internal/contract"

// The functions of elements besides those of the usual cell, operation by
// operation as docs/contract.md and the oracle have them. As in activation.go some
// lines are turned round, which rounds the same.

// short begins the thread of a function whose lines need no name.
func (f *Formula) short(x Value) *Thread {
	t := f.Thread("")
	t.see(x, "x")
	t.line()
	return t
}

// hardSigmoid adds the lines of max(0, min(1, α·x + β)) to a new thread.
func (f *Formula) hardSigmoid(x, alpha, beta Value) (*Thread, Value) {
	t := f.short(x)
	y := t.do(FMA, t.see(alpha, "α"), x, t.see(beta, "β"))
	y = t.let("y", Min, one, y)
	return t, t.let("y", ZeroBelow, y, zero, y)
}

// relu adds the lines of max(0, x) to a new thread.
func (f *Formula) relu(x Value) (*Thread, Value) {
	t := f.short(x)
	return t, t.let("y", ZeroBelow, x, zero, x)
}

// leakyReLU adds the lines of x, or α·x where x < 0, to a new thread.
func (f *Formula) leakyReLU(x, alpha, _ Value) (*Thread, Value) {
	t := f.short(x)
	return t, t.let("y", IfBelow, x, zero, t.do(Mul, t.see(alpha, "α"), x), x)
}

// thresholdedReLU adds the lines of x, or 0 where x ≤ α, to a new thread. above is
// the number after α.
func (f *Formula) thresholdedReLU(x, above, _ Value) (*Thread, Value) {
	t := f.short(x)
	return t, t.let("y", ZeroBelow, x, t.see(above, "the number after α"), x)
}

// softsign adds the lines of x / (1 + |x|) to a new thread.
func (f *Formula) softsign(x Value) (*Thread, Value) {
	t := f.short(x)
	abs := t.do(And, x, allButSign)
	sign := t.let("sign", And, x, signBit)
	abs = t.let("A", Min, constant(Float("softsignMax", contract.Softsign.Max)), abs)
	t.line()
	y := t.do(Div, abs, t.do(Add, abs, one))
	return t, t.let("y", Or, y, sign)
}

// scaledTanh adds the lines of α·tanh(β·x) to a new thread.
func (f *Formula) scaledTanh(x, alpha, beta Value) (*Thread, Value) {
	t := f.Thread("tanh: ")
	t.line()
	y, sign := t.tanh(t.let("x", Mul, t.see(beta, "β"), t.see(x, "x")), tanhConstants.max)
	y = t.let("tanh", Or, y, sign)
	t.line()
	return t, t.let("y", Mul, t.see(alpha, "α"), y)
}

// affine adds the lines of α·x + β to a new thread.
func (f *Formula) affine(x, alpha, beta Value) (*Thread, Value) {
	t := f.short(x)
	return t, t.let("y", FMA, t.see(alpha, "α"), x, t.see(beta, "β"))
}

var expConstants = struct {
	min, least Value
	p          [6]Value
}{
	min:   constant(Float("expMin", contract.Exp.Min)),
	least: constant(Float("expLeast", contract.Exp.Least)),
	p: [6]Value{
		constant(Float("half", contract.Exp.P[0])),
		constant(Float("expP1", contract.Exp.P[1])),
		constant(Float("expP2", contract.Exp.P[2])),
		constant(Float("expP3", contract.Exp.P[3])),
		constant(Float("expP4", contract.Exp.P[4])),
		constant(Float("expP5", contract.Exp.P[5])),
	},
}

var zero = constant(Float("zero", 0))

// An exponential is e^X in parts, X being a limited x ≤ 0: e^X = s·e^(r + e), and
// e^r = 1 + r + r2·q.
type exponential struct{ s, r, e, r2, q Value }

// exponential adds the lines of these parts.
func (t *Thread) exponential(x Value) exponential {
	s, k := &sigmoidConstants, &expConstants
	var p exponential
	t.line()
	m := t.let("m", FNMA, x, s.negLog2E, s.round)
	n := t.let("n", Sub, m, s.round)
	t.line("s = 2^n")
	high := t.let("r0", FNMA, n, s.ln2Hi, x)
	p.r = t.let("r", FNMA, n, s.ln2Lo, high)
	p.s = t.shift("s", m, 23)
	t.line("what r lacks")
	p.e = t.let("e", FNMA, n, s.ln2Lo, t.do(Sub, high, p.r))
	p.r2 = t.let("r²", FMA, p.r, p.r, leastSquare)
	t.line()
	a := t.let("a", FMA, p.r, k.p[3], k.p[2])
	b := t.let("b", FMA, p.r, k.p[1], k.p[0])
	c := t.let("c", FMA, p.r, k.p[5], k.p[4])
	t.line()
	a = t.let("a", FMA, c, p.r2, a)
	p.q = t.let("q", FMA, a, p.r2, b)
	return p
}

// sum is e^(r + e) as two numbers that are yet to be added.
func (t *Thread) sum(p exponential) (a, b Value) {
	t.line("what a lacks, too")
	a = t.let("a", Add, p.r, one)
	b = t.do(Sub, p.r, t.do(Sub, a, one))
	b = t.do(Add, b, p.e)
	b = t.let("b", FMA, p.q, p.r2, b)
	return a, b
}

// exp adds the lines of e^min(0, x), 0 where it is small, to a new thread.
func (f *Formula) exp(x Value) (*Thread, Value) {
	t := f.Thread("exp: ")
	t.line()
	x = t.do(Min, zero, t.see(x, "x"))
	p := t.exponential(t.let("X", Max, expConstants.min, x))
	a, b := t.sum(p)
	t.line()
	y := t.let("y", Mul, t.do(Add, a, b), p.s)
	return t, t.let("y", ZeroBelow, y, expConstants.least, y)
}

// negative is max(least, -|x|).
func (t *Thread) negative(x, least Value) Value {
	t.line()
	return t.let("X", Max, least, t.do(Or, t.see(x, "x"), signBit))
}

// elu adds the lines of x, or α·(e^x - 1) where x < 0, to a new thread.
func (f *Formula) elu(x, alpha, _ Value) (*Thread, Value) {
	t := f.Thread("elu: ")
	p := t.exponential(t.negative(x, constant(Float("eluMin", contract.ELU.Min))))
	t.line("e^r = 1 + r + b")
	u := t.let("u", FNMA, p.q, p.r, leastSquare)
	b := t.let("b", FNMA, u, p.r, p.e)
	t.line("what h lacks")
	d := t.let("d", Sub, p.s, one)
	h := t.let("h", FMA, p.r, p.s, d)
	l := t.let("l", FMA, p.r, p.s, t.do(Sub, d, h))
	t.line()
	w := t.let("w", Add, h, t.do(FMA, b, p.s, l))
	t.line()
	return t, t.let("y", IfBelow, x, zero, t.do(Mul, t.see(alpha, "α"), w), x)
}

var softplusConstants = struct {
	near, ln2Hi, ln2Lo, slope Value
	n                         [4]Value
	f                         [8]Value
}{
	near:  constant(Float("softplusNear", contract.Softplus.Near)),
	ln2Hi: constant(Float("softplusLn2Hi", contract.Softplus.Ln2Hi)),
	ln2Lo: constant(Float("softplusLn2Lo", contract.Softplus.Ln2Lo)),
	slope: constant(Float("softplusSlope", contract.Softplus.Slope)),
	n: [4]Value{
		constant(Float("softplusN0", contract.Softplus.N[0])),
		constant(Float("softplusN1", contract.Softplus.N[1])),
		constant(Float("softplusN2", contract.Softplus.N[2])),
		constant(Float("softplusN3", contract.Softplus.N[3])),
	},
	f: [8]Value{
		constant(Float("half", contract.Softplus.F[0])),
		constant(Float("softplusF1", contract.Softplus.F[1])),
		constant(Float("softplusF2", contract.Softplus.F[2])),
		constant(Float("softplusF3", contract.Softplus.F[3])),
		constant(Float("softplusF4", contract.Softplus.F[4])),
		constant(Float("softplusF5", contract.Softplus.F[5])),
		constant(Float("softplusF6", contract.Softplus.F[6])),
		constant(Float("softplusF7", contract.Softplus.F[7])),
	},
}

// softplus adds the lines of ln(1 + e^x) to a new thread.
func (f *Formula) softplus(x Value) (*Thread, Value) {
	t, k := f.Thread("softplus: "), &softplusConstants
	p := t.exponential(t.negative(x, sigmoidConstants.min))
	a, b := t.sum(p)
	t.line("e^r, and what d lacks of it")
	d := t.let("d", Add, a, b)
	l := t.let("l", Sub, b, t.do(Sub, d, a))
	t.line("t = e^-|x|")
	e := t.let("t", Mul, d, p.s)
	e2 := t.let("t²", FMA, e, e, leastSquare)
	t.line("ln(1 + t) = t - t·v")
	q := t.do(FMA, t.do(FMA, e, k.f[7], k.f[6]), e2, t.do(FMA, e, k.f[5], k.f[4]))
	q = t.do(FMA, q, e2, t.do(FMA, e, k.f[3], k.f[2]))
	q = t.do(FMA, q, e2, t.do(FMA, e, k.f[1], k.f[0]))
	v := t.let("v", FMA, q, e, leastSquare)
	t.line("what g lacks")
	g := t.let("g", FNMA, v, d, d)
	h := t.let("h", FNMA, v, d, t.do(Sub, d, g))
	h = t.let("h", FMA, l, t.do(FMA, v, k.slope, one), h)
	t.line()
	far := t.let("far", FMA, t.do(Add, g, h), p.s, t.do(ZeroBelow, x, zero, x))
	t.line()
	z := t.let("z", FMA, x, x, leastSquare)
	n := t.do(FMA, z, k.n[3], k.n[2])
	n = t.do(FMA, n, z, k.n[1])
	n = t.do(FMA, n, z, k.n[0])
	n = t.let("c", FMA, n, z, k.ln2Lo)
	t.line()
	near := t.let("near", Add, t.do(FMA, x, half, n), k.ln2Hi)
	t.line()
	y := t.let("y", IfBelow, t.do(And, x, allButSign), k.near, near, far)
	return t, t.let("y", ZeroBelow, y, sigmoidConstants.least, y)
}

var half = constant(Float("half", 0.5))
