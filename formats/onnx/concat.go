package onnx

import "slices"

func (c *call) concat() ([]value, error) {
	v, err := c.input(0)
	if err != nil {
		return nil, err
	}
	a, err := c.axisAttribute("axis", v.rank(), 0)
	if err != nil {
		return nil, err
	}
	var constants []*constant
	var datas []*data
	for i := range c.inputs {
		switch v := c.inputs[i].(type) {
		case *constant:
			constants = append(constants, v)
		case *data:
			datas = append(datas, v)
		default:
			return nil, damaged("it has no input %d", i)
		}
		if got := c.inputs[i].rank(); got != v.rank() {
			return nil, shapeError("input %d has %d axes, want %d", i, got, v.rank())
		}
	}
	switch {
	case len(datas) == 0:
		return one(c.joined(constants, a))
	case len(constants) > 0:
		return nil, unsupported("it joins data and constants")
	case len(datas) == 1:
		return []value{datas[0]}, nil
	}
	return one(c.joinedData(datas, a))
}

// joined are constants, one after another on an axis.
func (c *call) joined(parts []*constant, a int) (value, error) {
	first := parts[0]
	shape := slices.Clone(first.shape)
	shape[a] = number(0)
	same := true // and uniform
	for _, p := range parts {
		if p.isFloat != first.isFloat || p.bits8 != first.bits8 || p.rank() != first.rank() {
			return nil, unsupported("it joins %s and %s", first.describe(), p.describe())
		}
		for i, d := range p.shape {
			if i != a && d != shape[i] {
				return nil, shapeError("it joins the shapes %s and %s on axis %d", describeShape(first.shape), describeShape(p.shape), a)
			}
		}
		sum, ok := shape[a].add(p.shape[a])
		if !ok {
			return nil, unsupported("it joins axes of the sizes %v and %v", shape[a], p.shape[a])
		}
		shape[a] = sum
		same = same && p.isUniform() && (p.isFloat && p.start < len(p.floats) && p.floats[p.start] == first.floats[first.start] || !p.isFloat && p.start < len(p.dims) && p.dims[p.start] == first.dims[first.start])
	}
	if same && first.isFloat {
		return first.uniform(shape), nil
	}
	all := first.view(shape, nil, 0)
	n, ok := all.size()
	if !ok {
		// Parts may have open sizes on other axes, if they are the same on all of those.
		return c.joinedOpen(parts, a, shape)
	}
	if err := c.budget.take(n); err != nil {
		return nil, err
	}
	all.strides = rowMajor(shape)
	if first.isFloat {
		all.floats = make([]float32, n)
	} else {
		all.dims = make([]dim, n)
	}
	start := 0
	for _, p := range parts {
		if n, _ := p.size(); n == 0 {
			continue
		}
		to := make([]int, 0, n)
		walk(p.shape, func(i int) { to = append(to, i) }, start, all.strides)
		p.each(func(i int) {
			if first.isFloat {
				all.floats[to[0]] = p.floats[i]
			} else {
				all.dims[to[0]] = p.dims[i]
			}
			to = to[1:]
		})
		start += int(p.shape[a].plus) * all.strides[a]
	}
	return all, nil
}

// joinedOpen is joined of parts with axes of open sizes, on which they do not change.
func (c *call) joinedOpen(parts []*constant, a int, shape []dim) (value, error) {
	if !shape[a].isNumber() {
		return nil, unsupported("it joins constants on an axis of the size %v", shape[a])
	}
	closed := make([]*constant, len(parts))
	for k, p := range parts {
		small := slices.Clone(p.shape)
		for i, d := range small {
			if !d.isNumber() {
				small[i] = number(1)
			}
		}
		closed[k] = p.view(small, p.strides, p.start)
	}
	v, err := c.joined(closed, a)
	if err != nil {
		return nil, err
	}
	t := v.(*constant)
	strides := slices.Clone(t.strides)
	for i, d := range shape {
		if !d.isNumber() {
			strides[i] = 0
		}
	}
	return t.view(shape, strides, t.start), nil
}

const (
	maxParts = 256 // that are joined: the states of a hundred layers in both directions
	partCost = 8   // of the budget
)

// joinedData are features, one after another: on the axis that they have, or on one
// of size 1.
func (c *call) joinedData(parts []*data, a int) (value, error) {
	first := parts[0]
	if first.free != nil {
		return joinedStates(parts)
	}
	axes := slices.Clone(first.axes)
	joined := *first
	joined.parts, joined.first = nil, 0
	inner, total := 0, 0
	for _, d := range parts {
		if d.free != nil {
			return nil, unsupported("it joins an input with what is made of one")
		}
		for i := range axes {
			if i != a && !slices.Equal(d.axes[i], first.axes[i]) {
				return nil, shapeError("it joins %s and %s on axis %d, or what differs in steps and streams", first.describe(), d.describe(), a)
			}
		}
		if d.backwards != first.backwards || d.isFloat != first.isFloat {
			return nil, unsupported("it joins steps in different orders")
		}
		var on axis // what the axis has besides features
		for _, t := range d.axes[a] {
			if !t.isFeature() {
				on = append(on, t)
			}
		}
		if len(on) > 0 {
			return nil, unsupported("it joins steps or streams")
		}
		chosen, err := d.chosen()
		if err != nil {
			return nil, err
		}
		// The axis must count the outermost features, or none, so that those of the next
		// data follow.
		size := 1
		for _, p := range chosen {
			size += p.size
		}
		size--
		n := int(d.axes[a].size().plus)
		if n == 0 || size%n != 0 || inner != 0 && size/n != inner || n > 1 && (len(d.axes[a]) != 1 || d.axes[a][0].stride != size/n) {
			return nil, unsupported("it joins features on axis %d that are not the outermost", a)
		}
		inner = size / n
		total += n
		joined.parts = append(joined.parts, chosen...)
		if err := c.budget.take(partCost * len(joined.parts)); err != nil {
			return nil, err
		}
		if len(joined.parts) > maxParts || int64(total)*int64(inner) > 1<<30 {
			return nil, unsupported("it joins more than %d outputs of layers, or more than 2^30 features", maxParts)
		}
	}
	axes[a] = axis{{size: number(int64(total)), stride: inner}}
	joined.axes = axes
	return &joined, nil
}

// joinedStates are inputs that are joined: no input of the network, but a state.
func joinedStates(parts []*data) (value, error) {
	all := &states{axes: parts[0].rank()}
	if len(parts) > maxParts {
		return nil, unsupported("it joins more than %d inputs", maxParts)
	}
	for _, d := range parts {
		if d.free == nil || d.parts[0].stage != d.free.stage {
			return nil, unsupported("it joins an input with what is made of one")
		}
		all.inputs = append(all.inputs, d.free)
	}
	return all, nil
}

// states is made of several inputs, which can be initial states only.
type states struct {
	inputs []*input
	axes   int
}

func (*states) kind() string       { return "states" }
func (s *states) rank() int        { return s.axes }
func (s *states) describe() string { return "several inputs of the graph, joined" }
