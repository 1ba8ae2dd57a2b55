package digest

import "example.com/lstm"

// cells are the cells that layers can have besides PyTorch's: all that differ in
// the operations that they do.
var cells = []struct {
	name     string
	peephole bool
	cell     lstm.Cell
}{
	{"peephole", true, lstm.Cell{}},
	{"coupled", false, lstm.Cell{Coupled: true}},
	{"clip", false, lstm.Cell{Clip: 1.5}},
	{"cell clip", false, lstm.Cell{CellClip: 0.7}},
	{"coupled with both clips", false, lstm.Cell{Coupled: true, Clip: 2, CellClip: 0.6}},
	{"peephole with both clips", true, lstm.Cell{Clip: 2.5, CellClip: 0.8}},
	{"coupled peephole", true, lstm.Cell{Coupled: true}},
	{"coupled peephole with both clips", true, lstm.Cell{Coupled: true, Clip: 3, CellClip: 1.25}},
	{"peephole with clips where σ and tanh have theirs", true, lstm.Cell{Clip: 40, CellClip: 9}},
}

// cellCases are networks of such cells, some of whose inputs are awkward.
func cellCases() (cases []Case) {
	for _, c := range cells {
		with := func(model maker) maker {
			return func(g *generator, s shape, inputs int) (*lstm.Model, []float32) {
				m, x := model(g, s, inputs)
				g.setCells(m, c.peephole, c.cell)
				return m, x
			}
		}
		for _, s := range []shape{{sizes: []int{3, 9}, outputs: 2}, {sizes: []int{16, 40, 17}}} {
			cases = append(cases, s.cases(c.name+", ordinary", with((*generator).ordinary))...)
		}
		s := shape{sizes: []int{5, 20}, outputs: 3}
		cases = append(cases, s.cases(c.name+", awkward", with((*generator).awkwardInput))...)
		cases = append(cases, s.cases(c.name+", huge", with((*generator).huge))...)
	}
	long := shape{sizes: []int{1500, 20}, steps: 8}
	return append(cases, long.cases("peephole, ordinary", func(g *generator, s shape, inputs int) (*lstm.Model, []float32) {
		m, x := g.ordinary(s, inputs)
		g.setCells(m, true, lstm.Cell{})
		return m, x
	})...)
}

// setCells gives all layers that cell.
func (g *generator) setCells(m *lstm.Model, peephole bool, cell lstm.Cell) {
	for _, layer := range m.Layers {
		w := layer.(*lstm.Weights)
		w.Cell = cell
		if peephole {
			w.PeepholeI = g.uniform(w.HiddenSize, 2)
			w.PeepholeF = g.uniform(w.HiddenSize, 2)
			w.PeepholeO = g.uniform(w.HiddenSize, 2)
		}
	}
}
