package onnx

import (
	"math"
	"slices"
)

// This file has what else folds to constants.

// together computes each element of a constant of those of two.
func (c *call) together(a, b *constant, floats func(a, b float32) float32, dims func(a, b dim) (dim, bool)) (value, error) {
	if a.isFloat != b.isFloat {
		return nil, unsupported("inputs are %s and %s", a.describe(), b.describe())
	}
	shape, err := broadcast(a.shape, b.shape)
	if err != nil {
		return nil, err
	}
	a, b = a.expanded(shape), b.expanded(shape)
	result := &constant{shape: shape, strides: make([]int, len(shape)), isFloat: a.isFloat}
	compute := func(i, j int) error {
		if a.isFloat {
			result.floats = append(result.floats, floats(a.floats[i], b.floats[j]))
			return nil
		}
		d, ok := dims(a.dims[i], b.dims[j])
		if !ok {
			return unsupported("it computes of the sizes %v and %v what cannot be said", a.dims[i], b.dims[j])
		}
		result.dims = append(result.dims, d)
		return nil
	}
	if a.isUniform() && b.isUniform() && a.start < len(a.floats)+len(a.dims) && b.start < len(b.floats)+len(b.dims) {
		return result, compute(a.start, b.start)
	}
	n, ok := result.size()
	if !ok {
		return nil, unsupported("inputs are %s and %s", a.describe(), b.describe())
	}
	if err := c.budget.take(n); err != nil {
		return nil, err
	}
	if !a.isFloat && n > maxInts {
		return nil, unsupported("it computes %d integers, want at most %d", n, maxInts)
	}
	places := make([]int, 0, n)
	b.each(func(j int) { places = append(places, j) })
	a.each(func(i int) {
		if e := compute(i, places[0]); e != nil && err == nil {
			err = e
		}
		places = places[1:]
	})
	result.strides = rowMajor(shape)
	return result, err
}

func (c *call) equal() ([]value, error) {
	a, err := c.neededConstant(0)
	if err != nil {
		return nil, err
	}
	b, err := c.neededConstant(1)
	if err != nil {
		return nil, err
	}
	if a.isFloat {
		return nil, unsupported("inputs are %s", a.describe())
	}
	return one(c.together(a, b, nil, func(a, b dim) (dim, bool) {
		switch {
		case a == b:
			return number(1), true
		case a.isNumber() != b.isNumber() && (a.isNumber() && a.plus <= 0 || b.isNumber() && b.plus <= 0):
			// A size, and no size: the comparison with -1 that means "as it is".
			return number(0), true
		}
		return number(0), a.isNumber() && b.isNumber()
	}))
}

func (c *call) where() ([]value, error) {
	var in [3]*constant
	for i := range in {
		t, err := c.neededConstant(i)
		if err != nil {
			return nil, err
		}
		in[i] = t
	}
	condition, a, b := in[0], in[1], in[2]
	if condition.isFloat || a.isFloat || b.isFloat {
		return nil, unsupported("inputs are %s and %s, want integers", a.describe(), b.describe())
	}
	// Twice together: first where the condition holds, then where it does not.
	const no = math.MinInt64
	yes, err := c.together(condition, a, nil, func(c, d dim) (dim, bool) {
		if c.is(0) {
			return number(no), true
		}
		return d, true
	})
	if err != nil {
		return nil, err
	}
	return one(c.together(yes.(*constant), b, nil, func(y, d dim) (dim, bool) {
		if y.is(no) {
			return d, true
		}
		return y, true
	}))
}

func (c *call) rangeOf() ([]value, error) {
	var in [3]int64
	for i := range in {
		list, ok, err := c.listInput(i, "")
		if err != nil {
			return nil, err
		}
		if !ok || len(list) != 1 || !list[0].isNumber() {
			return nil, unsupported("input %d is no number", i)
		}
		in[i] = list[0].plus
	}
	start, limit, step := in[0], in[1], in[2]
	const most = 1 << 40
	if step == 0 || max(start, limit, step) > most || min(start, limit, step) < -most || (limit-start)/step >= maxListed {
		return nil, unsupported("it makes the numbers from %d to %d by %d, want at most %d", start, limit, step, maxListed)
	}
	var dims []dim
	for n := start; step > 0 && n < limit || step < 0 && n > limit; n += step {
		dims = append(dims, number(n))
	}
	return []value{newDims(numbers(len(dims)), dims)}, nil
}

func (c *call) reduceProd() ([]value, error) {
	list, ok, err := c.listInput(0, "")
	if err != nil {
		return nil, err
	}
	if _, hasAxes, err := c.axesInput(1, "axes", 1); err != nil || !ok {
		return nil, unsupported("its axes are not those of a row of integers: %v", err)
	} else if !hasAxes && c.integer("noop_with_empty_axes", 0) != 0 {
		return c.identity()
	}
	n, ok := elements(list)
	if !ok {
		return nil, unsupported("it multiplies %s", describeShape(list))
	}
	var shape []dim
	if c.integer("keepdims", 1) != 0 {
		shape = numbers(1)
	}
	return []value{newDims(shape, []dim{n})}, nil
}

func (c *call) dequantizeLinear() ([]value, error) {
	if d, ok := c.optional(0).(*data); ok {
		return one(c.dequantizedRows(d))
	}
	x, err := c.neededConstant(0)
	if err != nil {
		return nil, err
	}
	scale, err := c.neededConstant(1)
	if err != nil {
		return nil, err
	}
	zero, err := c.constantInput(2)
	if err != nil {
		return nil, err
	}
	if !x.bits8 || !scale.isFloat || zero != nil && !zero.bits8 {
		return nil, unsupported("it has %s and scales that are %s, want elements of 8 bits and floats", x.describe(), scale.describe())
	}
	if zero == nil {
		zero = newFloats(nil, []float32{0})
	}
	// Along an axis, scale and zero point are a row of its size.
	along := func(t *constant) (*constant, error) {
		if t.rank() == 0 {
			return t, nil
		}
		a, err := c.axisAttribute("axis", x.rank(), 1)
		if err != nil {
			return nil, err
		}
		if t.rank() != 1 || t.shape[0] != x.shape[a] && !t.shape[0].is(1) {
			return nil, unsupported("it has %s for axis %d of %s", t.describe(), a, x.describe())
		}
		shape, strides := slices.Repeat(numbers(1), x.rank()), make([]int, x.rank())
		shape[a], strides[a] = t.shape[0], t.strides[0]
		return t.view(shape, strides, t.start), nil
	}
	if scale, err = along(scale); err != nil {
		return nil, err
	}
	if zero, err = along(zero); err != nil {
		return nil, err
	}
	return one(c.dequantized(x, scale, zero))
}

// dequantized is (x - zero) · scale, the difference exact and the product rounded.
func (c *call) dequantized(x, scale, zero *constant) (value, error) {
	difference, err := c.together(x, zero, func(a, b float32) float32 { return a - b }, nil)
	if err != nil {
		return nil, err
	}
	return c.together(difference.(*constant), scale, func(a, b float32) float32 { return float32(a * b) }, nil)
}
