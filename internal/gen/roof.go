package gen

// Roofs are kernels that do nothing but what limits the others: they measure
// what the machine can do at best, beside the benchmarks, in the same run.
var Roofs = []*Kernel{
	{
		Name:   "load",
		Params: "p *float32, n int",
		Doc:    []string{"loads n floats, a multiple of panel.RowFloats, and does nothing with them."},
		Body:   (*Generator).loadRoof,
	},
	{
		Name:   "fma",
		Params: "n int",
		Doc:    []string{"does n times fmaChains independent fused multiply-adds of vectors."},
		Body:   (*Generator).fmaRoof,
	},
	{
		Name:   "clock",
		Params: "n int",
		Doc:    []string{"does 16 n additions that wait for each other, a cycle each."},
		Body:   (*Generator).clockRoof,
	},
}

// loadBlock is the number of floats of a turn of the load roof, a multiple of
// every vector; it divides a panel's row.
const loadBlock = 64

func (g *Generator) loadRoof() {
	p := g.Arg("p", "p")
	n := g.Arg("n", "floats left")
	g.countdown(n, loadBlock, "loads", func() {
		for i := range loadBlock / g.Lanes() {
			g.Load(p, i*g.vectorSize(), "nothing")
		}
		g.AddImm(p, loadBlock*floatSize)
	})
	g.Return()
}

// fmaChains is the number of chains that hide the latency of a fused
// multiply-add on every machine: 4 cycles, up to 4 a cycle.
const fmaChains = 12

func (g *Generator) fmaRoof() {
	n := g.Arg("n", "turns left")
	x := g.ZeroVec("x")
	var sums []Vec
	for range fmaChains {
		sums = append(sums, g.ZeroVec("sums"))
	}
	g.countdown(n, 1, "fmas", func() {
		for _, s := range sums {
			g.MulAccVec(s, Factor{Vec: x}, x)
		}
	})
	g.Return()
}

func (g *Generator) clockRoof() {
	n := g.Arg("n", "turns left")
	r, s := g.Zero("sum"), g.Zero("nothing")
	g.countdown(n, 1, "additions", func() {
		for range 16 {
			g.Add(r, s)
		}
	})
	g.Return()
}
