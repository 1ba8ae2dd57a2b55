package lstm

import (
	"math"

	"example.com/lstm/internal/contract"
	"example.com/lstm/internal/panel"
)

// maxByte is the largest magnitude of an int8 weight: -128 is never used.
const maxByte = 127

// byteMatrix rounds a matrix of that many columns to int8. scales are those that the
// weights have come with, or nil, which makes the largest magnitude of each row 127.
func byteMatrix(weights []float32, columns int, scales []float32) panel.ByteMatrix {
	rows := len(weights) / columns
	m := panel.ByteMatrix{Columns: columns, Weights: make([]int8, len(weights)), Scales: make([]float32, rows)}
	for r := range rows {
		row, to := weights[r*columns:][:columns], m.Weights[r*columns:][:columns]
		if scales != nil {
			m.Scales[r] = roundMultiples(to, row, scales[r])
			continue
		}
		var most float64
		for _, w := range row {
			most = max(most, math.Abs(float64(contract.Flush(w))))
		}
		if most == 0 {
			continue // all weights and the scale are zero
		}
		m.Scales[r] = float32(most / maxByte)
		for k, w := range row {
			to[k] = int8(math.RoundToEven(float64(contract.Flush(w)) * maxByte / most))
		}
	}
	return m
}

// roundMultiples rounds a row to multiples of its scale, and returns the scale, or 0 if
// they are all zero. Tiny weights are not flushed: multiples of a tiny scale, as what
// was flushed before has it, may be tiny.
func roundMultiples(to []int8, row []float32, scale float32) float32 {
	var most float32
	for k, w := range row {
		to[k] = int8(quotient(w, scale))
		most = max(most, float32(to[k]), -float32(to[k]))
	}
	if most == 0 {
		return 0
	}
	return scale
}

// quotient is how many times the scale a weight is.
func quotient(w, scale float32) float64 {
	if w == 0 {
		return 0
	}
	return math.RoundToEven(float64(w) / float64(scale))
}

// byteMatrices are the weights of the gates of w.
func byteMatrices(w *Weights) (ih, hh panel.ByteMatrix) {
	ih = byteMatrix(w.WeightIH, w.InputSize, w.ScaleIH)
	hh = byteMatrix(w.WeightHH, w.stateSize(), w.ScaleHH)
	if w.Cell.Coupled { // f is not used
		for _, m := range []panel.ByteMatrix{ih, hh} {
			clear(m.Weights[forgetGate*w.HiddenSize*m.Columns:][:w.HiddenSize*m.Columns])
			clear(m.Scales[forgetGate*w.HiddenSize:][:w.HiddenSize])
		}
	}
	return ih, hh
}
