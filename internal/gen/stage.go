package gen

import "example.com/lstm/internal/panel"

// A cell whose activations are others than σ, tanh and tanh is computed in stages,
// between which elementwise kernels apply the activations. What waits for them lies
// in slots, one for each gate: column after column, each padded to whole panels.
//
//	sums     f, i, g, o = the sums of the gates, limited
//	         with peepholes f and i = z + peephole·c, limited, and no o
//	state    c' = flush(f·c + i·g), limited, which goes to slot g, too
//	         coupled, f is 1 - i; with peepholes o = zo + peepholeO·c', limited
//	hidden   h' = flush(o·g)
//
// What has been activated is flushed when it is used, but for the candidate.

// Slots, in their order in memory: gates that have the same activation at the same
// time are neighbours, whether f and o are among them or not.
const (
	slotF = iota
	slotI
	slotO
	slotG
	slotCount
)

// StageParameters are the names of the vectors that a unit of such a cell has
// besides its weights, those of peepholes being there without peepholes, too.
var StageParameters = []string{"peepholeI", "peepholeF", "peepholeO", "gateLeast", "gateMost", "candidateMost", "cellMost"}

// stage is one of them.
type stage struct {
	name, label, does string

	slots   []int // that it reads or writes
	z, c, h bool  // whether it uses them
	// formula writes a part of the stage for a vector of units. Parts of the same
	// number of several vectors are computed in lockstep.
	parts []func(u *stageUnits) *Thread
}

// stagePointers are the registers that move from panel to panel.
type stagePointers struct {
	z, c, h, units, parameters Reg
	slots                      [slotCount]Reg
}

// stageUnits is a vector of units of a panel in a formula.
type stageUnits struct {
	g     *Generator
	f     *Formula
	at    *stagePointers
	width int
	j     int
	place cellPlace
	newC  Value // that newState leaves to the next part
}

func (u *stageUnits) offset() int { return u.j * u.g.vectorSize() }

// sum is the sum of a gate, in the order of panels.
func (u *stageUnits) sum(gate int) Value {
	return u.f.Input(func() Vec { return u.g.Load(u.at.z, gate*u.width*floatSize+u.offset(), "z") })
}

func (u *stageUnits) slot(slot int, name string) Value {
	return u.f.Input(func() Vec { return u.g.Load(u.at.slots[slot], u.offset(), name) })
}

func (u *stageUnits) c() Value {
	return u.f.Input(func() Vec { return u.g.Load(u.at.c, u.offset(), "cell state") })
}

func (u *stageUnits) parameter(t *Thread, name string) Value {
	for v, of := range StageParameters {
		if of == name {
			return t.see(u.f.Input(func() Vec { return u.g.Load(u.at.parameters, v*u.width*floatSize+u.offset(), name) }), name)
		}
	}
	panic("gen: no parameter of stages is called " + name)
}

func (u *stageUnits) toSlot(slot int) func(Vec) {
	return func(v Vec) { u.g.Store(v, u.at.slots[slot], u.offset()) }
}

// gateSum is the part that gets a gate ready for its activation: its number in a
// panel, its slot, and the name of its peephole with the cell state that it sees, or
// "" and nil.
func gateSum(gate, slot int, peephole string, c func(u *stageUnits) Value) func(u *stageUnits) *Thread {
	return func(u *stageUnits) *Thread {
		t := u.f.Thread("")
		t.line()
		z := t.see(u.sum(gate), "z")
		if peephole != "" {
			z = t.let("z", FMA, u.parameter(t, peephole), t.see(c(u), "c"), z)
		}
		z = t.do(Max, u.parameter(t, "gateLeast"), z)
		z = t.let("z", Min, u.parameter(t, "gateMost"), z)
		t.give(z, u.toSlot(slot))
		return t
	}
}

// candidateSum is the same for the candidate.
func candidateSum(u *stageUnits) *Thread {
	t := u.f.Thread("")
	t.line()
	t.give(t.limited("zg", t.see(u.sum(2), "zg"), u.parameter(t, "candidateMost")), u.toSlot(slotG))
	return t
}

// limited is x with a magnitude of no more than most, by name.
func (t *Thread) limited(name string, x, most Value) Value {
	limited := t.do(Min, most, t.do(And, x, allButSign))
	return t.let(name, Or, limited, t.do(And, x, signBit))
}

// newState is the part that makes c'.
func newState(coupled bool) func(u *stageUnits) *Thread {
	return func(u *stageUnits) *Thread {
		t := u.f.Thread("")
		t.line()
		i := t.flush("i", t.see(u.slot(slotI, "i"), "i"))
		var forget Value
		if coupled {
			forget = t.let("f", Sub, one, i)
		} else {
			forget = t.flush("f", t.see(u.slot(slotF, "f"), "f"))
		}
		t.line()
		update := t.do(Mul, i, t.see(u.slot(slotG, "g"), "g"))
		c := t.let("c'", FMA, forget, t.see(u.c(), "c"), update)
		t.line()
		// Limiting makes nothing tiny, so flush need not wait for it.
		limited := t.limited("limited", c, u.parameter(t, "cellMost"))
		c = t.let("c'", ZeroBelow, t.do(And, c, allButSign), tiny, limited)
		t.give(c, func(v Vec) {
			u.g.Store(v, u.at.c, u.offset())
			u.g.Store(v, u.at.slots[slotG], u.offset())
		})
		u.newC = c
		return t
	}
}

