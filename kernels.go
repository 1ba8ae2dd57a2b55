package lstm

//go:generate go -C asm run . -root ..

import (
	"example.com/lstm/internal/dispatch"
	"example.com/lstm/internal/panel"
)

// This file has what the kernels are given. The kernels themselves are listed in
// internal/gen, from which the functions that call them are made, one for each
// architecture (kernels_amd64.go and its like). What each computes is its Go
// version in kernels_generic.go; every other path returns the same bits.
// Arguments have been checked by the caller:
//
//   - c is padded to whole panels, and what is in the padding is nobody's concern;
//     h has as many elements as there are units.
//   - The columns of a call have x, c and h of the same lengths, and are at least
//     one and at most panel.MaxColumns.
//   - z has the gates' sums of column i from z[i*zStride] on, panel after panel. The
//     sums of gates may begin there, too.
//   - parameters are the vectors of a cell besides its weights, panel after panel.
//   - parameters of a function of elements are α and β, each panel.ElementBlock
//     times, or nil where it has none.
//   - Vectors that int8 weights are multiplied with are quantised blocks (package
//     panel). A call of gates takes one block, and p.skip rows lead to its scales;
//     stepInt8 takes one of x and, in the rows after it, one of h0. dst of quantise
//     is a block's memory, with room for its planes behind its length; the largest
//     magnitude that it holds counts as one of v's, so that a vector of several
//     blocks has the largest of all.
//   - A head's x and the rows of its weights are a multiple of contract.HeadSums
//     long, and so are slices of elements of panel.ElementBlock; dst may be x.

// panels is what a kernel reads of a layer's weights: consecutive panels, from
// row skip of each on (see package panel).
type panels struct {
	floats []float32
	stride int // floats from panel to panel
	skip   int
	pairs  bool // a step takes two panels at once, see pairFloats
	narrow bool // one column is multiplied in vectors of 256 bits, see narrowHalves

	format weightFormat // unless there are blocks
	blocks []block      // what int8 weights are multiplied with, nil for other formats

	// What a tile may ask memory for on the side because a later call needs it,
	// or nil, see panel.PrefetchFloats.
	prefetch []float32
}

// advance skips the panels of that many units.
func (p panels) advance(units int) panels {
	p.floats = skip(p.floats, units, p.stride)
	return p
}

// chainStart is where the gates' sums begin: at the bias, which is the same
// for every column, or at sums that an earlier call has stored.
type chainStart struct {
	sums         []float32
	stride       int // floats from panel to panel
	columnStride int // floats from column to column
}

// advance skips the panels of that many units.
func (s chainStart) advance(units int) chainStart {
	s.sums = skip(s.sums, units, s.stride)
	return s
}

// column is where the sums of column i begin.
func (s chainStart) column(i int) chainStart {
	s.sums = s.sums[i*s.columnStride:]
	return s
}

// skip drops whole panels. The last one may be narrow, and nothing follows it.
func skip(floats []float32, units, stride int) []float32 {
	return floats[min(units/panel.Units*stride, len(floats)):]
}

// column is one of the vectors that a tile multiplies the weights with, and
// the state that it updates. The kernels know its layout.
type column struct {
	x, c, h []float32
}

// Path returns the name of the kernels in use: "avx512vnni", "avx512", "avx2",
// "neondot", "neon" or "portable", which is pure Go. It is the last of [Paths].
// "avx512vnni" and "neondot" are "avx512" and "neon" but for layers with int8
// weights.
func Path() string { return dispatch.Active().String() }

// Paths returns the names of the kernels that this machine can use, from the
// slowest to the fastest. Results are the same with all of them, only the time
// differs. The first two are pure Go and always there: "generic", the
// specification that the others are tested against, and "portable".
//
// A path is offered when the processor and the operating system have all that
// it needs, as golang.org/x/sys/cpu sees it, so that GODEBUG=cpu.avx2=off takes
// one away, and those that build on it. The build tags purego and noasm leave
// only these two.
func Paths() []string { return dispatch.Available() }
