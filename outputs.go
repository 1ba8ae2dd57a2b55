package lstm

// outputs is what makes the output of a network of that of its last LSTM layer.
type outputs struct {
	size   int
	none   bool          // there are neither layers nor heads
	only   *packedLinear // the one layer of the one head, if that is all there is
	before *denseStack   // what all heads read the result of, nil for none
	heads  []*denseStack // none: the output is what the last LSTM layer has put out
}

// packOutputs packs what reads the output of the last LSTM layer, which has that
// many elements: layers, which may be none, and after them the heads. Layers without
// a head after them are the head. raw: what they read is the input of the network.
func packOutputs(input int, layers []Layer, heads []Head, raw bool) outputs {
	if len(heads) == 0 && len(layers) > 0 {
		heads, layers = []Head{{Layers: layers}}, nil
	}
	o := outputs{size: input, before: packDense(input, layers, true, raw)}
	if len(heads) == 0 {
		o.none = true
		return o
	}
	if o.before != nil {
		input = o.before.output
	}
	o.size = 0
	for _, head := range heads {
		d := packDense(input, head.Layers, false, raw && o.before == nil)
		o.heads = append(o.heads, d)
		o.size += d.output
	}
	if first := o.heads[0]; len(o.heads) == 1 && o.before == nil && len(first.layers) == 1 && len(first.layers[0].activations) == 0 {
		o.only = first.layers[0].linear
	}
	return o
}

// scratch is how many floats apply needs besides input and output.
func (o *outputs) scratch() int {
	result, most := 0, 0
	if o.before != nil {
		result, most = paddedInput(o.before.output), o.before.scratch()
	}
	for _, d := range o.heads {
		most = max(most, d.scratch())
	}
	return result + most
}

// apply computes the output y of x, which is padded with zeros.
func (o *outputs) apply(x, y, scratch []float32) {
	if o.only != nil {
		o.only.apply(x, y, scratch)
		return
	}
	if o.none {
		copy(y, x)
		return
	}
	if d := o.before; d != nil {
		result := scratch[:paddedInput(d.output)]
		scratch = scratch[len(result):]
		d.apply(x, result[:d.output], scratch)
		clear(result[d.output:])
		x = result
	}
	for _, d := range o.heads {
		d.apply(x, y[:d.output], scratch)
		y = y[d.output:]
	}
}

// memorySize is the bytes of the packed parameters.
func (o *outputs) memorySize() int {
	bytes := 0
	if o.before != nil {
		bytes = o.before.memorySize()
	}
	for _, d := range o.heads {
		bytes += d.memorySize()
	}
	return bytes
}
