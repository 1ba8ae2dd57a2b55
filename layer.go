package lstm

import (
	"slices"

	"example.com/lstm/internal/float16"
	"example.com/lstm/internal/panel"
)

// layer is one LSTM layer. Its input and its hidden state of the step before
// are one vector to it, [x; h].
type layer struct {
	input, hidden int
	recurrent     int // elements of the hidden state: hidden, or those of a projection

	// What a step looks at, in few cache lines.
	alone      bool       // the step is that of the units and nothing else
	inOneCall  bool       // that is one call of a kernel
	fused      bool       // there are kernels for float32 and the cell in one
	inTwoCalls bool       // it would be one call of gates and one of cells
	otherwise  bool       // advance needs more than step
	ofFormat   bool       // there is a kernel for a step of another format and the cell in one
	place      place      // of the layer's vectors in a State
	bias       chainStart // where the sums of all panels begin
	panels     panels

	quantised     *quantisedLayer // vectors that int8 weights are multiplied with, nil for other formats
	definition    Cell            // as the Weights had it
	cell          cellKind        // the kernel that computes it,
	staged        *stagedCell     // or, if it is not nil, the kernels
	normalization *normalization  // of the gates' sums, nil for none
	parameters    []float32       // of the cell, panel after panel
	vectors       int             // how many vectors the parameters are
	peepholes     []int           // which of them are peepholes that are used
	before        *denseStack     // what makes the input of the output of the layer below, nil for none
	projection    *projection
	residual      bool      // the output is x + h
	more          bool      // there is a projection or a residual
	initial       []float32 // h and c that a stream begins with, nil for zeros
}

// packLayer packs the weights of a layer, which have been checked. raw: its x is the
// input of the network.
func packLayer(w *Weights, raw bool) layer {
	input, recurrent, hidden := w.InputSize, w.stateSize(), w.HiddenSize
	chain := input + recurrent
	l := layer{
		input:      input,
		hidden:     hidden,
		recurrent:  recurrent,
		definition: w.Cell,
		projection: packProjection(w),
		residual:   w.Residual,
		initial:    packInitial(w),
	}
	biases := l.setWeights(w, raw)
	l.bias = chainStart{sums: biases, stride: panel.RowFloats}
	if w.isStaged() {
		l.setStages(w)
	} else {
		l.setCell(w)
	}
	if w.isNormalized() {
		l.normalization = packNormalization(w, biases)
		l.bias = zeroStart
	}
	l.more = l.projection != nil || l.residual
	plain := l.staged == nil && l.cell == plainCell
	l.fused = plain && w.Format == Float32
	l.otherwise = l.normalization != nil || l.quantised != nil
	l.ofFormat = plain && (w.Format == Float16 && chain <= maxFloat16Chain || w.Format == Int8 && l.quantised.single())
	l.inTwoCalls = w.Format != Int8 && hidden <= l.panels.cellUnits(1, chain) && chain <= maxTileChain
	l.inOneCall = l.fused && len(l.panels.floats) <= maxCallFloats && hidden <= maxCallUnits && chain <= maxStepChain
	return l
}

// setWeights packs the weights in their format, and returns the biases.
func (l *layer) setWeights(w *Weights, raw bool) (biases []float32) {
	chain := l.input + l.recurrent
	if w.Format == Int8 {
		l.quantised = newQuantisedLayer(w, raw)
		ih, hh := byteMatrices(w)
		l.panels = panels{
			floats: panel.PackBytes(l.hidden, ih, hh),
			stride: panel.Stride(panel.Int8Rows(l.input) + panel.Int8Rows(l.recurrent)),
			blocks: l.quantised.blocks(),
		}
		biases = panel.PackBiases(l.hidden, w.BiasIH, w.BiasHH)
		if w.Cell.Coupled {
			panel.ClearGate(l.hidden, 0, forgetGate, biases, nil)
		}
		return biases
	}
	biases, weights := panel.Pack(l.input, l.recurrent, l.hidden, w.WeightIH, w.WeightHH, w.BiasIH, w.BiasHH)
	if w.Cell.Coupled {
		panel.ClearGate(l.hidden, chain, forgetGate, biases, weights)
	}
	l.panels = panels{floats: weights, stride: panel.Stride(chain)}
	if w.Format == Float16 {
		l.panels = panels{floats: float16.Pack(weights), stride: l.panels.stride / 2, format: float16Weights, narrow: narrowHalves()}
	} else {
		l.panels.pairs = len(weights) <= pairFloats()
	}
	return biases
}

