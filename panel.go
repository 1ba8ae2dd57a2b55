package lstm

import (
	"unsafe"

	"example.com/lstm/internal/contract"
	"example.com/lstm/internal/panel"
)

// packLayer lays a layer's weights out as panels, and its biases apart from them
// (see package panel). The two biases become one, b_ih + b_hh, rounded once; what
// is tiny becomes zero, and what pads the last panel is zero.
func packLayer(w *Weights) layer {
	k := w.InputSize + w.HiddenSize
	packed := alignedFloats(panel.Floats(w.HiddenSize, k))
	biases := alignedFloats(panel.BiasFloats(w.HiddenSize))
	for u := 0; u < w.HiddenSize; u += panel.Units {
		units := min(panel.Units, w.HiddenSize-u)
		width := panel.Width(units)
		size := panel.Gates * width
		rows := packed[u/panel.Units*panel.Stride(k):]
		for g := range panel.Gates {
			first, lane := g*w.HiddenSize+u, g*width
			for i := range units {
				biases[panel.Gates*u+lane+i] = flush(bias(w.BiasIH, first+i) + bias(w.BiasHH, first+i))
			}
			transpose(rows[lane:], size, w.WeightIH[first*w.InputSize:], w.InputSize, units)
			transpose(rows[w.InputSize*size+lane:], size, w.WeightHH[first*w.HiddenSize:], w.HiddenSize, units)
		}
	}
	return newLayer(w.InputSize, w.HiddenSize, biases, packed)
}

// transpose writes the columns of a matrix of that many rows to dst, stride
// floats from one to the next, with +0 for what is tiny.
func transpose(dst []float32, stride int, matrix []float32, columns, rows int) {
	for i := range columns {
		column := dst[i*stride:][:rows]
		for r := range column {
			column[r] = flush(matrix[r*columns+i])
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

// packHead pads the rows of d with zeros. Multiplied with the zeros after a
// hidden state they add +0 to partial sums, which are never -0.
func packHead(d *Linear) *packedHead {
	padded := roundUp(d.InFeatures, contract.HeadSums)
	h := &packedHead{
		weights: alignedFloats(d.OutFeatures * padded),
		bias:    make([]float32, d.OutFeatures),
	}
	for o := range d.OutFeatures {
		flushTo(h.weights[o*padded:][:d.InFeatures], d.Weight[o*d.InFeatures:][:d.InFeatures])
		h.bias[o] = flush(bias(d.Bias, o))
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
