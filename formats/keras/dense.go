package keras

import "example.com/lstm"

func (b *builder) addDense(l *layer) error { return b.addDenseOf(l, l) }

// addDenseOf adds the Dense layer inner, whose weights owner has.
func (b *builder) addDenseOf(owner, inner *layer) error {
	o := readOptions(inner)
	outputs := o.size("units")
	activation, bias := o.activation("activation", b.major), o.bias()
	if err := o.finish(); err != nil {
		return err
	}
	kernel, inputs, err := b.kernel(owner, "", outputs, "[I, units]")
	if err != nil {
		return err
	}
	d := &lstm.Linear{InFeatures: inputs, OutFeatures: outputs, Weight: transposed(kernel, inputs, outputs)}
	if bias {
		if d.Bias, err = b.need(owner, denseBiasKind, "", "[units]", outputs); err != nil {
			return err
		}
	}
	b.layers, b.size, b.dense = append(b.layers, d), outputs, append(b.dense, owner.Name)
	b.activate(activation)
	return nil
}

// kernel returns the weights of a layer's input, [I, columns], and I, which is that
// of the output of the layers below.
func (b *builder) kernel(l *layer, direction string, columns int, letters string) ([]float32, int, error) {
	t := b.take(l, kernelKind, direction)
	if t == nil {
		return nil, 0, l.missing(kernelKind, direction)
	}
	if err := t.check(l, letters, b.size, columns); err != nil {
		return nil, 0, err
	}
	return t.data, t.shape[0], nil
}

// transposed returns a matrix of that many rows and columns with these as columns
// and rows.
func transposed(m []float32, rows, columns int) []float32 {
	out := make([]float32, len(m))
	for r := range rows {
		for c := range columns {
			out[c*rows+r] = m[r*columns+c]
		}
	}
	return out
}

// activate adds an activation that is a layer; the identity needs none.
func (b *builder) activate(a lstm.Activation) {
	if a.Function != lstm.ActivationIdentity {
		b.layers = append(b.layers, a)
	}
}

// addTimeDistributed adds what does the same to each step, as layers here do anyway.
// Weights are the wrapper's.
func (b *builder) addTimeDistributed(l *layer) error {
	if b.output != "" {
		return l.Errorf(lstm.ErrUnsupported, "there is no sequence after a layer with return_sequences=False, want a layer without TimeDistributed")
	}
	o := readOptions(l)
	inner := o.inner("layer")
	if err := o.finish(); err != nil {
		return err
	}
	if inner == nil {
		return l.Errorf(lstm.ErrDamaged, "it has no layer")
	}
	c, err := lookUp(inner)
	if err == nil && !c.alone {
		err = inner.Errorf(lstm.ErrUnsupported, "it looks at more than one step")
	}
	switch {
	case err != nil:
	case inner.Class == "Dense":
		err = b.addDenseOf(l, inner)
	case inner.Class == "Softmax":
		err = b.addSoftmaxOf(inner, 2) // steps are vectors to it
	default:
		err = c.add(b, inner)
	}
	if err != nil {
		return l.wrap(err)
	}
	return nil
}

func (b *builder) addActivation(l *layer) error {
	o := readOptions(l)
	a := o.activation("activation", b.major)
	b.activate(a)
	return o.finish()
}

func (b *builder) addReLU(l *layer) error {
	o := readOptions(l)
	slope, threshold := o.number("negative_slope", 0), o.number("threshold", 0)
	var most float64
	if o.take("max_value", &most); o.err == nil && (most != 0 || slope != 0 && threshold != 0) {
		o.err = l.Errorf(lstm.ErrUnsupported, "max_value is %v, negative_slope %v and threshold %v, want only one of the last two, or none", most, slope, threshold)
	}
	switch {
	case slope != 0:
		b.activate(lstm.Activation{Function: lstm.ActivationLeakyReLU, Alpha: float32(slope)})
	case threshold != 0:
		b.activate(lstm.Activation{Function: lstm.ActivationThresholdedReLU, Alpha: float32(threshold)})
	default:
		b.activate(lstm.Activation{Function: lstm.ActivationReLU})
	}
	return o.finish()
}

// addLeakyReLU: Keras 2 and TensorFlow.js call the slope alpha, Keras 3 negative_slope.
func (b *builder) addLeakyReLU(l *layer) error {
	o := readOptions(l)
	slope := o.number("negative_slope", o.number("alpha", 0.3))
	b.activate(lstm.Activation{Function: lstm.ActivationLeakyReLU, Alpha: float32(slope)})
	return o.finish()
}

func (b *builder) addThresholdedReLU(l *layer) error {
	o := readOptions(l)
	b.activate(lstm.Activation{Function: lstm.ActivationThresholdedReLU, Alpha: float32(o.number("theta", 1))})
	return o.finish()
}

func (b *builder) addELU(l *layer) error {
	o := readOptions(l)
	b.activate(lstm.Activation{Function: lstm.ActivationELU, Alpha: float32(o.number("alpha", 1))})
	return o.finish()
}

func (b *builder) addSoftmax(l *layer) error {
	if b.output == "" {
		return b.addSoftmaxOf(l, 3) // [batch, step, feature]
	}
	return b.addSoftmaxOf(l, 2)
}

// addSoftmaxOf adds a softmax of arrays of that many axes.
func (b *builder) addSoftmaxOf(l *layer, axes int) error {
	o := readOptions(l)
	axis := -1
	if o.take("axis", &axis); o.err == nil && axis != -1 && axis != axes-1 {
		o.err = l.Errorf(lstm.ErrUnsupported, "axis is %d, want the last, -1 or %d", axis, axes-1)
	}
	b.activate(lstm.Activation{Function: lstm.ActivationSoftmax})
	return o.finish()
}

func (b *builder) addFlatten(l *layer) error {
	if b.output == "" {
		return l.Errorf(lstm.ErrUnsupported, "it makes one vector of all steps, want it after a layer with return_sequences=False")
	}
	return nil
}
