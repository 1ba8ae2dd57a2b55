package gen

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"example.com/lstm/internal/panel"
)

// A Cell is what a hidden unit does with the sums of its gates. Each is described
// in a file of its own, and is one kernel a path, for every format of weights.
type Cell struct {
	Name string
	Does string // for its declaration
	// Parameters are the names of the vectors that a unit has besides its weights.
	// They are stored panel by panel, one vector after another.
	Parameters []string

	// newC writes the threads that can run in lockstep on the way to c', and the
	// one that waits for them. c is c' as newH may read it, stored as it is kept:
	// flushed, which newH need not wait for if it comes to the same.
	newC func(f *Formula, in *unit) (threads []*Thread, last *Thread, c, stored Value)
	// newH is the same for h', given c'.
	newH func(f *Formula, in *unit, c Value) (threads []*Thread, last *Thread, stored Value)
}

// Cells are all cells.
var Cells = []*Cell{plainCell}

// unit is a vector of hidden units in a formula: the sums of their gates, their
// cell state, and the parameters of their cell.
type unit struct {
	i, f, g, o, c Value
	parameters    []Value
}

// cellGroup is where a vector of hidden units comes from and where the new cell
// and hidden states go. again, if it is set, fetches the new cell state from
// where it went, so that no register holds it meanwhile.
type cellGroup struct {
	i, f, g, o, c, again func() Vec
	parameters           []func() Vec
	storeC, storeH       func(Vec)
}

// gatesFrom sets the sums of a group to those of group j of a panel, which lie
// at z gate by gate.
func (g *Generator) gatesFrom(group *cellGroup, z Reg, offset, groups, j int) {
	gate := func(i int) func() Vec {
		return func() Vec { return g.Load(z, offset+(i*groups+j)*g.vectorSize(), "z") }
	}
	group.i, group.f, group.g, group.o = gate(0), gate(1), gate(2), gate(3)
}

// cells emits the update of several groups, that many activations in lockstep.
// What h' needs comes after the c' of all groups.
func (g *Generator) cells(cell *Cell, groups []cellGroup, lockstep int) {
	f := g.NewFormula()
	f.cells(cell, groups, lockstep)
	f.Emit()
}

// cellAmong is cells for one group, with other code among its lines.
func (g *Generator) cellAmong(cell *Cell, group cellGroup, lockstep int, among func(done, all int)) {
	f := g.NewFormula()
	f.cells(cell, []cellGroup{group}, lockstep)
	f.EmitAmong(among)
}

func (f *Formula) cells(cell *Cell, groups []cellGroup, lockstep int) {
	units := make([]unit, len(groups))
	newC := make([]Value, len(groups))
	var states, outputs []pending
	for j, group := range groups {
		in := &units[j]
		*in = unit{i: f.Input(group.i), f: f.Input(group.f), g: f.Input(group.g), o: f.Input(group.o), c: f.Input(group.c)}
		for _, get := range group.parameters {
			in.parameters = append(in.parameters, f.Input(get))
		}
		threads, last, c, stored := cell.newC(f, in)
		last.give(stored, group.storeC)
		states = append(states, pending{threads, last})
		if newC[j] = c; group.again != nil {
			newC[j] = f.Input(group.again)
		}
	}
	for j, group := range groups {
		threads, last, stored := cell.newH(f, &units[j], newC[j])
		last.give(stored, group.storeH)
		outputs = append(outputs, pending{threads, last})
	}
	f.finish(states, lockstep)
	f.finish(outputs, lockstep)
}

// pending is a part of a cell: threads, and the one that waits for them.
type pending struct {
	threads []*Thread
	last    *Thread
}

// finish adds as many parts at a time as have that many threads.
func (f *Formula) finish(parts []pending, lockstep int) {
	for some := range chunks(parts, lockstep/len(parts[0].threads)) {
		var threads, lasts []*Thread
		for _, part := range some {
			threads = append(threads, part.threads...)
			lasts = append(lasts, part.last)
		}
		f.Lockstep(lockstep, threads...)
		f.Lockstep(1, lasts...)
	}
}

// chunks is slices.Chunk for chunks of at least 1.
func chunks[T any](s []T, n int) iter.Seq[[]T] { return slices.Chunk(s, max(1, n)) }

// cellKernels are the kernels of all cells.
func cellKernels() (kernels []*Kernel) {
	for _, cell := range Cells {
		name := "cells" + strings.ToUpper(cell.Name[:1]) + cell.Name[1:]
		kernels = append(kernels, &Kernel{
			Name:    name,
			Does:    cell.Does + ", see " + name + "Generic.",
			Label:   cell.Name,
			Vectors: len(cell.Parameters),
			Body:    func(g *Generator) { g.cellsKernel(cell) },
		})
	}
	return kernels
}

