package onnx

import (
	"slices"
	"strings"

	"example.com/lstm"
)

var lstmAttributes = []string{"activation_alpha", "activation_beta", "activations", "clip", "direction", "hidden_size", "input_forget", "layout", "output_sequence"}

// The inputs of LSTM.
const (
	inputX = iota
	inputW
	inputR
	inputB
	inputLengths
	inputH
	inputC
	inputP
)

func (c *call) lstm() ([]value, error) {
	w, err := c.neededConstant(inputW)
	if err != nil {
		return nil, err
	}
	r, err := c.neededConstant(inputR)
	if err != nil {
		return nil, err
	}
	return c.layer(w, r)
}

// quantizedLSTM has weights [D, I, 4H] and [D, H, 4H] of 8 bits, with scales and zero
// points for each direction, or for each row of it.
func (c *call) quantizedLSTM() ([]value, error) {
	var weights [2]*constant
	for i := range weights {
		q, err := c.neededConstant(inputW + i)
		if err != nil {
			return nil, err
		}
		scale, err := c.neededConstant(8 + 2*i)
		if err != nil {
			return nil, err
		}
		zero, err := c.neededConstant(9 + 2*i)
		if err != nil {
			return nil, err
		}
		if q.rank() != 3 || !q.bits8 || !scale.isFloat || !zero.bits8 {
			return nil, shapeError("weights are %s with %s and %s, want 8 bits [D, N, 4H], scales and zero points", q.describe(), scale.describe(), zero.describe())
		}
		for _, t := range []**constant{&scale, &zero} {
			p := *t
			switch {
			case p.rank() == 2 && p.shape[0] == q.shape[0] && p.shape[1] == q.shape[2]:
				*t = p.view([]dim{p.shape[0], number(1), p.shape[1]}, []int{p.strides[0], 0, p.strides[1]}, p.start)
			case p.rank() == 2 && p.shape[0] == q.shape[0] && p.shape[1].is(1):
				*t = p.view([]dim{p.shape[0], number(1), number(1)}, []int{p.strides[0], 0, 0}, p.start)
			case p.rank() == 1 && p.shape[0] == q.shape[0]:
				*t = p.view([]dim{p.shape[0], number(1), number(1)}, []int{p.strides[0], 0, 0}, p.start)
			default:
				return nil, shapeError("scales or zero points are %s for weights that are %s", p.describe(), q.describe())
			}
		}
		v, err := c.dequantized(q, scale, zero)
		if err != nil {
			return nil, err
		}
		t := v.(*constant)
		perm := []int{0, 2, 1}
		weights[i] = t.view(permuted(t.shape, perm), permuted(t.strides, perm), t.start)
	}
	return c.layer(weights[0], weights[1])
}

// layer makes the outputs Y, Y_h and Y_c of a node with these weights.
func (c *call) layer(w, r *constant) ([]value, error) {
	directions, err := c.directions()
	if err != nil {
		return nil, err
	}
	count := len(directions)
	if r.rank() != 3 || w.rank() != 3 || !r.shape[2].isNumber() || !w.shape[2].isNumber() {
		return nil, shapeError("W is %s and R %s, want [D, 4H, I] and [D, 4H, H]", w.describe(), r.describe())
	}
	hidden, size := int(r.shape[2].plus), int(w.shape[2].plus)
	if h, ok := c.attributes["hidden_size"]; ok && h.integer != int64(hidden) || hidden < 1 || size < 1 {
		return nil, shapeError("hidden_size is %d, W %s and R %s, want [D, 4H, I] and [D, 4H, H]", h.integer, w.describe(), r.describe())
	}
	x, below, err := c.steps(size)
	if err != nil {
		return nil, err
	}
	padded, err := c.lengths(x)
	if err != nil {
		return nil, err
	}
	for i := range directions {
		directions[i].InputSize, directions[i].HiddenSize = size, hidden
	}
	if err := c.parameters(directions, w, r); err != nil {
		return nil, err
	}
	if err := c.initial(directions); err != nil {
		return nil, err
	}

	y := &data{isFloat: true, backwards: x.backwards}
	var h, cell data
	for i, w := range directions {
		reverse := i == 1 || c.direction() == "reverse"
		if x.backwards != 0 {
			reverse = !reverse
		}
		s := &stage{parent: below, node: c.node, size: hidden, weights: w, reverse: reverse, lstms: []*node{c.node}, padded: padded || below.padded}
		end := lastStep
		if reverse {
			end = firstStep
		} else {
			s.layer = w
		}
		y.parts = append(y.parts, part{stage: s, size: hidden})
		h.parts = append(h.parts, part{stage: s, size: hidden, moment: end})
		cell.parts = append(cell.parts, part{stage: s, size: hidden, moment: cellState})
	}
	direction, features := axis{{size: number(int64(count)), stride: hidden}}, axis{{size: number(int64(hidden)), stride: 1}}
	if c.layout() == 0 {
		y.axes = []axis{x.axes[0], direction, x.axes[1], features}
		h.axes = []axis{direction, x.axes[1], features}
	} else {
		y.axes = []axis{x.axes[0], x.axes[1], direction, features}
		h.axes = []axis{x.axes[0], direction, features}
	}
	h.isFloat, cell.isFloat, cell.axes = true, true, h.axes
	return []value{y, &h, &cell}, nil
}

