package lstm

import (
	"math"

	"example.com/lstm/internal/contract"
	"example.com/lstm/internal/panel"
)

// normalization is layer normalization inside the cell. The sums of a gate begin
// without the bias, and are normalized over all units before it is added. So a step
// makes the sums of all units before it updates any; where o has a peephole, it makes
// c' of all units before it normalizes o. What comes after the sums runs in stages.
type normalization struct {
	gammas, biases []float32 // of the gates of a panel, panel after panel, like sums
	epsilon        float32
}

const (
	usualEpsilon = 1e-8    // of TensorFlow Lite
	leastEpsilon = 0x1p-40 // beside which contract.LeastSquare is nothing
)

func (w *Weights) isNormalized() bool {
	return w.NormI != nil || w.NormF != nil || w.NormG != nil || w.NormO != nil
}

// packNormalization packs the normalization of w, which has one.
func packNormalization(w *Weights, biases []float32) *normalization {
	n := &normalization{
		gammas:  panel.PackUnits(w.HiddenSize, w.NormI, w.NormF, w.NormG, w.NormO),
		biases:  biases,
		epsilon: w.Cell.NormEpsilon,
	}
	if n.epsilon == 0 {
		n.epsilon = usualEpsilon
	}
	return n
}

// biases are those of the gates of all panels.
func (l *layer) biases() []float32 {
	if l.normalization != nil {
		return l.normalization.biases
	}
	return l.bias.sums
}

// gateOf is what numbers, which lie like the sums of gates, have of a gate of the
// units of the panel from unit u on.
func gateOf(numbers []float32, hidden, u, gate int) []float32 {
	units := min(panel.Units, hidden-u)
	return numbers[panel.Gates*u+gate*panel.Width(units):][:units]
}

// apply normalizes the sums of a gate, and adds the bias. The lanes of a panel are
// the partial sums. Where fma is a float64 sum rounded to float32, it is that, since
// calls would take half of the time; the products are exact.
func (n *normalization) apply(z []float32, hidden, gate int) {
	var part [panel.Units]float32
	for u := 0; u < hidden; u += panel.Units {
		for k, v := range gateOf(z, hidden, u, gate) {
			part[k%len(part)] += v
		}
	}
	mean := contract.Flush(sumInPairs(&part) / float32(hidden))
	for k := range part {
		part[k] = contract.LeastSquare
	}
	for u := 0; u < hidden; u += panel.Units {
		sums := gateOf(z, hidden, u, gate)
		for k, v := range sums {
			d := contract.Flush(v - mean)
			p := &part[k%len(part)]
			square := float64(d)*float64(d) + float64(*p)
			if halfWay(square) {
				*p = fma(d, d, *p)
			} else {
				*p = float32(square)
			}
			sums[k] = d
		}
	}
	variance := sumInPairs(&part) / float32(hidden)
	r := 1 / float32(math.Sqrt(float64(variance+n.epsilon))) // the root is rounded as if once
	for u := 0; u < hidden; u += panel.Units {
		sums := gateOf(z, hidden, u, gate)
		gammas, biases := gateOf(n.gammas, hidden, u, gate)[:len(sums)], gateOf(n.biases, hidden, u, gate)[:len(sums)]
		for k, d := range sums {
			d = contract.Flush(float32(d * r))
			s := float64(d)*float64(gammas[k]) + float64(biases[k])
			if halfWay(s) || math.Abs(s) < 0x1p-126 {
				sums[k] = fma(d, gammas[k], biases[k])
			} else {
				sums[k] = float32(s)
			}
		}
	}
}

// addPeephole adds a peephole, a vector of the parameters, to the sums of a gate.
func (l *layer) addPeephole(z []float32, gate, vector int, c []float32) {
	for u := 0; u < l.hidden; u += panel.Units {
		sums := gateOf(z, l.hidden, u, gate)
		peepholes := l.parameters[l.vectors*u+vector*panel.Width(len(sums)):]
		for k := range sums {
			sums[k] = fma(peepholes[k], c[u+k], sums[k])
		}
	}
}

// normalizationScratch is the floats that stepNormalized needs.
func (l *layer) normalizationScratch() int {
	return panel.Gates*panel.PaddedUnits(l.hidden) + slotCount*slotStride(1, l.hidden)
}

// stepNormalized is stepInTwo for a normalized layer.
func (l *layer) stepNormalized(from *chainStart, p *panels, x, c, h, scratch []float32) {
	columns := [1]column{{x: x, c: c, h: h}}
	zStride := panel.Gates * panel.PaddedUnits(l.hidden)
	z, slots := scratch[:zStride], scratch[zStride:]
	start, rest := *from, *p
	units := p.tileUnits(1, min(len(x), maxTileChain))
	for u := 0; u < l.hidden; u += units {
		rest.gates(start, columns[:], min(units, l.hidden-u), z[panel.Gates*u:], zStride)
		start, rest = start.advance(units), rest.advance(units)
	}
	l.normalizedCells(z, zStride, slots, columns[:])
}

