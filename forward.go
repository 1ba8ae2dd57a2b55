package lstm

import (
	"example.com/lstm/internal/aligned"
	"example.com/lstm/internal/panel"
	"example.com/lstm/internal/sizes"
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
	must(n.CheckForward(s, x, y))
	input := n.stateSize.input
	n.forward(s, len(x)/input, rowsOf(x, input), rowsOf(y, n.outputs.size))
}

// forward is Forward with arguments that have been checked. x and y have a row for
// each step; y has no floats if the outputs are not wanted.
func (n *Network) forward(s *State, steps int, x, y matrix) {
	if steps < minBlock || n.block.widestInput < minInput {
		n.forwardSteps(s, steps, x, y)
		return
	}
	room := n.takeRoom()
	n.forwardBlocks(s, steps, x, y, room)
	n.rooms.giveBack(room)
}

const (
	minBlock = 2 // fewer steps have nothing to share
	minInput = 8 // the narrowest input that is worth a pass of its own

	// The steps of a block read the input weights once. Of weights that the caches
	// hold, 48 steps gain 3 % over 12, and 96 no more; of those that they do not,
	// (1024,1024) on a Zen 4 core, 48 gain 12 % and 96 18 %.
	blockSteps     = 48
	longBlockSteps = 96
	manyWeights    = 1 << 21 // input weights of a layer, 8 MiB
)

// blockSize says how much room a block of steps needs.
type blockSize struct {
	steps       int
	widestInput int // of all layers
	// What one step leaves behind, in floats:
	input  int // its x
	sums   int // the gates' sums of one layer, the widest, or those of a projection
	hidden int // its output, padded for a Linear layer
	dense  int // what layers that are no LSTM layers have made, 0 for none
	// The quantised x of one layer, the longest, 0 for none.
	quantised int
}

func (n *Network) newBlockSize() blockSize {
	size := blockSize{steps: blockSteps, input: sizes.RoundUp(n.stateSize.input, aligned.Floats)}
	for i := range n.layers {
		l := &n.layers[i]
		size.widestInput = max(size.widestInput, l.input)
		size.sums = max(size.sums, panel.Gates*panel.PaddedUnits(l.hidden))
		size.hidden = max(size.hidden, paddedInput(l.recurrent))
		if l.before != nil {
			size.dense = max(size.dense, sizes.RoundUp(l.input, aligned.Floats))
		}
		if l.quantised != nil {
			size.quantised = max(size.quantised, l.quantised.x.floats)
		}
		if l.projection != nil {
			size.sums = max(size.sums, sizes.RoundUp(l.projection.size, panel.RowFloats))
		}
		if panel.Floats(l.hidden, l.input) >= manyWeights {
			size.steps = longBlockSteps
		}
	}
	return size
}

// room is where a block of steps waits between the layers.
type room struct {
	inputs, sums, hidden, dense, quantised matrix // a row for each step
}

// takeRoom returns a room that no other call is using, to be given back to
// n.rooms. It is not on the stack of the goroutine, which would grow by it.
func (n *Network) takeRoom() *room {
	if free := n.rooms.take(); free != nil {
		return free
	}
	size := &n.block
	rows := func(width int) matrix { return rowsOf(aligned.New(size.steps*width), width) }
	return &room{rows(size.input), rows(size.sums), rows(size.hidden), rows(size.dense), rows(size.quantised)}
}

// forwardSteps is forward step by step.
func (n *Network) forwardSteps(s *State, steps int, x, y matrix) {
	for t := range steps {
		var out []float32
		if y.floats != nil {
			out = y.row(t)
		}
		n.Step(s, x.row(t), out)
	}
}

