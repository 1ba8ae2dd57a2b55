package onnx

import (
	"math"
	"slices"

	"example.com/lstm"
)

// This file has addition and multiplication: of constants, of data and constants,
// and of what two layers have made.

func root(v float32) float32 { return float32(math.Sqrt(float64(v))) }

func (c *call) add() ([]value, error) {
	return c.arithmetic(c.addConstant, lstm.MergeSum,
		func(a, b float32) float32 { return a + b }, dim.add)
}

func (c *call) mul() ([]value, error) {
	return c.arithmetic(c.mulConstant, lstm.MergeMul,
		func(a, b float32) float32 { return a * b }, dim.multiply)
}

// mean is that of two directions.
func (c *call) mean() ([]value, error) {
	return c.arithmetic(func(*data, *constant) (value, error) {
		return nil, unsupported("it takes the mean of data and a constant")
	}, lstm.MergeAverage, func(a, b float32) float32 { return float32(a+b) / 2 }, func(dim, dim) (dim, bool) { return dim{}, false })
}

// arithmetic is a commutative operator of two inputs, of which the first function is
// for data and a constant.
func (c *call) arithmetic(mixed func(*data, *constant) (value, error), merge lstm.Merge, floats func(a, b float32) float32, dims func(a, b dim) (dim, bool)) ([]value, error) {
	if v, ok, err := c.scaling(merge); ok || err != nil {
		return one(v, err)
	}
	if len(c.inputs) != 2 {
		return nil, unsupported("it has %d inputs, want 2", len(c.inputs))
	}
	switch a := c.inputs[0].(type) {
	case *constant:
		switch b := c.inputs[1].(type) {
		case *constant:
			return one(c.together(a, b, floats, dims))
		case *data:
			return one(mixed(b, a))
		}
	case *data:
		switch b := c.inputs[1].(type) {
		case *constant:
			return one(mixed(a, b))
		case *data:
			return one(c.combined(a, b, merge))
		}
	}
	return nil, unsupported("one of its inputs is not computed, or not there")
}

func (c *call) sub() ([]value, error) {
	switch a := c.optional(0).(type) {
	case *data:
		b, err := c.neededConstant(1)
		if err != nil {
			return nil, err
		}
		negative, err := c.scaledConstant(b, -1)
		if err != nil {
			return nil, err
		}
		return one(c.addConstant(a, negative))
	case *constant:
		switch b := c.optional(1).(type) {
		case *constant:
			return one(c.together(a, b, func(a, b float32) float32 { return a - b }, func(a, b dim) (dim, bool) {
				n, ok1 := b.negate()
				s, ok2 := a.add(n)
				return s, ok1 && ok2
			}))
		case *data:
			minus, err := c.affine(b, -1, 0)
			if err != nil {
				return nil, err
			}
			return one(c.addConstant(minus, a))
		}
	}
	return nil, damaged("one of its inputs is not there")
}

func (c *call) neg() ([]value, error) {
	return c.either(func(t *constant) (value, error) { return c.scaledConstant(t, -1) },
		func(d *data) (value, error) { return c.affine(d, -1, 0) })
}

// scaledConstant is t times a number.
func (c *call) scaledConstant(t *constant, factor float32) (*constant, error) {
	f := newFloats(nil, []float32{factor})
	if !t.isFloat {
		f = newDims(nil, numbers(int64(factor)))
	}
	v, err := c.together(t, f, func(a, b float32) float32 { return a * b }, dim.multiply)
	if err != nil {
		return nil, err
	}
	return v.(*constant), nil
}

func (c *call) div() ([]value, error) {
	b, err := c.neededConstant(1)
	if err != nil {
		return nil, err
	}
	switch a := c.optional(0).(type) {
	case *constant:
		return one(c.together(a, b, func(a, b float32) float32 { return a / b }, dim.quotient))
	case *data:
		inverse, err := c.together(newFloats(nil, []float32{1}), b, func(a, b float32) float32 { return a / b }, nil)
		if err != nil {
			return nil, err
		}
		return one(c.mulConstant(a, inverse.(*constant)))
	}
	return nil, damaged("it has no input 0")
}

// against says how c goes with d: as the same number for all, or as a row of numbers
// for what is on an axis of d.
func (c *constant) against(d *data, b *budget) (scalar float32, a int, row []float32, err error) {
	if !c.isFloat || !d.isFloat {
		return 0, 0, nil, unsupported("inputs are %s and %s, want floats", d.describe(), c.describe())
	}
	shape, err := broadcast(d.shape(), c.shape)
	if err != nil {
		return 0, 0, nil, err
	}
	if !slices.Equal(shape, d.shape()) {
		return 0, 0, nil, unsupported("data of the shape %s would become %s", describeShape(d.shape()), describeShape(shape))
	}
	if c.isUniform() {
		if c.start >= len(c.floats) {
			return 0, 0, nil, shapeError("it has %s", c.describe())
		}
		return c.floats[c.start], -1, nil, nil
	}
	on := -1
	for i, s := range c.strides {
		if s != 0 && !c.shape[i].is(1) {
			if on >= 0 {
				return 0, 0, nil, unsupported("%s is no row of numbers for each feature", c.describe())
			}
			on = i
		}
	}
	r := c.view(c.shape[on:on+1], c.strides[on:on+1], c.start)
	n, _ := r.size()
	row, err = r.allFloats(b, n)
	return 0, d.rank() - c.rank() + on, row, err
}

