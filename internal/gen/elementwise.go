package gen

import "fmt"

// elementwise applies a function to every element, several vectors in lockstep
// and then the rest one by one.
func (g *Generator) elementwise(function func(*Formula, Value) (*Thread, Value)) {
	x := g.Arg("x", "x")
	dst := g.Arg("dst", "dst")
	n := g.Arg("n", "elements left")
	for _, vectors := range []int{g.ElementVectors(), 1} {
		g.countdown(n, vectors*g.Lanes(), fmt.Sprintf("vectors_%d", vectors), func() {
			f := g.NewFormula()
			var threads []*Thread
			var results []Value
			for v := range vectors {
				t, result := function(f, f.Input(func() Vec {
					return g.Load(x, v*g.vectorSize(), "x")
				}))
				threads, results = append(threads, t), append(results, result)
			}
			f.Lockstep(vectors, threads...)
			for v, y := range f.Emit(results...) {
				g.Store(y, dst, v*g.vectorSize())
			}
			g.AddImm(x, vectors*g.vectorSize())
			g.AddImm(dst, vectors*g.vectorSize())
		})
	}
	g.Return()
}
