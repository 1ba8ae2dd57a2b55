package onnx

import (
	"slices"
)

// This file has the operators that change the axes of a tensor, and no element.

func one(v value, err error) ([]value, error) {
	if err != nil {
		return nil, err
	}
	return []value{v}, nil
}

// either calls the function for constants or that for data.
func (c *call) either(constants func(*constant) (value, error), data_ func(*data) (value, error)) ([]value, error) {
	v, err := c.input(0)
	if err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case *constant:
		return one(constants(v))
	case *data:
		return one(data_(v))
	}
	return nil, unsupported("input 0 is %s", v.describe())
}

func (c *call) identity() ([]value, error) {
	v, err := c.input(0)
	return one(v, err)
}

func (c *call) dropout() ([]value, error) {
	if v := c.optional(2); v != nil {
		training, ok := v.(*constant)
		if !ok || training.isFloat || !training.isUniform() || len(training.dims) == 0 || !training.dims[training.start].is(0) {
			return nil, unsupported("training_mode is not the constant false")
		}
	}
	return c.identity()
}

func (c *call) transpose() ([]value, error) {
	permutation := func(rank int) ([]int, error) {
		perm := make([]int, rank)
		a, ok := c.attributes["perm"]
		for i := range perm {
			perm[i] = rank - 1 - i
		}
		if !ok {
			return perm, nil
		}
		if len(a.integers) != rank {
			return nil, shapeError("perm has %d axes, want %d", len(a.integers), rank)
		}
		seen := make([]bool, rank)
		for i, n := range a.integers {
			if n < 0 || n >= int64(rank) || seen[n] {
				return nil, damaged("perm is %v, want each axis once", a.integers)
			}
			seen[n] = true
			perm[i] = int(n)
		}
		return perm, nil
	}
	return c.either(func(t *constant) (value, error) {
		perm, err := permutation(t.rank())
		return t.view(permuted(t.shape, perm), permuted(t.strides, perm), t.start), err
	}, func(d *data) (value, error) {
		perm, err := permutation(d.rank())
		return d.with(permuted(d.axes, perm)), err
	})
}

func permuted[T any](list []T, perm []int) []T {
	p := make([]T, len(perm))
	for i, k := range perm {
		if k < len(list) {
			p[i] = list[k]
		}
	}
	return p
}

func (c *call) squeeze() ([]value, error) {
	removed := func(shape []dim) ([]int, error) {
		axes, ok, err := c.axesInput(1, "axes", len(shape))
		if err != nil {
			return nil, err
		}
		if !ok {
			for i, d := range shape {
				if !d.isNumber() {
					return nil, unsupported("it has no axes, and axis %d has an open size, which may be 1", i)
				}
				if d.is(1) {
					axes = append(axes, i)
				}
			}
		}
		for _, a := range axes {
			if !shape[a].is(1) {
				return nil, shapeError("axis %d has the size %v, want 1", a, shape[a])
			}
		}
		return axes, nil
	}
	return c.either(func(t *constant) (value, error) {
		axes, err := removed(t.shape)
		return t.view(without(t.shape, axes), without(t.strides, axes), t.start), err
	}, func(d *data) (value, error) {
		axes, err := removed(d.shape())
		return d.with(without(d.axes, axes)), err
	})
}

func without[T any](list []T, axes []int) []T {
	var rest []T
	for i, v := range list {
		if !slices.Contains(axes, i) {
			rest = append(rest, v)
		}
	}
	return rest
}

func (c *call) unsqueeze() ([]value, error) {
	added := func(rank int) ([]int, error) {
		list, ok, err := c.listInput(1, "axes")
		if err == nil && !ok {
			err = damaged("it has no axes")
		}
		if err != nil {
			return nil, err
		}
		if rank+len(list) > maxDims {
			return nil, unsupported("its result has %d axes, want at most %d", rank+len(list), maxDims)
		}
		axes, _, err := c.axesInput(1, "axes", rank+len(list))
		return axes, err
	}
	return c.either(func(t *constant) (value, error) {
		axes, err := added(t.rank())
		return t.view(with(t.shape, axes, number(1)), with(t.strides, axes, 0), t.start), err
	}, func(d *data) (value, error) {
		axes, err := added(d.rank())
		return d.with(with(d.axes, axes, axis(nil))), err
	})
}

// with is a list with v at the places of axes.
func with[T any](list []T, axes []int, v T) []T {
	var all []T
	for i := range len(list) + len(axes) {
		if slices.Contains(axes, i) {
			all = append(all, v)
		} else {
			all, list = append(all, list[0]), list[1:]
		}
	}
	return all
}

func (c *call) reshape() ([]value, error) {
	list, ok, err := c.listInput(1, "shape")
	if err == nil && !ok {
		err = damaged("it has no shape")
	}
	if err != nil {
		return nil, err
	}
	if len(list) > maxDims {
		return nil, unsupported("its result has %d axes, want at most %d", len(list), maxDims)
	}
	return c.either(func(t *constant) (value, error) {
		target, err := c.target(t.shape, list)
		if err != nil {
			return nil, err
		}
		return c.reshaped(t, target)
	}, func(d *data) (value, error) {
		target, err := c.target(d.shape(), list)
		if err != nil {
			return nil, err
		}
		return d.regrouped(target)
	})
}