func (c *call) addConstant(d *data, t *constant) (value, error) {
	v, a, row, err := t.against(d, c.budget)
	switch {
	case err != nil:
		return nil, err
	case row != nil:
		return c.biased(d, a, row)
	}
	s, m, err := c.whole(d)
	if err != nil {
		return nil, err
	}
	switch below := s.layer.(type) {
	case *lstm.Linear:
		if below.Bias == nil {
			if err := c.budget.take(below.OutFeatures); err != nil {
				return nil, err
			}
			linear := *below
			linear.Bias = slices.Repeat([]float32{v}, below.OutFeatures)
			return c.above(d, s.parent, m, &linear, s.size), nil
		}
	case lstm.Activation:
		if below.Function == lstm.ActivationAffine && below.Beta == 0 {
			below.Beta = v
			return c.above(d, s.parent, m, below, s.size), nil
		}
	}
	if v == 0 {
		return d, nil
	}
	return c.affine(d, 1, v)
}

// affine is alpha·d + beta.
func (c *call) affine(d *data, alpha, beta float32) (*data, error) {
	return c.activated(d, lstm.Activation{Function: lstm.ActivationAffine, Alpha: alpha, Beta: beta})
}

func (c *call) mulConstant(d *data, t *constant) (value, error) {
	v, a, row, err := t.against(d, c.budget)
	switch {
	case err != nil:
		return nil, err
	case row != nil:
		return c.scaled(d, a, row)
	}
	s, m, err := c.whole(d)
	if err != nil {
		return nil, err
	}
	switch below := s.layer.(type) {
	case *lstm.Bidirectional:
		if below.Merge == lstm.MergeSum && v == 0.5 {
			k := s.key
			k.merge = lstm.MergeAverage
			r := *d
			r.parts = []part{{stage: c.bidirectional(k), size: s.size, moment: m}}
			return &r, nil
		}
	case lstm.Activation:
		if inner, ok := s.parent.layer.(lstm.Activation); ok && below.Function == lstm.ActivationTanh && inner.Function == lstm.ActivationAffine && inner.Beta == 0 {
			return c.above(d, s.parent.parent, m, lstm.Activation{Function: lstm.ActivationScaledTanh, Alpha: v, Beta: inner.Alpha}, s.size), nil
		}
	}
	return c.affine(d, v, 0)
}

// combined is what two layers have made, put together: the directions of a layer by
// that merge, or an LSTM and its input by a sum.
func (c *call) combined(a, b *data, merge lstm.Merge) (value, error) {
	if !sameAxes(a, b) {
		return nil, unsupported("it puts together %s and %s, whose axes count different things", a.describe(), b.describe())
	}
	if a.free == nil && b.free == nil {
		pa, err := a.chosen()
		if err != nil {
			return nil, err
		}
		pb, err := b.chosen()
		if err != nil {
			return nil, err
		}
		if len(pa) == 1 && len(pb) == 1 && pa[0].isLSTM() && pb[0].isLSTM() {
			f, g := pa[0], pb[0]
			if directionsOf(g.stage, f.stage) {
				f, g = g, f
			}
			_, ends := endsOf([]part{f, g})
			if ends || directionsOf(f.stage, g.stage) && f.moment == g.moment {
				if f.size != g.size {
					return nil, shapeError("it puts together directions of the sizes %d and %d", f.size, g.size)
				}
				r := *a
				r.first = 0
				r.parts = []part{{stage: c.bidirectional(mergeKey{f.stage, g.stage, merge, ends}), size: f.size, moment: f.moment}}
				return &r, nil
			}
		}
		if merge == lstm.MergeSum {
			for _, pair := range [2][2]*data{{a, b}, {b, a}} {
				if r, ok := c.residual(pair[0], pair[1]); ok {
					return r, nil
				}
				if r, ok := c.skipped(pair[0], pair[1]); ok {
					return r, nil
				}
			}
		}
	}
	return nil, unsupported("it puts together what are neither the two directions of a layer nor, in a sum, an LSTM's input and its output, or that of a linear layer on it")
}

func (p part) isLSTM() bool {
	return p.stage.weights != nil && p.first == 0 && p.size == p.stage.size && p.moment != cellState
}

// residual is the sum of an LSTM's input x and its output h, if they are that.
func (c *call) residual(x, h *data) (*data, bool) {
	parts, err := h.chosen()
	if err != nil || len(parts) != 1 || !parts[0].isLSTM() || parts[0].stage.weights.Residual {
		return nil, false
	}
	p := parts[0]
	s, m, err := c.whole(x)
	if err != nil || s != p.stage.parent || m != p.moment || s.size != p.size {
		return nil, false
	}
	sum, ok := c.residuals[p.stage]
	if !ok {
		w := *p.stage.weights
		w.Residual = true
		sum = &stage{parent: s, node: p.stage.node, size: p.size, weights: &w, reverse: p.stage.reverse, lstms: p.stage.lstms, padded: p.stage.padded}
		if !sum.reverse {
			sum.layer = &w
		}
		c.residuals[p.stage] = sum
	}
	r := *h
	r.first = 0
	r.parts = []part{{stage: sum, size: p.size, moment: m}}
	return &r, true
}

// sameAxes reports whether the axes of two data count the same, except that the
// features may be those of different layers.
func sameAxes(a, b *data) bool {
	return a.backwards == b.backwards && slices.EqualFunc(a.axes, b.axes, func(x, y axis) bool {
		small := func(t atom) bool { return t.size.is(1) }
		return slices.Equal(slices.DeleteFunc(slices.Clone(x), small), slices.DeleteFunc(slices.Clone(y), small))
	})
}