func (c *call) direction() string {
	if a, ok := c.attributes["direction"]; ok {
		return a.text
	}
	return "forward"
}

func (c *call) layout() int64 { return c.integer("layout", 0) }

// directions are the weights of each direction, with the cells that the attributes
// say.
func (c *call) directions() ([]*lstm.Weights, error) {
	if l := c.layout(); l != 0 && l != 1 {
		return nil, unsupported("layout is %d, want 0 or 1", l)
	}
	var directions []*lstm.Weights
	switch d := c.direction(); d {
	case "forward", "reverse":
		directions = []*lstm.Weights{{}}
	case "bidirectional":
		directions = []*lstm.Weights{{}, {}}
	default:
		return nil, unsupported("direction is %.80q, want forward, reverse or bidirectional", d)
	}
	clip := c.number("clip", 0)
	if _, ok := c.attributes["clip"]; ok && !(clip >= 0) {
		return nil, unsupported("clip is %v, want a number above 0", clip)
	}
	forget := c.integer("input_forget", 0)
	if forget != 0 && forget != 1 {
		return nil, unsupported("input_forget is %d, want 0 or 1", forget)
	}
	activations, err := c.cellActivations(3 * len(directions))
	if err != nil {
		return nil, err
	}
	for i, w := range directions {
		w.Cell = lstm.Cell{Coupled: forget == 1, Clip: clip}
		if activations != nil {
			w.Cell.Gate, w.Cell.Candidate, w.Cell.Output = activations[3*i], activations[3*i+1], activations[3*i+2]
		}
		// What is usual is said by nothing.
		for _, p := range []struct {
			at    *lstm.Activation
			usual lstm.ActivationFunction
		}{{&w.Cell.Gate, lstm.ActivationSigmoid}, {&w.Cell.Candidate, lstm.ActivationTanh}, {&w.Cell.Output, lstm.ActivationTanh}} {
			if p.at.Function == p.usual {
				*p.at = lstm.Activation{}
			}
		}
	}
	return directions, nil
}

// cellFunctions are the activations of LSTM, whose names ONNX Runtime takes in any
// case.
var cellFunctions = map[string]lstm.ActivationFunction{
	"sigmoid": lstm.ActivationSigmoid, "tanh": lstm.ActivationTanh, "relu": lstm.ActivationReLU, "affine": lstm.ActivationAffine,
	"leakyrelu": lstm.ActivationLeakyReLU, "thresholdedrelu": lstm.ActivationThresholdedReLU, "scaledtanh": lstm.ActivationScaledTanh,
	"hardsigmoid": lstm.ActivationHardSigmoid, "elu": lstm.ActivationELU, "softsign": lstm.ActivationSoftsign, "softplus": lstm.ActivationSoftplus,
}

// parameterCount is how many of α and β an activation has.
func parameterCount(f lstm.ActivationFunction) int {
	switch f {
	case lstm.ActivationLeakyReLU, lstm.ActivationThresholdedReLU, lstm.ActivationELU:
		return 1
	case lstm.ActivationAffine, lstm.ActivationScaledTanh, lstm.ActivationHardSigmoid:
		return 2
	}
	return 0
}

