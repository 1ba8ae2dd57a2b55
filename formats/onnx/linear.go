package onnx

import (
	"slices"

	"example.com/lstm"
)

func (c *call) matMul() ([]value, error) {
	d, err := c.dataInput(0)
	if err != nil {
		return nil, err
	}
	w, err := c.neededConstant(1)
	if err != nil {
		return nil, err
	}
	if w.rank() > d.rank() && d.rank() >= 2 {
		return nil, unsupported("it multiplies data of %d axes with %s", d.rank(), w.describe())
	}
	for w.rank() > 2 && w.shape[0].is(1) {
		w = w.view(w.shape[1:], w.strides[1:], w.start)
	}
	vector := w.rank() == 1
	if vector {
		w = w.view(append(slices.Clone(w.shape), number(1)), append(slices.Clone(w.strides), 0), w.start)
	}
	if d.rank() == 0 || w.rank() != 2 {
		return nil, unsupported("it multiplies with %s, want a matrix", w.describe())
	}
	a := d.rank() - 1
	linear, err := c.linear(w, 1)
	if err != nil {
		return nil, err
	}
	r, err := c.apply(d, a, linear)
	if err == nil && vector {
		r.axes = r.axes[:a]
	}
	return one(r, err)
}

// linear is a layer of the weights w [inputs, outputs].
func (c *call) linear(w *constant, factor float32) (*lstm.Linear, error) {
	if _, ok := w.size(); !ok {
		return nil, unsupported("it multiplies with %s", w.describe())
	}
	in, out := int(w.shape[0].plus), int(w.shape[1].plus)
	if in < 1 || out < 1 {
		return nil, shapeError("it multiplies with %s, want a matrix with elements", w.describe())
	}
	t := w.view(permuted(w.shape, []int{1, 0}), permuted(w.strides, []int{1, 0}), w.start)
	weight, err := t.allFloats(c.budget, out, in)
	if err != nil {
		return nil, err
	}
	if factor != 1 {
		if err := c.budget.take(len(weight)); err != nil {
			return nil, err
		}
		weight = slices.Clone(weight)
		for i := range weight {
			weight[i] *= factor
		}
	}
	return &lstm.Linear{InFeatures: in, OutFeatures: out, Weight: weight}, nil
}

// apply puts a layer on data whose features are on axis a.
func (c *call) apply(d *data, a int, linear *lstm.Linear) (*data, error) {
	d, err := c.bind(d, a, linear.InFeatures)
	if err != nil {
		return nil, err
	}
	s, m, err := c.flat(d, a)
	if err != nil {
		return nil, err
	}
	if s.size != linear.InFeatures {
		return nil, shapeError("it multiplies %d features with a matrix for %d", s.size, linear.InFeatures)
	}
	return c.aboveFlat(d, a, s, m, linear, linear.OutFeatures), nil
}

func (c *call) gemm() ([]value, error) {
	d, err := c.dataInput(0)
	if err != nil {
		return nil, err
	}
	w, err := c.neededConstant(1)
	if err != nil {
		return nil, err
	}
	if d.rank() != 2 || w.rank() != 2 || c.integer("transA", 0) != 0 {
		return nil, unsupported("it multiplies data of %d axes with %s and transA %d, want 2 axes, a matrix and 0", d.rank(), w.describe(), c.integer("transA", 0))
	}
	if c.integer("transB", 0) != 0 {
		w = w.view(permuted(w.shape, []int{1, 0}), permuted(w.strides, []int{1, 0}), w.start)
	}
	linear, err := c.linear(w, c.number("alpha", 1))
	if err != nil {
		return nil, err
	}
	bias, err := c.constantInput(2)
	if err != nil {
		return nil, err
	}
	if beta := c.number("beta", 1); bias != nil && beta != 0 {
		row, err := rowOf(bias)
		if err != nil {
			return nil, err
		}
		row = row.expanded(numbers(linear.OutFeatures))
		if row.rank() != 1 || !bias.shapeFits(linear.OutFeatures) {
			return nil, shapeError("C is %s, want a row of %d", bias.describe(), linear.OutFeatures)
		}
		if linear.Bias, err = row.allFloats(c.budget, linear.OutFeatures); err != nil {
			return nil, err
		}
		if err := c.budget.take(len(linear.Bias)); err != nil {
			return nil, err
		}
		linear.Bias = slices.Clone(linear.Bias)
		for i := range linear.Bias {
			linear.Bias[i] *= beta
		}
	}
	return one(c.apply(d, 1, linear))
}

// rowOf is a constant whose axes before the last have the size 1, without those.
func rowOf(t *constant) (*constant, error) {
	n := max(0, t.rank()-1)
	for _, d := range t.shape[:n] {
		if !d.is(1) {
			return nil, unsupported("it has %s, want a row", t.describe())
		}
	}
	return t.view(t.shape[n:], t.strides[n:], t.start), nil
}

// shapeFits reports whether the last axis has the size n, or 1, or is none.
func (c *constant) shapeFits(n int) bool {
	return c.rank() == 0 || c.shape[c.rank()-1].is(1) || c.shape[c.rank()-1].is(int64(n))
}

// embedding is a linear layer for one-hot inputs, which ids are the places of.
func (c *call) embedding(table *constant, ids *data) (value, error) {
	if table.rank() != 2 {
		return nil, unsupported("the rows are those of %s, want a matrix", table.describe())
	}
	linear, err := c.linear(table, 1)
	if err != nil {
		return nil, err
	}
	d, err := c.oneHotOf(ids, linear.InFeatures)
	if err != nil {
		return nil, err
	}
	rows := c.aboveFlat(d, ids.rank(), d.parts[0].stage, everyStep, linear, linear.OutFeatures)
	rows.quantized = table.bits8
	return rows, nil
}

