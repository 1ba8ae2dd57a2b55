package gen

// plainCell is the cell of PyTorch's nn.LSTM:
//
//	c' = flush(gate(f)·c + gate(i)·tanh(g))
//	h' = flush(gate(o)·tanh(c'))
//
// gate being σ, shut no more tightly than at contract.Shut.
var plainCell = &Cell{
	Name: "plain",
	Does: "updates c and h from the gates' sums",
	newC: func(f *Formula, in *unit) (threads []*Thread, last *Thread, c, stored Value) {
		ti, i := f.gate(in.i)
		tg, g := f.tanh(in.g)
		tf, forget := f.gate(in.f)
		t := f.Thread("")
		t.line()
		update := t.do(Mul, t.see(i, "σ(i)"), t.see(g, "tanh(g)"))
		c = t.let("c'", FMA, t.see(forget, "σ(f)"), t.see(in.c(), "c"), update)
		// The tanh need not wait for what is tiny to become 0: of it, it would make
		// an h' that is tiny, and becomes 0 in its turn.
		return []*Thread{ti, tg, tf}, t, c, t.flush("c'", c)
	},
	// σ(o), for which nothing else waits, runs beside the tanh that waits for all.
	newH: func(f *Formula, in *unit, c Value) (threads []*Thread, last *Thread, stored Value) {
		to, o := f.gate(in.o)
		tc := f.Thread("tanh c': ")
		y, sign := tc.tanh(c, tanhConstants.max)
		t, h := f.output(o, y, sign)
		return []*Thread{to, tc}, t, h
	},
}

// output adds the line of h' = flush(o·tanh(c')) to a new thread, given |tanh(c')|
// and its sign.
func (f *Formula) output(o, y, sign Value) (*Thread, Value) {
	t := f.Thread("")
	t.line()
	abs := t.let("|h'|", Mul, t.see(o, "σ(o)"), t.see(y, "|tanh(c')|"))
	signed := t.do(Or, abs, t.see(sign, "sign"))
	return t, t.let("h'", ZeroBelow, abs, tiny, signed)
}
