package onnx

import (
	"fmt"
	"slices"
	"strings"
)

// An evaluator computes what a graph computes, of constants, and of data of which it
// is known which layer's output they are and what their axes are, but no number.
type evaluator struct {
	file     *file
	options  *options
	budget   *budget
	external *external

	makers map[string]*node // of values, by their names
	values map[string]value
	inputs map[string]*input
	x      *input         // the network's
	roles  map[int32]role // of the axes of inputs

	merged    map[mergeKey]*stage
	residuals map[*stage]*stage // of LSTMs
}

// A value is a *constant or *data, or nil for an optional input that is not there.
type value interface {
	kind() string
	rank() int
	describe() string
}

func (d *data) rank() int { return len(d.axes) }

// A role is what an axis of an input counts.
type role uint8

const (
	noRole role = iota
	stepsRole
	streamsRole
	featuresRole
)

func (r role) String() string {
	return [...]string{"", "steps", "streams", "features"}[r]
}

func newEvaluator(f *file, o *options, size int64) (*evaluator, error) {
	e := &evaluator{
		file: f, options: o,
		budget:   newBudget(size),
		external: &external{folder: o.folder, seen: map[string]bool{}},
		makers:   map[string]*node{},
		values:   map[string]value{},
		inputs:   map[string]*input{},
		roles:    map[int32]role{},
		merged:   map[mergeKey]*stage{}, residuals: map[*stage]*stage{},
	}
	for _, n := range f.graph.nodes {
		for _, name := range n.outputs {
			if name == "" {
				continue
			}
			if _, ok := e.makers[name]; ok {
				return nil, damaged("two nodes make the value %.80q", name)
			}
			e.makers[name] = n
		}
	}
	axes := int32(1)
	for _, v := range f.graph.inputs {
		if _, ok := f.graph.initializers[v.name]; ok || o.has(v.name) {
			continue
		}
		in := &input{valueInfo: v, first: axes, stage: &stage{}}
		e.inputs[v.name] = in
		axes += int32(len(v.shape))
	}
	return e, nil
}

// value returns the value of that name, and computes before it what it is made of.
// Graphs may be deep, so that this does not recurse.
func (e *evaluator) value(name string) (value, error) {
	type frame struct {
		node *node
		next int // of its inputs
	}
	if v, ok := e.values[name]; ok {
		return v, nil
	}
	var stack []frame
	waiting := map[*node]bool{}
	push := func(name string) error {
		n, ok := e.makers[name]
		if !ok {
			v, err := e.leaf(name)
			if err == nil {
				e.values[name] = v
			}
			return err
		}
		if waiting[n] {
			return n.wrap(damaged("it needs its own output %.80q", name))
		}
		waiting[n] = true
		stack = append(stack, frame{node: n})
		return nil
	}
	if err := push(name); err != nil {
		return nil, err
	}
	for len(stack) > 0 {
		top := &stack[len(stack)-1]
		if top.next < len(top.node.inputs) {
			in := top.node.inputs[top.next]
			top.next++
			if _, ok := e.values[in]; !ok && in != "" {
				n := top.node
				if err := push(in); err != nil {
					if e.makers[in] == nil {
						err = n.wrap(err)
					}
					return nil, err
				}
			}
			continue
		}
		if err := e.run(top.node); err != nil {
			return nil, top.node.wrap(err)
		}
		delete(waiting, top.node)
		stack = stack[:len(stack)-1]
	}
	return e.values[name], nil
}

// leaf returns a value that no node makes.
func (e *evaluator) leaf(name string) (value, error) {
	if data, ok := e.options.tensors[name]; ok {
		return e.decode(data)
	}
	if data, ok := e.file.graph.initializers[name]; ok {
		return e.decode(data)
	}
	in, ok := e.inputs[name]
	switch {
	case !ok && e.file.graph.sparse:
		return nil, unsupported("value %.80q is a sparse initializer, or there is none of that name", name)
	case !ok:
		return nil, damaged("there is no value %.80q: no node, initializer or input has that name", name)
	case in.dataType == 0:
		return nil, unsupported("input %.80q is no tensor of a known type", name)
	case !in.hasShape:
		return nil, unsupported("input %.80q has no shape, want one that says how many axes it has", name)
	}
	d := &data{free: in, isFloat: isFloatType(in.dataType), parts: []part{{stage: in.stage}}}
	for i, size := range in.shape {
		a := atom{axis: in.first + int32(i), size: number(size)}
		if size < 0 {
			a.size = open(a.axis)
		}
		d.axes = append(d.axes, axis{a})
	}
	return d, nil
}

// A call is a node with its inputs.
type call struct {
	*evaluator
	node       *node
	inputs     []value
	attributes map[string]attribute
}

