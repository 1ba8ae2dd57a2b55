package gen

import (
	"fmt"
	"math/bits"

	"example.com/lstm/internal/panel"
)

// The products of int8 weights and quantised blocks. Their sums are integers, so the
// plan adds them in whatever order suits, and only in the end are they numbers:
//
//	z = fma(float32(dot), scale of the weights · scale of the block, z)

// dotRows is a run of rows of groups, and the sums that they are multiplied into.
type dotRows struct {
	w   Reg
	row int // bytes from one row to the next
	// Factors: where the groups of a column or of a plane are, and whether they are
	// digits that are never negative.
	q      []Reg
	digits []bool
	words  bool // or one factor, int16: the even ones of its groups are at q[0], the odd ones at q[1]
	// sums[set][factor][vector]; a row goes to one set after another.
	sums     [][][]Vec
	tile     bool // of several columns
	ahead    bool // asks for weights before they are needed
	prefetch Reg  // as that of a stream, if it is ahead
}

// dots is the inner loop: it adds the products of n groups. The pointers and n are
// used up.
func (g *Generator) dots(d *dotRows, n Reg, name string) {
	block := func(groups int) {
		scalars := make([][]Scalar, len(d.q))
		for i := range d.q {
			scalars[i] = g.LoadScalars(d.q[i], 0, groups)
		}
		for k := range groups {
			of := make([]Scalar, len(d.q))
			for i := range of {
				of[i] = scalars[i][k]
			}
			g.dotRow(d, k, of)
		}
		g.nextGroups(d, groups)
	}
	many := g.Dots.StepBlock
	if d.tile {
		many = g.Dots.TileBlock
	}
	g.Comment(fmt.Sprintf("sums += products of 4, %d groups an iteration.", many))
	g.countdown(n, many, name+"_block", func() { block(many) })
	if many > 1 {
		g.Comment("The groups that are left.")
		g.countdown(n, 1, name+"_rest", func() { block(1) })
	}
	g.Drop(d.w, n)
	g.Drop(d.q...)
}

// nextGroups moves on by that many groups.
func (g *Generator) nextGroups(d *dotRows, groups int) {
	if d.ahead {
		lines := groups * len(d.sums[0][0]) * g.vectorSize() / d.row
		for i := range lines {
			g.PrefetchFar(d.prefetch, i*CacheLine)
		}
		g.AddImm(d.prefetch, lines*CacheLine)
	}
	g.AddImm(d.w, groups*d.row)
	for _, q := range d.q {
		g.AddImm(q, groups*floatSize)
	}
}

// dotRow multiplies row k from where the pointer is with a group of every factor.
func (g *Generator) dotRow(d *dotRows, k int, x []Scalar) {
	sums := d.sums[k%len(d.sums)]
	vectors, size, offset := len(sums[0]), g.vectorSize(), k*d.row
	if d.ahead {
		for line := 0; line < vectors*size; line += CacheLine {
			g.Prefetch(d.w, offset+prefetchRows*d.row+line)
		}
	}
	atOnce := g.Dots.WeightsAtOnce
	spread := func(i int) Multiplier {
		if d.words {
			return g.SpreadWords(x[0], x[1])
		}
		return g.SpreadBytes(x[i], d.digits[i])
	}
	if atOnce == 0 {
		for i := range sums {
			m := spread(i)
			for v := range sums[i] {
				g.DotAcc(sums[i][v:v+1], g.LoadBytes(d.w, offset+v*size, 1, 1), m)
			}
		}
		return
	}
	for first := 0; first < vectors; first += atOnce {
		ws := g.LoadBytes(d.w, offset+first*size, min(atOnce, vectors-first), len(sums))
		for i := range sums {
			m := spread(i)
			g.DotAcc(sums[i][first:first+len(ws)], ws, m)
		}
	}
}

// dotPart is a block and the rows of a panel that go with it.
type dotPart struct {
	digits bool
	x      Reg    // the block
	n      string // the argument that is its length
	w      Reg    // the row of scales, after which the groups begin
	row    int

	words *Reg // or nil: the digits as int16, see wordsOf
}

// groups are those of a block whose length is that argument.
func (g *Generator) groups(n string) Reg {
	groups := g.Arg(n, "groups left")
	g.AddImm(groups, -panel.BlockHeader)
	return groups
}

// plane points to plane i of a block x whose length is that argument.
func (g *Generator) plane(x Reg, i int, n string) Reg {
	q := g.Copy(x, "q")
	if i > 0 {
		floats := g.groups(n)
		g.AddImm(floats, panel.PlaneFloats(1)-1)
		g.AndImm(floats, -panel.PlaneFloats(1))
		g.addFloats(q, floats)
	}
	g.AddImm(q, panel.BlockHeader*floatSize)
	return q
}