// setCell makes the cells of w run in a kernel of their own.
func (l *layer) setCell(w *Weights) {
	l.cell = w.cellKind()
	l.setParameters(w.cellVectors())
	for v := range w.peepholes() {
		l.peepholes = append(l.peepholes, v)
	}
}

func (l *layer) setParameters(vectors [][]float32) {
	l.vectors = len(vectors)
	l.parameters = panel.PackUnits(l.hidden, vectors...)
}

// packInitial packs what a stream begins with. Zeros are nil, whoever says so.
func packInitial(w *Weights) []float32 {
	h := w.stateSize()
	initial := make([]float32, h+w.HiddenSize)
	flushTo(initial[:len(w.InitialH)], w.InitialH)
	flushTo(initial[h:][:len(w.InitialC)], w.InitialC)
	if !slices.ContainsFunc(initial, func(v float32) bool { return v != 0 }) {
		return nil
	}
	return initial
}

// step advances the units of one stream by one step. xh is [x; h] before the step;
// c is updated in place; h receives what the units put out, which is the new hidden
// state unless there is a projection, and does not overlap xh.
func (l *layer) step(xh, c, h []float32) {
	switch {
	case l.inOneCall:
		step(&l.bias, &l.panels, xh, c, h)
	case l.fused:
		l.panels.step(l.bias, xh, c, h)
	default:
		l.stepUnfused(&l.bias, &l.panels, xh, c, h)
	}
}

// stepUnfused is a step of a layer that is not fused. Where weights are int8, x is the
// memory of the quantised vectors.
func (l *layer) stepUnfused(from *chainStart, p *panels, x, c, h []float32) {
	switch {
	case !l.ofFormat:
		l.stepInTwo(from, p, x, c, h)
	case l.quantised != nil:
		p.stepInt8(from, x, c, h)
	default:
		p.stepFloat16(from, x, c, h)
	}
}

// advance is a step of one stream in its state, but for the input.
func (l *layer) advance(s *State) {
	if l.otherwise {
		l.quantise(s)
		l.stepOtherwise(&l.bias, &l.panels, s.chain(l), s.cell(l), s.nextUnits(l), s.scratch)
	} else {
		l.step(s.concat(l), s.cell(l), s.nextUnits(l))
	}
	if l.more {
		l.finish(s)
	}
}

// quantise makes the quantised vectors of the next step of a stream, if there are
// such.
func (l *layer) quantise(s *State) {
	if q := l.quantised; q != nil {
		xh := s.concat(l)
		q.x.set(s.scratch, xh[:l.input])
		q.h.set(s.scratch, xh[l.input:])
	}
}

// chain is what the weights of a layer are multiplied with in the next step: [x; h],
// or the memory of the quantised vectors.
func (s *State) chain(l *layer) []float32 {
	if l.quantised != nil {
		return s.scratch[:l.quantised.floats()]
	}
	return s.concat(l)
}

// stepOtherwise is a step of a layer that is normalized or has int8 weights. The
// quantised vectors, if there are any, lie in front in the scratch of the state.
func (l *layer) stepOtherwise(from *chainStart, p *panels, x, c, h, scratch []float32) {
	if l.normalization == nil {
		l.stepUnfused(from, p, x, c, h)
		return
	}
	if l.quantised != nil {
		scratch = scratch[l.quantised.floats():]
	}
	l.stepNormalized(from, p, x, c, h, scratch)
}