// run computes the outputs of a node whose inputs have been.
func (e *evaluator) run(n *node) error {
	op, err := n.operator()
	if err != nil {
		return e.hint(n, err)
	}
	c := &call{evaluator: e, node: n, attributes: map[string]attribute{}}
	for _, name := range n.inputs {
		v := e.values[name] // nil of ""
		if d, ok := v.(*data); ok {
			v = e.resolve(d)
		}
		c.inputs = append(c.inputs, v)
	}
	for _, b := range n.attributes {
		a, err := parseAttribute(b)
		switch {
		case err != nil:
			return err
		case c.attributes[a.name].name != "":
			return damaged("it has the attribute %.80q twice", a.name)
		case !slices.Contains(op.attributes, a.name):
			return unsupported("it has the attribute %.80q, want one of %v", a.name, op.attributes)
		case a.hasGraph || a.reference != "":
			return unsupported("attribute %.80q is a graph, or refers to that of a function", a.name)
		}
		c.attributes[a.name] = a
	}
	outputs, err := op.run(c)
	if err != nil {
		return err
	}
	for i, name := range n.outputs {
		if name == "" {
			continue
		}
		if i >= len(outputs) || outputs[i] == nil {
			// Nobody may use it; who does, learns why.
			e.values[name] = &missing{n, i}
			continue
		}
		e.values[name] = outputs[i]
	}
	return nil
}

// hint adds to the error of an unknown operator where the network ends before it.
func (e *evaluator) hint(n *node, err error) error {
	for _, name := range n.inputs {
		if d, ok := e.values[name].(*data); ok && d.free == nil {
			for s := d.parts[0].stage; s != nil; s = s.parent {
				if s.lstms != nil {
					return fmt.Errorf("%w; onnx.WithOutput(%.80q) reads the network before it", err, name)
				}
			}
		}
	}
	return err
}

// missing is an output of a node that is not computed.
type missing struct {
	node   *node
	output int
}

func (*missing) kind() string { return "missing" }
func (*missing) rank() int    { return 0 }
func (m *missing) describe() string {
	return fmt.Sprintf("output %d of %s, which is not computed", m.output, m.node)
}

// String is the node's name and operator.
func (n *node) String() string {
	name := n.name
	if name == "" {
		named := slices.DeleteFunc(slices.Clone(n.outputs), func(s string) bool { return s == "" })
		name = strings.Join(named[:min(3, len(named))], ", ")
	}
	return fmt.Sprintf("node %.80q (%s)", name, n.op)
}

func (n *node) wrap(err error) error { return fmt.Errorf("%v: %w", n, err) }

// optional returns an input, nil if it is not there.
func (c *call) optional(i int) value {
	if i < len(c.inputs) {
		return c.inputs[i]
	}
	return nil
}

// input returns an input that must be there.
func (c *call) input(i int) (value, error) {
	v := c.optional(i)
	if v == nil {
		return nil, damaged("it has no input %d", i)
	}
	return v, nil
}

// dataInput returns an input that must be data.
func (c *call) dataInput(i int) (*data, error) {
	v, err := c.input(i)
	if err != nil {
		return nil, err
	}
	d, ok := v.(*data)
	if !ok {
		return nil, unsupported("input %d is %s, want data that depend on the graph's input", i, v.describe())
	}
	return d, nil
}

// constantInput returns an input that must be constant, or nil where it is not there.
func (c *call) constantInput(i int) (*constant, error) {
	switch v := c.optional(i).(type) {
	case nil:
		return nil, nil
	case *constant:
		return v, nil
	default:
		return nil, unsupported("input %d is %s, want a constant", i, v.describe())
	}
}

// neededConstant is constantInput of one that must be there.
func (c *call) neededConstant(i int) (*constant, error) {
	if _, err := c.input(i); err != nil {
		return nil, err
	}
	return c.constantInput(i)
}

const maxShort = 64 // integers of axes, of a shape, of parts

// listInput returns the integers of input i, or of the attribute that older versions
// of the operator have; ok is false where there is neither.
func (c *call) listInput(i int, attribute string) (list []dim, ok bool, err error) {
	if a, ok := c.attributes[attribute]; ok && attribute != "" {
		return numbers(a.integers...), true, nil
	}
	v, err := c.constantInput(i)
	if v == nil || err != nil {
		return nil, false, err
	}
	if list, err = v.list(); len(list) > maxShort {
		return nil, false, unsupported("it has %d integers, want at most %d", len(list), maxShort)
	}
	return list, true, err
}

// axesInput is listInput of axes of a tensor of that rank.
func (c *call) axesInput(i int, attribute string, rank int) (axes []int, ok bool, err error) {
	list, ok, err := c.listInput(i, attribute)
	for _, d := range list {
		a, err := axisOf(d, rank)
		if err != nil {
			return nil, false, err
		}
		if slices.Contains(axes, a) {
			return nil, false, damaged("axes has %d twice", a)
		}
		axes = append(axes, a)
	}
	return axes, ok, err
}

// axisOf is the axis that a number means, from the end where it is negative.
func axisOf(d dim, rank int) (int, error) {
	if !d.isNumber() || d.plus < int64(-rank) || d.plus >= int64(rank) {
		return 0, shapeError("axis is %v, want one of %d axes", d, rank)
	}
	a := int(d.plus)
	if a < 0 {
		a += rank
	}
	return a, nil
}

// axisAttribute is the axis that an attribute says.
func (c *call) axisAttribute(name string, rank int, usual int64) (int, error) {
	return axisOf(number(c.integer(name, usual)), rank)
}

func (c *call) integer(name string, usual int64) int64 {
	if a, ok := c.attributes[name]; ok {
		return a.integer
	}
	return usual
}

func (c *call) number(name string, usual float32) float32 {
	if a, ok := c.attributes[name]; ok {
		return a.number
	}
	return usual
}
