package lstm

import (
	"example.com/lstm/internal/aligned"
	"example.com/lstm/internal/contract"
	"example.com/lstm/internal/panel"
	"example.com/lstm/internal/sizes"
)

// A quantisedVector is a vector that int8 weights are multiplied with: where its
// blocks are in memory, and where their weights are in a panel.
type quantisedVector struct {
	blocks []block
	floats int // where the last block ends in memory
}

// A block is up to panel.BlockElements elements of a quantised vector: memory of the
// kernels, which they call x, with a header of panel.BlockHeader floats.
type block struct {
	format   weightFormat // int8Weights, or int8DigitsWeights for elements of 14 bits
	elements int
	offset   int // in memory
	floats   int // those of the header and of one float for each group
	row      int // of its scales in a panel
}

// newQuantisedVector is a vector of so many elements, which are in memory from offset
// on, and whose weights are in panels from that row on.
func newQuantisedVector(elements int, format weightFormat, offset, row int) quantisedVector {
	v, planes := quantisedVector{floats: offset}, 1
	if format == int8DigitsWeights {
		planes = 2
	}
	for first := 0; first < elements; first += panel.BlockElements {
		n := min(panel.BlockElements, elements-first)
		groups := panel.Groups(n)
		v.blocks = append(v.blocks, block{format, n, v.floats, panel.BlockHeader + groups, row})
		v.floats += sizes.RoundUp(panel.BlockFloats(n, planes), aligned.Floats)
		row += 1 + groups
	}
	return v
}

// bits are those of an element.
func (v *quantisedVector) bits() int {
	if v.blocks[0].format == int8DigitsWeights {
		return manyInputBits
	}
	return fewInputBits
}

// set quantises numbers into memory. Several blocks have one scale, that of the
// largest magnitude in all of them, and so they are gone through twice.
func (v *quantisedVector) set(memory, numbers []float32) {
	var most float32 = contract.LeastMagnitude
	if len(v.blocks) > 1 {
		most = v.quantise(memory, numbers, most)
	}
	v.quantise(memory, numbers, most)
}

// quantise quantises the blocks, each with the largest magnitude up to its end and
// that given, and returns the last. As a number that may be a NaN it is only copied.
func (v *quantisedVector) quantise(memory, numbers []float32, most float32) float32 {
	for i := range v.blocks {
		b := &v.blocks[i]
		to := memory[b.offset:][:b.floats]
		to[panel.BlockLargest] = most
		if b.format == int8DigitsWeights {
			quantiseDigits(to, numbers[:b.elements])
		} else {
			quantise(to, numbers[:b.elements])
		}
		most, numbers = to[panel.BlockLargest], numbers[b.elements:]
	}
	return most
}

// of is the memory of b.
func (b *block) of(memory []float32) []float32 { return memory[b.offset:][:b.floats] }

// work is how long a call with b takes, in rows of weights that are multiplied with
// elements of 7 bits.
func (b *block) work() int {
	rows := b.floats - panel.BlockHeader + 1
	if b.format == int8DigitsWeights {
		rows *= 2
	}
	return rows
}

// A quantisedLayer is what a layer of int8 weights multiplies them with. In memory h
// follows x.
type quantisedLayer struct{ x, h quantisedVector }

// newQuantisedLayer is that of w. raw: its x is the input of the network.
func newQuantisedLayer(w *Weights, raw bool) *quantisedLayer {
	format := int8Weights
	if w.InputBits == manyInputBits || w.InputBits == 0 && raw {
		format = int8DigitsWeights
	}
	x := newQuantisedVector(w.InputSize, format, 0, 0)
	return &quantisedLayer{x, newQuantisedVector(w.stateSize(), int8Weights, x.floats, panel.Int8Rows(w.InputSize))}
}

// floats is the memory of both.
func (q *quantisedLayer) floats() int { return q.h.floats }

// blocks are those of both.
func (q *quantisedLayer) blocks() []block {
	return append(q.x.blocks[:len(q.x.blocks):len(q.x.blocks)], q.h.blocks...)
}

// single reports whether each of them is one block.
func (q *quantisedLayer) single() bool { return len(q.x.blocks) == 1 && len(q.h.blocks) == 1 }
