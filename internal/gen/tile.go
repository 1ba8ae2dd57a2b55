package gen

import (
	"fmt"

	"example.com/lstm/internal/panel"
)

// The tile kernels multiply the weights with several columns at once, so that
// each weight that is loaded is used once for every column. A pass takes as
// many rows as the registers have room for; its sums go to memory, which is
// the result of gates and the scratch of stepTile.

func (g *Generator) stepTile() {
	done := g.Zero("bytes of the units done")
	g.tile(float32Format, func(width int) {
		g.cellColumns(plainCell, width, done)
		g.AddImm(done, width*floatSize)
	})
}

// tile is both kernels: finish, if there is one, does something with the sums
// of a panel that are in the scratch memory.
func (g *Generator) tile(format *Format, finish func(width int)) {
	g.Label("panel")
	units := g.Arg("units", "units left")
	g.JumpIf(units, LessOrEqual, panel.NarrowUnits, "narrow")
	g.tilePanel(format, panel.Units, finish)

	units = g.Arg("units", "units left")
	g.AddImm(units, -panel.Units)
	g.SetArg("units", units)
	g.JumpIf(units, LessOrEqual, 0, "done")
	g.advanceArg("sums", "sumsStride")
	g.advanceArg("weights", "weightsStride")
	if finish == nil {
		z := g.Arg("z", "z")
		g.AddImm(z, panel.RowFloats*floatSize)
		g.SetArg("z", z)
	}
	g.Jump("panel")

	g.Label("narrow")
	g.tilePanel(format, panel.NarrowUnits, finish)
	g.Label("done")
	g.Return()
}

// advanceArg adds a stride in floats to a pointer, both arguments.
func (g *Generator) advanceArg(pointer, stride string) {
	p := g.Arg(pointer, pointer)
	g.addFloats(p, g.Arg(stride, "stride"))
	g.SetArg(pointer, p)
}

// tilePanel computes the sums of one panel of that width, pass after pass. For a
// single column there are registers for whole rows, as in step.
func (g *Generator) tilePanel(format *Format, width int, finish func(width int)) {
	row := panel.Gates * width * floatSize // of sums
	vectors := min(g.tileVectors(format), row/g.vectorSize())
	pass := vectors * g.vectorSize()
	name := panelNames[width]

	sums := g.Arg("sums", "sums of the pass")
	s := stream{format: format, row: panel.Gates * width * format.Size}
	s.w = g.firstRow(g.Arg("weights", "panel"), s.row)
	var z Reg
	if finish != nil {
		z = g.Scratch("z of the pass")
	} else {
		z = g.Arg("z", "z of the pass")
	}
	count := g.Arg("count", "columns")
	g.JumpIf(count, Equal, 1, name+"_1")
	passes := g.Zero("passes left")
	g.AddImm(passes, row/pass)
	g.Label(name + "_pass")
	count = g.Arg("count", "columns") // again: a pass has no register left for it
	for columns := panel.MaxColumns; columns > 2; columns-- {
		g.JumpIf(count, Equal, columns, fmt.Sprintf("%s_%d", name, columns))
	}
	for columns := 2; columns <= panel.MaxColumns; columns++ {
		g.Label(fmt.Sprintf("%s_%d", name, columns))
		if format.int8 {
			g.dotPass(columns, vectors, s, sums, z, fmt.Sprintf("%s_%d", name, columns))
		} else {
			g.tilePass(columns, vectors, s, sums, z, finish != nil, fmt.Sprintf("%s_%d", name, columns))
		}
		if columns < panel.MaxColumns {
			g.Jump(name + "_next")
		}
	}
	g.Label(name + "_next")
	if row > pass {
		g.AddImm(sums, pass)
		g.AddImm(s.w, vectors*g.Lanes()*format.Size)
		g.AddImm(z, pass)
	}
	g.SubJumpIf(passes, 1, Greater, name+"_pass")
	g.Jump(name + "_summed")

	g.Label(name + "_1")
	if format.int8 {
		x := g.LoadReg(g.Arg("columns", "column"), 0, "x")
		g.dotColumn(dotPart{digits: format.digits, x: x, n: "n", w: s.w, row: s.row}, sums, 0, z, 0, name+"_1")
	} else {
		g.tilePass(1, row/g.vectorSize(), s, sums, z, finish != nil, name+"_1")
	}
	g.Label(name + "_summed")
	if finish != nil {
		finish(width)
	}
}

// tileVectors is the number of weight vectors of a pass.
func (g *Generator) tileVectors(format *Format) int {
	if format.int8 {
		return g.Dots.Vectors
	}
	return g.TileVectors
}

// tilePass computes vectors × columns sums.
func (g *Generator) tilePass(columns, vectors int, s stream, sums, z Reg, scratch bool, name string) {
	g.Comment(fmt.Sprintf("Sums of %d columns.", columns))
	acc := make([][]Vec, columns)
	from := g.Copy(sums, "sums of the column")
	for i := range acc {
		if i > 0 {
			g.addFloats(from, g.Arg("sumsColumn", "stride"))
		}
		for v := range vectors {
			acc[i] = append(acc[i], g.Load(from, v*g.vectorSize(), "sums"))
		}
	}
	list := g.Arg("columns", "columns")
	x := make([]Reg, columns)
	for i := range x {
		x[i] = g.LoadReg(list, i*panel.ColumnSize, "x")
	}
	n := g.Arg("n", "elements of x left")
	s.w, s.sums = g.Copy(s.w, "weights"), acc
	if columns > 1 {
		s.prefetch = g.Arg("prefetch", "weights to prefetch")
	}
	g.product([]stream{s}, x, n, name)
	if columns > 1 {
		g.SetArg("prefetch", s.prefetch)
	}

	g.Comment("Store the sums.")
	to := g.Copy(z, "z of the column")
	for i := range acc {
		if i > 0 {
			if scratch {
				g.AddImm(to, panel.RowFloats*floatSize)
			} else {
				g.addFloats(to, g.Arg("zColumn", "stride"))
			}
		}
		for v := range acc[i] {
			g.Store(acc[i][v], to, v*g.vectorSize())
		}
	}
}

// panelNames are what labels call the panels of each width.
var panelNames = map[int]string{panel.Units: "wide", panel.NarrowUnits: "narrow"}
