package lstm

import "example.com/lstm/internal/panel"

// Step advances the stream of s by one time step with the input x, and writes
// the output to y: the results of all heads, one after another, or without heads the
// last layer's output.
//
// x has InputSize elements and y OutputSize; y may be nil if the output is not
// wanted. x and y may overlap: x is read before y is written. Step panics,
// before anything has changed, if a length is wrong or s is not a state of n.
func (n *Network) Step(s *State, x, y []float32) {
	if fault := n.checkStep(s, x, y); fault != stepFine {
		panic(n.stepError(fault, s, x, y))
	}
	if len(x) < shortInput {
		flushGeneric(nil, s.input(), x)
	} else {
		flushTo(s.input(), x)
	}
	for i := range n.layers {
		l := &n.layers[i]
		if l.alone {
			l.step(s.concat(l), s.cell(l), s.nextHidden(l))
			continue
		}
		if l.before != nil {
			l.takeInput(s)
		}
		l.advance(s)
	}
	s.swap()
	if y != nil {
		n.writeOutput(s, y)
	}
}

// StepBatch advances many streams by one time step each. It computes what
// Step(states[i], xs[i], ys[i]) would for every i, faster, since each weight is
// read once for several streams.
//
// states, xs and ys have the same length, which may be 0. Each xs[i] has
// InputSize elements and each ys[i] OutputSize; ys may be nil if the outputs are
// not wanted, and so may single ys[i]. All inputs are read before any output is
// written, so the slices of xs and ys may overlap one another; but no state may
// occur twice. StepBatch panics, before anything has changed, if a length is
// wrong, a state is not one of n, or a state occurs twice.
func (n *Network) StepBatch(states []*State, xs, ys [][]float32) {
	must(n.CheckStepBatch(states, xs, ys))
	for i, s := range states {
		flushTo(s.input(), xs[i])
	}
	n.stepBatch(states)
	if ys == nil {
		return
	}
	for i, s := range states {
		if ys[i] != nil {
			n.writeOutput(s, ys[i])
		}
	}
}

// StepBatchFlat is [Network.StepBatch] with the inputs and the outputs in one
// slice each, stream after stream: x has the shape [B, InputSize] and y
// [B, OutputSize], row by row, B being the number of states. y may be nil if the
// outputs are not wanted. The whole of x is read before any of y is written, so
// they may overlap. StepBatchFlat panics like StepBatch.
func (n *Network) StepBatchFlat(states []*State, x, y []float32) {
	must(n.CheckStepBatchFlat(states, x, y))
	for i, s := range states {
		input := s.input()
		flushTo(input, x[i*len(input):][:len(input)])
	}
	n.stepBatch(states)
	if y == nil {
		return
	}
	for i, s := range states {
		n.writeOutput(s, y[i*n.outputs.size:][:n.outputs.size])
	}
}

// writeOutput makes the output y of what the last step of s has left in the last
// LSTM layer.
func (n *Network) writeOutput(s *State, y []float32) {
	top := &n.layers[len(n.layers)-1]
	if n.outputs.none { // here, since a small network notices one call more
		copy(y, s.output(top))
		return
	}
	n.outputs.apply(s.paddedOutput(top), y, s.scratch)
}

// takeInput makes the input of l in a state of what the layers before it read, which
// is there already.
func (l *layer) takeInput(s *State) { l.before.apply(s.source(l), s.concat(l)[:l.input], s.scratch) }

// stepBatch advances all streams, whose inputs are in their states.
func (n *Network) stepBatch(states []*State) {
	if len(states) == 0 {
		return
	}
	var room *room
	if n.needsSums() {
		room = n.takeRoom()
		defer n.rooms.giveBack(room)
	}
	for i := range n.layers {
		l := &n.layers[i]
		if l.before != nil {
			for _, s := range states {
				l.takeInput(s)
			}
		}
		l.stepBatch(states, room)
	}
	for _, s := range states {
		s.swap()
	}
}

// Weights of a layer up to which streams one after another are faster than tiles:
// the first-level cache gives them to each, and the processor works on the next
// stream while the chains of the last are on their way. BenchmarkStepBatch with 8
// and 32 streams on a Zen 4 core, one by one / tiles, AVX2 and AVX-512: (1,8) 0.90
// to 0.95, (1,16) 0.96 0.85, (1,32) 0.97 to 1.00, and (16,32), which has more
// weights than that, 1.02 1.06. For two streams, whose tile has few chains: (16,32)
// 0.77 0.98, (1,40) 0.82 1.03.
const (
	smallFloats     = 5 << 10
	smallPairFloats = 7 << 10
)

// needsSums reports whether batches need memory for sums, of gates or of
// projections.
func (n *Network) needsSums() bool {
	for i := range n.layers {
		if l := &n.layers[i]; !l.fused || l.projection != nil {
			return true
		}
	}
	return false
}

// stepBatch advances one layer of all streams. The panels of one call serve
// all tiles before the next panels are read, so weights that fit no cache are
// still read once, and on their way while the tiles multiply. room is where sums go
// that wait in memory.
func (l *layer) stepBatch(states []*State, room *room) {
	if len(states) == 1 || len(l.panels.floats) <= smallFloats || len(states) == 2 && len(l.panels.floats) <= smallPairFloats {
		for _, s := range states {
			l.advance(s)
		}
		return
	}
	for _, s := range states {
		l.quantise(s)
	}
	if l.normalization != nil {
		l.stepNormalizedBatch(states, room.sums)
	} else {
		l.stepTiles(states, room)
	}
	if l.projection != nil {
		l.projection.projectBatch(l, states, room.sums.floats, room.sums.stride)
	}
	if l.residual {
		for _, s := range states {
			addResidual(s.nextOutput(l), s.concat(l), s.nextHidden(l))
		}
	}
}

// stepTiles advances the units of all streams.
func (l *layer) stepTiles(states []*State, room *room) {
	tiles := newTiles(len(states))
	from, p := l.bias, l.panels
	units := p.cellUnits(tiles.widest, l.input+l.recurrent)
	for u := 0; u < l.hidden; u += units {
		next := p.advance(units)
		for t := range tiles.n {
			var columns [panel.MaxColumns]column
			tile := tiles.of(states, t)
			for i, s := range tile {
				h := s.nextUnits(l)
				columns[i] = column{
					x: s.chain(l),
					c: s.cell(l)[u:],
					h: h[u:min(u+units, len(h))],
				}
			}
			p.prefetch = next.share(t, units, l.input+l.recurrent)
			if l.fused {
				p.stepTile(from, columns[:len(tile)])
			} else {
				l.stepColumns(&from, &p, u, columns[:len(tile)], room.sums.floats, room.sums.stride)
			}
		}
		from, p = from.advance(units), next
	}
}

// tiles are as few as possible for a number of streams, and all of nearly the same
// width.
type tiles struct{ n, widest int }

func newTiles(streams int) tiles {
	n := (streams + panel.MaxColumns - 1) / panel.MaxColumns
	return tiles{n, (streams + n - 1) / n}
}

// of is the streams of tile t.
func (t tiles) of(states []*State, tile int) []*State {
	return states[t.first(len(states), tile):t.first(len(states), tile+1)]
}

// first is the first of so many streams in tile t.
func (t tiles) first(streams, tile int) int { return tile * streams / t.n }