// newHidden is the part that makes h'.
func newHidden(u *stageUnits) *Thread {
	t := u.f.Thread("")
	t.line()
	o := t.flush("o", t.see(u.slot(slotO, "o"), "o"))
	y := t.flush("y", t.see(u.slot(slotG, "y"), "y"))
	h := t.let("h'", Mul, o, y)
	t.give(t.flush("h'", h), func(v Vec) { u.g.storeHidden(v, u.place, u.j) })
	return t
}

// stages are all of them.
var stages = []*stage{
	{
		name: "stageSums", label: "sums", does: "limits the gates' sums and puts each gate into its slot",
		slots: []int{slotF, slotI, slotG, slotO}, z: true,
		parts: []func(*stageUnits) *Thread{
			gateSum(0, slotI, "", nil), gateSum(1, slotF, "", nil), candidateSum, gateSum(3, slotO, "", nil),
		},
	},
	{
		name: "stagePeepholeSums", label: "peepholeSums", does: "is stageSums with the peepholes of f and i, and without o",
		slots: []int{slotF, slotI, slotG}, z: true, c: true,
		parts: []func(*stageUnits) *Thread{
			gateSum(0, slotI, "peepholeI", (*stageUnits).c), gateSum(1, slotF, "peepholeF", (*stageUnits).c), candidateSum,
		},
	},
	stateStage("stageState", "state", "makes c', in slot g, too, of the activated gates", false, false),
	stateStage("stageCoupledState", "coupledState", "is stageState with f = 1 - i", true, false),
	stateStage("stagePeepholeState", "peepholeState", "is stageState, and puts o with its peephole into its slot", false, true),
	stateStage("stageCoupledPeepholeState", "coupledPeepholeState", "is stagePeepholeState with f = 1 - i", true, true),
	{
		name: "stageHidden", label: "hidden", does: "makes h' of slots o and g",
		slots: []int{slotO, slotG}, h: true,
		parts: []func(*stageUnits) *Thread{newHidden},
	},
}

func stateStage(name, label, does string, coupled, peephole bool) *stage {
	s := &stage{name: name, label: label, does: does, c: true}
	s.slots = []int{slotI, slotG}
	s.parts = []func(*stageUnits) *Thread{newState(coupled)}
	if !coupled {
		s.slots = append(s.slots, slotF)
	}
	if peephole {
		s.z = true
		s.slots = append(s.slots, slotO)
		s.parts = append(s.parts, gateSum(3, slotO, "peepholeO", func(u *stageUnits) Value { return u.newC }))
	}
	return s
}

// stageKernels are the kernels of all stages.
func stageKernels() (kernels []*Kernel) {
	for _, s := range stages {
		kernels = append(kernels, &Kernel{
			Name:  s.name,
			Does:  s.does + ", see " + s.name + "Generic.",
			Label: s.label,
			Body:  func(g *Generator) { g.stage(s) },
		})
	}
	return kernels
}

// stage goes through column after column, panel by panel.
func (g *Generator) stage(s *stage) {
	at := &stagePointers{}
	for _, slot := range s.slots {
		r := g.Arg("slots", "slot")
		for range slot {
			g.addFloats(r, g.Arg("slotStride", "stride"))
		}
		at.slots[slot] = r
	}
	var z, list Reg
	if s.z {
		z = g.Arg("z", "z of the column")
	}
	if s.c || s.h {
		list = g.Arg("columns", "column")
	}
	count := g.Arg("count", "columns left")
	g.Label("column")
	if s.z {
		at.z = g.Copy(z, "z")
	}
	if s.c {
		at.c = g.LoadReg(list, panel.ColumnC, "c")
	}
	if s.h {
		at.h = g.LoadReg(list, panel.ColumnH, "h")
	} else {
		at.parameters = g.Arg("parameters", "parameters")
	}
	at.units = g.Arg("units", "units left")
	g.Label("panel")
	g.JumpIf(at.units, LessOrEqual, 0, "next")
	g.JumpIf(at.units, LessOrEqual, panel.NarrowUnits, "narrow")
	g.stagePanel(s, at, panel.Units)
	g.AddImm(at.units, -panel.Units)
	g.Jump("panel")
	g.Label("narrow")
	g.stagePanel(s, at, panel.NarrowUnits)
	g.Label("next")
	if s.z {
		g.addFloats(z, g.Arg("zColumn", "stride"))
	}
	if s.c || s.h {
		g.AddImm(list, panel.ColumnSize)
	}
	g.SubJumpIf(count, 1, Greater, "column")
	g.Return()
}

// stagePanel is the stage of one panel of that width, and moves on.
func (g *Generator) stagePanel(s *stage, at *stagePointers, width int) {
	defer g.narrowTo(width)()
	f := g.NewFormula()
	vectors := make([]stageUnits, width/g.Lanes())
	for j := range vectors {
		vectors[j] = stageUnits{
			g: g, f: f, at: at, width: width, j: j,
			place: cellPlace{h: at.h, units: at.units, certain: fewestUnits(width), name: panelNames[width]},
		}
	}
	for _, part := range s.parts {
		var threads []*Thread
		for j := range vectors {
			threads = append(threads, part(&vectors[j]))
		}
		f.Lockstep(len(threads), threads...)
	}
	f.Emit()
	if s.z {
		g.AddImm(at.z, panel.Gates*width*floatSize)
	}
	if s.c {
		g.AddImm(at.c, width*floatSize)
	}
	if s.h {
		g.AddImm(at.h, width*floatSize)
	} else {
		g.AddImm(at.parameters, len(StageParameters)*width*floatSize)
	}
	for _, slot := range s.slots {
		g.AddImm(at.slots[slot], width*floatSize)
	}
}
