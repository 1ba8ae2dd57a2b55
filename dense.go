package lstm

import (
	"example.com/lstm/internal/contract"
	"example.com/lstm/internal/sizes"
)

// A denseStack is Linear and Activation layers, one after another, which keep
// nothing from step to step: what is before an LSTM layer, what follows the last
// one, or a head.
type denseStack struct {
	input, output int
	layers        []dense
	count         int  // of the model's layers
	flushed       bool // the output, since another layer reads it
	width         int  // floats of what is between two of layers, padded like an input
}

// dense is a Linear layer and the activations after it.
type dense struct {
	output      int
	linear      *packedLinear // nil for a stack that begins with activations
	activations []denseActivation
}

// denseActivation is an Activation layer, and as its kernel takes it, unless it is
// softmax.
type denseActivation struct {
	Activation
	packed packedActivation
}

// apply sets dst to the function of x, which is as long and may be dst.
func (a *denseActivation) apply(dst, x []float32) {
	if a.Function == ActivationSoftmax {
		softmax(dst, x)
		return
	}
	a.packed.apply(dst, x)
}

// packDense packs layers, which have been checked, for an input of that many
// elements, raw if it is that of the network. It is nil for no layers.
func packDense(input int, layers []Layer, flushed, raw bool) *denseStack {
	if len(layers) == 0 {
		return nil
	}
	d := &denseStack{input: input, output: input, count: len(layers), flushed: flushed}
	for i, layer := range layers {
		switch layer := layer.(type) {
		case *Linear:
			d.output = layer.OutFeatures
			d.layers = append(d.layers, dense{output: d.output, linear: packLinear(layer, raw && i == 0)})
		case Activation:
			if len(d.layers) == 0 {
				d.layers = []dense{{output: input}}
			}
			last := &d.layers[len(d.layers)-1]
			layer.Alpha, layer.Beta = contract.Flush(layer.Alpha), contract.Flush(layer.Beta)
			last.activations = append(last.activations, denseActivation{layer, layer.pack()})
		}
	}
	for i := range d.layers[:len(d.layers)-1] {
		d.width = max(d.width, paddedInput(d.layers[i].output))
	}
	return d
}

// paddedInput is the length of an input of n elements with the zeros after it, which
// a Linear layer multiplies with zeros.
func paddedInput(n int) int { return sizes.RoundUp(n, contract.HeadSums) }

// scratch is how many floats apply needs besides input and output: two vectors
// between layers, and a quantised one.
func (d *denseStack) scratch() int {
	quantised := 0
	for i := range d.layers {
		if linear := d.layers[i].linear; linear != nil {
			quantised = max(quantised, linear.bytes.scratch())
		}
	}
	return 2*d.width + quantised
}

// apply computes the output y of x, which is padded with zeros. y overlaps neither x
// nor scratch.
func (d *denseStack) apply(x, y, scratch []float32) {
	last := len(d.layers) - 1
	for i := range d.layers[:last] {
		l := &d.layers[i]
		between := scratch[i%2*d.width:][:paddedInput(l.output)]
		out := between[:l.output]
		l.apply(x, out, scratch[2*d.width:])
		flushTo(out, out)
		clear(between[l.output:])
		x = between
	}
	d.layers[last].apply(x, y, scratch[2*d.width:])
	if d.flushed {
		flushTo(y, y)
	}
}

// apply computes the layer and its activations, of which each but the last is read
// by another.
func (d *dense) apply(x, y, scratch []float32) {
	activations := d.activations
	if d.linear != nil {
		d.linear.apply(x, y, scratch)
	} else {
		activations[0].apply(y, x[:len(y)])
		activations = activations[1:]
	}
	for i := range activations {
		flushTo(y, y)
		activations[i].apply(y, y)
	}
}

// memorySize is the bytes of the packed parameters.
func (d *denseStack) memorySize() int {
	bytes := 0
	for i := range d.layers {
		if linear := d.layers[i].linear; linear != nil {
			bytes += linear.memorySize()
		}
	}
	return bytes
}