// scratch is the floats of a state's scratch that the layer needs.
func (l *layer) scratch() int {
	floats := 0
	if l.quantised != nil {
		floats = l.quantised.floats()
	}
	if l.normalization != nil {
		floats += l.normalizationScratch()
	}
	if l.projection != nil {
		floats = max(floats, l.projection.scratch())
	}
	return floats
}

// finish makes the new hidden state and the output of what step has left.
func (l *layer) finish(s *State) {
	if l.projection != nil {
		l.projection.apply(s.nextUnits(l), s.nextHidden(l), s.scratch)
	}
	if l.residual {
		addResidual(s.nextOutput(l), s.concat(l), s.nextHidden(l))
	}
}

// recur is step for a stream whose sums have already taken in x, in the order
// of panels. scratch is that of its state.
func (l *layer) recur(sums, h0, c, h, scratch []float32) {
	from, p := chainStart{sums: sums, stride: panel.RowFloats}, l.panels
	if q := l.quantised; q != nil {
		q.h.set(scratch, h0)
		h0 = scratch[:q.floats()]
		p.blocks, p.skip = q.h.blocks, q.h.blocks[0].row
	} else {
		p.skip += l.input
	}
	switch {
	case l.fused:
		p.step(from, h0, c, h)
	case l.otherwise:
		l.stepOtherwise(&from, &p, h0, c, h, scratch)
	default:
		l.stepUnfused(&from, &p, h0, c, h)
	}
}

// stepInTwo is a step in two kernels, for a format and a cell that have none
// together: gates leaves its sums in memory, where cells finds them. The memory is
// on the stack, where Go clears it: no more than few units need, and for many a
// part of them after another.
func (l *layer) stepInTwo(from *chainStart, p *panels, x, c, h []float32) {
	columns := [1]column{{x: x, c: c, h: h}}
	if l.staged != nil {
		l.stepInStages(from, p, columns[:])
		return
	}
	var z []float32
	switch {
	case len(h) <= panel.NarrowUnits:
		var sums [panel.Gates * panel.NarrowUnits]float32
		z = sums[:]
	case len(h) <= panel.Units:
		var sums [panel.RowFloats]float32
		z = sums[:]
	case len(h) <= 4*panel.Units:
		var sums [4 * panel.RowFloats]float32
		z = sums[:]
	default:
		var sums [8 * panel.RowFloats]float32
		z = sums[:]
	}
	if l.inTwoCalls && panel.Gates*panel.PaddedUnits(l.hidden) <= len(z) {
		gates(p.format, from, p, columns[:], l.hidden, z, len(z))
		cells(l.cell, z, len(z), l.parameters, columns[:])
		return
	}
	l.stepColumns(from, p, 0, columns[:], z, len(z))
}

// stepColumns is a step of several streams in two kernels, from unit u of the
// layer on, where from and p begin. z is memory for gates' sums, zStride floats for
// each column, of at least a panel or all there are, and after them for slots.
func (l *layer) stepColumns(from *chainStart, p *panels, u int, columns []column, z []float32, zStride int) {
	hidden, chain := len(columns[0].h), len(columns[0].x)
	fits := panel.Gates*panel.PaddedUnits(hidden) <= zStride
	units := p.cellUnits(len(columns), min(chain, maxTileChain))
	if !fits {
		units = min(units, zStride/panel.RowFloats*panel.Units)
	}
	start, rest := *from, *p
	var part [panel.MaxColumns]column
	for first := 0; first < hidden; first += units {
		n := min(units, hidden-first)
		for i := range columns {
			col := &columns[i]
			part[i] = column{x: col.x, c: col.c[first:], h: col.h[first : first+n]}
		}
		rest.gates(start, part[:len(columns)], n, z, zStride)
		l.cells(z, zStride, u+first, part[:len(columns)])
		start, rest = start.advance(units), rest.advance(units)
	}
}

// cells makes c' and h' of the gates' sums of units from u on.
func (l *layer) cells(z []float32, zStride, u int, columns []column) {
	parameters := l.parameters[u*l.vectors:]
	if l.staged != nil {
		l.staged.update(z, zStride, parameters, columns)
	} else {
		cells(l.cell, z, zStride, parameters, columns)
	}
}
