package gen

import (
	"fmt"

	"example.com/lstm/internal/panel"
)

// stream is a run of weights and the sums that it is multiplied into: for each
// column a vector of sums for each vector of weights in a row.
type stream struct {
	format *Format
	w      Reg
	row    int // bytes from one row of weights to the next
	sums   [][]Vec

	prefetch Reg // what a later call will need, if there are several columns
}

// firstRow points to the row of the panel that the chain goes on with.
func (g *Generator) firstRow(weights Reg, row int) Reg {
	w := g.Arg("skip", "weights")
	shift := 0
	for 1<<shift < row {
		shift++
	}
	g.ShiftLeft(w, shift)
	g.Add(w, weights)
	return w
}

// prefetchRows is how many rows of weights a tile asks for before it needs them.
// It reads a part of each row only, which hardware does not foresee, and it has
// the time: each weight is used for several columns. A step reads all of each
// row, as fast as memory allows, and gains nothing.
const prefetchRows = 32

// product is the inner loop of all kernels. It continues the chains of sums:
// sums[column][v] += w[k][v]·x[column][k] for n elements k, for every stream.
// The streams' pointers, x and n are used up.
func (g *Generator) product(streams []stream, x []Reg, n Reg, name string) {
	block := func(elements int) {
		scalars := make([][]Scalar, len(x))
		for i := range x {
			scalars[i] = g.LoadScalars(x[i], 0, elements)
		}
		for k := range elements {
			of := make([]Scalar, len(x))
			for i := range x {
				of[i] = scalars[i][k]
			}
			for _, s := range streams {
				g.productRow(s, k*s.row, of)
			}
		}
		if len(x) > 1 {
			g.prefetchNext(streams[0], elements)
		}
		for _, s := range streams {
			g.AddImm(s.w, elements*s.row)
		}
		for i := range x {
			g.AddImm(x[i], elements*floatSize)
		}
	}
	text := "sums += weights·x[k]"
	if len(x) > 1 {
		text += fmt.Sprintf(" of %d columns", len(x))
	}
	many := g.KBlock(len(x))
	g.Comment(fmt.Sprintf("%s, %d elements of x an iteration.", text, many))
	g.countdown(n, many, name+"_block", func() { block(many) })
	if many > 1 {
		g.Comment("The elements of x that are left.")
		g.countdown(n, 1, name+"_rest", func() { block(1) })
	}
	for _, s := range streams {
		g.Drop(s.w)
	}
	g.Drop(x...)
	g.Drop(n)
}

// A line is what a tile asks for with each row, see panel.PrefetchFloats.
var _ = [1]struct{}{}[panel.PrefetchFloats*floatSize-CacheLine]

// prefetchNext asks for the lines that go with that many rows, or with what a pass
// takes of them. The call that needs them finds them in the second-level cache.
func (g *Generator) prefetchNext(s stream, rows int) {
	lines := rows * len(s.sums[0]) * g.Lanes() * s.format.Size / s.row
	for i := range lines {
		g.PrefetchFar(s.prefetch, i*CacheLine)
	}
	g.AddImm(s.prefetch, lines*CacheLine)
}

// productRow multiplies the row of a stream at that offset with an element of
// every column.
func (g *Generator) productRow(s stream, offset int, x []Scalar) {
	vectors, size := len(s.sums[0]), g.Lanes()*s.format.Size
	if len(s.sums) > 1 {
		for line := 0; line < vectors*size; line += CacheLine {
			g.Prefetch(s.w, offset+prefetchRows*s.row+line)
		}
	}
	atOnce := s.format.atOnce(g.Tuning, len(s.sums))
	var m Multiplier // of one column it is the same for the whole row
	for first := 0; first < vectors; first += atOnce {
		ws := s.format.load(g, s.w, offset+first*size, min(atOnce, vectors-first), len(s.sums))
		for i := range s.sums {
			if first == 0 || len(s.sums) > 1 {
				m = g.Spread(x[i])
			}
			for v := range ws {
				g.MulAcc(s.sums[i][first+v], ws[v], m)
			}
		}
	}
}
