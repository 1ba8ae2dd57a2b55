package gen

import "example.com/lstm/internal/panel"

// Roofs are kernels that do nothing but what limits the others: they measure
// what the machine can do at best, beside the benchmarks, in the same run.
var Roofs = []*Kernel{
	{
		Name:   "load",
		Params: "p *float32, n int",
		Doc:    []string{"loads n floats, a multiple of panel.LoadTurn, and does nothing with them."},
		Body:   (*Generator).loadRoof,
	},
	{
		Name:   "fma",
		Params: "n int",
		Doc:    []string{"does n times panel.FMATurn fused multiply-adds of vectors that do not wait for each other."},
		Body:   (*Generator).fmaRoof,
	},
	{
		Name:   "clock",
		Params: "n int",
		Doc:    []string{"does n times panel.ClockTurn additions that wait for each other, a cycle each."},
		Body:   (*Generator).clockRoof,
	},
}

func (g *Generator) loadRoof() {
	p := g.Arg("p", "p")
	n := g.Arg("n", "floats left")
	g.countdown(n, panel.LoadTurn, "loads", func() {
		for i := range panel.LoadTurn / g.Lanes() {
			g.Load(p, i*g.vectorSize(), "nothing")
		}
		g.AddImm(p, panel.LoadTurn*floatSize)
	})
	g.Return()
}

// fmaRoof has as many chains as a tile has sums, which is enough to hide the
// latency of a multiply-add, 4 cycles, on machines that begin up to 4 a cycle.
func (g *Generator) fmaRoof() {
	n := g.Arg("n", "turns left")
	x := g.ZeroVec("x")
	sums := make([]Vec, g.TileVectors()*panel.MaxColumns)
	for i := range sums {
		sums[i] = g.ZeroVec("sums")
	}
	g.countdown(n, 1, "fmas", func() {
		for i := range panel.FMATurn {
			g.MulAccVec(sums[i%len(sums)], Factor{Vec: x}, x)
		}
	})
	g.Return()
}

func (g *Generator) clockRoof() {
	n := g.Arg("n", "turns left")
	r, s := g.Zero("sum"), g.Zero("nothing")
	g.countdown(n, 1, "additions", func() {
		for range panel.ClockTurn {
			g.Add(r, s)
		}
	})
	g.Return()
}
