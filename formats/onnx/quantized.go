package onnx

import (
	"slices"

	"example.com/lstm"
)

// This file has the nodes that ONNX Runtime's dynamic quantization makes of a linear
// layer: data quantized to 8 bits, multiplied with weights of 8 bits, and scaled by
// the product of both scales. The quantization of data is left out.

// scale is the scale or the zero point of data that are quantized, times weights'
// scales if there are such.
type scale struct {
	of        *data
	zeroPoint bool
	weights   *constant
}

func (*scale) kind() string     { return "scale" }
func (*scale) rank() int        { return 0 }
func (*scale) describe() string { return "the scale or the zero point of quantized data" }

func (c *call) dynamicQuantizeLinear() ([]value, error) {
	d, err := c.dataInput(0)
	if err != nil {
		return nil, err
	}
	if !d.isFloat || d.quantized || d.unscaled != nil {
		return nil, unsupported("input 0 is %s, want floats", d.describe())
	}
	q := *d
	q.quantized = true
	return []value{&q, &scale{of: d}, &scale{of: d, zeroPoint: true}}, nil
}

// matMulInteger is the product of quantized data and weights, without their scales.
func (c *call) matMulInteger() ([]value, error) {
	d, err := c.dataInput(0)
	if err != nil {
		return nil, err
	}
	w, err := c.neededConstant(1)
	if err != nil {
		return nil, err
	}
	zero, ok := c.optional(2).(*scale)
	if !ok || !d.quantized || !zero.zeroPoint || !slices.Equal(zero.of.parts, d.parts) || !w.bits8 || w.rank() != 2 {
		return nil, unsupported("it multiplies %s and %s, want data of a DynamicQuantizeLinear, with its zero point, and a matrix of 8 bits", d.describe(), w.describe())
	}
	weightZero, err := c.constantInput(3)
	if err != nil {
		return nil, err
	}
	if weightZero == nil {
		weightZero = newFloats(nil, []float32{0})
	} else if !weightZero.bits8 {
		return nil, unsupported("the zero point of the weights is %s, want 8 bits", weightZero.describe())
	}
	difference, err := c.together(w, weightZero, func(a, b float32) float32 { return a - b }, nil)
	if err != nil {
		return nil, err
	}
	linear, err := c.linear(difference.(*constant), 1)
	if err != nil {
		return nil, err
	}
	from := *d
	from.quantized = false
	r, err := c.apply(&from, d.rank()-1, linear)
	if err != nil {
		return nil, err
	}
	r.unscaled = zero.of
	return []value{r}, nil
}

// scaling is a product with a scale; ok is false if the inputs are something else.
func (c *call) scaling(merge lstm.Merge) (v value, ok bool, err error) {
	inputs := c.inputs
	if len(inputs) != 2 || merge != lstm.MergeMul {
		return nil, false, nil
	}
	s, ok := inputs[0].(*scale)
	other := inputs[1]
	if !ok {
		if s, ok = inputs[1].(*scale); !ok {
			return nil, false, nil
		}
		other = inputs[0]
	}
	switch o := other.(type) {
	case *constant:
		if s.weights == nil && !s.zeroPoint && o.isFloat {
			return &scale{of: s.of, weights: o}, true, nil
		}
	case *data:
		if o.unscaled != nil && s.weights != nil && slices.Equal(o.unscaled.parts, s.of.parts) {
			r := *o
			r.unscaled, r.isFloat = nil, true
			v, err := c.mulWeights(&r, s.weights)
			return v, true, err
		}
	}
	return nil, false, unsupported("it multiplies a scale with %s, want the product of which it is the scale", other.describe())
}

// mulWeights multiplies what a linear layer has made with the scales of its weights:
// one, or one for each feature.
func (c *call) mulWeights(d *data, t *constant) (value, error) {
	linear, ok := d.parts[0].stage.layer.(*lstm.Linear)
	if !ok {
		return nil, unsupported("it scales something else than a product")
	}
	v, _, row, err := t.against(d, c.budget)
	if err != nil {
		return nil, err
	}
	if row == nil {
		row = slices.Repeat([]float32{v}, linear.OutFeatures)
	}
	return c.scaled(d, d.rank()-1, row)
}

// dequantizedRows are rows of an embedding that has 8 bits, with one scale.
func (c *call) dequantizedRows(d *data) (value, error) {
	factor, err := c.neededConstant(1)
	if err != nil {
		return nil, err
	}
	zero, err := c.constantInput(2)
	if err != nil {
		return nil, err
	}
	if zero == nil {
		zero = newFloats(nil, []float32{0})
	}
	scale, ok1 := factor.scalar()
	point, ok2 := zero.scalar()
	below := d.parts[0].stage
	linear, ok3 := below.layer.(*lstm.Linear)
	if !d.quantized || !ok1 || !ok2 || !ok3 || len(d.parts) != 1 || linear.Bias != nil {
		return nil, unsupported("it has %s, want rows of 8 bits that an input chooses, and one scale", d.describe())
	}
	if err := c.budget.take(len(linear.Weight)); err != nil {
		return nil, err
	}
	rows := *linear
	rows.Weight = slices.Clone(linear.Weight)
	for i, q := range rows.Weight {
		rows.Weight[i] = float32((q - point) * scale)
	}
	r := c.above(d, below.parent, everyStep, &rows, below.size)
	r.quantized = false
	return r, nil
}
