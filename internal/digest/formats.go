package digest

import "example.com/lstm"

// formats are what the weights of a network are stored as, layer after layer from the
// input up, the heads last.
var formats = []struct {
	name   string
	layers []lstm.WeightFormat
	bits   int // InputBits of int8 layers
}{
	{"float16", []lstm.WeightFormat{lstm.Float16}, 0},
	{"int8", []lstm.WeightFormat{lstm.Int8}, 0},
	{"int8 of 7 bits", []lstm.WeightFormat{lstm.Int8}, 7},
	{"mixed formats", []lstm.WeightFormat{lstm.Int8, lstm.Float16, lstm.Float32}, 0},
}

// formatCases are networks with weights in other formats than float32. What differs
// between formats are products: a few ways and cells are enough.
func formatCases() (cases []Case) {
	for _, f := range formats {
		with := func(model maker) maker {
			return func(g *generator, s shape, inputs int) (*lstm.Model, []float32) {
				m, x := model(g, s, inputs)
				setFormats(m, f.layers, f.bits)
				return m, x
			}
		}
		add := func(s shape, kind string, model maker, ways ...string) {
			cases = append(cases, inWays(s.cases(f.name+", "+kind, with(model)), ways...)...)
		}
		add(shape{sizes: []int{16, 40, 17}, outputs: 3}, "ordinary", (*generator).ordinary,
			"steps", "sequence cut at [2 5]", "batch of 7", "sequences of different lengths")
		if len(f.layers) == 1 {
			add(shape{sizes: []int{5, 20, 9}, projections: []int{7, 0}, outputs: 3}, "awkward", (*generator).awkwardInput, "steps", "batch of 7")
		}
		if f.bits != 0 {
			continue
		}
		add(shape{sizes: []int{2100, 17}, outputs: 3, steps: 4}, "ordinary", (*generator).ordinary, "steps", "sequence in one", "batch of 7")
		add(shape{sizes: []int{20, 300}, projections: []int{100}, steps: 4}, "ordinary", (*generator).ordinary, "steps", "batch of 7")
		if f.layers[0] == lstm.Int8 && len(f.layers) == 1 {
			add(shape{sizes: []int{5, 20}, outputs: 3}, "huge", (*generator).huge, "steps", "batch of 7")
		}
		add(shape{sizes: []int{5, 20, 9}}, "layers everywhere, ordinary", func(g *generator, s shape, inputs int) (*lstm.Model, []float32) {
			m, x := g.ordinary(s, inputs)
			g.layersBefore(m)
			g.layersBetween(m)
			g.layersAfter(m)
			g.severalHeads(m)
			return m, x
		}, "steps", "batch of 7")
		for _, c := range cells {
			switch c.name {
			case "coupled peephole with both clips", "hard sigmoid gates", "normalized peephole with both clips":
				add(shape{sizes: []int{7, 25}}, c.name, func(g *generator, s shape, inputs int) (*lstm.Model, []float32) {
					m, x := g.ordinary(s, inputs)
					g.setCells(m, c.peephole, c.normalized, c.cell)
					return m, x
				}, "steps", "sequence in one", "batch of 7")
			}
		}
	}
	return cases
}

// setFormats gives the layers of m and then those of the heads the formats in turn.
func setFormats(m *lstm.Model, formats []lstm.WeightFormat, bits int) {
	i := 0
	set := func(layers []lstm.Layer) {
		for _, layer := range layers {
			format := formats[i%len(formats)]
			switch l := layer.(type) {
			case *lstm.Weights:
				l.Format = format
				if format == lstm.Int8 {
					l.InputBits = bits
				}
			case *lstm.Linear:
				l.Format = format
			default:
				continue
			}
			i++
		}
	}
	set(m.Layers)
	for _, head := range m.Heads {
		set(head.Layers)
	}
}