// dotColumn adds the products of one block to the sums at from, which go to to, for a
// whole row of a panel.
func (g *Generator) dotColumn(p dotPart, from Reg, fromOffset int, to Reg, toOffset int, name string) {
	vectors := g.columnVectors(p)
	for first := 0; first < p.row/g.vectorSize(); first += vectors {
		offset := first * g.vectorSize()
		d := g.columnRows(p, offset)
		g.dots(d, g.groups(p.n), fmt.Sprintf("%s_%d", name, first))
		g.finishColumn(p, d, offset, from, fromOffset+offset, to, toOffset+offset)
	}
}

// columnVectors is how many vectors of a row are multiplied with one block at a time.
func (g *Generator) columnVectors(p dotPart) int {
	if p.digits && p.words == nil {
		return min(g.Dots.DigitVectors, p.row/g.vectorSize())
	}
	return p.row / g.vectorSize()
}

// columnRows are the rows of a part, from that byte of each on, with new sums.
func (g *Generator) columnRows(p dotPart, offset int) *dotRows {
	d := &dotRows{w: g.Copy(p.w, "weights"), row: p.row}
	g.AddImm(d.w, p.row+offset)
	sums := func(begin func() Vec) (sums []Vec) {
		for range g.columnVectors(p) {
			sums = append(sums, begin())
		}
		return sums
	}
	start := func() Vec { return g.DotStart(p.x, "sums") }
	zeros := func() Vec { return g.ZeroVec("sums") }
	if p.words != nil {
		d.words = true
		d.q = []Reg{g.Copy(*p.words, "even q"), g.Copy(*p.words, "odd q")}
		g.AddImm(d.q[1], wordPlane)
		d.sums = [][][]Vec{{sums(zeros)}}
		return d
	}
	if p.digits {
		d.q = []Reg{g.plane(p.x, 0, p.n), g.plane(p.x, 1, p.n)}
		d.digits = []bool{false, true}
		d.sums = [][][]Vec{{sums(start), sums(zeros)}}
		return d
	}
	d.q, d.digits = []Reg{g.plane(p.x, 0, p.n)}, []bool{false}
	d.sums = [][][]Vec{{sums(start)}}
	for len(d.sums) < g.Dots.Sets {
		d.sums = append(d.sums, [][]Vec{sums(zeros)})
	}
	return d
}

// finishColumn makes numbers of the sums of a part: offset is that of their vectors
// in a row.
func (g *Generator) finishColumn(p dotPart, d *dotRows, offset int, from Reg, fromOffset int, to Reg, toOffset int) {
	g.Comment("z = fma(dot, scale of the weights · scale of the block, z)")
	scale := g.LoadSpread(p.x, panel.BlockScale*floatSize, "scale")
	for v := range d.sums[0][0] {
		dot := d.sums[0][0][v]
		if p.digits && p.words == nil {
			dot = g.do(AddInt, g.shift(ShiftBits, dot, 7), d.sums[0][1][v])
		} else {
			for _, set := range d.sums[1:] {
				dot = g.do(AddInt, dot, set[0][v])
			}
		}
		at := v * g.vectorSize()
		z := g.number(dot, g.Load(p.w, offset+at, "scales"), scale, g.Load(from, fromOffset+at, "z"))
		g.Store(z, to, toOffset+at)
	}
}

// number is z + dot·scales·scale, of which scale is needed again.
func (g *Generator) number(dot, scales, scale, z Vec) Vec {
	product := g.Do(Mul, []Operand{{Vec: scales}, {Vec: scale}}, []bool{true, false}, 0)
	return g.do(FMA, g.do(FromInt, dot), product, z)
}

// do is an operation after which its arguments are not needed any more.
func (g *Generator) do(op Op, args ...Vec) Vec {
	operands, dies := make([]Operand, len(args)), make([]bool, len(args))
	for i, v := range args {
		operands[i].Vec, dies[i] = v, true
	}
	return g.Do(op, operands, dies, 0)
}

// shift is such an operation with a constant.
func (g *Generator) shift(op Op, v Vec, n int) Vec {
	return g.Do(op, []Operand{{Vec: v}}, []bool{true}, n)
}

// dotPass computes vectors × columns sums of a tile, some columns after others. The
// digits of blocks of 14 bits go one after the other through the same sums.
func (g *Generator) dotPass(columns, vectors int, s stream, sums, z Reg, name string) {
	parts := (columns + g.Dots.Columns - 1) / g.Dots.Columns
	for part, first := 0, 0; part < parts; part++ {
		count := (columns - first + parts - part - 1) / (parts - part)
		g.dotColumns(first, count, vectors, s, sums, z, part == 0, fmt.Sprintf("%s_%d", name, first))
		first += count
	}
}

