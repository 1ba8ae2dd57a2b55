package lstm

import (
	"math"
	"unsafe"

	"example.com/lstm/internal/contract"
	"example.com/lstm/internal/panel"
)

// packLayer lays a layer's weights out as panels (see package panel). The two
// biases become one, b_ih + b_hh, rounded once; what pads the last panel is zero.
func packLayer(w *Weights) layer {
	k := w.InputSize + w.HiddenSize
	packed := alignedFloats(panel.Floats(w.HiddenSize, k))
	for u := 0; u < w.HiddenSize; u += panel.Units {
		units := min(panel.Units, w.HiddenSize-u)
		width := panel.Width(units)
		rows := packed[u/panel.Units*panel.Stride(k):]
		for g := range panel.Gates {
			first, lane := g*w.HiddenSize+u, g*width
			for i := range units {
				rows[lane+i] = bias(w.BiasIH, first+i) + bias(w.BiasHH, first+i)
			}
			size := panel.Gates * width
			transpose(rows[size+lane:], size, w.WeightIH[first*w.InputSize:], w.InputSize, units)
			transpose(rows[(1+w.InputSize)*size+lane:], size, w.WeightHH[first*w.HiddenSize:], w.HiddenSize, units)
		}
	}
	return newLayer(w.InputSize, w.HiddenSize, packed)
}

// transpose writes the columns of a matrix with so many rows to dst, stride
// floats from one to the next.
func transpose(dst []float32, stride int, matrix []float32, columns, rows int) {
	for i := range columns {
		column := dst[i*stride:][:rows]
		for r := range column {
			column[r] = matrix[r*columns+i]
		}
	}
}

// bias returns element i of b, or zero where there is no bias.
func bias(b []float32, i int) float32 {
	if b == nil {
		return 0
	}
	return b[i]
}

var negativeZero = float32(math.Copysign(0, -1))

// packHead pads the rows of d with negative zeros: multiplied with the zeros
// behind a hidden state they add -0, which leaves every partial sum as it is.
func packHead(d *Linear) *packedHead {
	padded := roundUp(d.InFeatures, contract.HeadSums)
	h := &packedHead{
		weights: alignedFloats(d.OutFeatures * padded),
		bias:    make([]float32, d.OutFeatures),
	}
	for o := range d.OutFeatures {
		row := h.weights[o*padded:][:padded]
		n := copy(row, d.Weight[o*d.InFeatures:][:d.InFeatures])
		for i := n; i < padded; i++ {
			row[i] = negativeZero
		}
		h.bias[o] = bias(d.Bias, o)
	}
	return h
}

// alignment is that of a cache line, and of the widest vector.
const (
	alignment       = 64
	alignmentFloats = alignment / 4
)

// alignedFloats returns n zeros that begin at a multiple of alignment.
func alignedFloats(n int) []float32 {
	s := make([]float32, n+alignmentFloats-1)
	off := int(-uintptr(unsafe.Pointer(unsafe.SliceData(s))) % alignment / 4)
	return s[off:][:n:n]
}

// roundUp returns the smallest multiple of m that is at least n.
func roundUp(n, m int) int { return (n + m - 1) / m * m }
