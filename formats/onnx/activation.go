package onnx

import (
	"math"

	"example.com/lstm"
)

func (c *call) activation(f activationOperator) ([]value, error) {
	d, err := c.dataInput(0)
	if err != nil {
		return nil, err
	}
	a := lstm.Activation{Function: f.function, Alpha: f.alpha, Beta: f.beta}
	if f.alpha != 0 {
		a.Alpha = c.number("alpha", f.alpha)
	}
	if f.beta != 0 {
		a.Beta = c.number("beta", f.beta)
	}
	return one(c.activated(d, a))
}

// activated puts an activation of single elements on data, whatever their axes.
func (c *call) activated(d *data, a lstm.Activation) (*data, error) {
	s, m, err := c.whole(d)
	if err != nil {
		return nil, err
	}
	return c.above(d, s, m, a, s.size), nil
}

// softmax is that over all features, on the last axis that is not of size 1.
func (c *call) softmax() ([]value, error) {
	d, err := c.dataInput(0)
	if err != nil {
		return nil, err
	}
	usual := int64(-1)
	if c.file.opset < 13 {
		usual = 1
	}
	a, err := c.axisAttribute("axis", d.rank(), usual)
	if err != nil {
		return nil, err
	}
	if d.free != nil {
		n := d.axes[a].size()
		if !n.isNumber() {
			return nil, unsupported("it is over an axis of the graph's input whose size is open")
		}
		if d, err = c.bind(d, a, int(n.plus)); err != nil {
			return nil, err
		}
	}
	if c.file.opset < 13 {
		// The axes from this one on count as one.
		for _, after := range d.axes[a+1:] {
			if !after.size().is(1) {
				return nil, unsupported("it is over the axes from %d on, want the features alone", a)
			}
		}
	}
	s, m, err := c.flat(d, a)
	if err != nil {
		return nil, err
	}
	return []value{c.above(d, s, m, lstm.Activation{Function: lstm.ActivationSoftmax}, s.size)}, nil
}

// clip is relu, or two activations: those of max(low, min(high, x)) =
// low + (high-low)·hardSigmoid((x-low) / (high-low)).
func (c *call) clip() ([]value, error) {
	d, err := c.dataInput(0)
	if err != nil {
		return nil, err
	}
	limits := [2]float32{c.number("min", float32(math.Inf(-1))), c.number("max", float32(math.Inf(1)))}
	for i := range limits {
		t, err := c.constantInput(1 + i)
		if err != nil {
			return nil, err
		}
		if t != nil {
			v, ok := t.scalar()
			if !ok {
				return nil, unsupported("a limit is %s, want one number", t.describe())
			}
			limits[i] = v
		}
	}
	low, high := limits[0], limits[1]
	noLow, noHigh := low <= -math.MaxFloat32, high >= math.MaxFloat32
	switch {
	case noLow && noHigh:
		return []value{d}, nil
	case low == 0 && noHigh:
		return one(c.activated(d, lstm.Activation{Function: lstm.ActivationReLU}))
	case noLow || noHigh || !(low < high):
		return nil, unsupported("it limits to %v and %v, want 0 and no limit, or two numbers", low, high)
	}
	span := high - low
	hard, err := c.activated(d, lstm.Activation{Function: lstm.ActivationHardSigmoid, Alpha: 1 / span, Beta: -low / span})
	if err != nil || low == 0 && high == 1 {
		return one(hard, err)
	}
	return one(c.affine(hard, span, low))
}

// selu is γ·elu(x, α).
func (c *call) selu() ([]value, error) {
	d, err := c.dataInput(0)
	if err != nil {
		return nil, err
	}
	e, err := c.activated(d, lstm.Activation{Function: lstm.ActivationELU, Alpha: c.number("alpha", 1.67326319217681884765625)})
	if err != nil {
		return nil, err
	}
	return one(c.affine(e, c.number("gamma", 1.05070102214813232421875), 0))
}

func (c *call) prelu() ([]value, error) {
	d, err := c.dataInput(0)
	if err != nil {
		return nil, err
	}
	slope, err := c.neededConstant(1)
	if err != nil {
		return nil, err
	}
	v, ok := slope.scalar()
	if !ok {
		return nil, unsupported("the slopes are %s, want one number", slope.describe())
	}
	return one(c.activated(d, lstm.Activation{Function: lstm.ActivationLeakyReLU, Alpha: v}))
}
