package gen

import (
	"math"

	"example.com/lstm/internal/contract"
)

// The contract's σ, tanh and cell, operation by operation as docs/contract.md
// and the oracle have them. Two of their lines are turned round, which rounds
// the same: -(x - y) for y - x, so that every fused operation has the form
// c + a·b or c - a·b, the only ones of all machines.

var sigmoidConstants = struct {
	max, min, negLog2E, round, ln2Hi, ln2Lo, scale, scaleBits Value
	p                                                         [5]Value
}{
	max:       constant(Float("sigmoidMax", contract.Sigmoid.Max)),
	min:       constant(Float("sigmoidMin", contract.Sigmoid.Min)),
	negLog2E:  constant(Float("sigmoidNegLog2E", contract.Sigmoid.NegLog2E)),
	round:     constant(Float("sigmoidRound", contract.Sigmoid.Round)),
	ln2Hi:     constant(Float("sigmoidLn2Hi", contract.Sigmoid.Ln2Hi)),
	ln2Lo:     constant(Float("sigmoidLn2Lo", contract.Sigmoid.Ln2Lo)),
	scale:     constant(Float("sigmoidScale", contract.Sigmoid.Scale)),
	scaleBits: constant(Constant{"sigmoidScaleBits", uint32(contract.Sigmoid.ScaleLog2) << 23}),
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
	t.say("x = min(40, max(-104, x))")
	x = t.do(Max, k.min, x)
	x = t.do(Min, k.max, x)
	t.say("m = x·(-1/ln2) + Round, n = m - Round")
	m := t.do(FMA, x, k.negLog2E, k.round)
	n := t.do(Sub, m, k.round)
	t.say("r = x + n·ln2, in two parts")
	r := t.do(FMA, n, k.ln2Hi, x)
	r = t.do(FMA, n, k.ln2Lo, r)
	t.say("r², and s = 2^n·C by its bits, C = 2^-64")
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
	t.say("d = (s + C) + w·s")
	d := t.do(FNMA, w, s, t.do(Add, s, k.scale))
	t.say("y = C / d")
	y := t.do(Div, k.scale, d)
	t.say("e = ((s - d) + C) + w·s, what d lacks")
	e := t.do(Sub, s, d)
	e = t.do(Add, e, k.scale)
	e = t.do(FNMA, w, s, e)
	t.say("g = (C - y·d) - y·e, scaled back by its bits")
	g := t.do(FNMA, y, d, k.scale)
	g = t.do(FNMA, y, e, g)
	g = t.do(AddInt, g, k.scaleBits)
	t.say("σ = y + g·y")
	return t, t.do(FMA, g, y, y)
}

var tanhConstants = struct {
	max, negTwoLog2E, round, roundMax, roundMask, roundZero, halfLn2, one, three, sign, abs Value
	p                                                                                       [4]Value
}{
	max:         constant(Float("tanhMax", contract.Tanh.Max)),
	negTwoLog2E: constant(Float("tanhNegTwoLog2E", contract.Tanh.NegTwoLog2E)),
	round:       constant(Float("tanhRound", contract.Tanh.Round)),
	roundMax:    constant(Float("tanhRoundMax", contract.Tanh.RoundMax)),
	roundMask:   constant(Constant{"tanhRoundMask", contract.Tanh.RoundMask}),
	roundZero:   constant(Float("tanhRoundZero", contract.Tanh.RoundZero)),
	halfLn2:     constant(Float("tanhHalfLn2", contract.Tanh.HalfLn2)),
	one:         constant(Float("one", 1)),
	three:       constant(Float("three", 3)),
	sign:        constant(Constant{"signBit", 1 << 31}),
	abs:         constant(Constant{"allButSign", math.MaxInt32}),
	p: [4]Value{
		constant(Float("tanhP0", contract.Tanh.P[0])),
		constant(Float("tanhP1", contract.Tanh.P[1])),
		constant(Float("tanhP2", contract.Tanh.P[2])),
		constant(Float("tanhP3", contract.Tanh.P[3])),
	},
}

