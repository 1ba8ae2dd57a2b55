package onnx

import (
	"math"
	"slices"
)

// This file has the operators that compute sizes and the like.

func (c *call) constant() ([]value, error) {
	switch {
	case c.attributes["value"].tensor != nil:
		t, err := c.decode(c.attributes["value"].tensor)
		return one(t, err)
	case len(c.attributes) != 1:
		return nil, damaged("it has %d attributes, want one", len(c.attributes))
	}
	for name, a := range c.attributes {
		switch name {
		case "value_float":
			return []value{newFloats(nil, []float32{a.number})}, nil
		case "value_floats":
			return []value{newFloats(numbers(len(a.numbers)), a.numbers)}, nil
		case "value_int":
			return []value{newDims(nil, numbers(a.integer))}, nil
		case "value_ints":
			return []value{newDims(numbers(len(a.integers)), numbers(a.integers...))}, nil
		}
	}
	return nil, damaged("its value is nothing")
}

func (c *call) constantOfShape() ([]value, error) {
	list, ok, err := c.listInput(0, "")
	if err == nil && !ok {
		err = damaged("it has no input 0")
	}
	if err != nil {
		return nil, err
	}
	if len(list) > maxDims {
		return nil, unsupported("its result has %d axes, want at most %d", len(list), maxDims)
	}
	if err := checkShape(list); err != nil {
		return nil, err
	}
	element := newFloats(nil, []float32{0})
	if a, ok := c.attributes["value"]; ok {
		if element, err = c.decode(a.tensor); err != nil {
			return nil, err
		}
		if n, ok := element.size(); !ok || n != 1 {
			return nil, shapeError("value is %s, want one element", element.describe())
		}
	}
	return []value{element.uniform(list)}, nil
}

// checkShape refuses sizes below zero.
func checkShape(shape []dim) error {
	for _, d := range shape {
		if d.isNumber() && d.plus < 0 {
			return shapeError("the shape is %s", describeShape(shape))
		}
	}
	return nil
}

func (c *call) shape() ([]value, error) {
	v, err := c.input(0)
	if err != nil {
		return nil, err
	}
	shape := shapeOf(v)
	if shape == nil && v.rank() > 0 {
		return nil, unsupported("input 0 is %s", v.describe())
	}
	n := int64(len(shape))
	from, to := c.integer("start", 0), c.integer("end", n)
	from, to = min(max(position(from, n), 0), n), min(max(position(to, n), 0), n)
	shape = shape[from:max(from, to)]
	return []value{newDims(numbers(len(shape)), shape)}, nil
}

func (c *call) size() ([]value, error) {
	v, err := c.input(0)
	if err != nil {
		return nil, err
	}
	n, ok := elements(shapeOf(v))
	if !ok {
		return nil, unsupported("the size of %s is none that can be said", v.describe())
	}
	return []value{newDims(nil, []dim{n})}, nil
}

func (c *call) expand() ([]value, error) {
	list, ok, err := c.listInput(1, "")
	if err == nil && !ok {
		err = damaged("it has no input 1")
	}
	if err == nil {
		err = checkShape(list)
	}
	if err == nil && len(list) > maxDims {
		err = unsupported("its result has %d axes, want at most %d", len(list), maxDims)
	}
	if err != nil {
		return nil, err
	}
	return c.either(func(t *constant) (value, error) {
		shape, err := broadcast(t.shape, list)
		if err != nil {
			return nil, err
		}
		return t.expanded(shape), nil
	}, func(d *data) (value, error) {
		shape, err := broadcast(d.shape(), list)
		if err != nil {
			return nil, err
		}
		if !slices.Equal(shape, d.shape()) {
			return nil, unsupported("it repeats data of the shape %s to %s", describeShape(d.shape()), describeShape(shape))
		}
		return d, nil
	})
}

