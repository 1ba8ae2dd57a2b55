package statedict

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"example.com/lstm/internal/errkind"
	"example.com/lstm/internal/safetensors"
)

// saidLinear places the parts of a linear layer that the file speaks of.
func (n *Network) saidLinear(modules []*module, name string) error {
	i := slices.IndexFunc(modules, func(m *module) bool { return m.name == name })
	if i < 0 || modules[i].fields["weight"] == nil {
		return errkind.Errorf(errkind.ErrUnsupported, "no tensor is named %s, want the weight of the linear layer %s that the metadata speak of",
			safetensors.Quote(LinearName(name, "weight")), safetensors.Quote(name))
	}
	d, err := n.linear(modules[i])
	if err != nil {
		return err
	}
	n.Linears = append(n.Linears, d)
	n.top = features{d.OutFeatures, "I"}
	return nil
}

// saidHeads places the linear layers of the heads that the file speaks of, when all
// other layers have their places, and demands that nothing is left.
func (n *Network) saidHeads(modules []*module, heads [][]Stage) error {
	top := n.top
	for _, head := range heads {
		n.top = top
		for _, s := range head {
			if s.Kind == LinearStage {
				if err := n.saidLinear(modules, s.Module); err != nil {
					return err
				}
			}
		}
	}
	n.top = top
	return n.nothingElse(modules)
}

// head places the parts of the head.
func (n *Network) head(m *module) (err error) {
	n.Head, err = n.linear(m)
	return err
}

// linear places the parts of a linear layer, whose module has a weight, above what
// has its place.
func (n *Network) linear(m *module) (*Linear, error) {
	symbol := cmp.Or(n.top.symbol, "I")
	weight := m.fields["weight"]
	if len(weight.Shape) != 2 {
		return nil, shapeError(weight, "[O, "+symbol+"]")
	}
	if n.used[weight] {
		return nil, errkind.Errorf(errkind.ErrUnsupported, "%w", weight.Errorf("it is the weight of two linear layers, want a tensor for each"))
	}
	d := &Linear{Module: m.name, InFeatures: cmp.Or(n.top.n, weight.Shape[1]), OutFeatures: weight.Shape[0]}
	for i, p := range LinearParameters(d.InFeatures, d.OutFeatures, symbol) {
		if e := m.fields[p.Name]; e != nil {
			if err := n.place(e, p); err != nil {
				return nil, err
			}
			d.Tensors[i] = e
		}
	}
	if weight.DType == safetensors.Int8 { // else a tensor of that name is any other
		var err error
		if d.Scale, err = n.scale(weight, m.fields[ScaleName("weight")], ScaleName(weight.Name)); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// headShape is the shape of a head's weight, and the size that is known of it.
func (n *Network) headShape() string {
	return fmt.Sprintf("[O, %s] with %s = %d", n.top.symbol, n.top.symbol, n.top.n)
}

// namedHead takes the head from the module of that name.
func (n *Network) namedHead(modules []*module, name string) error {
	for _, m := range modules {
		if m.name == name && m.fields["weight"] != nil {
			return n.head(m)
		}
	}
	candidates := "none"
	if found := n.headsOf(modules); len(found) > 0 {
		candidates = listModules(found)
	}
	return errkind.Errorf(errkind.ErrUnsupported, "no tensor is named %s, want the head's weight %s; modules with such a weight: %s",
		safetensors.Quote(joinName(name, "weight")), n.headShape(), candidates)
}

// headsOf returns the modules that have the weight of a head.
func (n *Network) headsOf(modules []*module) []*module {
	return slices.DeleteFunc(slices.Clone(modules), func(m *module) bool {
		w := m.fields["weight"]
		return w == nil || len(w.Shape) != 2 || w.Shape[1] != n.top.n || n.used[w]
	})
}

// certainHead takes the only module that can be the head, if it is that beyond
// doubt and nothing is left over.
func (n *Network) certainHead(modules []*module) error {
	heads := n.headsOf(modules)
	if len(heads) > 1 {
		return doubt(heads[1], "it could be the head, and so could tensor %s", safetensors.Quote(heads[0].fields["weight"].Name))
	}
	lstms := 0
	for _, m := range modules {
		if len(m.layers) > 0 {
			lstms++
		}
	}
	for _, m := range heads {
		if err := n.head(m); err != nil {
			return err
		}
		inputs := n.Layers[0].inputSize()
		switch {
		case lstms > len(n.LSTM):
			return doubt(m, "which of %d LSTMs it follows cannot be told", lstms)
		case isCalledHead(m.name):
		case n.between(n.Head) != "":
			return doubt(m, "it could be the head or a layer between %s", n.between(n.Head))
		case m.fields["bias"] == nil:
			return doubt(m, "it could be the head or, without a bias, an Embedding")
		case n.Head.OutFeatures == inputs:
			return doubt(m, "it could be the head or, with as many outputs as the LSTM has inputs, %d, a layer before the LSTM", inputs)
		}
	}
	return n.nothingElse(modules)
}

// nothingElse returns an error if a tensor that is no LSTM's has no place.
func (n *Network) nothingElse(modules []*module) error {
	for _, m := range modules {
		for _, e := range m.others {
			if !n.used[e] {
				return n.strangerError(e, m)
			}
		}
	}
	return nil
}

// isCalledHead tells whether a module is called head, or is a part of a
// Sequential that is, such as head.1.
func isCalledHead(name string) bool {
	for {
		parent, last := splitName(name)
		if _, err := strconv.ParseUint(last, 10, 64); err != nil || parent == "" {
			return last == HeadModule
		}
		name = parent
	}
}

// doubt says how to name the head.
func doubt(m *module, format string, args ...any) error {
	return errkind.Errorf(errkind.ErrUnsupported, "%w: lstm.WithHead(%s) takes it for the head, lstm.WithoutHead() passes it over",
		m.fields["weight"].Errorf(format, args...), safetensors.Quote(m.name))
}

// strangerError is about a tensor that has no place.
func (n *Network) strangerError(e *safetensors.Entry, m *module) error {
	if e.Elements == 0 {
		return shapeError(e, "every dimension at least 1")
	}
	looks := "lstm.WithHead or lstm.WithoutHead passes it over"
	if kind := m.kind(); kind != "" {
		looks = "it looks like " + kind + "; if other code computes that, " + looks
	}
	return errkind.Errorf(errkind.ErrUnsupported, "%w", e.Errorf("shape is %s, no part of an LSTM or its head, a weight %s and a bias [O]; %s",
		safetensors.SizesText(e.Shape), n.headShape(), looks))
}
