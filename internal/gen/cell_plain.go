package gen

// plainCell is the cell of PyTorch's nn.LSTM:
//
//	c' = flush(σ(f)·c + σ(i)·tanh(g))
//	h' = flush(σ(o)·tanh(c'))
var plainCell = &Cell{
	Name: "Plain",
	Does: "updates c and h from the gates' sums",
	newC: func(f *Formula, in *unit) (threads []*Thread, last *Thread, c, stored Value) {
		ti, i := f.sigmoid(in.i)
		tg, g := f.tanh(in.g)
		tf, forget := f.sigmoid(in.f)
		t := f.Thread("")
		t.say("c' = σ(f)·c + σ(i)·tanh(g), or 0 where it is tiny")
		c = t.do(FMA, forget, in.c, t.do(Mul, i, g))
		// The tanh need not wait for what is tiny to become 0: of it, it would make
		// an h' that is tiny, and becomes 0 in its turn.
		return []*Thread{ti, tg, tf}, t, c, t.flush(c)
	},
	// σ(o), for which nothing else waits, runs beside the tanh that waits for all.
	newH: func(f *Formula, in *unit, c Value) (threads []*Thread, last *Thread, stored Value) {
		to, o := f.sigmoid(in.o)
		tc := f.Thread("tanh c': ")
		y, sign := tc.tanh(c)
		t := f.Thread("")
		t.say("h' = σ(o)·tanh(c'), or 0 where it is tiny")
		abs := t.do(Mul, o, y)
		return []*Thread{to, tc}, t, t.do(ZeroBelow, abs, tiny, t.do(Or, abs, sign))
	},
}
