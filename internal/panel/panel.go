// Package panel is the geometry of packed weights, the one description that
// packing, the oracle and the kernel generator share.
//
// A panel holds all weights of [Units] hidden units: one row for each element k
// of the concatenation [x; h], one after another. A row is the values of the four
// gates i, f, g, o, each of them as many floats as the panel has units. The last
// panel of a layer is narrow when [NarrowUnits] are enough, so that odd sizes do
// not pay for padding. The biases are rows like these, apart from the weights.
package panel

// Sizes of a panel.
const (
	Gates       = 4  // i, f, g, o, in PyTorch's order
	Units       = 16 // hidden units of a panel
	NarrowUnits = 8  // hidden units of a narrow last panel
	RowFloats   = Gates * Units
)

// Sizes of what the kernels work on at once.
const (
	MaxColumns   = 6  // vectors that the widest tile multiplies the weights with
	ElementBlock = 16 // divides the number of elements of an elementwise kernel; also how often each of its parameters is repeated
)

// The layout of a column, the three slices x, c and h that a tile kernel finds a
// stream's vectors by, on 64 bits: bytes from its beginning.
const (
	ColumnC    = 24
	ColumnH    = 48
	ColumnSize = 72
)

// A tile of several columns leaves the memory idle. For each row of a panel that it
// reads it asks memory for PrefetchFloats of the weights that a later call needs, one
// cache line; PrefetchTiles of them ask for as much as one reads. (A narrow panel's
// rows are half as long, but it is the last.)
const (
	PrefetchFloats = 16
	PrefetchTiles  = RowFloats / PrefetchFloats
)

// Work of one iteration of the kernels that measure a machine's peaks.
const (
	LoadIteration  = RowFloats // floats that are loaded, so that a row is whole iterations
	FMAIteration   = 24        // vectors that are multiplied, some for each of a tile's sums
	ClockIteration = 16        // additions that wait for each other
)

// Width returns the number of units of the panel that holds the next of
// remaining units: Units or NarrowUnits.
func Width(remaining int) int {
	if remaining <= NarrowUnits {
		return NarrowUnits
	}
	return Units
}

// Stride returns the number of floats from one panel to the next, for a
// concatenation [x; h] of k elements.
func Stride(k int) int { return RowFloats * k }

// PaddedUnits returns hidden rounded up to whole panels, a narrow one at the
// end if that is enough.
func PaddedUnits(hidden int) int {
	whole := hidden / Units * Units
	if hidden == whole {
		return hidden
	}
	return whole + Width(hidden-whole)
}

// RowUnits returns the number of units that have as many rows as a matrix, which is
// packed as if it were theirs.
func RowUnits(rows int) int { return (rows + Gates - 1) / Gates }

// BiasFloats returns the number of floats of the biases of a layer.
func BiasFloats(hidden int) int { return Gates * PaddedUnits(hidden) }

// Floats returns the number of weights of all panels of a layer. It grows with
// the product of its arguments, which the caller has checked.
func Floats(hidden, k int) int { return Gates * PaddedUnits(hidden) * k }
