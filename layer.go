package lstm

import (
	"slices"

	"example.com/lstm/internal/panel"
)

// This file cuts the work of an LSTM layer and of a Linear one into kernel calls.
//
// A call into assembly cannot be interrupted, and the garbage collector waits
// for it with every other goroutine stopped. So each is held to about ten
// microseconds, by what limits it: the weights it reads when each is used
// once, the multiplications when a tile uses each weight several times, and the
// activations of cells.
const (
	maxCallFloats = 1 << 16 // weights of a call, 256 KiB

	// maxTileMACs bounds a tile call. At the FMA peak of 256-bit registers, about
	// 50 multiplications a nanosecond, it takes five microseconds, and up to ten
	// when it is the first to use its weights and has them from memory. A Neoverse
	// N1 at 2.5 GHz, the slowest server there is, multiplies 20 pairs a nanosecond
	// with its two units, so that this is 13 microseconds.
	maxTileMACs = 1 << 18

	// maxCallUnits bounds the cells of a call, each of five activations, for chains so
	// short that the weights do not: that of a large layer with a small projection.
	maxCallUnits = 1 << 11

	maxStepChain = maxCallFloats / panel.RowFloats                    // longest x of step
	maxTileChain = maxTileMACs / (panel.MaxColumns * panel.RowFloats) // longest x of a tile
)

// A chain that is too long for a step is cut as a tile of one column.
const _ = uint(maxStepChain - maxTileChain)

// layer is one LSTM layer. Its input and its hidden state of the step before
// are one vector to it, [x; h].
type layer struct {
	input, hidden int
	recurrent     int // elements of the hidden state: hidden, or those of a projection

	// What a step looks at, in few cache lines.
	alone      bool       // the step is that of the units and nothing else
	inOneCall  bool       // that is one call of a kernel
	fused      bool       // there are kernels for the format and the cell in one
	inTwoCalls bool       // it would be one call of gates and one of cells
	place      place      // of the layer's vectors in a State
	bias       chainStart // where the sums of all panels begin
	panels     panels

	format        weightFormat
	definition    Cell           // as the Weights had it
	cell          cellKind       // the kernel that computes it,
	staged        *stagedCell    // or, if it is not nil, the kernels
	normalization *normalization // of the gates' sums, nil for none
	parameters    []float32      // of the cell, panel after panel
	vectors       int            // how many vectors the parameters are
	peepholes     []int          // which of them are peepholes that are used
	before        *denseStack    // what makes the input of the output of the layer below, nil for none
	projection    *projection
	residual      bool      // the output is x + h
	more          bool      // there is a projection or a residual
	initial       []float32 // h and c that a stream begins with, nil for zeros
}

// packLayer packs the weights of a layer, which have been checked.
func packLayer(w *Weights) layer {
	input, recurrent, hidden := w.InputSize, w.stateSize(), w.HiddenSize
	chain := input + recurrent
	biases, weights := panel.Pack(input, recurrent, hidden, w.WeightIH, w.WeightHH, w.BiasIH, w.BiasHH)
	l := layer{
		input:      input,
		hidden:     hidden,
		recurrent:  recurrent,
		panels:     panels{floats: weights, stride: panel.Stride(chain), pairs: len(weights) <= pairFloats()},
		bias:       chainStart{sums: biases, stride: panel.RowFloats},
		format:     float32Weights,
		definition: w.Cell,
		projection: packProjection(w),
		residual:   w.Residual,
		initial:    packInitial(w),
	}
	if w.isStaged() {
		l.setStages(w)
	} else {
		l.setCell(w)
	}
	if w.Cell.Coupled {
		panel.ClearGate(hidden, chain, forgetGate, biases, weights)
	}
	if w.isNormalized() {
		l.normalization = packNormalization(w, biases)
		l.bias = zeroStart
	}
	l.more = l.projection != nil || l.residual
	l.fused = l.format == float32Weights && l.staged == nil && l.cell == plainCell
	l.inTwoCalls = hidden <= l.panels.cellUnits(1, chain) && chain <= maxTileChain
	l.inOneCall = l.fused && len(weights) <= maxCallFloats && hidden <= maxCallUnits && chain <= maxStepChain
	return l
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
		l.stepInTwo(&l.bias, &l.panels, xh, c, h)
	}
}

// advance is a step of one stream in its state, but for the input.
func (l *layer) advance(s *State) {
	if l.normalization != nil {
		l.stepNormalized(&l.bias, &l.panels, s.concat(l), s.cell(l), s.nextUnits(l), s.scratch)
	} else {
		l.step(s.concat(l), s.cell(l), s.nextUnits(l))
	}
	if l.more {
		l.finish(s)
	}
}

// finish makes the new hidden state and the output of what step has left.
func (l *layer) finish(s *State) {
	if l.projection != nil {
		l.projection.apply(s.nextUnits(l), s.nextHidden(l))
	}
	if l.residual {
		addResidual(s.nextOutput(l), s.concat(l), s.nextHidden(l))
	}
}

