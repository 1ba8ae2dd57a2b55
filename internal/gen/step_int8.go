package gen

import (
	"fmt"

	"example.com/lstm/internal/panel"
)

// stepInt8Function is the function of that name, whose kernel is a step of int8
// weights.
func stepInt8Function(name, does string, digits bool) *Function {
	wordScratch := 0
	if digits {
		wordScratch = 2 * wordPlane
	}
	return function(Function{
		Name:   name,
		Does:   does,
		Params: "from *chainStart, p *panels, x, h0, c, h []float32",
		Args:   stepInt8Args,
		Reads:  []string{"c[:len(h)]"},
		Writes: []string{"c[:len(h)]", "h"},
		Kernels: []*Kernel{{
			Name:    name,
			Does:    "updates c and h of consecutive units by one step, see " + name + "Generic.",
			Int8:    true,
			Scratch: 2 * panel.RowFloats * floatSize,

			WordScratch: wordScratch,
			Body:        func(g *Generator) { g.stepInt8(digits) },
		}},
	})
}

// Of the scratch memory of a step of int8 weights, the first row has the gates' sums
// of a panel, the second those of the next over x alone. Behind them are the words of
// x, where the tuning wants them.
const (
	afterX  = panel.RowFloats * floatSize
	atWords = 2 * afterX
)

// stepInt8 is the kernel of a step. Its loads are so few that the cells are a large
// part of it: those of one panel are computed among the rows of the next, in the
// shadow of their way from memory, where registers suffice.
func (g *Generator) stepInt8(digits bool) {
	at := stepPointers{
		sums:    g.Arg("sums", "sums of the panel"),
		weights: g.Arg("weights", "panel"),
		c:       g.Arg("c", "c"),
		h:       g.Arg("h", "h"),
		units:   g.Arg("units", "units left"),
	}
	z := g.Scratch("z")
	if digits && g.Dots.Words {
		g.JumpIf(g.Arg("n", "length of x"), Equal, 0, "panels")
		words := g.Copy(z, "words")
		g.AddImm(words, atWords)
		g.wordsOf(g.Arg("x", "x"), "n", words)
	}
	g.Label("panels")
	g.JumpIf(at.units, LessOrEqual, panel.NarrowUnits, "narrow")
	g.dotPanel(digits, at, z, panel.Units, "wide")
	g.shadowDots(digits, at, z)
	g.dotCells(at, z, panel.Units, "wide")
	g.nextPanels(1, at, "done")
	g.Jump("panels")
	g.Label("narrow")
	undo := g.narrowTo(panel.NarrowUnits)
	g.dotPanel(digits, at, z, panel.NarrowUnits, "narrow")
	g.dotCells(at, z, panel.NarrowUnits, "narrow")
	undo()
	g.Label("done")
	g.Return()
}

// dotPanel makes the gates' sums of a panel.
func (g *Generator) dotPanel(digits bool, at stepPointers, z Reg, width int, name string) {
	h := g.partOfH(digits, at, z, width, name)
	g.dotColumn(h, z, afterX, z, 0, name+"_h")
}

// partOfH makes the sums of a panel over x, if there is one, and returns what is to be
// added over h.
func (g *Generator) partOfH(digits bool, at stepPointers, z Reg, width int, name string) dotPart {
	row := panel.Gates * width * floatSize
	w := g.firstRow(at.weights, row)
	g.JumpIf(g.Arg("n", "length of x"), Equal, 0, name+"_without_x")
	x := dotPart{digits: digits, x: g.Arg("x", "x"), n: "n", w: w, row: row}
	if digits && g.Dots.Words {
		words := g.Copy(z, "words")
		g.AddImm(words, atWords)
		x.words = &words
	}
	g.dotColumn(x, at.sums, 0, z, afterX, name+"_x")
	g.skipPart(w, "n", row)
	g.Jump(name + "_with_x")
	g.Label(name + "_without_x")
	for offset := 0; offset < row; offset += g.vectorSize() {
		g.Store(g.Load(at.sums, offset, "sums"), z, afterX+offset)
	}
	g.Label(name + "_with_x")
	return dotPart{x: g.Arg("h0", "h of the step before"), n: "m", w: w, row: row}
}

// dotCells updates the cells of a panel.
func (g *Generator) dotCells(at stepPointers, z Reg, width int, name string) {
	place := cellPlace{c: at.c, h: at.h, units: at.units, certain: fewestUnits(width), name: name}
	g.cells(plainCell, g.cellGroups(plainCell, place, width, z, 0, Reg{}), g.Lockstep)
}

// shadowDots goes on from a panel whose sums are complete to the next, and so on, if
// that is no narrow one and h is long enough. It ends with a panel whose cells are
// still to be done.
func (g *Generator) shadowDots(digits bool, at stepPointers, z Reg) {
	rows := g.Dots.ShadowGroups
	if rows == 0 {
		return
	}
	g.Label("summed")
	g.JumpIf(at.units, LessOrEqual, panel.Units+panel.NarrowUnits, "last")
	g.JumpIf(g.groups("m"), Less, rows, "last")
	g.addFloats(at.sums, g.Arg("sumsStride", "stride"))
	g.addFloats(at.weights, g.Arg("weightsStride", "stride"))
	p := g.partOfH(digits, at, z, panel.Units, "shadow")
	d := g.columnRows(p, 0)
	groups := panel.Units / g.Lanes()
	done := 0
	next := func() {
		g.Comment(fmt.Sprintf("Next panel: sums += products of group %d", done))
		g.dotRow(d, done, g.LoadScalars(d.q[0], done*floatSize, 1))
		done++
	}
	for j := range groups {
		offset := j * g.vectorSize()
		group := cellGroup{
			c:      func() Vec { return g.Load(at.c, offset, "cell state") },
			storeC: func(v Vec) { g.Store(v, at.c, offset) },
			storeH: func(v Vec) { g.Store(v, at.h, offset) },
		}
		g.gatesFrom(&group, z, 0, groups, j)
		g.cellAmong(plainCell, group, g.ShadowLockstep, func(line, lines int) {
			for done*groups*lines < (j*lines+line)*rows {
				next()
			}
		})
	}
	for done < rows {
		next()
	}
	g.nextGroups(d, rows)
	left := g.groups("m")
	g.AddImm(left, -rows)
	g.dots(d, left, "shadow_h")
	g.finishColumn(p, d, 0, z, afterX, z, 0)
	g.AddImm(at.c, panel.Units*floatSize)
	g.AddImm(at.h, panel.Units*floatSize)
	g.AddImm(at.units, -panel.Units)
	g.Jump("summed")
	g.Label("last")
}