// cellActivations are the attribute activations, as many as count, nil if it is not
// there. α and β are taken in the order of the activations that have such.
func (c *call) cellActivations(count int) ([]lstm.Activation, error) {
	names, ok := c.attributes["activations"]
	alphas, betas := c.attributes["activation_alpha"].numbers, c.attributes["activation_beta"].numbers
	if !ok {
		if len(alphas)+len(betas) > 0 {
			return nil, unsupported("it has activation_alpha or activation_beta, and no activations, whose usual ones have neither")
		}
		return nil, nil
	}
	if len(names.texts) != count {
		return nil, shapeError("it has %d activations, want %d", len(names.texts), count)
	}
	list := make([]lstm.Activation, count)
	used := [2]int{}
	for i, name := range names.texts {
		f, ok := cellFunctions[strings.ToLower(name)]
		if !ok {
			return nil, unsupported("activation %d is %.80q, want one that LSTM has in ONNX", i, name)
		}
		list[i] = f.WithDefaults()
		for k, given := range [2][]float32{alphas, betas} {
			if parameterCount(f) <= k {
				continue
			}
			to := &list[i].Alpha
			if k == 1 {
				to = &list[i].Beta
			}
			if used[k] < len(given) {
				*to = given[used[k]]
				if len(given) == count && given[i] != *to {
					return nil, unsupported("%d numbers for α or β do not say whether they are for all activations, or for those that have such", count)
				}
				used[k]++
			}
		}
	}
	return list, nil
}

// steps is X, with its features on the last axis, and the layer below.
func (c *call) steps(size int) (*data, *stage, error) {
	x, err := c.dataInput(inputX)
	if err != nil {
		return nil, nil, err
	}
	if x.rank() != 3 {
		return nil, nil, shapeError("X is %s, want three axes", x.describe())
	}
	if x, err = c.bind(x, 2, size); err != nil {
		return nil, nil, err
	}
	below, m, err := c.flat(x, 2)
	if err != nil {
		return nil, nil, err
	}
	if m != everyStep {
		return nil, nil, unsupported("X is of %v, want every step", m)
	}
	if below.size != size {
		return nil, nil, shapeError("X has %d features, want %d, the columns of W", below.size, size)
	}
	timeAxis, streamAxis := x.axes[c.layout()], x.axes[1-c.layout()]
	if len(timeAxis) > 1 {
		return nil, nil, unsupported("it runs over an axis of X that joins several")
	}
	for _, t := range timeAxis {
		if err := c.setRole(t.axis, stepsRole); err != nil {
			return nil, nil, err
		}
	}
	for _, t := range streamAxis {
		if err := c.setRole(t.axis, streamsRole); err != nil {
			return nil, nil, err
		}
	}
	if x.backwards != 0 && (len(timeAxis) == 0 || timeAxis[0].axis != x.backwards) {
		return nil, nil, unsupported("X is reversed on an axis that is not that of the steps")
	}
	return x, below, nil
}

// lengths reports whether sequences end early: sequence_lens is an input.
func (c *call) lengths(x *data) (bool, error) {
	switch v := c.optional(inputLengths).(type) {
	case nil:
		return false, nil
	case *constant:
		if !v.allAre(x.axes[c.layout()].size()) {
			return false, unsupported("sequence_lens is a constant, %s, that is not the length of X everywhere: steps of X would be passed over", v.describe())
		}
		return false, nil
	case *data:
		if v.free == nil || v.isFloat {
			return false, unsupported("sequence_lens is %s, want an integer input of the graph", v.describe())
		}
		if x.backwards != 0 {
			return false, unsupported("it reverses sequences that have lengths")
		}
		return true, v.free.take(useLengths)
	default:
		return false, unsupported("sequence_lens is %s", v.describe())
	}
}

// parameters puts the weights, biases and peepholes of all directions in PyTorch's
// order.
func (c *call) parameters(directions []*lstm.Weights, w, r *constant) error {
	count, size, hidden := len(directions), directions[0].InputSize, directions[0].HiddenSize
	read := func(t *constant, name string, shape ...int) ([]float32, error) {
		if t == nil {
			return nil, nil
		}
		floats, err := t.allFloats(c.budget, shape...)
		if err != nil {
			return nil, shapeError("%s: %w", name, err)
		}
		return floats, nil
	}
	b, err := c.constantInput(inputB)
	if err != nil {
		return err
	}
	p, err := c.constantInput(inputP)
	if err != nil {
		return err
	}
	ws, err := read(w, "W", count, 4*hidden, size)
	if err != nil {
		return err
	}
	rs, err := read(r, "R", count, 4*hidden, hidden)
	if err != nil {
		return err
	}
	bs, err := read(b, "B", count, 8*hidden)
	if err != nil {
		return err
	}
	ps, err := read(p, "P", count, 3*hidden)
	if err != nil {
		return err
	}
	if err := c.budget.take(len(ws) + len(rs) + len(bs)); err != nil {
		return err
	}
	for i, d := range directions {
		d.WeightIH = fromONNX(part1(ws, count, i))
		d.WeightHH = fromONNX(part1(rs, count, i))
		if bs != nil {
			both := part1(bs, count, i)
			d.BiasIH, d.BiasHH = fromONNX(both[:4*hidden]), fromONNX(both[4*hidden:])
		}
		if ps != nil {
			three := slices.Clone(part1(ps, count, i))
			d.PeepholeI, d.PeepholeO, d.PeepholeF = three[:hidden:hidden], three[hidden:2*hidden:2*hidden], three[2*hidden:]
		}
	}
	return nil
}

