package gen

import "example.com/lstm/internal/panel"

// Peaks are kernels that do nothing but what limits the others: they measure
// what the machine can do at best, beside the benchmarks, in the same run.
var Peaks = []*Function{
	function(Function{
		Name:   "load",
		Params: "p []float32",
		Args:   []Arg{pointer("p"), {"n", "int", "len(p)"}},
		Kernels: []*Kernel{{
			Name: "load",
			Does: "loads n floats, a multiple of panel.LoadIteration, and does nothing with them.",
			Body: (*Generator).loadPeak,
		}},
	}),
	function(Function{
		Name:   "fma",
		Params: "n int",
		Args:   []Arg{{"n", "int", "n"}},
		Kernels: []*Kernel{{
			Name: "fma",
			Does: "does n times panel.FMAIteration fused multiply-adds of vectors that do not wait for each other.",
			Body: (*Generator).fmaPeak,
		}},
	}),
	function(Function{
		Name:   "clock",
		Params: "n int",
		Args:   []Arg{{"n", "int", "n"}},
		Kernels: []*Kernel{{
			Name: "clock",
			Does: "does n times panel.ClockIteration additions that wait for each other, a cycle each.",
			Body: (*Generator).clockPeak,
		}},
	}),
}

func (g *Generator) loadPeak() {
	p := g.Arg("p", "p")
	n := g.Arg("n", "floats left")
	g.countdown(n, panel.LoadIteration, "loads", func() {
		for i := range panel.LoadIteration / g.Lanes() {
			g.Load(p, i*g.vectorSize(), "nothing")
		}
		g.AddImm(p, panel.LoadIteration*floatSize)
	})
	g.Return()
}

// fmaPeak has as many chains as a tile has sums, which is enough to hide the
// latency of a multiply-add, 4 cycles, on machines that begin up to 4 a cycle.
func (g *Generator) fmaPeak() {
	n := g.Arg("n", "iterations left")
	x := g.ZeroVec("x")
	w := g.VecWeight(x)
	sums := make([]Vec, g.TileVectors*panel.MaxColumns)
	for i := range sums {
		sums[i] = g.ZeroVec("sums")
	}
	g.countdown(n, 1, "fmas", func() {
		for i := range panel.FMAIteration {
			g.MulAccVec(sums[i%len(sums)], w, x)
		}
	})
	g.Return()
}

func (g *Generator) clockPeak() {
	n := g.Arg("n", "iterations left")
	r, s := g.Zero("sum"), g.Zero("nothing")
	g.countdown(n, 1, "additions", func() {
		for range panel.ClockIteration {
			g.Add(r, s)
		}
	})
	g.Return()
}
