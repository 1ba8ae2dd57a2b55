package gen

import (
	"fmt"

	"example.com/lstm/internal/panel"
)

// elementwise is the kernel of a function of every element.
func elementwise(name, sign string, function func(*Formula, Value) (*Thread, Value)) *Kernel {
	return &Kernel{
		Name:  name,
		Does:  "is " + sign + " of n elements, a multiple of panel.ElementBlock, see " + name + "Generic.",
		Label: name,
		Body:  func(g *Generator) { g.elementwise(function) },
	}
}

// elementwise applies a function to every element, several vectors in lockstep
// and then the rest, if there can be one, vector by vector.
func (g *Generator) elementwise(function func(*Formula, Value) (*Thread, Value)) {
	x := g.Arg("x", "x")
	dst := g.Arg("dst", "dst")
	n := g.Arg("n", "elements left")
	for _, vectors := range []int{g.ElementVectors, 1} {
		g.countdown(n, vectors*g.Lanes(), fmt.Sprintf("vectors_%d", vectors), func() {
			f := g.NewFormula()
			var threads []*Thread
			for v := range vectors {
				offset := v * g.vectorSize()
				t, y := function(f, f.Input(func() Vec { return g.Load(x, offset, "x") }))
				t.give(y, func(y Vec) { g.Store(y, dst, offset) })
				threads = append(threads, t)
			}
			f.Lockstep(vectors, threads...)
			f.Emit()
			g.AddImm(x, vectors*g.vectorSize())
			g.AddImm(dst, vectors*g.vectorSize())
		})
		if panel.ElementBlock%(vectors*g.Lanes()) == 0 {
			break
		}
	}
	g.Return()
}