// maxNormalized is how many streams of a batch go together: as many as there are
// rows for sums in a room, less those for the slots of a tile.
const maxNormalized = blockSteps - panel.MaxColumns

// stepNormalizedBatch advances the units of all streams. sums is memory.
func (l *layer) stepNormalizedBatch(states []*State, sums matrix) {
	for len(states) > maxNormalized {
		l.stepNormalizedTiles(states[:maxNormalized], sums)
		states = states[maxNormalized:]
	}
	l.stepNormalizedTiles(states, sums)
}

// stepNormalizedTiles is that for no more than maxNormalized streams. The panels of
// one call serve all tiles before the next panels are read.
func (l *layer) stepNormalizedTiles(states []*State, sums matrix) {
	tiles := newTiles(len(states))
	chain := l.input + l.recurrent
	from, p := l.bias, l.panels
	units := p.tileUnits(tiles.widest, min(chain, maxTileChain))
	var columns [panel.MaxColumns]column
	for u := 0; u < l.hidden; u += units {
		next := p.advance(units)
		for t := range tiles.n {
			tile := tiles.of(states, t)
			for i, s := range tile {
				columns[i] = column{x: s.chain(l)}
			}
			p.prefetch = next.share(t, units, chain)
			z := sums.floats[tiles.first(len(states), t)*sums.stride+panel.Gates*u:]
			p.gates(from, columns[:len(tile)], min(units, l.hidden-u), z, sums.stride)
		}
		from, p = from.advance(units), next
	}
	slots := sums.floats[len(states)*sums.stride:]
	for t := range tiles.n {
		tile := tiles.of(states, t)
		for i, s := range tile {
			columns[i] = column{c: s.cell(l), h: s.nextUnits(l)}
		}
		l.normalizedCells(sums.floats[tiles.first(len(states), t)*sums.stride:], sums.stride, slots, columns[:len(tile)])
	}
}

// normalizedCells makes c' and h' of the sums of all units, zStride floats from one
// column to the next. slots is memory.
func (l *layer) normalizedCells(z []float32, zStride int, slots []float32, columns []column) {
	peephole, coupled := l.staged.peephole, l.staged.coupled
	for i := range columns {
		sums, c := z[i*zStride:], columns[i].c
		if peephole {
			l.addPeephole(sums, inputGate, 0, c)
		}
		l.normalization.apply(sums, l.hidden, inputGate)
		if !coupled {
			if peephole {
				l.addPeephole(sums, forgetGate, 1, c)
			}
			l.normalization.apply(sums, l.hidden, forgetGate)
		}
		l.normalization.apply(sums, l.hidden, candidateGate)
		if !peephole {
			l.normalization.apply(sums, l.hidden, outputGate)
		}
	}
	l.normalizedStages(z, zStride, slots, columns, true, !peephole)
	if !peephole {
		return
	}
	for i := range columns {
		sums := z[i*zStride:]
		l.addPeephole(sums, outputGate, 2, columns[i].c)
		l.normalization.apply(sums, l.hidden, outputGate)
	}
	l.normalizedStages(z, zStride, slots, columns, false, true)
}

// normalizedStages runs the stages up to c', or those after it, or all, in calls of
// bounded length.
func (l *layer) normalizedStages(z []float32, zStride int, slots []float32, columns []column, state, hidden bool) {
	var part [panel.MaxColumns]column
	units := maxCallUnits / len(columns) / panel.Units * panel.Units
	for u := 0; u < l.hidden; u += units {
		n := min(units, l.hidden-u)
		for i := range columns {
			part[i] = column{c: columns[i].c[u:], h: columns[i].h[u : u+n]}
		}
		z, parameters, part := z[panel.Gates*u:], l.parameters[l.vectors*u:], part[:len(columns)]
		if state {
			l.staged.makeState(z, zStride, slots, parameters, part)
		} else {
			l.staged.takeState(z, zStride, slots, parameters, part)
		}
		if hidden {
			l.staged.makeHidden(z, zStride, slots, parameters, part)
		}
	}
}

// takeState puts what makeHidden needs into the slots: o, limited, and c', which is
// there already. What else is put there is not used.
func (s *stagedCell) takeState(z []float32, zStride int, slots []float32, parameters []float32, columns []column) {
	units := len(columns[0].h)
	stride := slotStride(len(columns), units)
	slots = slots[:slotCount*stride]
	stages(s.sums, z, zStride, slots, stride, parameters, columns)
	for i := range columns {
		copy(slots[slotG*stride+i*panel.PaddedUnits(units):], columns[i].c[:units])
	}
}
