package gen

import (
	"fmt"

	"example.com/lstm/internal/panel"
)

// An elementFunction adds its lines for x to a new thread. α and β are none where
// it has no parameters.
type elementFunction struct {
	lines      func(f *Formula, x, alpha, beta Value) (*Thread, Value)
	parameters bool
}

func parametric(lines func(f *Formula, x, alpha, beta Value) (*Thread, Value)) elementFunction {
	return elementFunction{lines, true}
}

func plain(lines func(*Formula, Value) (*Thread, Value)) elementFunction {
	return elementFunction{lines: func(f *Formula, x, _, _ Value) (*Thread, Value) { return lines(f, x) }}
}

// elementwise is the kernel of a function of every element, of as many vectors in
// lockstep as the tuning says.
func elementwise(name, sign string, vectors func(*Tuning) int, function elementFunction) *Kernel {
	return &Kernel{
		Name:  name,
		Does:  "is " + sign + " of n elements, a multiple of panel.ElementBlock, see " + name + "Generic.",
		Label: name,
		Body:  func(g *Generator) { g.elementwise(vectors(g.Tuning), function) },
	}
}

func usualVectors(t *Tuning) int { return t.ElementVectors }
func longVectors(t *Tuning) int  { return t.LongVectors }

// elementwise applies a function to every element, several vectors in lockstep
// and then the rest, if there can be one, vector by vector.
func (g *Generator) elementwise(most int, function elementFunction) {
	var parameters Reg
	if function.parameters {
		parameters = g.Arg("parameters", "parameters")
	}
	x := g.Arg("x", "x")
	dst := g.Arg("dst", "dst")
	n := g.Arg("n", "elements left")
	for _, vectors := range []int{most, 1} {
		g.countdown(n, vectors*g.Lanes(), fmt.Sprintf("vectors_%d", vectors), func() {
			f := g.NewFormula()
			parameter := func(i int, name string) Value {
				return f.Input(func() Vec { return g.Load(parameters, i*panel.ElementBlock*floatSize, name) })
			}
			var threads []*Thread
			for v := range vectors {
				offset := v * g.vectorSize()
				t, y := function.lines(f, f.Input(func() Vec { return g.Load(x, offset, "x") }), parameter(0, "α"), parameter(1, "β"))
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
