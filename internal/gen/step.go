package gen

import (
	"fmt"

	"example.com/lstm/internal/panel"
)

// step is the matrix-vector kernel. The sums of a panel stay in registers from
// the bias to the new hidden state: one vector register for each vector of the
// panel's row, all of them multiplied with one element of x after another. The
// weights are one stream, read once from front to back.
func (g *Generator) step() {
	sums := g.Arg("sums", "sums of the panel")
	weights := g.Arg("weights", "panel")
	c := g.Arg("c", "c")
	h := g.Arg("h", "h")
	units := g.Arg("units", "units left")

	g.Label("panel")
	g.JumpIf(units, LessOrEqual, panel.NarrowUnits, "narrow")
	g.stepPanel(panel.Units, sums, weights, c, h, units)
	g.SubJumpIf(units, panel.Units, LessOrEqual, "done")
	g.AddImm(c, panel.Units*floatSize)
	g.AddImm(h, panel.Units*floatSize)
	g.addFloats(sums, g.Arg("sumsStride", "stride"))
	g.addFloats(weights, g.Arg("weightsStride", "stride"))
	g.Jump("panel")

	g.Label("narrow")
	g.stepPanel(panel.NarrowUnits, sums, weights, c, h, units)
	g.Label("done")
	g.Return()
}

// addFloats adds n floats to the pointer r. n is used up.
func (g *Generator) addFloats(r, n Reg) {
	g.ShiftLeft(n, 2)
	g.Add(r, n)
}

// stepPanel is step for one panel of that width.
func (g *Generator) stepPanel(width int, sums, weights, c, h, units Reg) {
	defer g.narrowTo(width)()
	name := panelNames[width]
	row := panel.Gates * width * floatSize
	vectors := row / g.vectorSize()

	g.Comment("Start each sum where it was left, or at its bias.")
	acc := make([]Vec, vectors)
	for v := range acc {
		acc[v] = g.Load(sums, v*g.vectorSize(), "sums")
	}
	w := g.firstRow(weights, row)
	x := g.Arg("x", "x")
	n := g.Arg("n", "elements of x left")
	g.product([][]Vec{acc}, w, row, []Reg{x}, n, name)

	// A gate's vectors are consecutive: gate by gate, instance by instance.
	instances := width / g.Lanes()
	for j := range instances {
		gate := func(i int) func() Vec { return InRegister(acc[i*instances+j]) }
		offset := j * g.vectorSize()
		cNew, hNew := g.cell(gate(0), gate(1), gate(2), gate(3), func() Vec { return g.Load(c, offset, "c") })
		g.Store(cNew, c, offset)
		g.storeHidden(hNew, h, offset, units, j, width, fmt.Sprintf("%s_%d", name, j))
	}
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

// product continues the chains of sums: acc[column][v] += w[k][v]·x[column][k]
// for n elements k. Rows of weights are that many bytes apart. w, x and n are
// used up.
func (g *Generator) product(acc [][]Vec, w Reg, row int, x []Reg, n Reg, name string) {
	block := func(k int) {
		scalars := make([][]Factor, len(x))
		for i := range x {
			scalars[i] = g.LoadScalars(x[i], 0, k)
		}
		for j := range k {
			for first := 0; first < len(acc[0]); first += g.WeightsAtOnce() {
				vectors := min(g.WeightsAtOnce(), len(acc[0])-first)
				ws := g.LoadWeights(w, j*row+first*g.vectorSize(), vectors, len(acc))
				for i := range acc {
					m := g.Spread(scalars[i][j])
					for v := range ws {
						g.MulAcc(acc[i][first+v], ws[v], m)
					}
				}
			}
		}
		g.AddImm(w, k*row)
		for i := range x {
			g.AddImm(x[i], k*floatSize)
		}
	}
	text := "sums += weights·x[k]"
	if len(x) > 1 {
		text = fmt.Sprintf("sums += weights·x[k] of %d columns", len(x))
	}
	g.Comment(fmt.Sprintf("%s, %d elements of x a turn.", text, g.KBlock()))
	g.countdown(n, g.KBlock(), name+"_block", func() { block(g.KBlock()) })
	if g.KBlock() > 1 {
		g.Comment("The elements of x that are left.")
		g.countdown(n, 1, name+"_rest", func() { block(1) })
	}
}

// storeHidden stores vector j of a panel's hidden states, or as many of its
// lanes as there are units left.
func (g *Generator) storeHidden(hNew Vec, h Reg, offset int, units Reg, j, width int, name string) {
	// A panel this wide has more units than fit the next smaller one.
	certain := 1
	if width == panel.Units {
		certain = panel.NarrowUnits + 1
	}
	first, end := j*g.Lanes(), (j+1)*g.Lanes()
	if end <= certain {
		g.Store(hNew, h, offset)
		return
	}
	whole, done := "h_whole_"+name, "h_done_"+name
	g.JumpIf(units, GreaterOrEqual, end, whole)
	if first >= certain {
		g.JumpIf(units, LessOrEqual, first, done)
	}
	left := g.Copy(units, "lanes left")
	g.AddImm(left, -first)
	g.StoreFirst(hNew, left, h, offset)
	g.Jump(done)
	g.Label(whole)
	g.Store(hNew, h, offset)
	g.Label(done)
}
