package rtneural

import (
	"example.com/lstm"
	"example.com/lstm/internal/errkind"
)

// maxSkipInputs is the most inputs of a network that adds them to its outputs. Each makes the
// LSTM one unit larger, whose weights are no part of the file. Audio effects have a sample and
// a few controls.
const maxSkipInputs = 16

// addSkip makes m add the first inputs to its outputs, as many as skip says: one to
// each output, or one to all.
//
// Units are added to the only LSTM layer, as many as there are inputs, with weights and
// biases of 0: their h is σ(0)·tanh(0), which is 0. A linear layer below it puts the
// inputs in their places and 0 in those of all others, and the layer is residual, so that
// its output is h and then the inputs. To these the head has weights of 1.
func addSkip(m *lstm.Model, inputs int, skip any, name string) error {
	if skip == nil || skip == 0.0 || skip == false {
		return nil
	}
	if len(m.Layers) != 1 || len(m.Heads) != 1 || len(m.Heads[0].Layers) != 1 {
		return errkind.Errorf(lstm.ErrUnsupported, "%s is %s, want 0 for networks of more than one LSTM layer and a linear one after it", name, describe(skip))
	}
	w, ok := m.Layers[0].(*lstm.Weights)
	head, ok2 := m.Heads[0].Layers[0].(*lstm.Linear)
	if !ok || !ok2 || w.ProjSize > 0 {
		return errkind.Errorf(lstm.ErrUnsupported, "%s is %s, want 0 for networks other than an LSTM layer of one direction, without a projection, and a linear one after it", name, describe(skip))
	}
	n, ok := skip.(float64)
	if !ok || n < 0 || n > float64(inputs) || n != 1 && n != float64(head.OutFeatures) {
		return errkind.Errorf(lstm.ErrUnsupported, "%s is %s, want 0, 1 or %d, the number of outputs, and at most %d, that of inputs", name, describe(skip), head.OutFeatures, inputs)
	}
	if inputs > maxSkipInputs {
		return errkind.Errorf(lstm.ErrUnsupported, "%s is %s, want 0 for networks of more than %d inputs, and there are %d", name, describe(skip), maxSkipInputs, inputs)
	}
	hidden := w.HiddenSize
	units := hidden + inputs
	place := make([]float32, units*inputs)
	for k := range inputs {
		place[(hidden+k)*inputs+k] = 1
	}
	wide := &lstm.Weights{
		InputSize: units, HiddenSize: units, Residual: true,
		WeightIH: widen(w.WeightIH, hidden, inputs, units, hidden),
		WeightHH: widen(w.WeightHH, hidden, hidden, units, 0),
		BiasIH:   widenBias(w.BiasIH, hidden, units),
		BiasHH:   widenBias(w.BiasHH, hidden, units),
	}
	weight := make([]float32, head.OutFeatures*units)
	for o := range head.OutFeatures {
		copy(weight[o*units:], head.Weight[o*hidden:][:hidden])
		input := o
		if n == 1 {
			input = 0
		}
		weight[o*units+hidden+input] = 1
	}
	m.Layers = []lstm.Layer{&lstm.Linear{InFeatures: inputs, OutFeatures: units, Weight: place}, wide}
	m.Heads = []lstm.Head{{Layers: []lstm.Layer{&lstm.Linear{InFeatures: units, OutFeatures: head.OutFeatures, Weight: weight, Bias: head.Bias}}}}
	return nil
}

// widen makes the matrices of four gates, [hidden, columns] each, [units, units], in which
// the columns begin with that one; what is new is 0.
func widen(matrix []float32, hidden, columns, units, first int) []float32 {
	wide := make([]float32, 4*units*units)
	for gate := range 4 {
		for u := range hidden {
			copy(wide[(gate*units+u)*units+first:], matrix[(gate*hidden+u)*columns:][:columns])
		}
	}
	return wide
}

// widenBias makes a bias of four gates one of more units, which have 0. One that is nil stays
// so.
func widenBias(bias []float32, hidden, units int) []float32 {
	if bias == nil {
		return nil
	}
	wide := make([]float32, 4*units)
	for gate := range 4 {
		copy(wide[gate*units:], bias[gate*hidden:][:hidden])
	}
	return wide
}