func (c *call) flatten() ([]value, error) {
	flat := func(shape []dim) ([]dim, error) {
		a := c.integer("axis", 1)
		if a < 0 {
			a += int64(len(shape))
		}
		if a < 0 || a > int64(len(shape)) {
			return nil, shapeError("axis is %d, want one of %d axes", a, len(shape))
		}
		rows, ok1 := elements(shape[:a])
		columns, ok2 := elements(shape[a:])
		if !ok1 || !ok2 {
			return nil, unsupported("it joins axes of the sizes %s", describeShape(shape))
		}
		return []dim{rows, columns}, nil
	}
	return c.either(func(t *constant) (value, error) {
		target, err := flat(t.shape)
		if err != nil {
			return nil, err
		}
		return c.reshaped(t, target)
	}, func(d *data) (value, error) {
		target, err := flat(d.shape())
		if err != nil {
			return nil, err
		}
		return d.regrouped(target)
	})
}

// target is the shape that the list of a Reshape means for a tensor of that shape:
// 0 is the size that the axis has, and -1 the rest.
func (c *call) target(shape, list []dim) ([]dim, error) {
	target := slices.Clone(list)
	rest := -1
	for i, d := range target {
		switch {
		case d.is(0) && c.integer("allowzero", 0) == 0:
			if i >= len(shape) {
				return nil, shapeError("shape is %s, with a 0 for axis %d of %d axes", describeShape(list), i, len(shape))
			}
			target[i] = shape[i]
		case d.is(-1):
			if rest >= 0 {
				return nil, damaged("shape is %s, with -1 twice", describeShape(list))
			}
			rest = i
			target[i] = number(1)
		case d.isNumber() && d.plus < 0:
			return nil, damaged("shape is %s", describeShape(list))
		}
	}
	if rest < 0 {
		return target, nil
	}
	all, ok1 := elements(shape)
	others, ok2 := elements(target)
	q, ok3 := all.divide(others)
	if !ok1 || !ok2 || !ok3 {
		return nil, shapeError("shape is %s, and of %s nothing is left for the -1", describeShape(list), describeShape(shape))
	}
	target[rest] = q
	return target, nil
}

// reshaped is t with another shape.
func (c *call) reshaped(t *constant, target []dim) (value, error) {
	have, ok1 := elements(t.shape)
	want, ok2 := elements(target)
	if !ok1 || !ok2 || have != want {
		return nil, shapeError("the shape %s becomes %s, of another number of elements", describeShape(t.shape), describeShape(target))
	}
	if t.isUniform() {
		return t.uniform(target), nil
	}
	d, err := t.copied(c.budget)
	if err != nil {
		return nil, err
	}
	return d.view(target, rowMajor(target), 0), nil
}

// regrouped is d with axes of these sizes, to which its atoms are dealt in their
// order.
func (d *data) regrouped(target []dim) (value, error) {
	var rest []atom
	for _, a := range d.axes {
		rest = append(rest, a...)
	}
	axes := make([]axis, len(target))
	fail := func() (value, error) {
		return nil, unsupported("the shape %s becomes %s, which neither joins axes nor parts features", describeShape(d.shape()), describeShape(target))
	}
	for i, want := range target {
		if want.is(1) {
			if len(rest) > 0 && rest[0].size.is(1) {
				axes[i], rest = axis{rest[0]}, rest[1:]
			}
			continue
		}
		have := number(1)
		for have != want {
			if len(rest) == 0 {
				return fail()
			}
			next := rest[0]
			if next.size.is(1) {
				rest = rest[1:]
				continue
			}
			if p, ok := have.multiply(next.size); ok && (p == want || !p.isNumber() || p.plus < want.plus || !want.isNumber()) {
				if _, fits := want.divide(p); fits {
					axes[i] = append(axes[i], next)
					have, rest = p, rest[1:]
					continue
				}
			}
			// Part of the features.
			q, ok := want.divide(have)
			if !ok || !next.isFeature() || !q.isNumber() || q.plus < 1 || next.size.plus%q.plus != 0 {
				return fail()
			}
			inner := next.size.plus / q.plus
			axes[i] = append(axes[i], atom{size: q, stride: next.stride * int(inner)})
			rest = slices.Clone(rest)
			rest[0] = atom{size: number(inner), stride: next.stride}
			have = want
		}
	}
	for _, a := range rest {
		if !a.size.is(1) {
			return fail()
		}
	}
	for i, a := range axes {
		axes[i] = a.joined()
	}
	return d.with(axes), nil
}

// joined is a with one atom for those of features that follow one another.
func (a axis) joined() axis {
	var j axis
	for _, t := range a {
		if last := len(j) - 1; last >= 0 && j[last].isFeature() && t.isFeature() && j[last].stride == t.stride*int(t.size.plus) {
			j[last] = atom{size: number(j[last].size.plus * t.size.plus), stride: t.stride}
		} else {
			j = append(j, t)
		}
	}
	return j
}
