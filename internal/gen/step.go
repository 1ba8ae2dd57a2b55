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
// With two panels at once there are twice as many chains, which hide each other's
// latency, and two streams, which only the first-level cache likes.
// A narrow panel, whose few chains are all latency, goes together with the
// panel before it.
func (g *Generator) step(format *Format, panelsAtOnce int) {
	at := stepPointers{
		sums:    g.Arg("sums", "sums of the panel"),
		weights: g.Arg("weights", "panel"),
		c:       g.Arg("c", "c"),
		h:       g.Arg("h", "h"),
		units:   g.Arg("units", "units left"),
	}
	const wide, narrow = panel.Units, panel.NarrowUnits
	g.Label("panels")
	g.JumpIf(at.units, LessOrEqual, narrow, "narrow")
	if panelsAtOnce == 1 {
		g.JumpIf(at.units, LessOrEqual, wide, "wide")
		g.JumpIf(at.units, LessOrEqual, wide+narrow, "wide_narrow")
		g.Label("wide")
		streams := g.sumPanels(format, at, "wide", wide)
		g.shadowPanels(streams[0], at)
		g.finishPanels(streams, at, "wide")
		g.nextPanels(1, at, "done")
		g.Jump("panels")
	} else {
		g.JumpIf(at.units, LessOrEqual, wide, "wide")
		g.JumpIf(at.units, LessOrEqual, wide+narrow, "wide_narrow")
		g.JumpIf(at.units, LessOrEqual, 2*wide, "pair")
		g.JumpIf(at.units, LessOrEqual, 2*wide+narrow, "pair_narrow")
		g.Label("pair")
		g.stepPanels(format, at, "pair", wide, wide)
		g.nextPanels(2, at, "done")
		g.Jump("panels")
		g.Label("pair_narrow")
		g.stepPanels(format, at, "pair_narrow", wide, wide, narrow)
		g.Jump("done")
		g.Label("wide")
		g.stepPanels(format, at, "wide", wide)
		g.Jump("done")
	}
	g.Label("wide_narrow")
	g.stepPanels(format, at, "wide_narrow", wide, narrow)
	g.Jump("done")
	g.Label("narrow")
	g.stepPanels(format, at, "narrow", narrow)
	g.Label("done")
	g.Return()
}

// stepPanels is the whole of a step for panels of those widths together.
func (g *Generator) stepPanels(format *Format, at stepPointers, name string, widths ...int) {
	if len(widths) == 1 {
		defer g.narrowTo(widths[0])()
	}
	g.finishPanels(g.sumPanels(format, at, name, widths...), at, name)
}

// shadowPanels goes on from a panel whose sums are complete to the next, and so
// on, if there are enough elements of x: the cells of the first are computed
// among the first rows of the second, in the shadow of its weights' way from
// memory. It ends with a panel whose cells are still to be done.
func (g *Generator) shadowPanels(s stream, at stepPointers) {
	steps := s.format.shadowSteps(g.Tuning)
	if steps == 0 {
		return
	}
	acc := s.sums[0]

	g.Label("summed")
	g.JumpIf(at.units, LessOrEqual, panel.Units, "last")
	g.JumpIf(at.units, LessOrEqual, 2*panel.Units, "shadow")
	g.Comment("The last two go together if the very last is narrow.")
	g.JumpIf(at.units, LessOrEqual, 2*panel.Units+panel.NarrowUnits, "last")
	g.Label("shadow")
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
	s.w = g.firstRow(at.weights, s.row)
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
		g.cellAmong(plainCell, group, g.ShadowLockstep, func(line, lines int) {
			for ; done*groups*lines < (j*lines+line)*steps; done++ {
				g.nextRow(s, done, x)
			}
		})
	}
	for ; done < steps; done++ {
		g.nextRow(s, done, x)
	}
	g.AddImm(s.w, steps*s.row)
	g.AddImm(x, steps*floatSize)
	g.AddImm(at.c, panel.Units*floatSize)
	g.AddImm(at.h, panel.Units*floatSize)
	g.AddImm(at.units, -panel.Units)
	n = g.Arg("n", "elements of x left")
	g.AddImm(n, -steps)
	g.product([]stream{s}, []Reg{x}, n, "shadow_rest")
	g.Jump("summed")
	g.Label("last")
}

// nextRow multiplies row k of the panel whose weights are on their way.
func (g *Generator) nextRow(s stream, k int, x Reg) {
	g.Comment(fmt.Sprintf("Next panel: sums += weights·x[%d]", k))
	g.productRow(s, k*s.row, g.LoadScalars(x, k*floatSize, 1))
}

// stepPointers are the registers that move from panel to panel.
type stepPointers struct {
	sums, weights, c, h, units Reg
}

// nextPanels moves on by that many panels, or jumps if there are no units left.
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
	g.Drop(n)
}

