package lstm

import (
	"example.com/lstm/internal/float16"
	"example.com/lstm/internal/panel"
)

// rowPanels are a matrix whose rows lie in panels like those of gates, 64 in each, and
// the kernels of gates multiply it with several vectors at once.
type rowPanels struct {
	size     int // rows
	elements int // of the vectors
	panels   panels
	vector   *quantisedVector // that int8 weights are multiplied with, nil for other formats
}

// packRowPanels packs a matrix [size, elements] in a format; the scales, of int8, may
// be nil. digits: the vectors that it is multiplied with have 14 bits.
func packRowPanels(size, elements int, weights, scales []float32, format WeightFormat, digits bool) rowPanels {
	r := rowPanels{size: size, elements: elements}
	switch format {
	case Float32:
		r.panels = panels{floats: panel.PackRows(size, elements, weights), stride: panel.Stride(elements)}
	case Float16:
		r.panels = panels{
			floats: float16.Pack(panel.PackRows(size, elements, weights)),
			stride: panel.Stride(elements) / 2, format: float16Weights, narrow: narrowHalves(),
		}
	case Int8:
		bits := int8Weights
		if digits {
			bits = int8DigitsWeights
		}
		vector := newQuantisedVector(elements, bits, 0, 0)
		r.vector = &vector
		r.panels = panels{
			floats: panel.PackByteRows(size, byteMatrix(weights, elements, scales)),
			stride: panel.Stride(panel.Int8Rows(elements)), blocks: vector.blocks,
		}
	}
	return r
}

// scratch is the floats that a quantised vector needs.
func (r *rowPanels) scratch() int {
	if r.vector == nil {
		return 0
	}
	return r.vector.floats
}

// quantise quantises a vector into scratch, if there is need.
func (r *rowPanels) quantise(x, scratch []float32) {
	if r.vector != nil {
		r.vector.set(scratch, x)
	}
}

// chain is what the weights are multiplied with: x, or the memory that quantise has
// made of it.
func (r *rowPanels) chain(x, scratch []float32) []float32 {
	if r.vector != nil {
		return scratch[:r.vector.floats]
	}
	return x
}

// callRows is how many rows of so many columns may be computed in a call whose sums
// have zStride floats for each, whole panels.
func (r *rowPanels) callRows(columns, zStride int) int {
	return min(panel.Gates*r.panels.tileUnits(columns, min(r.elements, maxTileChain)), zStride/panel.RowFloats*panel.RowFloats)
}

// memorySize is the bytes of memory that r occupies.
func (r *rowPanels) memorySize() int { return 4 * len(r.panels.floats) }
