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
		pair := g.sumPanels(panelsAtOnce, panel.Units, at, "pair")
		g.finishPanels(pair, panel.Units, at, "pair")
		g.nextPanels(panelsAtOnce, at, "done")
		g.Jump("panels")
	}
	g.Label("panel")
	g.JumpIf(at.units, LessOrEqual, panel.NarrowUnits, "narrow")
	wide := g.sumPanels(1, panel.Units, at, "wide")
	if panelsAtOnce == 1 && g.ShadowSteps() > 0 {
		g.shadowPanels(wide[0], at)
	}
	g.finishPanels(wide, panel.Units, at, "wide")
	g.nextPanels(1, at, "done")
	g.Jump("panel")

	g.Label("narrow")
	narrow := g.sumPanels(1, panel.NarrowUnits, at, "narrow")
	g.finishPanels(narrow, panel.NarrowUnits, at, "narrow")
	g.Label("done")
	g.Return()
}

// shadowPanels goes on from a panel whose sums are complete to the next one, as
// long as that is wide and has so many elements of x: the cells of the first are
// computed among the first rows of the second, in the shadow of its weights'
// way from memory. It ends with a panel whose cells are still to be done.
func (g *Generator) shadowPanels(s stream, at stepPointers) {
	const row = panel.RowFloats * floatSize
	steps := g.ShadowSteps()
	acc := s.sums[0]

	g.Label("summed")
	g.JumpIf(at.units, LessOrEqual, panel.Units+panel.NarrowUnits, "last")
	n := g.Arg("n", "elements of x left")
	g.JumpIf(n, Less, steps, "last")
	g.Comment("The sums of this panel wait in memory, those of the next begin.")
	z := g.Scratch("z")
	for v := range acc {
		g.Store(acc[v], z, v*g.vectorSize())
	}
	g.addFloats(at.sums, g.Arg("sumsStride", "stride"))
	g.addFloats(at.weights, g.Arg("weightsStride", "stride"))
	for v := range acc {
		g.Reload(acc[v], at.sums, v*g.vectorSize())
	}
	s.w = g.firstRow(at.weights, row)
	x := g.Arg("x", "x")

	groups := panel.Units / g.Lanes()
	done := 0
	for j := range groups {
		group := cellGroup{
			c:      func() Vec { return g.Load(at.c, j*g.vectorSize(), "cell state") },
			storeC: func(v Vec) { g.Store(v, at.c, j*g.vectorSize()) },
			storeH: func(v Vec) { g.Store(v, at.h, j*g.vectorSize()) },
		}
		g.gatesFrom(&group, z, 0, groups, j)
		g.cellAmong(group, g.ShadowLockstep(), func(line, lines int) {
			for ; done*groups*lines < (j*lines+line)*steps; done++ {
				g.nextRow(s, done, x)
			}
		})
	}
	for ; done < steps; done++ {
		g.nextRow(s, done, x)
	}
	g.AddImm(s.w, steps*row)
	g.AddImm(x, steps*floatSize)
	g.AddImm(at.c, panel.Units*floatSize)
	g.AddImm(at.h, panel.Units*floatSize)
	g.AddImm(at.units, -panel.Units)
	n = g.Arg("n", "elements of x left")
	g.AddImm(n, -steps)
	g.product([]stream{s}, row, []Reg{x}, n, "shadow")
	g.Jump("summed")
	g.Label("last")
}

// nextRow multiplies row k of the panel whose weights are on their way.
func (g *Generator) nextRow(s stream, k int, x Reg) {
	const row = panel.RowFloats * floatSize
	g.Comment(fmt.Sprintf("Next panel: sums += weights·x[%d]", k))
	g.productRow(s, k*row, row, g.LoadScalars(x, k*floatSize, 1))
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

// sumPanels computes the sums of some panels of that width.
func (g *Generator) sumPanels(panels, width int, at stepPointers, name string) []stream {
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
	return streams
}

// finishPanels updates the cells of panels of that width from their sums.
func (g *Generator) finishPanels(panels []stream, width int, at stepPointers, name string) {
	defer g.narrowTo(width)()
	groups := width / g.Lanes()
	certain := (len(panels)-1)*panel.Units + fewestUnits(width)
	var cells []cellGroup
	for p := range panels {
		for j := range groups {
			gate := func(i int) func() Vec { return InRegister(panels[p].sums[0][i*groups+j]) }
			v := p*groups + j
			cells = append(cells, cellGroup{
				i: gate(0), f: gate(1), g: gate(2), o: gate(3),
				c:      func() Vec { return g.Load(at.c, v*g.vectorSize(), "cell state") },
				storeC: func(c Vec) { g.Store(c, at.c, v*g.vectorSize()) },
				storeH: func(h Vec) { g.storeHidden(h, at.h, v, at.units, certain, fmt.Sprintf("%s_%d", name, v)) },
			})
		}
	}
	g.cells(cells, g.Lockstep())
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
