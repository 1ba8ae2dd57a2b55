package gen

// The cells that differ from nn.LSTM's in peepholes and in how gates are coupled.
// Each limits z and c', too, since that costs nothing: σ and tanh limit their
// arguments anyway, and take the narrower limits as parameters instead of
// constants. So four kernels are all combinations.
//
//	zi += peepholeI·c, zf += peepholeF·c       with peepholes
//	i = σ(zi), f = σ(zf) or, coupled, 1 - i    zi and zf from gateLeast to gateMost
//	c' = f·c + i·tanh(zg)                      |zg| up to candidateMost
//	c' = flush(c')                             |c'| up to cellMost
//	zo += peepholeO·c'                         with peepholes
//	h' = flush(σ(zo)·tanh(c'))                 zo as zi
//
// gateLeast and gateMost lie within the limits of a gate, candidateMost is no more
// than that of tanh, and cellMost no less than Tiny. Without peepholes tanh(c')
// does not wait for c' to be limited, and takes outputMost, the lesser of cellMost
// and the limit of tanh, instead.
var (
	clippedCell         = variant("clipped", false, false)
	peepholeCell        = variant("peephole", true, false)
	coupledCell         = variant("coupled", false, true)
	coupledPeepholeCell = variant("coupledPeephole", true, true)
)

func variant(name string, peephole, coupled bool) *Cell {
	cell := &Cell{Name: name, Does: "is cellsPlain with limits"}
	if peephole {
		cell.Does += " and peepholes"
		cell.Parameters = append(cell.Parameters, "peepholeI")
		if !coupled {
			cell.Parameters = append(cell.Parameters, "peepholeF")
		}
		cell.Parameters = append(cell.Parameters, "peepholeO")
	}
	if coupled {
		cell.Does += ", its forget gate 1 - i"
	}
	cell.Parameters = append(cell.Parameters, "gateLeast", "gateMost", "candidateMost", "cellMost")
	if !peephole {
		cell.Parameters = append(cell.Parameters, "outputMost")
	}

	// gate is σ(z) of a gate, that of z + peephole·c if there is a peephole.
	gate := func(f *Formula, in *unit, z Value, parameter string, c Value) (*Thread, Value) {
		t := f.Thread("σ: ")
		if peephole {
			t.line()
			z = t.let("z", FMA, t.see(in.parameter(parameter), parameter), t.see(c, "c"), t.see(z, "z"))
		}
		least, most := t.see(in.parameter("gateLeast"), "gateLeast"), t.see(in.parameter("gateMost"), "gateMost")
		_, refined := t.sigmoid(z, least, most)
		return t, t.named("σ", refined)
	}
	cell.newC = func(f *Formula, in *unit) (threads []*Thread, last *Thread, c, stored Value) {
		ti, i := gate(f, in, in.i, "peepholeI", in.c())
		tg := f.Thread("tanh: ")
		y, sign := tg.tanh(in.g, tg.see(in.parameter("candidateMost"), "candidateMost"))
		g := tg.let("tanh", Or, y, sign)
		threads = []*Thread{ti, tg}
		t := f.Thread("")
		t.line()
		update := t.do(Mul, t.see(i, "σ(i)"), t.see(g, "tanh(g)"))
		var forget Value
		if coupled {
			forget = t.let("f", Sub, one, i)
		} else {
			var tf *Thread
			tf, forget = gate(f, in, in.f, "peepholeF", in.c())
			threads = append(threads, tf)
			t.see(forget, "σ(f)")
		}
		c = t.let("c'", FMA, forget, t.see(in.c(), "c"), update)
		// Limiting makes nothing tiny, so flush need not wait for it.
		t.line()
		abs := t.let("A", And, c, allButSign)
		limited := t.do(Min, t.see(in.parameter("cellMost"), "cellMost"), abs)
		limited = t.do(Or, limited, t.do(And, c, signBit))
		stored = t.let("c'", ZeroBelow, abs, tiny, limited)
		if peephole {
			c = stored
		}
		return threads, t, c, stored
	}
	cell.newH = func(f *Formula, in *unit, c Value) (threads []*Thread, last *Thread, stored Value) {
		to, o := gate(f, in, in.o, "peepholeO", c)
		tc := f.Thread("tanh c': ")
		most := tanhConstants.max
		if !peephole {
			// Not yet limited and flushed: tanh limits it as well, and of what is
			// tiny it makes an h' that becomes 0.
			most = tc.see(in.parameter("outputMost"), "outputMost")
		}
		y, sign := tc.tanh(c, most)
		t, h := f.output(o, y, sign)
		return []*Thread{to, tc}, t, h
	}
	return cell
}