// tanh adds the lines of tanh(x) to a new thread.
func (f *Formula) tanh(x Value) (*Thread, Value) {
	t := f.Thread("tanh: ")
	return t, t.tanh(x)
}

func (t *Thread) tanh(x Value) Value {
	k := &tanhConstants
	t.say("A = min(9.1, |x|), and x's sign")
	abs := t.do(And, x, k.abs)
	sign := t.do(And, x, k.sign)
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
	a := t.do(Sub, k.one, f)
	num := t.do(FNMA, tr, t.do(Sub, k.three, f), a)
	den := t.do(FMA, a, tr, t.do(Add, f, k.one))
	t.say("tanh = a - F·N/D, with x's sign")
	y := t.do(Div, num, den)
	y = t.do(FNMA, y, f, a)
	return t.do(Or, y, sign)
}

// cellGroup is a vector of hidden units: where the gates' sums and the old cell
// state come from, and where the new cell and hidden states go.
type cellGroup struct {
	i, f, g, o, c  func() Vec
	storeC, storeH func(Vec)
}

// gatesFrom sets the sums of a group to those of group j of a panel, which lie
// at z gate by gate.
func (g *Generator) gatesFrom(group *cellGroup, z Reg, offset, groups, j int) {
	gate := func(i int) func() Vec {
		return func() Vec { return g.Load(z, offset+(i*groups+j)*g.vectorSize(), "z") }
	}
	group.i, group.f, group.g, group.o = gate(0), gate(1), gate(2), gate(3)
}

// cells emits the update of several groups:
//
//	c' = σ(f)·c + σ(i)·tanh(g)
//	h' = σ(o)·tanh(c')
//
// The last tanh waits for all the rest of its group; so it comes at the end,
// with those of the other groups.
func (g *Generator) cells(groups []cellGroup) {
	f := g.NewFormula()
	var last []*Thread
	for _, group := range groups {
		cNew, o := f.cell(group, g.Lockstep())
		last = append(last, f.hidden(cNew, o, group))
	}
	f.Lockstep(g.Lockstep(), last...)
	f.Emit()
}

// cellAmong emits the update of one group with other code among its lines, see
// EmitAmong.
func (g *Generator) cellAmong(group cellGroup, among func(done, all int)) {
	f := g.NewFormula()
	cNew, o := f.cell(group, g.ShadowLockstep())
	f.Lockstep(1, f.hidden(cNew, o, group))
	f.EmitAmong(among)
}

// cell adds the lines of the new cell state, and of σ(o).
func (f *Formula) cell(group cellGroup, lockstep int) (cNew, o Value) {
	ti, i := f.sigmoid(f.Input(group.i))
	tg, tanhG := f.tanh(f.Input(group.g))
	tf, forget := f.sigmoid(f.Input(group.f))
	to, o := f.sigmoid(f.Input(group.o))
	take, update := f.Thread(""), f.Thread("")
	take.say("in = σ(i)·tanh(g)")
	in := take.do(Mul, i, tanhG)
	update.say("c' = σ(f)·c + in")
	cNew = update.do(FMA, forget, f.Input(group.c), in)
	update.give(cNew, group.storeC)
	if lockstep == 1 {
		// In this order the fewest values wait for others.
		f.Lockstep(1, ti, tg, take, tf, update, to)
	} else {
		f.Lockstep(lockstep, ti, tg, tf, to)
		f.Lockstep(1, take, update)
	}
	return cNew, o
}

// hidden is the thread of the new hidden state.
func (f *Formula) hidden(cNew, o Value, group cellGroup) *Thread {
	t := f.Thread("tanh c': ")
	y := t.tanh(cNew)
	t.name = ""
	t.say("h' = σ(o)·tanh(c')")
	t.give(t.do(Mul, o, y), group.storeH)
	return t
}
