package keras

import (
	"encoding/json"
	"slices"

	"example.com/lstm"
)

// recurrent is a layer that runs over steps: its cells, from the input up.
type recurrent struct {
	cells     []cell
	backwards bool
	sequences bool
}

// cell is what LSTM layers and LSTMCells have in common.
type cell struct {
	owner *layer // for errors
	units int
	bias  bool
	kind  lstm.Cell
}

// gates is how many a cell has: i, f, c and o, in this order in all weights, which is
// PyTorch's, too.
const gates = 4

// readCell reads the options of a cell.
func (b *builder) readCell(l *layer, o *options) cell {
	c := cell{owner: l, units: o.size("units"), bias: true}
	if l.Class == "CuDNNLSTM" {
		return c
	}
	activation, recurrent := o.activation("activation", b.major), o.activation("recurrent_activation", b.major)
	c.bias = o.bias()
	for _, a := range []lstm.Activation{activation, recurrent} {
		if o.err == nil && a.Function == lstm.ActivationSoftmax {
			o.err = l.Errorf(lstm.ErrUnsupported, "an activation of the cell is softmax, want one of single elements")
		}
	}
	if recurrent.Function != lstm.ActivationSigmoid {
		c.kind.Gate = recurrent
	}
	if activation.Function != lstm.ActivationTanh {
		c.kind.Candidate, c.kind.Output = activation, activation
	}
	return c
}

// readRecurrent reads an LSTM, CuDNNLSTM or RNN layer.
func (b *builder) readRecurrent(l *layer) (r recurrent, err error) {
	o := readOptions(l)
	r.backwards, r.sequences = o.flag("go_backwards"), o.flag("return_sequences")
	if l.Class != "RNN" {
		r.cells = []cell{b.readCell(l, o)}
		return r, o.finish()
	}
	inner := o.inner("cell")
	// TensorFlow.js writes the options of the cell to the layer, too.
	if err := o.finish("cells", "units", "activation", "recurrent_activation", "use_bias"); err != nil {
		return r, err
	}
	if inner == nil {
		return r, l.Errorf(lstm.ErrDamaged, "it has no cell")
	}
	cells := []*layer{inner}
	if inner.Class == "StackedRNNCells" {
		if cells, err = readStack(inner); err != nil {
			return r, l.wrap(err)
		}
	}
	for _, cell := range cells {
		if cell.Class != "LSTMCell" {
			return r, l.wrap(cell.Errorf(lstm.ErrUnsupported, "it is a cell of this class, want LSTMCell"))
		}
		o := readOptions(cell)
		r.cells = append(r.cells, b.readCell(cell, o))
		if err := o.finish(); err != nil {
			return r, l.wrap(err)
		}
	}
	return r, nil
}

// maxCells bounds the cells of a layer, whose weights are looked for in one list.
const maxCells = 100

// readStack reads the cells of a StackedRNNCells.
func readStack(l *layer) (cells []*layer, err error) {
	o := readOptions(l)
	var raw []json.RawMessage
	o.take("cells", &raw)
	if err := o.finish("reverse_state_order"); err != nil {
		return nil, err
	}
	if len(raw) == 0 || len(raw) > maxCells {
		return nil, l.Errorf(lstm.ErrUnsupported, "it has %d cells, want 1 to %d", len(raw), maxCells)
	}
	for _, text := range raw {
		c, err := parseLayer(text)
		if err != nil {
			return nil, l.wrap(err)
		}
		cells = append(cells, c)
	}
	return cells, nil
}

// addLSTM adds a layer of one direction.
func (b *builder) addLSTM(l *layer) error {
	if err := b.needSequence(l); err != nil {
		return err
	}
	r, err := b.readRecurrent(l)
	if err != nil {
		return err
	}
	fromEnd := r.backwards != b.reversed
	for _, c := range r.cells {
		w, err := b.weightsOf(l, c, "")
		if err != nil {
			return err
		}
		b.size = c.units
		if fromEnd {
			b.layers = append(b.layers, &lstm.Bidirectional{Backward: w})
		} else {
			b.layers = append(b.layers, w)
		}
	}
	b.lstms, b.dense = append(b.lstms, l.Name), nil
	switch {
	case r.sequences:
		b.reversed = fromEnd
	case fromEnd:
		b.output = OutputFirst
	default:
		b.output = OutputLast
	}
	return nil
}

// needSequence returns an error where Keras has no sequence any more.
func (b *builder) needSequence(l *layer) error {
	if b.output != "" {
		return l.Errorf(lstm.ErrUnsupported, "there is no sequence after a layer with return_sequences=False, want it only at the last LSTM layer")
	}
	return nil
}

// merges are the merge modes.
var merges = map[string]lstm.Merge{"concat": lstm.MergeConcat, "sum": lstm.MergeSum, "mul": lstm.MergeMul, "ave": lstm.MergeAverage}

