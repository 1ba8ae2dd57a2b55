package digest

import (
	"slices"
	"strings"

	"example.com/lstm"
)

// cells are the cells that layers can have besides PyTorch's: all that differ in
// the operations that they do.
var cells = []struct {
	name                 string
	peephole, normalized bool
	cell                 lstm.Cell
}{
	{"peephole", true, false, lstm.Cell{}},
	{"coupled", false, false, lstm.Cell{Coupled: true}},
	{"clip", false, false, lstm.Cell{Clip: 1.5}},
	{"cell clip", false, false, lstm.Cell{CellClip: 0.7}},
	{"coupled with both clips", false, false, lstm.Cell{Coupled: true, Clip: 2, CellClip: 0.6}},
	{"peephole with both clips", true, false, lstm.Cell{Clip: 2.5, CellClip: 0.8}},
	{"coupled peephole", true, false, lstm.Cell{Coupled: true}},
	{"coupled peephole with both clips", true, false, lstm.Cell{Coupled: true, Clip: 3, CellClip: 1.25}},
	{"peephole with clips where σ and tanh have theirs", true, false, lstm.Cell{Clip: 40, CellClip: 9}},

	// Those in stages, each activation once.
	{"hard sigmoid gates", false, false, lstm.Cell{Gate: lstm.ActivationHardSigmoid.WithDefaults()}},
	{"relu candidate and output", false, false, lstm.Cell{Candidate: lstm.ActivationReLU.WithDefaults(), Output: lstm.ActivationReLU.WithDefaults()}},
	{"tanh gates, softsign candidate and elu output with both clips", false, false, lstm.Cell{
		Gate: lstm.ActivationTanh.WithDefaults(), Candidate: lstm.ActivationSoftsign.WithDefaults(), Output: lstm.ActivationELU.WithDefaults(), Clip: 2, CellClip: 0.6,
	}},
	{"coupled softplus gates, sigmoid candidate and leaky relu output with clip", false, false, lstm.Cell{
		Coupled: true, Gate: lstm.ActivationSoftplus.WithDefaults(), Candidate: lstm.ActivationSigmoid.WithDefaults(), Output: lstm.ActivationLeakyReLU.WithDefaults(), Clip: 1,
	}},
	{"peephole, scaled tanh candidate and affine output", true, false, lstm.Cell{
		Candidate: lstm.Activation{Function: lstm.ActivationScaledTanh, Alpha: 1.7159, Beta: 2.0 / 3}, Output: lstm.Activation{Function: lstm.ActivationAffine, Alpha: 0.5, Beta: -0x1p-20},
	}},
	{"coupled peephole, identity gates and thresholded relu output with both clips", true, false, lstm.Cell{
		Coupled: true, Gate: lstm.ActivationIdentity.WithDefaults(), Output: lstm.Activation{Function: lstm.ActivationThresholdedReLU, Alpha: 0.25}, Clip: 3, CellClip: 1.25,
	}},

	{"normalized", false, true, lstm.Cell{}},
	{"normalized peephole with both clips", true, true, lstm.Cell{Clip: 1.5, CellClip: 0.8, NormEpsilon: 1e-3}},
	{"normalized coupled peephole, hard sigmoid gates", true, true, lstm.Cell{Coupled: true, Gate: lstm.ActivationHardSigmoid.WithDefaults()}},
}

// cellCases are networks of such cells, some of whose inputs are awkward. Cells are
// many, and what differs between them is nothing that the ways to run a network
// know of: a few ways are enough.
func cellCases() (cases []Case) {
	for _, c := range cells {
		with := func(model maker) maker {
			return func(g *generator, s shape, inputs int) (*lstm.Model, []float32) {
				m, x := model(g, s, inputs)
				g.setCells(m, c.peephole, c.normalized, c.cell)
				return m, x
			}
		}
		ordinary, awkward, huge := with((*generator).ordinary), with((*generator).awkwardInput), with((*generator).huge)
		s := shape{sizes: []int{16, 40, 17}}
		cases = append(cases, inWays(s.cases(c.name+", ordinary", ordinary), "steps", "sequence cut at [2 5]", "batch of 7", "sequences of different lengths")...)
		s = shape{sizes: []int{5, 20}, outputs: 3}
		if !c.normalized { // where one infinity makes NaNs of a whole layer
			cases = append(cases, inWays(s.cases(c.name+", awkward", awkward), "steps", "batch of 7")...)
			if c.cell.Candidate.Function != lstm.ActivationReLU { // which makes NaNs only of huge numbers
				cases = append(cases, inWays(s.cases(c.name+", huge", huge), "steps", "batch of 7")...)
			}
		}
		if c.peephole && c.cell.Clip == 0 {
			s = shape{sizes: []int{1500, 20}, steps: 8}
			cases = append(cases, inWays(s.cases(c.name+", ordinary", ordinary), "steps", "sequence in one", "batch of 7")...)
		}
	}
	return cases
}

// inWays are those of cases that end with one of the ways.
func inWays(cases []Case, ways ...string) []Case {
	return slices.DeleteFunc(cases, func(c Case) bool {
		return !slices.ContainsFunc(ways, func(way string) bool { return strings.HasSuffix(c.Name, ": "+way) })
	})
}

// setCells gives all layers that cell.
func (g *generator) setCells(m *lstm.Model, peephole, normalized bool, cell lstm.Cell) {
	for _, layer := range m.Layers {
		w := layer.(*lstm.Weights)
		w.Cell = cell
		if peephole {
			w.PeepholeI = g.uniform(w.HiddenSize, 2)
			w.PeepholeF = g.uniform(w.HiddenSize, 2)
			w.PeepholeO = g.uniform(w.HiddenSize, 2)
		}
		if normalized {
			w.NormI, w.NormF = g.uniform(w.HiddenSize, 2), g.uniform(w.HiddenSize, 2)
			w.NormG, w.NormO = g.uniform(w.HiddenSize, 2), g.uniform(w.HiddenSize, 2)
		}
	}
}