// forwardBlocks is forward in blocks of steps: layer by layer, the inputs of all
// steps first, then the recurrence.
func (n *Network) forwardBlocks(s *State, steps int, x, y matrix, room *room) {
	input := n.stateSize.input
	made := len(n.outputs.heads) > 0 && y.floats != nil // of what the last layer puts out
	for steps > 0 {
		b := min(n.block.steps, steps)
		in := room.inputs.first(input)
		for t := range b {
			flushTo(in.row(t), x.row(t))
		}
		for l := range n.layers {
			layer := &n.layers[l]
			if d := layer.before; d != nil {
				out := room.dense.first(layer.input)
				for t := range b {
					d.apply(in.paddedRow(t), out.row(t), s.scratch)
				}
				in = out
			}
			out := room.hidden.first(layer.recurrent)
			if l == len(n.layers)-1 && !made && y.floats != nil {
				out = y
			}
			layer.forward(b, in, room, s, out)
			in = out
		}
		if made {
			for t := range b {
				n.outputs.apply(in.paddedRow(t), y.row(t), s.scratch)
			}
		}
		steps -= b
		x, y = x.from(b), y.from(b)
	}
}

// forward advances one layer of one stream by several steps. in has a row for
// each step, out takes the output of each; in and out may be the same rows.
func (l *layer) forward(steps int, in matrix, room *room, s *State, out matrix) {
	sums := room.sums
	l.takeInputs(steps, in, room)
	h, c := s.hidden(l), s.cell(l)
	before, after := h, s.nextHidden(l)
	for t := range steps {
		next := out.row(t)
		if l.residual {
			next = after // the output is another
		}
		if l.projection == nil {
			l.recur(sums.row(t), before, c, next, s.scratch)
		} else {
			l.recur(sums.row(t), before, c, s.units[:l.hidden], s.scratch)
			l.projection.apply(s.units[:l.hidden], next, s.scratch)
		}
		if l.residual {
			addResidual(out.row(t), in.row(t), next)
			after = before
		}
		before = next
	}
	copy(h, before)
}

// takeInputs begins the gates' sums of several steps: the bias and the inputs.
// The panels of one call serve all steps before the next panels are read.
func (l *layer) takeInputs(steps int, in matrix, room *room) {
	from, p, sums := l.bias, l.panels, room.sums
	if q := l.quantised; q != nil {
		quantised := room.quantised.first(q.x.floats)
		for t := range steps {
			q.x.set(quantised.row(t), in.row(t))
		}
		in, p.blocks = quantised, q.x.blocks
	}
	units := p.tileUnits(panel.MaxColumns, min(l.input, maxTileChain))
	for u := 0; u < l.hidden; u += units {
		next := p.advance(units)
		for first := 0; first < steps; first += panel.MaxColumns {
			var columns [panel.MaxColumns]column
			width := min(panel.MaxColumns, steps-first)
			for i := range width {
				columns[i].x = in.row(first + i)
			}
			p.prefetch = next.share(first/panel.MaxColumns, units, l.input)
			z := sums.floats[first*sums.stride+panel.Gates*u:]
			p.gates(from, columns[:width], min(units, l.hidden-u), z, sums.stride)
		}
		from, p = from.advance(units), next
	}
}

// matrix is rows of floats at a distance, which is negative where the rows are
// counted from the last one in memory.
type matrix struct {
	floats []float32
	width  int
	stride int
	offset int // where row 0 begins
}

// rowsOf is floats as rows one after another.
func rowsOf(floats []float32, width int) matrix {
	return matrix{floats: floats, width: width, stride: width}
}

// first is the first columns of m.
func (m matrix) first(columns int) matrix {
	m.width = columns
	return m
}

// columns is that many columns of m from the first one given on.
func (m matrix) columns(first, columns int) matrix {
	m.offset += first
	m.width = columns
	return m
}

// from is m without its first rows.
func (m matrix) from(rows int) matrix {
	m.offset += rows * m.stride
	return m
}

// reversed is the first rows of m, the last of them first.
func (m matrix) reversed(rows int) matrix {
	m = m.from(rows - 1)
	m.stride = -m.stride
	return m
}

func (m *matrix) row(i int) []float32 { return m.floats[m.offset+i*m.stride:][:m.width] }

// paddedRow is row i up to the next, with zeros after the row's elements.
func (m *matrix) paddedRow(i int) []float32 {
	row := m.floats[m.offset+i*m.stride:][:paddedInput(m.width)]
	clear(row[m.width:])
	return row
}