// recur is step for a stream whose sums have already taken in x, in the order
// of panels. scratch is that of its state.
func (l *layer) recur(sums, h0, c, h, scratch []float32) {
	from, p := chainStart{sums: sums, stride: panel.RowFloats}, l.panels
	p.skip += l.input
	switch {
	case l.fused:
		p.step(from, h0, c, h)
	case l.normalization != nil:
		l.stepNormalized(&from, &p, h0, c, h, scratch)
	default:
		l.stepInTwo(&from, &p, h0, c, h)
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
		gates(l.format, from, p, columns[:], l.hidden, z, len(z))
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
		rest.gates(l.format, start, part[:len(columns)], n, z, zStride)
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

// step is the kernel of that name in calls of bounded length.
func (p panels) step(from chainStart, x, c, h []float32) {
	if len(x) > maxStepChain {
		columns := [1]column{{x: x, c: c, h: h}}
		p.stepTile(from, columns[:])
		return
	}
	units := min(max(1, maxCallFloats/(panel.RowFloats*len(x)))*panel.Units, maxCallUnits)
	for len(h) > units {
		step(&from, &p, x, c, h[:units])
		from, p = from.advance(units), p.advance(units)
		c, h = c[units:], h[units:]
	}
	step(&from, &p, x, c, h)
}

// tileUnits is how many units' sums a tile of that many columns may make in a call.
func (p panels) tileUnits(columns, chain int) int {
	floats := min(maxTileMACs/columns, maxCallFloats) // weights of a call
	return max(1, floats/(panel.RowFloats*chain)) * panel.Units
}

// cellUnits is how many units such a tile may also update in the call.
func (p panels) cellUnits(columns, chain int) int {
	return min(p.tileUnits(columns, chain), maxCallUnits/columns/panel.Units*panel.Units)
}

// share is what tile t of the calls before p asks memory for, of the weights that
// the call of p reads: that many units, and of each row that it takes the chain,
// see panel.PrefetchTiles. Where a call takes several panels, rows that it does not
// take are asked for, too; such layers fit a cache.
func (p panels) share(t, units, chain int) []float32 {
	first, each := 0, units/panel.Units*p.stride/panel.PrefetchTiles
	if units == panel.Units {
		first, each = p.skip*panel.RowFloats, chain*panel.PrefetchFloats
	}
	if t >= panel.PrefetchTiles || first+(t+1)*each > len(p.floats) {
		return nil
	}
	return p.floats[first+t*each:]
}

// stepTile is the kernel of that name for no more than cellUnits units, in
// calls of bounded length.
func (p panels) stepTile(from chainStart, columns []column) {
	chain := len(columns[0].x)
	if chain <= maxTileChain {
		stepTile(&from, &p, columns)
		return
	}
	p.stepLongTile(from, columns)
}

// stepLongTile is stepTile for a chain that is too long for one call: the sums
// of each panel stop over in memory.
func (p panels) stepLongTile(from chainStart, columns []column) {
	var sums [panel.MaxColumns * panel.RowFloats]float32
	var part [panel.MaxColumns]column
	hidden := len(columns[0].h)
	for u := 0; u < hidden; u += panel.Units {
		units := min(panel.Units, hidden-u)
		chain := len(columns[0].x)
		last := (chain - 1) / maxTileChain * maxTileChain
		for i := range columns {
			part[i].x = columns[i].x[:last]
		}
		p.gates(float32Weights, from, part[:len(columns)], units, sums[:], panel.RowFloats)
		for i := range columns {
			col := &columns[i]
			part[i] = column{x: col.x[last:], c: col.c[u:], h: col.h[u : u+units]}
		}
		rest := p
		rest.skip += last
		rest.prefetch = skipLines(p.prefetch, last)
		stopped := chainStart{sums: sums[:], columnStride: panel.RowFloats}
		stepTile(&stopped, &rest, part[:len(columns)])
		from, p = from.advance(units), p.advance(units)
	}
}

// gates is the kernel of that name for no more than tileUnits units, in calls of
// bounded length: where one stops, the sums wait in z.
func (p panels) gates(format weightFormat, from chainStart, columns []column, units int, z []float32, zStride int) {
	var part [panel.MaxColumns]column
	chain := len(columns[0].x)
	for k := 0; k < chain; k += maxTileChain {
		for i := range columns {
			part[i].x = columns[i].x[k:min(k+maxTileChain, chain)]
		}
		gates(format, &from, &p, part[:len(columns)], units, z, zStride)
		from = chainStart{sums: z, stride: panel.RowFloats, columnStride: zStride}
		p.skip += maxTileChain
		p.prefetch = skipLines(p.prefetch, maxTileChain)
	}
}

// skipLines drops what a call with a chain of that length has asked for.
func skipLines(prefetch []float32, chain int) []float32 {
	return prefetch[min(chain*panel.PrefetchFloats, len(prefetch)):]
}

// packedLinear is a Linear layer whose rows are padded to whole vectors.
type packedLinear struct {
	inputs  int
	weights []float32 // [outputs, inputs rounded up to contract.HeadSums]
	bias    []float32 // [outputs]
}

// packLinear packs the weights of a Linear layer, which have been checked.
func packLinear(d *Linear) *packedLinear {
	bias, weights := panel.PackHead(d.InFeatures, d.OutFeatures, d.Weight, d.Bias)
	return &packedLinear{d.InFeatures, weights, bias}
}

// memorySize is the bytes of memory that d occupies.
func (d *packedLinear) memorySize() int { return 4 * (len(d.weights) + len(d.bias)) }

// apply is the kernel head in calls of bounded length. x is padded with zeros
// to the length of a row.
func (d *packedLinear) apply(x, y []float32) {
	rows := max(1, maxCallFloats/len(x))
	for o := 0; o < len(y); o += rows {
		end := min(o+rows, len(y))
		head(d.weights[o*len(x):end*len(x)], d.bias[o:end], x, y[o:end])
	}
}
