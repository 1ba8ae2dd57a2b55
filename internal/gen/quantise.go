package gen

import (
	"example.com/lstm/internal/contract"
	"example.com/lstm/internal/panel"
)

// quantiseFunction is the function of that name, whose kernel makes a quantised
// block, see package panel.
func quantiseFunction(name, does string, digits bool) *Function {
	return function(Function{
		Name:   name,
		Does:   does,
		Params: "dst, v []float32",
		Args:   []Arg{pointer("dst"), pointer("v"), {"n", "int", "len(v)"}},
		Reads:  []string{"v"},
		Kernels: []*Kernel{{
			Name:    name,
			Does:    "makes a quantised block of n elements, see " + name + "Generic.",
			Int8:    true,
			Scratch: panel.QuadBytes * floatSize,
			Body:    func(g *Generator) { g.quantise(digits) },
		}},
	})
}

// Constants of quantisation.
var (
	top              = Float("top", contract.Top)
	topInverse       = Float("topInverse", float32(1)/contract.Top)
	topDigits        = Float("topDigits", contract.TopDigits)
	topDigitsInverse = Float("topDigitsInverse", float32(1)/contract.TopDigits)
	lowDigit         = Constant{"lowDigit", 127}
	noInt            = Constant{"zero", 0}
)

// quantise goes over the elements twice, 16 at a time: for the largest magnitude, and
// then for their multiples. What is left of them waits in scratch memory, with zeros.
func (g *Generator) quantise(digits bool) {
	const elements = panel.QuadBytes
	vectors := elements / g.Lanes()
	dst := g.Arg("dst", "block")

	g.Comment("The largest magnitude.")
	largest := g.LoadSpread(dst, panel.BlockLargest*floatSize, "largest")
	see := func(from Reg) {
		for v := range vectors {
			abs := g.Do(And, []Operand{{Vec: g.Load(from, v*g.vectorSize(), "v")}, {Constant: allButSign.constant}}, []bool{true, false}, 0)
			g.Move(largest, g.Do(MaxInt, []Operand{{Vec: largest}, {Vec: abs}}, []bool{false, true}, 0))
		}
	}
	v, n := g.Arg("v", "v"), g.Arg("n", "elements left")
	g.countdown(n, elements, "largest", func() {
		see(v)
		g.AddImm(v, elements*floatSize)
	})
	rest := g.Scratch("rest")
	g.JumpIf(n, Equal, 0, "seen")
	g.Comment("The elements that are left, and zeros.")
	for v := range vectors {
		g.Store(g.ZeroVec("zeros"), rest, v*g.vectorSize())
	}
	to := g.Copy(rest, "rest")
	if vectors > 1 {
		g.countdown(n, g.Lanes(), "rest", func() {
			g.Store(g.Load(v, 0, "v"), to, 0)
			g.AddImm(v, g.vectorSize())
			g.AddImm(to, g.vectorSize())
		})
		g.JumpIf(n, Equal, 0, "rest_seen")
	}
	g.Store(g.LoadFirst(n, v, 0, "v"), to, 0)
	g.Label("rest_seen")
	see(rest)
	g.Label("seen")

	g.Comment("r = top / m, s = m·(1 / top) + (m - m)")
	most, inverse := top, topInverse
	if digits {
		most, inverse = topDigits, topDigitsInverse
	}
	m := g.MaxAcross(largest)
	r := g.Do(Div, []Operand{{Constant: &most}, {Vec: m}}, []bool{false, false}, 0)
	s := g.Do(Mul, []Operand{{Vec: m}, {Constant: &inverse}}, []bool{false, false}, 0)
	s = g.do(Add, s, g.Do(Sub, []Operand{{Vec: m}, {Vec: m}}, []bool{false, false}, 0))

	g.Comment("q = v·r")
	sum, negative := g.ZeroVec("sum"), g.ZeroVec("magnitudes below 0")
	q := g.plane(dst, 0, "")
	var low Reg
	if digits {
		low = g.Arg("n", "second plane")
		g.AddImm(low, panel.QuadBytes-1)
		g.AndImm(low, -panel.QuadBytes)
		g.Add(low, q)
	}
	store := func(from Reg) {
		var hi, lo []Vec
		for v := range vectors {
			product := g.Do(Mul, []Operand{{Vec: g.Load(from, v*g.vectorSize(), "v")}, {Vec: r}}, []bool{true, false}, 0)
			n := g.do(ToInt, product)
			g.Move(sum, g.Do(AddInt, []Operand{{Vec: sum}, {Vec: n}}, []bool{false, false}, 0))
			if digits {
				lo = append(lo, g.Do(And, []Operand{{Vec: n}, {Constant: &lowDigit}}, []bool{false, false}, 0))
				n = g.shift(ShiftRight, n, 7)
			}
			sign := g.Do(ShiftRight, []Operand{{Vec: n}}, []bool{false}, 31)
			below := g.Do(And, []Operand{{Vec: n}, {Vec: sign}}, []bool{false, true}, 0)
			g.Move(negative, g.Do(SubInt, []Operand{{Vec: negative}, {Vec: below}}, []bool{false, true}, 0))
			hi = append(hi, n)
		}
		g.StoreBytes(hi, q, 0)
		if digits {
			g.StoreBytes(lo, low, 0)
		}
	}
	v, n = g.Arg("v", "v"), g.Arg("n", "elements left")
	g.countdown(n, elements, "multiples", func() {
		store(v)
		g.AddImm(v, elements*floatSize)
		g.AddImm(q, panel.QuadBytes)
		if digits {
			g.AddImm(low, panel.QuadBytes)
		}
	})
	g.JumpIf(n, Equal, 0, "header")
	store(rest)

	g.Label("header")
	g.Comment("What sums begin at.")
	biased := g.Do(SubInt, []Operand{{Constant: &noInt}, {Vec: g.SumAcross(sum)}}, []bool{false, true}, 0)
	if !digits {
		biased = g.shift(ShiftBits, biased, 7)
	}
	g.StoreEach([4]Vec{s, biased, g.SumAcross(negative), m}, dst, 0)
	g.Return()
}
