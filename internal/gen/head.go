package gen

import (
	"fmt"

	"example.com/lstm/internal/contract"
)

// head is the linear head: each row's products are summed in 16 parts, which
// are then added in pairs. Several rows share the loads of x.
func (g *Generator) head(format *Format) {
	weights := g.Arg("weights", "weights")
	bias := g.Arg("bias", "bias")
	y := g.Arg("y", "y")
	outputs := g.Arg("outputs", "outputs left")
	rowSize := g.Arg("n", "bytes of a row")
	g.ShiftLeft(rowSize, format.shift())
	for _, rows := range []int{g.HeadRows, 1} {
		g.countdown(outputs, rows, fmt.Sprintf("rows_%d", rows), func() {
			g.headRows(format, rows, weights, rowSize, bias, y)
			for range rows {
				g.Add(weights, rowSize)
			}
			g.AddImm(bias, rows*floatSize)
			g.AddImm(y, rows*floatSize)
		})
	}
	g.Return()
}

func (g *Generator) headRows(format *Format, rows int, weights, rowSize, bias, y Reg) {
	acc := make([][]Vec, rows)
	w := make([]Reg, rows)
	for r := range acc {
		from := weights
		if r > 0 {
			from = w[r-1]
		}
		w[r] = g.Copy(from, "rows")
		if r > 0 {
			g.Add(w[r], rowSize)
		}
		for range contract.HeadSums / g.Lanes() {
			acc[r] = append(acc[r], g.ZeroVec("sums"))
		}
	}
	x := g.Arg("x", "x")
	n := g.Arg("n", "elements of x left")
	g.Comment(fmt.Sprintf("sums += weights·x of %d rows.", rows))
	g.countdown(n, contract.HeadSums, fmt.Sprintf("sums_%d", rows), func() {
		for v := range acc[0] {
			xs := g.Load(x, v*g.vectorSize(), "x")
			for r := range acc {
				g.MulAccVec(acc[r][v], format.load(g, w[r], v*g.Lanes()*format.Size, 1, 1)[0], xs)
			}
		}
		g.AddImm(x, contract.HeadSums*floatSize)
		for r := range w {
			g.AddImm(w[r], contract.HeadSums*format.Size)
		}
	})
	g.Comment("y = bias + the sums, added in pairs 8, 4, 2 and 1 apart.")
	for r := range acc {
		g.StoreSum(acc[r], bias, r*floatSize, y, r*floatSize)
	}
}
