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
	for u := range w.HiddenSize {
		first := u / panel.Units * panel.Units
		width := panel.Width(w.HiddenSize - first)
		rows := packed[first/panel.Units*panel.Stride(k):]
		for g := range panel.Gates {
			source := g*w.HiddenSize + u
			lane := g*width + u - first
			rows[lane] = bias(w.BiasIH, source) + bias(w.BiasHH, source)
			for i, v := range w.WeightIH[source*w.InputSize:][:w.InputSize] {
				rows[(1+i)*panel.Gates*width+lane] = v
			}
			for i, v := range w.WeightHH[source*w.HiddenSize:][:w.HiddenSize] {
				rows[(1+w.InputSize+i)*panel.Gates*width+lane] = v
			}
		}
	}
	return newLayer(w.InputSize, w.HiddenSize, packed)
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
