package lstm

import (
	"example.com/lstm/internal/aligned"
	"example.com/lstm/internal/contract"
	"example.com/lstm/internal/panel"
)

// A projection makes the hidden state of a layer from what its units put out,
// o·tanh(c').
type projection struct {
	rowPanels
	clip float32 // the largest magnitude in h, 0 for no limit
}

// packProjection packs the projection of a layer, whose weights have been checked.
// It is nil for none.
func packProjection(w *Weights) *projection {
	if w.ProjSize == 0 {
		return nil
	}
	return &projection{
		rowPanels: packRowPanels(w.ProjSize, w.HiddenSize, w.WeightHR, w.ScaleHR, w.Format, false),
		clip:      w.Cell.ProjClip,
	}
}

// apply makes h of a stream from its units. The memory for the sums is on the
// stack, where Go clears it.
func (p *projection) apply(units, h, scratch []float32) {
	p.quantise(units, scratch)
	columns := [1]column{{x: p.chain(units, scratch), h: h}}
	if len(h) <= panel.RowFloats {
		var z [panel.RowFloats]float32
		p.project(columns[:], z[:])
	} else {
		var z [4 * panel.RowFloats]float32
		p.project(columns[:], z[:])
	}
}

// project makes h of one stream from its x in calls of bounded length.
func (p *projection) project(columns []column, z []float32) {
	rest, rows := p.panels, p.callRows(1, len(z))
	for first := 0; first < p.size; first += rows {
		p.projectRows(&rest, first, rows, columns, z, len(z))
		rest = rest.advance(rows / panel.Gates)
	}
}

// projectBatch makes h of many streams from their units. The panels of one call
// serve all tiles before the next panels are read. z is memory for sums, zStride
// floats for each column of a tile.
func (p *projection) projectBatch(l *layer, states []*State, z []float32, zStride int) {
	for _, s := range states {
		p.quantise(s.nextUnits(l), s.scratch)
	}
	tiles := newTiles(len(states))
	rest, rows := p.panels, p.callRows(tiles.widest, zStride)
	for first := 0; first < p.size; first += rows {
		next := rest.advance(rows / panel.Gates)
		for t := range tiles.n {
			var columns [panel.MaxColumns]column
			tile := tiles.of(states, t)
			for i, s := range tile {
				columns[i] = column{x: p.chain(s.nextUnits(l), s.scratch), h: s.nextHidden(l)}
			}
			rest.prefetch = next.share(t, rows/panel.Gates, p.elements)
			p.projectRows(&rest, first, rows, columns[:len(tile)], z, zStride)
		}
		rest = next
	}
}

// projectionSize is the number of elements of the projected h, 0 for no projection.
func (l *layer) projectionSize() int {
	if l.projection == nil {
		return 0
	}
	return l.projection.size
}

// projectRows makes up to that many elements of h of each column, from the first
// given on, where rest begins.
func (p *projection) projectRows(rest *panels, first, rows int, columns []column, z []float32, zStride int) {
	n := min(rows, p.size-first)
	rest.gates(zeroStart, columns, panel.RowUnits(n), z, zStride)
	for i := range columns {
		sums := z[i*zStride:][:n]
		if p.clip != 0 {
			for j, sum := range sums {
				sums[j] = limit(sum, -p.clip, p.clip)
			}
		}
		flushTo(columns[i].h[first:][:n], sums)
	}
}

// zeroStart is where sums begin that have no bias: the same zeros for all panels.
var zeroStart = chainStart{sums: aligned.New(panel.RowFloats)}

// addResidual makes the output of a layer that adds its input to its hidden state.
func addResidual(output, x, h []float32) {
	for i := range output {
		output[i] = contract.Flush(x[i] + h[i])
	}
}
