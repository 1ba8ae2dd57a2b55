package onnx

import (
	"slices"

	"example.com/lstm"
)

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