// sumPanels computes the sums of consecutive panels of those widths.
func (g *Generator) sumPanels(format *Format, at stepPointers, name string, widths ...int) []stream {
	g.Comment("Start each sum where it was left, or at its bias.")
	streams := make([]stream, len(widths))
	sums, weights := at.sums, at.weights
	for p, width := range widths {
		if p > 0 {
			sums, weights = g.Copy(sums, "sums of the panel"), g.Copy(weights, "panel")
			g.addFloats(sums, g.Arg("sumsStride", "stride"))
			g.addFloats(weights, g.Arg("weightsStride", "stride"))
		}
		acc := make([]Vec, panel.Gates*width/g.Lanes())
		for v := range acc {
			acc[v] = g.Load(sums, v*g.vectorSize(), "sums")
		}
		row := panel.Gates * width * format.Size
		streams[p] = stream{format: format, w: g.firstRow(weights, row), row: row, sums: [][]Vec{acc}}
	}
	x := g.Arg("x", "x")
	n := g.Arg("n", "elements of x left")
	g.product(streams, []Reg{x}, n, name)
	return streams
}

// finishPanels updates the cells of consecutive panels from their sums.
func (g *Generator) finishPanels(panels []stream, at stepPointers, name string) {
	var cells []cellGroup
	units, before := at.units, 0 // units left, and units of the panels before
	for i, p := range panels {
		width := p.row / (panel.Gates * p.format.Size)
		if i > 0 {
			units = g.Copy(units, "units of the panel")
			g.AddImm(units, -panel.Units)
		}
		certain := width
		if i == len(panels)-1 {
			certain = fewestUnits(width)
		}
		here := cellPlace{
			c: at.c, h: at.h, offset: before * floatSize,
			units: units, certain: certain, name: fmt.Sprintf("%s_%d", name, i),
		}
		if i > 0 && width < panel.Units {
			cells = append(cells, g.narrowCells(p.sums[0], here)...)
		} else {
			cells = append(cells, g.cellsInRegisters(p.sums[0], here)...)
		}
		before += width
	}
	g.cells(plainCell, cells, g.Lockstep)
}

// cellPlace is where the cells of a panel are: at c and h, that many bytes
// further, as many as there are units left, of which some are certain.
type cellPlace struct {
	c, h    Reg
	offset  int
	units   Reg
	certain int
	name    string
}

// cellsInRegisters are the cells of a panel whose sums are in registers: gate by
// gate, and in each gate group by group.
func (g *Generator) cellsInRegisters(sums []Vec, at cellPlace) []cellGroup {
	cells := make([]cellGroup, len(sums)/panel.Gates)
	for j := range cells {
		gate := func(i int) func() Vec { return InRegister(sums[i*len(cells)+j]) }
		offset := at.offset + j*g.vectorSize()
		cells[j] = cellGroup{
			i: gate(0), f: gate(1), g: gate(2), o: gate(3),
			c:      func() Vec { return g.Load(at.c, offset, "cell state") },
			storeC: func(v Vec) { g.Store(v, at.c, offset) },
			storeH: func(v Vec) { g.storeHidden(v, at, j) },
		}
	}
	return cells
}

// narrowCells are the cells of a narrow panel beside wider ones. Its sums wait
// in memory while registers are short, or because its gates are parts of a
// vector there: of a whole one, the lanes after the gate are then computed and
// not used.
func (g *Generator) narrowCells(sums []Vec, at cellPlace) []cellGroup {
	const gateSize = panel.NarrowUnits * floatSize
	z := g.Scratch("z of the narrow panel")
	for v := range sums {
		g.Store(sums[v], z, v*g.vectorSize())
	}
	if g.vectorSize() > gateSize {
		g.Store(g.ZeroVec("zeros"), z, panel.Gates*gateSize)
	}
	cells := make([]cellGroup, max(1, panel.NarrowUnits/g.Lanes()))
	for j := range cells {
		gate := func(i int) func() Vec {
			return func() Vec { return g.Load(z, i*gateSize+j*g.vectorSize(), "z") }
		}
		narrowly := func(do func()) {
			defer g.narrowTo(panel.NarrowUnits)()
			do()
		}
		offset := at.offset + j*g.vectorSize()
		cells[j] = cellGroup{
			i: gate(0), f: gate(1), g: gate(2), o: gate(3),
			c: func() (v Vec) {
				narrowly(func() { v = g.Load(at.c, offset, "cell state") })
				return g.Fit(v)
			},
			storeC: func(v Vec) { narrowly(func() { g.Store(g.Fit(v), at.c, offset) }) },
			storeH: func(v Vec) { narrowly(func() { g.storeHidden(g.Fit(v), at, j) }) },
		}
	}
	return cells
}

// fewestUnits is the number of units that a panel of that width has at least:
// fewer would fit the next narrower one.
func fewestUnits(width int) int {
	if width == panel.Units {
		return panel.NarrowUnits + 1
	}
	return 1
}

// storeHidden stores vector j of a panel's hidden states, or as many of its lanes
// as there are units.
func (g *Generator) storeHidden(hNew Vec, at cellPlace, j int) {
	first, end := j*g.Lanes(), (j+1)*g.Lanes()
	offset := at.offset + j*g.vectorSize()
	if end <= at.certain {
		g.Store(hNew, at.h, offset)
		return
	}
	whole, done := fmt.Sprintf("h_whole_%s_%d", at.name, j), fmt.Sprintf("h_done_%s_%d", at.name, j)
	g.JumpIf(at.units, GreaterOrEqual, end, whole)
	if first >= at.certain {
		g.JumpIf(at.units, LessOrEqual, first, done)
	}
	left := g.Copy(at.units, "lanes left")
	g.AddImm(left, -first)
	g.StoreFirst(hNew, left, at.h, offset)
	g.Jump(done)
	g.Label(whole)
	g.Store(hNew, at.h, offset)
	g.Label(done)
}
