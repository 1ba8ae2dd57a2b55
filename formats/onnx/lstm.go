package onnx

import "example.com/lstm"

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

// flat is where σ and tanh are, and their arguments are limited, in the numeric
// contract of package lstm.
const flat = 128

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
		// Exporters write 9999 and the like for no limit. Where σ and tanh are flat, there
		// is none, and cells without one are faster.
		if clip > flat && w.Cell.Gate == (lstm.Activation{}) && w.Cell.Candidate == (lstm.Activation{}) {
			w.Cell.Clip = 0
		}
	}
	return directions, nil
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
