package panel

import (
	"example.com/lstm/internal/aligned"
	"example.com/lstm/internal/contract"
	"example.com/lstm/internal/sizes"
)

// Pack lays the weights of a layer of H hidden units, I inputs and a hidden state of
// R elements, [4H, I] and [4H, R], out as panels, and its biases, [4H] or nil, apart
// from them. The two biases become one, b_ih + b_hh, rounded once; what is tiny
// becomes zero, and what pads the last panel is zero. The caller has checked the
// sizes.
func Pack(input, recurrent, hidden int, weightIH, weightHH, biasIH, biasHH []float32) (biases, weights []float32) {
	k := input + recurrent
	weights = aligned.New(Floats(hidden, k))
	for u := 0; u < hidden; u += Units {
		units := min(Units, hidden-u)
		width := Width(units)
		size := Gates * width
		rows := weights[u/Units*Stride(k):]
		for g := range Gates {
			first, lane := g*hidden+u, g*width
			transpose(rows[lane:], size, weightIH[first*input:], input, units)
			transpose(rows[input*size+lane:], size, weightHH[first*recurrent:], recurrent, units)
		}
	}
	return PackBiases(hidden, biasIH, biasHH), weights
}

// PackBiases is the biases of Pack alone.
func PackBiases(hidden int, biasIH, biasHH []float32) []float32 {
	biases := aligned.New(BiasFloats(hidden))
	for u := 0; u < hidden; u += Units {
		units := min(Units, hidden-u)
		for g := range Gates {
			first, to := g*hidden+u, biases[Gates*u+g*Width(units):]
			for i := range units {
				to[i] = contract.Flush(at(biasIH, first+i) + at(biasHH, first+i))
			}
		}
	}
	return biases
}

// ClearGate makes the biases and the weights of a gate zero, in panels for a
// concatenation [x; h] of k elements.
func ClearGate(hidden, k, gate int, biases, weights []float32) {
	for u := 0; u < hidden; u += Units {
		width := Width(hidden - u)
		clear(biases[Gates*u+gate*width:][:width])
		for row := range k {
			clear(weights[u/Units*Stride(k)+(row*Gates+gate)*width:][:width])
		}
	}
}

// transpose writes the columns of a matrix of that many rows to dst, stride
// floats from one to the next, with +0 for what is tiny.
func transpose(dst []float32, stride int, matrix []float32, columns, rows int) {
	for i := range columns {
		column := dst[i*stride:][:rows]
		for r := range column {
			column[r] = contract.Flush(matrix[r*columns+i])
		}
	}
}

// at returns element i of a bias, or zero where there is none.
func at(bias []float32, i int) float32 {
	if bias == nil {
		return 0
	}
	return bias[i]
}

// PackRows lays a matrix [rows, columns] out as panels of [RowUnits] units, row
// after row where the gates of units would be. What is tiny becomes zero, and what
// pads the last panel is zero.
func PackRows(rows, columns int, matrix []float32) []float32 {
	packed := aligned.New(Floats(RowUnits(rows), columns))
	for r := 0; r < rows; r += RowFloats {
		size := Gates * Width(RowUnits(rows-r))
		transpose(packed[r/RowFloats*Stride(columns):], size, matrix[r*columns:], columns, min(size, rows-r))
	}
	return packed
}

// PackUnits lays vectors of one element for each unit out panel by panel, in a
// panel vector after vector, as wide as the panel. What is tiny becomes zero, and
// what pads the last panel is zero.
func PackUnits(hidden int, vectors ...[]float32) []float32 {
	packed := aligned.New(len(vectors) * PaddedUnits(hidden))
	for u := 0; u < hidden; u += Units {
		units := min(Units, hidden-u)
		width := Width(units)
		for v, vector := range vectors {
			to := packed[len(vectors)*u+v*width:][:units]
			for i := range to {
				to[i] = contract.Flush(vector[u+i])
			}
		}
	}
	return packed
}

// PackHead pads the rows of a head's weights, [outputs, inputs], with zeros to a
// multiple of contract.HeadSums. Multiplied with the zeros after a hidden state
// they add +0 to partial sums, which are never -0. What is tiny becomes zero, and
// so does a bias that is nil.
func PackHead(inputs, outputs int, weight, bias []float32) (biases, weights []float32) {
	padded := sizes.RoundUp(inputs, contract.HeadSums)
	weights = aligned.New(outputs * padded)
	biases = make([]float32, outputs)
	for o := range outputs {
		row := weights[o*padded:][:inputs]
		for i := range row {
			row[i] = contract.Flush(weight[o*inputs+i])
		}
		biases[o] = contract.Flush(at(bias, o))
	}
	return biases, weights
}
