package gen

import (
	"fmt"

	"example.com/lstm/internal/panel"
)

// step is the matrix-vector kernel. The sums of a panel stay in registers from
// the bias to the new hidden state: one vector register for each vector of the
// panel's row, all of them multiplied with one element of x after another. The
// weights are one stream, read once from front to back.
//
// With two panels at once there are twice as many sums to hide the latency of
// their chains behind, and two streams, which only the first-level cache likes.
func (g *Generator) step(panelsAtOnce int) {
	at := stepPointers{
		sums:    g.Arg("sums", "sums of the panel"),
		weights: g.Arg("weights", "panel"),
		c:       g.Arg("c", "c"),
		h:       g.Arg("h", "h"),
		units:   g.Arg("units", "units left"),
	}
	if panelsAtOnce > 1 {
		g.Label("panels")
		g.JumpIf(at.units, LessOrEqual, (panelsAtOnce-1)*panel.Units+panel.NarrowUnits, "panel")
		g.stepPanels(panelsAtOnce, panel.Units, at, "pair")
		g.nextPanels(panelsAtOnce, at, "done")
		g.Jump("panels")
	}
	g.Label("panel")
	g.JumpIf(at.units, LessOrEqual, panel.NarrowUnits, "narrow")
	g.stepPanels(1, panel.Units, at, "wide")
	g.nextPanels(1, at, "done")
	g.Jump("panel")

	g.Label("narrow")
	g.stepPanels(1, panel.NarrowUnits, at, "narrow")
	g.Label("done")
	g.Return()
}

// stepPointers are the registers that move from panel to panel.
type stepPointers struct {
	sums, weights, c, h, units Reg
}

// nextPanels moves on by so many panels, or jumps if there are no units left.
func (g *Generator) nextPanels(panels int, at stepPointers, done string) {
	g.SubJumpIf(at.units, panels*panel.Units, LessOrEqual, done)
	g.AddImm(at.c, panels*panel.Units*floatSize)
	g.AddImm(at.h, panels*panel.Units*floatSize)
	for range panels {
		g.addFloats(at.sums, g.Arg("sumsStride", "stride"))
		g.addFloats(at.weights, g.Arg("weightsStride", "stride"))
	}
}

// addFloats adds n floats to the pointer r. n is used up.
func (g *Generator) addFloats(r, n Reg) {
	g.ShiftLeft(n, 2)
	g.Add(r, n)
}

// stepPanels is step for some panels of that width.
func (g *Generator) stepPanels(panels, width int, at stepPointers, name string) {
	defer g.narrowTo(width)()
	row := panel.Gates * width * floatSize
	vectors := row / g.vectorSize()

	g.Comment("Start each sum where it was left, or at its bias.")
	streams := make([]stream, panels)
	sums, weights := at.sums, at.weights
	for p := range streams {
		if p > 0 {
			sums, weights = g.Copy(sums, "sums of the panel"), g.Copy(weights, "panel")
			g.addFloats(sums, g.Arg("sumsStride", "stride"))
			g.addFloats(weights, g.Arg("weightsStride", "stride"))
		}
		acc := make([]Vec, vectors)
		for v := range acc {
			acc[v] = g.Load(sums, v*g.vectorSize(), "sums")
		}
		streams[p] = stream{w: g.firstRow(weights, row), sums: [][]Vec{acc}}
	}
	x := g.Arg("x", "x")
	n := g.Arg("n", "elements of x left")
	g.product(streams, row, []Reg{x}, n, name)

	// A gate's vectors are consecutive: gate by gate, group by group.
	groups := width / g.Lanes()
	var in []cellInputs
	for p := range panels {
		for j := range groups {
			gate := func(i int) func() Vec { return InRegister(streams[p].sums[0][i*groups+j]) }
			offset := (p*groups + j) * g.vectorSize()
			in = append(in, cellInputs{
				i: gate(0), f: gate(1), g: gate(2), o: gate(3),
				c: func() Vec { return g.Load(at.c, offset, "c") },
			})
		}
	}
	cNew, hNew := g.cells(in)
	for v := range cNew {
		g.Store(cNew[v], at.c, v*g.vectorSize())
	}
	certain := (panels-1)*panel.Units + fewestUnits(width)
	for v := range hNew {
		g.storeHidden(hNew[v], at.h, v, at.units, certain, fmt.Sprintf("%s_%d", name, v))
	}
}

// fewestUnits is the number of units that a panel of that width has at least:
// fewer would fit the next narrower one.
func fewestUnits(width int) int {
	if width == panel.Units {
		return panel.NarrowUnits + 1
	}
	return 1
}

// storeHidden stores vector v of the hidden states at h, or as many of its
// lanes as there are units left, of which so many are certain.
func (g *Generator) storeHidden(hNew Vec, h Reg, v int, units Reg, certain int, name string) {
	first, end := v*g.Lanes(), (v+1)*g.Lanes()
	offset := v * g.vectorSize()
	if end <= certain {
		g.Store(hNew, h, offset)
		return
	}
	whole, done := "h_whole_"+name, "h_done_"+name
	g.JumpIf(units, GreaterOrEqual, end, whole)
	if first >= certain {
		g.JumpIf(units, LessOrEqual, first, done)
	}
	left := g.Copy(units, "lanes left")
	g.AddImm(left, -first)
	g.StoreFirst(hNew, left, h, offset)
	g.Jump(done)
	g.Label(whole)
	g.Store(hNew, h, offset)
	g.Label(done)
}