// broadcast is the shape of what two shapes make together.
func broadcast(a, b []dim) ([]dim, error) {
	shape := make([]dim, max(len(a), len(b)))
	for i := range shape {
		x, y := fromEnd(a, len(shape)-i), fromEnd(b, len(shape)-i)
		switch {
		case x == y || y.is(1):
			shape[i] = x
		case x.is(1):
			shape[i] = y
		default:
			return nil, shapeError("shapes are %s and %s, which do not go together", describeShape(a), describeShape(b))
		}
	}
	return shape, nil
}

func fromEnd(shape []dim, i int) dim {
	if i > len(shape) {
		return number(1)
	}
	return shape[len(shape)-i]
}

// expanded is t in a shape that it goes with.
func (c *constant) expanded(shape []dim) *constant {
	strides := make([]int, len(shape))
	for i := range c.shape {
		k := len(shape) - len(c.shape) + i
		if !c.shape[i].is(1) {
			strides[k] = c.strides[i]
		}
	}
	return c.view(shape, strides, c.start)
}

func (c *call) tile() ([]value, error) {
	list, ok, err := c.listInput(1, "")
	if err == nil && !ok {
		err = damaged("it has no input 1")
	}
	if err == nil {
		err = checkShape(list)
	}
	if err != nil {
		return nil, err
	}
	allOnes := !slices.ContainsFunc(list, func(d dim) bool { return !d.is(1) })
	return c.either(func(t *constant) (value, error) {
		if len(list) != t.rank() {
			return nil, shapeError("repeats is %s, and the input has %d axes", describeShape(list), t.rank())
		}
		shape, strides := slices.Clone(t.shape), slices.Clone(t.strides)
		for i, d := range list {
			switch {
			case d.is(1):
			case t.shape[i].is(1) || strides[i] == 0:
				n, ok := t.shape[i].multiply(d)
				if !ok {
					return nil, unsupported("it repeats an axis of size %v as often as %v", t.shape[i], d)
				}
				shape[i], strides[i] = n, 0
			default:
				return nil, unsupported("it repeats an axis of size %v, want one of size 1", t.shape[i])
			}
		}
		return t.view(shape, strides, t.start), nil
	}, func(d *data) (value, error) {
		if !allOnes {
			return nil, unsupported("it repeats data")
		}
		return d, nil
	})
}

func (c *call) cast() ([]value, error) {
	to := int32(c.integer("to", 0))
	known, ok := tensorTypes[to]
	if !ok {
		return nil, unsupported("it makes elements of the type %d", to)
	}
	return c.either(func(t *constant) (value, error) {
		switch {
		case t.isFloat == isFloatType(to):
			return t, nil
		case t.isFloat:
			n, ok := t.size()
			if t.isUniform() && len(t.floats) > 0 {
				n = 1
			}
			if !ok && n != 1 || n > maxInts {
				return nil, unsupported("it makes %s of %s", known.name, t.describe())
			}
			dims := make([]dim, len(t.floats))
			if len(dims) > maxInts {
				return nil, unsupported("it makes %s of %s", known.name, t.describe())
			}
			if err := c.budget.take(len(dims)); err != nil {
				return nil, err
			}
			for i, v := range t.floats {
				if !(math.Abs(float64(v)) < 1<<53) {
					return nil, unsupported("it makes %s of %v", known.name, v)
				}
				dims[i] = number(int64(v))
			}
			r := *t
			r.isFloat, r.floats, r.dims = false, nil, dims
			return &r, nil
		}
		if err := c.budget.take(len(t.dims)); err != nil {
			return nil, err
		}
		floats := make([]float32, len(t.dims))
		for i, d := range t.dims {
			if !d.isNumber() {
				return nil, unsupported("it makes %s of %v, a size that is open", known.name, d)
			}
			floats[i] = float32(d.plus)
		}
		r := *t
		r.isFloat, r.floats, r.dims = true, floats, nil
		return &r, nil
	}, func(d *data) (value, error) {
		if d.isFloat && !isFloatType(to) {
			return nil, unsupported("it makes %s of floats", known.name)
		}
		if !d.isFloat && isFloatType(to) {
			f := *d
			f.isFloat = true
			return &f, nil
		}
		return d, nil
	})
}
