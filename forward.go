package lstm

import (
	"example.com/lstm/internal/contract"
	"example.com/lstm/internal/panel"
)

// Forward advances the stream of s by a sequence of T time steps and writes the
// output of every step. It computes what T calls of Step would, faster, since
// what the inputs contribute is computed for several steps at once; a sequence
// may be cut into calls anywhere.
//
// x has the shape [T, InputSize] and y [T, OutputSize], both row by row; T is
// len(x) / InputSize and may be 0. y may be nil if the outputs are not wanted,
// the state being the result. x and y must not overlap, and neither may be memory
// of s, as [State.H] returns it. Forward panics, before anything has changed, if
// a length is wrong or s is not a state of n.
func (n *Network) Forward(s *State, x, y []float32) {
	n.checkState("Forward: s", s)
	input := n.layers[0].input
	if len(x)%input != 0 {
		panicLength("Forward: x", len(x), roundUp(len(x), input), "a multiple of InputSize")
	}
	steps := len(x) / input
	if y != nil && len(y) != steps*n.output {
		panicLength("Forward: y", len(y), steps*n.output, "steps × OutputSize")
	}
	block := n.blockFloats(steps)
	switch {
	case block == 0:
		n.forwardSteps(s, x, y)
	case block <= len(smallScratch{}):
		var scratch smallScratch
		n.forwardBlocks(s, x, y, scratch[:])
	case block <= len(mediumScratch{}):
		var scratch mediumScratch
		n.forwardBlocks(s, x, y, scratch[:])
	default:
		var scratch largeScratch
		n.forwardBlocks(s, x, y, scratch[:])
	}
}

// Between the layers of a block of steps, sums and hidden states wait on the
// goroutine's stack, in the smallest of these that holds them: the stack grows
// to what is asked for, and larger variables would be allocated on the heap.
type (
	smallScratch  [1 << 10]float32
	mediumScratch [1 << 13]float32
	largeScratch  [1<<15 - 1<<10]float32
)

const (
	blockSteps = 2 * panel.MaxColumns // steps of a block
	minBlock   = 2                    // below it, there is nothing to share
	minInput   = 8                    // the narrowest input that is worth a pass of its own
)

// blockFloats returns the scratch that a block of steps needs, 0 if step by
// step is better.
func (n *Network) blockFloats(steps int) int {
	widest := 0
	for i := range n.layers {
		widest = max(widest, n.layers[i].input)
	}
	block := min(steps, blockSteps, len(largeScratch{})/n.stepFloats())
	if widest < minInput || block < minBlock {
		return 0
	}
	return block * n.stepFloats()
}

// stepFloats is what one step of a block leaves in the scratch: the gates' sums
// of one layer, and its hidden state, padded for the head.
func (n *Network) stepFloats() int {
	sums, hidden := n.blockWidths()
	return sums + hidden
}

func (n *Network) blockWidths() (sums, hidden int) {
	for i := range n.layers {
		h := n.layers[i].hidden
		sums = max(sums, panel.Gates*panel.PaddedUnits(h))
		hidden = max(hidden, roundUp(h, contract.HeadSums))
	}
	return sums, hidden
}

// forwardSteps is Forward step by step.
func (n *Network) forwardSteps(s *State, x, y []float32) {
	input := n.layers[0].input
	for len(x) > 0 {
		var out []float32
		if y != nil {
			out, y = y[:n.output], y[n.output:]
		}
		n.Step(s, x[:input], out)
		x = x[input:]
	}
}

// forwardBlocks is Forward in blocks of as many steps as the scratch holds:
// layer by layer, the inputs of all steps first, then the recurrence.
func (n *Network) forwardBlocks(s *State, x, y, scratch []float32) {
	sumsWidth, hiddenWidth := n.blockWidths()
	block := min(blockSteps, len(scratch)/(sumsWidth+hiddenWidth))
	sums := matrix{scratch[:block*sumsWidth], sumsWidth, sumsWidth}
	input := n.layers[0].input
	for steps := len(x) / input; steps > 0; {
		b := min(block, steps)
		in := matrix{x, input, input}
		for l := range n.layers {
			layer := &n.layers[l]
			out := matrix{scratch[block*sumsWidth:], layer.hidden, hiddenWidth}
			if l == len(n.layers)-1 && n.head == nil && y != nil {
				out = matrix{y, layer.hidden, layer.hidden}
			}
			layer.forward(b, in, sums, s.hidden(layer), s.cell(layer), out)
			in = out
		}
		if n.head != nil && y != nil {
			for t := range b {
				n.head.apply(in.paddedRow(t), y[t*n.output:][:n.output])
			}
		}
		steps -= b
		x = x[b*input:]
		if y != nil {
			y = y[b*n.output:]
		}
	}
}

// forward advances one layer of one stream by several steps. in has a row for
// each step, out takes the hidden state after each; in and out may be the same
// rows. sums is scratch.
func (l *layer) forward(steps int, in, sums matrix, h, c []float32, out matrix) {
	l.takeInputs(steps, in, sums)
	before := h
	for t := range steps {
		next := out.row(t)
		l.recur(sums.row(t), before, c, next)
		before = next
	}
	copy(h, before)
}

// takeInputs begins the gates' sums of several steps: the bias and the inputs.
// The panels of one call serve all steps before the next panels are read.
func (l *layer) takeInputs(steps int, in, sums matrix) {
	from, p := l.bias, l.panels
	units := p.tileUnits(panel.MaxColumns, min(l.input, maxTileChain))
	for u := 0; u < l.hidden; u += units {
		next := p.advance(units)
		for first := 0; first < steps; first += panel.MaxColumns {
			// Into the array itself: what is stored through a slice of it would
			// count as escaping, and the scratch would move to the heap.
			var columns [panel.MaxColumns]column
			width := min(panel.MaxColumns, steps-first)
			for i := range width {
				columns[i].x = in.row(first + i)
			}
			p.ahead = next.share(first/panel.MaxColumns, units)
			z := sums.floats[first*sums.stride+panel.Gates*u:]
			p.gates(from, columns[:width], min(units, l.hidden-u), z, sums.stride)
		}
		from, p = from.advance(units), next
	}
}

// matrix is rows of floats at a distance.
type matrix struct {
	floats []float32
	width  int
	stride int
}

func (m matrix) row(i int) []float32 { return m.floats[i*m.stride:][:m.width] }

// paddedRow is row i up to the next, with zeros behind the row's elements.
func (m matrix) paddedRow(i int) []float32 {
	row := m.floats[i*m.stride:][:roundUp(m.width, contract.HeadSums)]
	clear(row[m.width:])
	return row
}