func (g *Generator) dotColumns(first, count, vectors int, s stream, sums, z Reg, ahead bool, name string) {
	g.Comment(fmt.Sprintf("Sums of columns %d to %d.", first, first+count-1))
	digits := s.format.digits
	list := g.Arg("columns", "columns")
	column := func(i int) Reg { return g.LoadReg(list, (first+i)*panel.ColumnSize, "x") }
	planes := 1
	if digits {
		planes = 2
	}
	acc := make([][]Vec, count)
	for plane := range planes {
		d := &dotRows{row: s.row, ahead: ahead && plane == 0, tile: true}
		if plane > 0 {
			list = g.Arg("columns", "columns")
		}
		for i := range acc {
			x := column(i)
			for v := range vectors {
				if plane == 0 {
					acc[i] = append(acc[i], g.DotStart(x, "sums"))
				} else {
					acc[i][v] = g.shift(ShiftBits, acc[i][v], 7)
				}
			}
			d.q = append(d.q, g.plane(x, plane, "n"))
			d.digits = append(d.digits, plane > 0)
		}
		d.sums = [][][]Vec{acc}
		d.w = g.Copy(s.w, "weights")
		g.AddImm(d.w, s.row)
		if d.ahead {
			d.prefetch = g.Arg("prefetch", "weights to prefetch")
		}
		g.dots(d, g.groups("n"), fmt.Sprintf("%s_%d", name, plane))
		if d.ahead {
			g.SetArg("prefetch", d.prefetch)
		}
	}

	g.Comment("z = fma(dot, scale of the weights · scale of the block, z)")
	list = g.Arg("columns", "columns")
	from, to := g.Copy(sums, "sums of the column"), g.Copy(z, "z of the column")
	for i := range first + count {
		if i > 0 {
			g.addFloats(from, g.Arg("sumsColumn", "stride"))
			g.addFloats(to, g.Arg("zColumn", "stride"))
		}
		if i < first {
			continue
		}
		scale := g.LoadSpread(column(i-first), panel.BlockScale*floatSize, "scale")
		for v := range vectors {
			at := v * g.vectorSize()
			g.Store(g.number(acc[i-first][v], g.Load(s.w, at, "scales"), scale, g.Load(from, at, "z")), to, at)
		}
	}
}

// skipPart moves a pointer from the row of scales of a block of that length to what
// lies after its groups.
func (g *Generator) skipPart(w Reg, n string, row int) {
	rows := g.groups(n)
	g.AddImm(rows, 1)
	g.ShiftLeft(rows, bits.TrailingZeros(uint(row)))
	g.Add(w, rows)
	g.Drop(rows)
}

// wordPlane is the bytes of a plane of int16, two for each group, and of a vector of
// what is written behind them.
const wordPlane = panel.BlockElements/panel.GroupElements*floatSize + CacheLine

// wordsOf makes int16 of the digits of a block, at to: the first and the third of each
// group, and in a second plane the others.
func (g *Generator) wordsOf(x Reg, n string, to Reg) {
	hi, lo := g.plane(x, 0, n), g.plane(x, 1, n)
	even := g.Copy(to, "even q")
	// element i of every group, in the lower half of its lane
	element := func(high, low Vec, i int) Vec {
		high = g.Do(ShiftBits, []Operand{{Vec: high}}, []bool{false}, 24-8*i)
		high = g.shift(ShiftBits, g.shift(ShiftRight, high, 24), 7)
		low = g.Do(ShiftRight, []Operand{{Vec: low}}, []bool{false}, 8*i)
		low = g.Do(And, []Operand{{Vec: low}, {Constant: &lowDigit}}, []bool{true, false}, 0)
		return g.do(AddInt, high, low)
	}
	words := func(high, low Vec) {
		for i := range 2 {
			lower := g.Do(And, []Operand{{Vec: element(high, low, i)}, {Constant: &lowWord}}, []bool{true, false}, 0)
			upper := g.shift(ShiftBits, element(high, low, i+2), 16)
			g.Store(g.do(Or, lower, upper), even, i*wordPlane)
		}
	}
	next := func(groups int) {
		for _, r := range []Reg{hi, lo, even} {
			g.AddImm(r, groups*floatSize)
		}
	}
	left := g.groups(n)
	g.Comment("Words of the digits.")
	g.countdown(left, g.Lanes(), "words", func() {
		words(g.Load(hi, 0, "hi"), g.Load(lo, 0, "lo"))
		next(g.Lanes())
	})
	g.countdown(left, 1, "words_rest", func() {
		words(g.LoadSpread(hi, 0, "hi"), g.LoadSpread(lo, 0, "lo"))
		next(1)
	})
}

var lowWord = Constant{"lowWord", 0xffff}