// part1 is part i of count equal ones.
func part1(list []float32, count, i int) []float32 {
	n := len(list) / count
	return list[i*n:][:n]
}

// fromONNX puts rows, of gates in ONNX's order i, o, f, c, in PyTorch's, i, f, g, o.
func fromONNX(rows []float32) []float32 { return inOrder(rows, 0, 2, 3, 1) }

// toONNX is the reverse of fromONNX.
func toONNX(rows []float32) []float32 { return inOrder(rows, 0, 3, 1, 2) }

func inOrder(rows []float32, order ...int) []float32 {
	quarter := len(rows) / 4
	sorted := make([]float32, 0, len(rows))
	for _, gate := range order {
		sorted = append(sorted, rows[gate*quarter:][:quarter]...)
	}
	return sorted
}

// initial reads the initial states. What is an input of the graph becomes the State,
// and what is zero nothing.
func (c *call) initial(directions []*lstm.Weights) error {
	for i, name := range []string{inputH: "initial_h", inputC: "initial_c"} {
		if name == "" {
			continue
		}
		switch v := c.optional(i).(type) {
		case nil:
		case *data:
			if v.free == nil || v.parts[0].stage != v.free.stage {
				return unsupported("%s is %s, which the graph computes of its inputs, want an input of the graph or a constant", name, v.describe())
			}
			if err := v.free.take(useState); err != nil {
				return err
			}
		case *states:
			for _, in := range v.inputs {
				if err := in.take(useState); err != nil {
					return err
				}
			}
		case *constant:
			if err := c.initialConstant(directions, name, v); err != nil {
				return err
			}
		default:
			return unsupported("%s is %s", name, v.describe())
		}
	}
	return nil
}

func (c *call) initialConstant(directions []*lstm.Weights, name string, t *constant) error {
	hidden := directions[0].HiddenSize
	if t.rank() != 3 || !t.isFloat {
		return shapeError("%s is %s, want floats of three axes", name, t.describe())
	}
	if c.layout() == 1 {
		perm := []int{1, 0, 2}
		t = t.view(permuted(t.shape, perm), permuted(t.strides, perm), t.start)
	}
	if t.isUniform() && t.start < len(t.floats) && t.floats[t.start] == 0 {
		return nil
	}
	if !t.shape[0].is(int64(len(directions))) || !t.shape[2].is(int64(hidden)) || t.shape[1].is(0) {
		return shapeError("%s is %s, want [%d, B, %d]", name, t.describe(), len(directions), hidden)
	}
	// All streams must begin alike.
	t1 := t.view([]dim{t.shape[0], number(1), t.shape[2]}, t.strides, t.start)
	begin, err := t1.allFloats(c.budget, len(directions), 1, hidden)
	if err != nil {
		return err
	}
	if t.strides[1] != 0 && !t.shape[1].is(1) {
		streams := int(t.shape[1].plus)
		all, err := t.allFloats(c.budget, len(directions), streams, hidden)
		if err != nil {
			return err
		}
		for i, v := range all {
			if d, u := i/(streams*hidden), i%hidden; v != begin[d*hidden+u] {
				return unsupported("%s is a constant that differs from stream to stream, want the same for all", name)
			}
		}
	}
	for i, d := range directions {
		v := slices.Clone(begin[i*hidden:][:hidden])
		if !slices.ContainsFunc(v, func(x float32) bool { return x != 0 }) {
			continue
		}
		if name == "initial_h" {
			d.InitialH = v
		} else {
			d.InitialC = v
		}
	}
	return nil
}