// addBidirectional adds a layer of two directions. The first may be the one that runs
// from the end.
func (b *builder) addBidirectional(l *layer) error {
	if err := b.needSequence(l); err != nil {
		return err
	}
	o := readOptions(l)
	inner := [2]*layer{o.inner("layer"), o.inner("backward_layer")}
	mode := o.one("merge_mode", "concat", "sum", "mul", "ave")
	if err := o.finish(); err != nil {
		return err
	}
	if inner[0] == nil {
		return l.Errorf(lstm.ErrDamaged, "it has no layer")
	}
	var directions [2]recurrent
	for i := range inner {
		if inner[i] == nil {
			directions[1] = directions[0]
			directions[1].backwards = !directions[0].backwards
			break
		}
		if !slices.Contains([]string{"LSTM", "CuDNNLSTM", "RNN"}, inner[i].Class) {
			return l.wrap(inner[i].Errorf(lstm.ErrUnsupported, "it is of this class, want LSTM, CuDNNLSTM or RNN"))
		}
		var err error
		if directions[i], err = b.readRecurrent(inner[i]); err != nil {
			return l.wrap(err)
		}
	}
	first, second := directions[0], directions[1]
	fromEnd := first.backwards != b.reversed
	switch {
	case first.backwards == second.backwards || first.sequences != second.sequences:
		return l.Errorf(lstm.ErrDamaged, "its directions have go_backwards %v and %v and return_sequences %v and %v, want different and equal ones",
			first.backwards, second.backwards, first.sequences, second.sequences)
	case fromEnd && mode == "concat":
		return l.Errorf(lstm.ErrUnsupported, "merge_mode is concat and the first direction runs from the end, want sum, mul or ave, or a first direction that runs from the beginning")
	case len(first.cells) > 1 || len(second.cells) > 1:
		return l.Errorf(lstm.ErrUnsupported, "its directions have %d and %d cells, want one each", len(first.cells), len(second.cells))
	}
	w0, err := b.weightsOf(l, first.cells[0], forward)
	if err != nil {
		return err
	}
	w1, err := b.weightsOf(l, second.cells[0], backward)
	if err != nil {
		return err
	}
	switch {
	case mode == "concat":
		b.size = w0.HiddenSize + w1.HiddenSize
	case w0.HiddenSize != w1.HiddenSize:
		return l.Errorf(lstm.ErrShape, "its directions have %d and %d units, want as many, since merge_mode is %s", w0.HiddenSize, w1.HiddenSize, mode)
	default:
		b.size = w0.HiddenSize
	}
	if fromEnd {
		w0, w1 = w1, w0
	}
	b.layers = append(b.layers, &lstm.Bidirectional{Forward: w0, Backward: w1, Merge: merges[mode], Last: !first.sequences})
	b.lstms, b.dense = append(b.lstms, l.Name), nil
	if first.sequences {
		b.reversed = fromEnd
	} else {
		b.output = OutputLast
	}
	return nil
}

// weightsOf returns the weights of a cell, which l has.
func (b *builder) weightsOf(l *layer, c cell, direction string) (*lstm.Weights, error) {
	if c.units > maxUnits {
		return nil, c.owner.Errorf(lstm.ErrUnsupported, "units is %d, want at most %d", c.units, maxUnits)
	}
	h, rows := c.units, gates*c.units
	kernel, inputs, err := b.kernel(l, direction, rows, "[I, 4·units]")
	if err != nil {
		return nil, err
	}
	recurrent, err := b.need(l, recurrentKind, direction, "[units, 4·units]", h, rows)
	if err != nil {
		return nil, err
	}
	w := &lstm.Weights{InputSize: inputs, HiddenSize: h, Cell: c.kind}
	if c.bias {
		bias := b.take(l, cellBiasKind, direction)
		if bias == nil {
			return nil, l.missing(cellBiasKind, direction)
		}
		if len(bias.shape) == 1 && bias.shape[0] == 2*rows {
			w.BiasIH, w.BiasHH = bias.data[:rows:rows], bias.data[rows:]
			w.WeightIH, w.WeightHH = fromCuDNN(kernel, recurrent, inputs, h)
			return w, nil
		}
		if err := bias.check(l, "[4·units] or [8·units]", rows); err != nil {
			return nil, err
		}
		w.BiasIH = bias.data
	}
	w.WeightIH, w.WeightHH = transposed(kernel, inputs, rows), transposed(recurrent, h, rows)
	return w, nil
}

// maxUnits keeps products of units in an int of 32 bits.
const maxUnits = 1 << 24

// fromCuDNN returns the input and recurrent weights of a CuDNNLSTM, which has each
// gate's in cuDNN's own layout, [H, I] and [H, H], but in matrices of Keras's shapes,
// [I, 4H] and [H, 4H]: the numbers of a gate, row by row in its columns, are cuDNN's.
// (Keras converts them so, too, when an LSTM loads the weights of a CuDNNLSTM:
// _convert_rnn_weights in its hdf5_format.py.)
func fromCuDNN(kernel, recurrent []float32, inputs, h int) (ih, hh []float32) {
	ih, hh = make([]float32, 0, len(kernel)), make([]float32, 0, len(recurrent))
	for gate := range gates {
		for row := range inputs {
			ih = append(ih, kernel[(row*gates+gate)*h:][:h]...)
		}
		for row := range h {
			hh = append(hh, recurrent[(row*gates+gate)*h:][:h]...)
		}
	}
	return ih, hh
}