// oneHotOf are the one-hot inputs, of size features on a last axis, for ids.
func (c *call) oneHotOf(ids *data, size int) (*data, error) {
	in := ids.free
	if in == nil || ids.isFloat || ids.partial || ids.parts[0].stage != in.stage {
		return nil, unsupported("the indices are not an integer input of the graph")
	}
	if err := c.takeX(in); err != nil {
		return nil, err
	}
	if in.oneHot && in.stage.size != size {
		return nil, unsupported("input %.80q of the graph chooses one of %d here, and one of %d elsewhere", in.name, size, in.stage.size)
	}
	in.oneHot = true
	in.stage.size = size
	d := *ids
	d.free, d.isFloat = nil, true
	d.parts = []part{{stage: in.stage, size: size}}
	d.axes = append(slices.Clone(ids.axes), axis{{size: number(int64(size)), stride: 1}})
	return &d, nil
}

// oneHot is that of an integer input, as zeros and a one.
func (c *call) oneHot() ([]value, error) {
	ids, err := c.dataInput(0)
	if err != nil {
		return nil, err
	}
	depth, ok, err := c.listInput(1, "")
	if err != nil {
		return nil, err
	}
	values, err := c.neededConstant(2)
	if err != nil {
		return nil, err
	}
	zeroOne, err := values.allFloats(c.budget, 2)
	a := c.integer("axis", -1)
	if err != nil || !ok || len(depth) != 1 || !depth[0].isNumber() || depth[0].plus < 1 || depth[0].plus > 1<<30 || zeroOne[0] != 0 || zeroOne[1] != 1 || a != -1 && a != int64(ids.rank()) {
		return nil, unsupported("depth, values and axis are %s, %s and %d, want a number, floats 0 and 1, and the last axis", describeShape(depth), values.describe(), a)
	}
	return one(c.oneHotOf(ids, int(depth[0].plus)))
}

// batchNormalization is a linear layer, of the running mean and variance.
func (c *call) batchNormalization() ([]value, error) {
	d, err := c.dataInput(0)
	if err != nil {
		return nil, err
	}
	if c.integer("training_mode", 0) != 0 || c.integer("spatial", 1) != 1 || d.rank() < 2 {
		return nil, unsupported("it is that of training, or of data of %d axes", d.rank())
	}
	first, err := c.neededConstant(1)
	if err != nil {
		return nil, err
	}
	n, ok := first.size()
	if !ok || first.rank() != 1 {
		return nil, shapeError("scale is %s, want a row", first.describe())
	}
	var rows [4][]float32 // scale, bias, mean, variance
	for i := range rows {
		t, err := c.neededConstant(1 + i)
		if err != nil {
			return nil, err
		}
		if rows[i], err = t.allFloats(c.budget, n); err != nil {
			return nil, err
		}
	}
	factors, biases := make([]float32, n), make([]float32, n)
	for i := range factors {
		factors[i] = rows[0][i] / root(rows[3][i]+c.number("epsilon", 1e-5))
		biases[i] = rows[1][i] - float32(rows[2][i]*factors[i])
	}
	scaled, err := c.scaled(d, 1, factors)
	if err != nil {
		return nil, err
	}
	return one(c.biased(scaled, 1, biases))
}

// scaled multiplies the features, on axis a, with a factor each.
func (c *call) scaled(d *data, a int, factors []float32) (*data, error) {
	d, err := c.bind(d, a, len(factors))
	if err != nil {
		return nil, err
	}
	s, m, err := c.flat(d, a)
	if err != nil {
		return nil, err
	}
	if s.size != len(factors) {
		return nil, shapeError("it multiplies %d features with %d numbers", s.size, len(factors))
	}
	if below, ok := s.layer.(*lstm.Linear); ok {
		if err := c.budget.take(len(below.Weight) + len(below.Bias)); err != nil {
			return nil, err
		}
		linear := &lstm.Linear{InFeatures: below.InFeatures, OutFeatures: below.OutFeatures, Weight: slices.Clone(below.Weight), Bias: slices.Clone(below.Bias)}
		for j, f := range factors {
			for k := range below.InFeatures {
				linear.Weight[j*below.InFeatures+k] *= f
			}
			if linear.Bias != nil {
				linear.Bias[j] *= f
			}
		}
		return c.above(d, s.parent, m, linear, s.size), nil
	}
	linear, err := c.diagonal(s.size, s.size, 0, func(j int) float32 { return factors[j] })
	if err != nil {
		return nil, err
	}
	return c.above(d, s, m, linear, s.size), nil
}

// biased adds a number to each of the features, on axis a.
func (c *call) biased(d *data, a int, biases []float32) (*data, error) {
	d, err := c.bind(d, a, len(biases))
	if err != nil {
		return nil, err
	}
	s, m, err := c.flat(d, a)
	if err != nil {
		return nil, err
	}
	if s.size != len(biases) {
		return nil, shapeError("it adds %d numbers to %d features", len(biases), s.size)
	}
	below, ok := s.layer.(*lstm.Linear)
	if !ok {
		if below, err = c.diagonal(s.size, s.size, 0, func(int) float32 { return 1 }); err != nil {
			return nil, err
		}
	} else {
		s = s.parent
	}
	if err := c.budget.take(len(biases)); err != nil {
		return nil, err
	}
	linear := *below
	linear.Bias = slices.Clone(biases)
	for i, v := range below.Bias {
		linear.Bias[i] += v
	}
	return c.above(d, s, m, &linear, len(biases)), nil
}