// cellsKernel updates panel after panel, and in each column after column.
func (g *Generator) cellsKernel(cell *Cell) {
	done := g.Zero("units done, in bytes")
	g.Label("panel")
	units := g.Arg("units", "units left")
	g.JumpIf(units, LessOrEqual, panel.NarrowUnits, "narrow")
	g.cellColumns(cell, panel.Units, done, g.sumsInArgument())
	units = g.Arg("units", "units left")
	g.SubJumpIf(units, panel.Units, LessOrEqual, "done")
	g.SetArg("units", units)
	g.advanceBy("z", panel.RowFloats*floatSize)
	g.advanceBy("parameters", len(cell.Parameters)*panel.Units*floatSize)
	g.AddImm(done, panel.Units*floatSize)
	g.Jump("panel")
	g.Label("narrow")
	g.cellColumns(cell, panel.NarrowUnits, done, g.sumsInArgument())
	g.Label("done")
	g.Return()
}

// advanceBy adds bytes to a pointer, an argument.
func (g *Generator) advanceBy(arg string, bytes int) {
	if bytes == 0 {
		return
	}
	p := g.Arg(arg, arg)
	g.AddImm(p, bytes)
	g.SetArg(arg, p)
}

// sums is where the gates' sums of a panel are, column after column.
type sums struct {
	of   func(column int) (z Reg, offset int) // of one of the next columns
	next func(columns int)                    // moves on
}

// sumsInScratch are those that a tile has left in its scratch memory.
func (g *Generator) sumsInScratch() sums {
	z := g.Scratch("z of the column")
	const size = panel.RowFloats * floatSize
	return sums{
		of:   func(column int) (Reg, int) { return z, column * size },
		next: func(columns int) { g.AddImm(z, columns*size) },
	}
}

// sumsInArgument are those that the arguments z and zColumn say.
func (g *Generator) sumsInArgument() sums {
	z := g.Arg("z", "z of the column")
	return sums{
		of: func(column int) (Reg, int) {
			at := g.Copy(z, "z of the column")
			for range column {
				g.addFloats(at, g.Arg("zColumn", "stride"))
			}
			return at, 0
		},
		next: func(columns int) {
			for range columns {
				g.addFloats(z, g.Arg("zColumn", "stride"))
			}
		},
	}
}

// cellColumns updates the cells of one panel for every column: several columns
// together if one has few vectors.
func (g *Generator) cellColumns(cell *Cell, width int, done Reg, from sums) {
	defer g.narrowTo(width)()
	name := panelNames[width]
	list := g.Arg("columns", "column")
	count := g.Arg("count", "columns left")
	units := g.Arg("units", "units left")
	of := func(columns int, name string) func() {
		return func() { g.cellsOf(cell, columns, width, from, list, units, done, name) }
	}
	if width == g.Lanes() {
		g.countdown(count, 2, name+"_cells", of(2, name+"_cells"))
	}
	g.countdown(count, 1, name+"_cell", of(1, name+"_cell"))
}

// cellsOf updates the cells of the next columns of the list.
func (g *Generator) cellsOf(cell *Cell, columns, width int, from sums, list, units, done Reg, name string) {
	groups := width / g.Lanes()
	var all []cellGroup
	var parameters Reg
	if len(cell.Parameters) > 0 {
		parameters = g.Arg("parameters", "parameters")
	}
	for i := range columns {
		c := g.LoadReg(list, i*panel.ColumnSize+panel.ColumnC, "c")
		h := g.LoadReg(list, i*panel.ColumnSize+panel.ColumnH, "h")
		g.Add(c, done)
		g.Add(h, done)
		z, offset := from.of(i)
		at := cellPlace{c: c, h: h, units: units, certain: fewestUnits(width), name: fmt.Sprintf("%s_%d", name, i)}
		for j := range groups {
			load := func() Vec { return g.Load(c, j*g.vectorSize(), "cell state") }
			group := cellGroup{
				c:      load,
				again:  load,
				storeC: func(v Vec) { g.Store(v, c, j*g.vectorSize()) },
				storeH: func(v Vec) { g.storeHidden(v, at, j) },
			}
			for p := range cell.Parameters {
				group.parameters = append(group.parameters, func() Vec {
					return g.Load(parameters, p*width*floatSize+j*g.vectorSize(), cell.Parameters[p])
				})
			}
			g.gatesFrom(&group, z, offset, groups, j)
			all = append(all, group)
		}
	}
	g.cells(cell, all, g.TileLockstep)
	from.next(columns)
	g.AddImm(list, columns*panel.ColumnSize)
}
