package onnx

import (
	"example.com/lstm"
)

// skipped is the sum of what a linear layer makes of an LSTM's output, and of some
// features of the LSTM's input x, as networks of audio effects have it, if a and b are these. A Model
// has no such sum, and something equal instead. The LSTM gets as many units more as x
// has features, with weights of zero, whose h is always zero; x comes in as many
// features, behind zeros for the units that there were; and the residual connection
// makes [0; x] + [h; 0] = [h; x] of it, which the linear layer has all it needs of.
func (c *call) skipped(a, x *data) (*data, bool) {
	above, m, err := c.whole(a)
	if err != nil {
		return nil, false
	}
	head, ok := above.layer.(*lstm.Linear)
	if !ok || above.parent.weights == nil || above.parent.reverse || above.parent.weights.Residual {
		return nil, false
	}
	s := above.parent
	below := s.parent
	parts, err := x.chosen()
	if x.free != nil || err != nil || len(parts) != 1 || parts[0].stage != below || parts[0].moment != m || parts[0].size != head.OutFeatures || !isZeroAtZero(s.weights.Cell) {
		return nil, false
	}
	size, hidden := below.size, s.size
	wide := hidden + size
	if wide > 1<<15 || c.budget.take(8*wide*wide+2*wide*size) != nil {
		return nil, false
	}
	behind := &lstm.Linear{InFeatures: size, OutFeatures: wide, Weight: make([]float32, wide*size)}
	sum := &lstm.Linear{InFeatures: wide, OutFeatures: head.OutFeatures, Weight: make([]float32, head.OutFeatures*wide), Bias: head.Bias}
	for i := range size {
		behind.Weight[(hidden+i)*size+i] = 1
	}
	for i := range head.OutFeatures {
		copy(sum.Weight[i*wide:], head.Weight[i*hidden:][:hidden])
		sum.Weight[i*wide+hidden+parts[0].first+i] = 1
	}
	w := &lstm.Weights{
		InputSize: wide, HiddenSize: wide, Cell: s.weights.Cell, Residual: true,
		WeightIH: moreUnits(s.weights.WeightIH, hidden, wide, size, hidden, wide), WeightHH: moreUnits(s.weights.WeightHH, hidden, wide, hidden, 0, wide),
		BiasIH: moreUnits(s.weights.BiasIH, hidden, wide, 1, 0, 1), BiasHH: moreUnits(s.weights.BiasHH, hidden, wide, 1, 0, 1),
		PeepholeI: moreElements(s.weights.PeepholeI, wide), PeepholeF: moreElements(s.weights.PeepholeF, wide), PeepholeO: moreElements(s.weights.PeepholeO, wide),
		InitialH: moreElements(s.weights.InitialH, wide), InitialC: moreElements(s.weights.InitialC, wide),
	}
	first := &stage{parent: below, node: s.node, layer: behind, size: wide, padded: below.padded}
	second := &stage{parent: first, node: s.node, layer: w, size: wide, weights: w, lstms: s.lstms, padded: s.padded}
	return c.above(a, second, m, sum, head.OutFeatures), true
}

// isZeroAtZero reports whether a unit stays at zero whose weights and state are zero.
func isZeroAtZero(c lstm.Cell) bool {
	for _, a := range [2]lstm.Activation{c.Candidate, c.Output} {
		switch a.Function {
		case lstm.ActivationDefault, lstm.ActivationTanh, lstm.ActivationReLU, lstm.ActivationLeakyReLU, lstm.ActivationSoftsign, lstm.ActivationELU, lstm.ActivationScaledTanh:
		default:
			return false
		}
	}
	return true
}

// moreUnits are the rows of four gates for more units, whose rows are zeros, with
// rows of columns elements put into rows of more from place on.
func moreUnits(rows []float32, hidden, wide, columns, place, more int) []float32 {
	if rows == nil {
		return nil
	}
	all := make([]float32, 4*wide*more)
	for gate := range 4 {
		for u := range hidden {
			copy(all[(gate*wide+u)*more+place:], rows[(gate*hidden+u)*columns:][:columns])
		}
	}
	return all
}

func moreElements(list []float32, n int) []float32 {
	if list == nil {
		return nil
	}
	return append(make([]float32, 0, n), list...)[:n]
}
