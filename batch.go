package lstm

import (
	"fmt"

	"example.com/lstm/internal/panel"
)

// StepBatch advances many streams by one time step each. It computes what
// Step(states[i], xs[i], ys[i]) would for every i, faster, since each weight is
// read once for several streams.
//
// states, xs and ys have the same length, which may be 0. Each xs[i] has
// InputSize elements and each ys[i] OutputSize; ys may be nil if the outputs are
// not wanted, and so may single ys[i]. The slices may overlap one another, but
// no state may occur twice. StepBatch panics, before anything has changed, if
// a length is wrong, a state is not one of n, or a state occurs twice.
func (n *Network) StepBatch(states []*State, xs, ys [][]float32) {
	n.checkBatch(states, xs, ys)
	if len(states) == 0 {
		return
	}
	for i, s := range states {
		flushTo(s.input(), xs[i])
	}
	for l := range n.layers {
		n.layers[l].stepBatch(states)
	}
	for i, s := range states {
		s.turn()
		if ys != nil && ys[i] != nil {
			n.writeOutput(s, ys[i])
		}
	}
}

// stepBatch advances one layer of all streams. The panels of one call serve
// all tiles before the next panels are read, so weights that fit no cache are
// still read once, and on their way while the tiles multiply.
func (l *layer) stepBatch(states []*State) {
	if len(states) == 1 {
		s := states[0]
		l.step(s.concat(l), s.cell(l), s.nextHidden(l))
		return
	}
	// As few tiles as possible, and all of nearly the same width.
	tiles := (len(states) + panel.MaxColumns - 1) / panel.MaxColumns
	widest := (len(states) + tiles - 1) / tiles
	from, p := l.bias, l.panels
	units := p.tileUnits(widest, l.input+l.hidden)
	for u := 0; u < l.hidden; u += units {
		next := p.advance(units)
		for t := range tiles {
			var columns [panel.MaxColumns]column
			tile := states[t*len(states)/tiles : (t+1)*len(states)/tiles]
			for i, s := range tile {
				h := s.nextHidden(l)
				columns[i] = column{
					x: s.concat(l),
					c: s.cell(l)[u:],
					h: h[u:min(u+units, len(h))],
				}
			}
			p.ahead = next.share(t, units)
			l.stepPanels(from, p, u, columns[:len(tile)])
		}
		from, p = from.advance(units), next
	}
}

// checkBatch panics if the arguments of StepBatch are not what it documents.
func (n *Network) checkBatch(states []*State, xs, ys [][]float32) {
	if len(xs) != len(states) {
		panicLength("StepBatch: xs", len(xs), len(states), "the number of states")
	}
	if ys != nil && len(ys) != len(states) {
		panicLength("StepBatch: ys", len(ys), len(states), "the number of states")
	}
	for i, s := range states {
		if s == nil || s.network != n {
			n.checkState(fmt.Sprintf("StepBatch: states[%d]", i), s)
		}
		if len(xs[i]) != n.layers[0].input {
			panicLength(fmt.Sprintf("StepBatch: xs[%d]", i), len(xs[i]), n.layers[0].input, "InputSize")
		}
		if ys != nil && ys[i] != nil && len(ys[i]) != n.output {
			panicLength(fmt.Sprintf("StepBatch: ys[%d]", i), len(ys[i]), n.output, "OutputSize")
		}
	}
	if first, second := findTwice(states); second > 0 {
		panic(fmt.Sprintf("lstm: StepBatch: states[%d] is the same as states[%d], want each state once", second, first))
	}
}

// findTwice returns the indices of the first state that occurs for the second
// time, or zeros. It marks each state with its index, and unmarks it again.
func findTwice(states []*State) (first, second int) {
	marked := len(states)
	for i, s := range states {
		if s.batched != 0 {
			first, second, marked = s.batched-1, i, i
			break
		}
		s.batched = i + 1
	}
	for _, s := range states[:marked] {
		s.batched = 0
	}
	return first, second
}
