package lstm

import (
	"example.com/lstm/internal/contract"
	"example.com/lstm/internal/panel"
	"example.com/lstm/internal/sizes"
)

// A stagedCell computes cells with any activations: kernels do what is before,
// between and after them, and they themselves are functions of the elements of
// slices. What waits for them lies in slots, one for each gate, and in each slot
// column after column.
type stagedCell struct {
	gate, candidate, output packedActivation
	flushes                 bool // what candidate makes
	coupled, peephole       bool
	sums, state             cellStage
}

// The slots in the order of the kernels. Gates that are activated at the same time
// are neighbours.
const (
	slotF = iota
	slotI
	slotO
	slotG
	slotCount
)

// isStaged reports whether the sums are normalized, or the activations others than
// kernels of cells have.
func (w *Weights) isStaged() bool {
	used := w.Cell.used()
	return w.isNormalized() || used.Gate != Activation{} || used.Candidate != Activation{} || used.Output != Activation{}
}

// setStages makes the cells of w, which may be any, run in stages.
func (l *layer) setStages(w *Weights) {
	cell := w.Cell.used()
	for _, place := range cell.activations() {
		if place.activation.Function == ActivationDefault {
			place.activation.Function = place.usual
		}
	}
	s := &stagedCell{
		gate: cell.Gate.pack(), candidate: cell.Candidate.pack(), output: cell.Output.pack(),
		flushes: cell.Candidate.Function != ActivationTanh,
		coupled: cell.Coupled, peephole: w.hasPeepholes(),
	}
	inKernels := s.peephole && !w.isNormalized() // where the peepholes are added
	switch {
	case inKernels && s.coupled:
		s.sums, s.state = peepholeSumsStage, coupledPeepholeStateStage
	case inKernels:
		s.sums, s.state = peepholeSumsStage, peepholeStateStage
	case s.coupled:
		s.sums, s.state = sumsStage, coupledStateStage
	default:
		s.sums, s.state = sumsStage, stateStage
	}
	zeros := w.same(0)
	peepholeI, peepholeF, peepholeO := zeros, zeros, zeros
	switch {
	case s.peephole && s.coupled:
		peepholeI, peepholeO = w.PeepholeI, w.PeepholeO
		l.peepholes = []int{0, 2}
	case s.peephole:
		peepholeI, peepholeF, peepholeO = w.PeepholeI, w.PeepholeF, w.PeepholeO
		l.peepholes = []int{0, 1, 2}
	}
	clip, cellClip := cell.limits()
	gateLeast := -clip
	if cell.Gate.Function == ActivationSigmoid {
		gateLeast = max(contract.Shut, gateLeast)
	}
	l.staged = s
	l.setParameters([][]float32{peepholeI, peepholeF, peepholeO, w.same(gateLeast), w.same(clip), w.same(clip), w.same(cellClip)})
}

// update makes c' and h' of the gates' sums in z. After those of all columns z has
// memory for the slots, at least as much again, and that of a panel for one column.
func (s *stagedCell) update(z []float32, zStride int, parameters []float32, columns []column) {
	slots := z[len(columns)*zStride:]
	s.makeState(z, zStride, slots, parameters, columns)
	s.makeHidden(z, zStride, slots, parameters, columns)
}

// slotStride is the distance of slots.
func slotStride(columns, units int) int {
	return sizes.RoundUp(columns*panel.PaddedUnits(units), panel.ElementBlock)
}

// makeState makes c', in slot g too, and leaves o in its slot.
func (s *stagedCell) makeState(z []float32, zStride int, slots []float32, parameters []float32, columns []column) {
	stride := slotStride(len(columns), len(columns[0].h))
	slots = slots[:slotCount*stride]
	gates, candidate := slots[slotF*stride:(slotO+1)*stride], slots[slotG*stride:]
	if s.coupled {
		gates = gates[stride:]
	}
	if s.peephole {
		gates = gates[:len(gates)-stride]
	}
	stages(s.sums, z, zStride, slots, stride, parameters, columns)
	s.gate.apply(gates, gates)
	s.candidate.apply(candidate, candidate)
	if s.flushes {
		flushTo(candidate, candidate)
	}
	stages(s.state, z, zStride, slots, stride, parameters, columns)
}

// makeHidden makes h' of what makeState has left.
func (s *stagedCell) makeHidden(z []float32, zStride int, slots []float32, parameters []float32, columns []column) {
	stride := slotStride(len(columns), len(columns[0].h))
	slots = slots[:slotCount*stride]
	o, newC := slots[slotO*stride:(slotO+1)*stride], slots[slotG*stride:]
	s.output.apply(newC, newC)
	if s.peephole {
		s.gate.apply(o, o)
	}
	stages(hiddenStage, z, zStride, slots, stride, parameters, columns)
}

// stepInStages is stepInTwo for a cell in stages.
func (l *layer) stepInStages(from *chainStart, p *panels, columns []column) {
	var memory []float32
	switch hidden := len(columns[0].h); {
	case hidden <= panel.Units:
		var floats [2 * panel.RowFloats]float32
		memory = floats[:]
	case hidden <= 4*panel.Units:
		var floats [2 * 4 * panel.RowFloats]float32
		memory = floats[:]
	default:
		var floats [2 * 8 * panel.RowFloats]float32
		memory = floats[:]
	}
	zStride := len(memory) / 2
	if l.inTwoCalls && panel.Gates*panel.PaddedUnits(l.hidden) <= zStride {
		gates(p.format, from, p, columns, l.hidden, memory, zStride)
		l.staged.update(memory, zStride, l.parameters, columns)
		return
	}
	l.stepColumns(from, p, 0, columns, memory, zStride)
}
