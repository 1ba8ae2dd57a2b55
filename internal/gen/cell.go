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
	// limited and flushed, which newH need not wait for if it comes to the same.
	newC func(f *Formula, in *unit) (threads []*Thread, last *Thread, c, stored Value)
	// newH is the same for h', given c'.
	newH func(f *Formula, in *unit, c Value) (threads []*Thread, last *Thread, stored Value)
}

// Cells are all cells.
var Cells = []*Cell{plainCell, clippedCell, peepholeCell, coupledCell, coupledPeepholeCell}

// unit is a vector of hidden units in a formula: the sums of their gates, their
// cell state, and the parameters of their cell.
type unit struct {
	i, f, g, o Value
	// c is the cell state, and parameter the cell's parameter of that name, loaded
	// once more each time.
	c         func() Value
	parameter func(name string) Value
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
		*in = unit{i: f.Input(group.i), f: f.Input(group.f), g: f.Input(group.g), o: f.Input(group.o)}
		in.c = func() Value { return f.Input(group.c) }
		in.parameter = func(name string) Value {
			return f.Input(group.parameters[slices.Index(cell.Parameters, name)])
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

// cellsKernel updates column after column, and in each as many panels at once as
// have the activations for the lockstep.
func (g *Generator) cellsKernel(cell *Cell) {
	panels := max(1, g.CellLockstep/3*g.Lanes()/panel.Units)
	z := g.Arg("z", "z of the column")
	list := g.Arg("columns", "column")
	count := g.Arg("count", "columns left")
	g.Label("column")
	at := cellPointers{
		z:     g.Copy(z, "z"),
		c:     g.LoadReg(list, panel.ColumnC, "c"),
		h:     g.LoadReg(list, panel.ColumnH, "h"),
		units: g.Arg("units", "units left"),
	}
	if len(cell.Parameters) > 0 {
		at.parameters = g.Arg("parameters", "parameters")
	}
	if panels > 1 {
		g.countdown(at.units, panels*panel.Units, "panels", func() { g.cellPanels(cell, at, panels, panel.Units, "panels") })
	}
	g.Label("panel")
	g.JumpIf(at.units, LessOrEqual, 0, "next")
	g.JumpIf(at.units, LessOrEqual, panel.NarrowUnits, "narrow")
	g.cellPanels(cell, at, 1, panel.Units, "wide")
	g.AddImm(at.units, -panel.Units)
	g.Jump("panel")
	g.Label("narrow")
	g.cellPanels(cell, at, 1, panel.NarrowUnits, "narrow")
	g.Label("next")
	g.addFloats(z, g.Arg("zColumn", "stride"))
	g.AddImm(list, panel.ColumnSize)
	g.SubJumpIf(count, 1, Greater, "column")
	g.Return()
}

// cellPointers are the registers that move from panel to panel of a column.
type cellPointers struct {
	z, c, h, parameters, units Reg
}

// cellPanels updates the units of consecutive panels of that width, and moves on.
func (g *Generator) cellPanels(cell *Cell, at cellPointers, panels, width int, name string) {
	defer g.narrowTo(width)()
	var groups []cellGroup
	for p := range panels {
		place := cellPlace{
			c: at.c, h: at.h, offset: p * width * floatSize, units: at.units, certain: fewestUnits(width),
			name: fmt.Sprintf("%s_%d", name, p),
		}
		if panels > 1 {
			place.certain = width // else there would be fewer at once
		}
		groups = append(groups, g.cellGroups(cell, place, width, at.z, p*panel.RowFloats*floatSize, at.parameters)...)
	}
	g.cells(cell, groups, g.CellLockstep)
	g.AddImm(at.z, panels*panel.RowFloats*floatSize)
	g.AddImm(at.c, panels*width*floatSize)
	g.AddImm(at.h, panels*width*floatSize)
	if len(cell.Parameters) > 0 {
		g.AddImm(at.parameters, panels*len(cell.Parameters)*width*floatSize)
	}
}

// cellGroups are the vectors of a panel of that width. Its sums are at z, its
// cells' parameters at the beginning of a panel's, or none.
func (g *Generator) cellGroups(cell *Cell, at cellPlace, width int, z Reg, zOffset int, parameters Reg) []cellGroup {
	groups := make([]cellGroup, width/g.Lanes())
	before := at.offset * len(cell.Parameters) // in a panel as wide, the parameters lie as the states do
	for j := range groups {
		offset := at.offset + j*g.vectorSize()
		groups[j] = cellGroup{
			c:      func() Vec { return g.Load(at.c, offset, "cell state") },
			storeC: func(v Vec) { g.Store(v, at.c, offset) },
			storeH: func(v Vec) { g.storeHidden(v, at, j) },
		}
		g.gatesFrom(&groups[j], z, zOffset, len(groups), j)
		for p, name := range cell.Parameters {
			groups[j].parameters = append(groups[j].parameters, func() Vec {
				return g.Load(parameters, before+p*width*floatSize+j*g.vectorSize(), name)
			})
		}
	}
	return groups
}

// cellColumns updates the cells of one panel for every column of a tile, whose
// sums are in its scratch memory: several columns together if one has few vectors.
func (g *Generator) cellColumns(cell *Cell, width int, done Reg) {
	defer g.narrowTo(width)()
	name := panelNames[width]
	z := g.Scratch("z of the column")
	list := g.Arg("columns", "column")
	count := g.Arg("count", "columns left")
	units := g.Arg("units", "units left")
	of := func(columns int, name string) func() {
		return func() { g.cellsOf(cell, columns, width, z, list, units, done, name) }
	}
	if width == g.Lanes() {
		g.countdown(count, 2, name+"_cells", of(2, name+"_cells"))
	}
	g.countdown(count, 1, name+"_cell", of(1, name+"_cell"))
}

// cellsOf updates the cells of the next columns of the list.
func (g *Generator) cellsOf(cell *Cell, columns, width int, z, list, units, done Reg, name string) {
	const sumsSize = panel.RowFloats * floatSize
	var groups []cellGroup
	for i := range columns {
		c := g.LoadReg(list, i*panel.ColumnSize+panel.ColumnC, "c")
		h := g.LoadReg(list, i*panel.ColumnSize+panel.ColumnH, "h")
		g.Add(c, done)
		g.Add(h, done)
		at := cellPlace{c: c, h: h, units: units, certain: fewestUnits(width), name: fmt.Sprintf("%s_%d", name, i)}
		for _, group := range g.cellGroups(cell, at, width, z, i*sumsSize, Reg{}) {
			group.again = group.c
			groups = append(groups, group)
		}
	}
	g.cells(cell, groups, g.TileLockstep)
	g.AddImm(z, columns*sumsSize)
	g.AddImm(list, columns*panel.ColumnSize)
}
