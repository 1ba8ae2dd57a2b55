package digest

import "example.com/lstm"

// denseCases are networks with Linear and Activation layers in all places.
func denseCases() (cases []Case) {
	for _, c := range []struct {
		name   string
		change func(g *generator, m *lstm.Model)
	}{
		{"layers before", (*generator).layersBefore},
		{"layers between", (*generator).layersBetween},
		{"layers after", (*generator).layersAfter},
		{"several heads", (*generator).severalHeads},
		{"tiny layers", (*generator).tinyLayers},
		{"layers everywhere", func(g *generator, m *lstm.Model) {
			g.layersBefore(m)
			g.layersBetween(m)
			g.layersAfter(m)
			g.severalHeads(m)
		}},
	} {
		with := func(model maker) maker {
			return func(g *generator, s shape, inputs int) (*lstm.Model, []float32) {
				m, x := model(g, s, inputs)
				c.change(g, m)
				return m, x
			}
		}
		for _, s := range []shape{{sizes: []int{1, 8, 16}}, {sizes: []int{17, 24, 33, 5}}} {
			cases = append(cases, s.cases(c.name+", ordinary", with((*generator).ordinary))...)
		}
		s := shape{sizes: []int{5, 20, 9}}
		cases = append(cases, s.cases(c.name+", awkward", with((*generator).awkwardInput))...)
		cases = append(cases, s.cases(c.name+", huge", with((*generator).huge))...)
	}
	// Layers are given one step after another in all ways, so two ways are enough.
	softmaxes := func(model maker) maker {
		return func(g *generator, s shape, inputs int) (*lstm.Model, []float32) {
			m, x := model(g, s, inputs)
			g.softmaxes(m)
			return m, x
		}
	}
	s := shape{sizes: []int{5, 20, 9}}
	cases = append(cases, s.cases("softmax, ordinary", softmaxes((*generator).ordinary))[:2]...)
	return append(cases, s.cases("softmax, awkward", softmaxes((*generator).awkwardInput))[:2]...)
}

var (
	sigmoid = lstm.Activation{Function: lstm.ActivationSigmoid}
	tanh    = lstm.Activation{Function: lstm.ActivationTanh}
	softmax = lstm.Activation{Function: lstm.ActivationSoftmax}
)

// linear makes a layer whose outputs are about as large as its inputs.
func (g *generator) linear(inputs, outputs int) *lstm.Linear {
	weights := float32(4)
	for n := inputs; n > 4; n /= 4 {
		weights /= 2
	}
	return &lstm.Linear{InFeatures: inputs, OutFeatures: outputs, Weight: g.uniform(outputs*inputs, weights), Bias: g.uniform(outputs, 1)}
}

// layersBefore puts layers before the first.
func (g *generator) layersBefore(m *lstm.Model) {
	input := m.Layers[0].(*lstm.Weights).InputSize
	m.Layers = append([]lstm.Layer{g.linear(input, 18), tanh, g.linear(18, input)}, m.Layers...)
}

// layersBetween puts layers between LSTM layers.
func (g *generator) layersBetween(m *lstm.Model) {
	var layers []lstm.Layer
	below := 0 // the hidden size of the LSTM layer right below
	for _, layer := range m.Layers {
		w, ok := layer.(*lstm.Weights)
		if ok && below > 0 {
			layers = append(layers, sigmoid, g.linear(below, w.InputSize))
		}
		below = 0
		if ok {
			below = w.HiddenSize
		}
		layers = append(layers, layer)
	}
	m.Layers = layers
}

// layersAfter puts layers after the last, which is an LSTM layer.
func (g *generator) layersAfter(m *lstm.Model) {
	top := m.Layers[len(m.Layers)-1].(*lstm.Weights).HiddenSize
	m.Layers = append(m.Layers, g.linear(top, 7), tanh)
}

// tinyLayers puts a layer after the last whose results are about the least magnitude
// that counts, and heads that read those that do, and make such results themselves.
func (g *generator) tinyLayers(m *lstm.Model) {
	tiny := func(inputs, outputs int, scale float32) *lstm.Linear {
		return &lstm.Linear{InFeatures: inputs, OutFeatures: outputs, Weight: g.uniform(outputs*inputs, scale)}
	}
	top := m.Layers[len(m.Layers)-1].(*lstm.Weights).HiddenSize
	m.Layers = append(m.Layers, tiny(top, 24, 0x1p-63))
	m.Heads = []lstm.Head{
		{Layers: []lstm.Layer{tiny(24, 5, 0x1p60)}},
		{Layers: []lstm.Layer{tiny(24, 5, 1)}},
		{Layers: []lstm.Layer{tanh}},
	}
}

// softmaxes puts a softmax after the last layer, and heads that make others.
func (g *generator) softmaxes(m *lstm.Model) {
	top := m.Layers[len(m.Layers)-1].(*lstm.Weights).HiddenSize
	m.Layers = append(m.Layers, g.linear(top, 35), softmax)
	m.Heads = []lstm.Head{
		{Layers: []lstm.Layer{g.linear(35, 3), softmax}},
		{Layers: []lstm.Layer{softmax}},
		{Layers: []lstm.Layer{g.linear(35, 100), lstm.Activation{Function: lstm.ActivationAffine, Alpha: 50}, softmax}},
	}
}

// severalHeads gives the model heads for what its last layers, an LSTM layer or those
// of layersAfter, put out.
func (g *generator) severalHeads(m *lstm.Model) {
	top := 7
	if w, ok := m.Layers[len(m.Layers)-1].(*lstm.Weights); ok {
		top = w.HiddenSize
	}
	m.Heads = []lstm.Head{
		{Layers: []lstm.Layer{g.linear(top, 3)}},
		{Layers: []lstm.Layer{sigmoid}},
		{Layers: []lstm.Layer{g.linear(top, 19), tanh, g.linear(19, 2), sigmoid}},
	}
}
