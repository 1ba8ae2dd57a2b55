package keras

import (
	"encoding/json"
	"math"
	"slices"
	"strings"

	"example.com/lstm"
	"example.com/lstm/internal/errkind"
	"example.com/lstm/internal/safetensors"
)

// network is the layers of a model: one after another, and then one list for each
// output if there are several.
type network struct {
	trunk []*layer
	heads [][]*layer
	named []string // the layers that the heads are the outputs of
}

// names returns the names of the layers, all of classes that are not refused.
func (n *network) names() (map[string]bool, error) {
	names := make(map[string]bool)
	for _, list := range append([][]*layer{n.trunk}, n.heads...) {
		for _, l := range list {
			if _, err := lookUp(l); err != nil {
				return nil, err
			}
			names[l.Name] = true
		}
	}
	return names, nil
}

// reference is a tensor that a layer has put out: number tensor of its call
// number node.
type reference struct {
	name         string
	node, tensor int
}

// functional reads a functional model, whose layers say what they read.
func (t *topology) functional() (*network, error) {
	var config struct {
		Layers  []json.RawMessage `json:"layers"`
		Inputs  json.RawMessage   `json:"input_layers"`
		Outputs json.RawMessage   `json:"output_layers"`
	}
	if t.Config != nil {
		if err := json.Unmarshal(t.Config, &config); err != nil {
			return nil, damaged(err)
		}
	}
	layers, err := parseLayers(config.Layers)
	if err != nil {
		return nil, err
	}
	g := graph{layers: make(map[string]*layer, len(layers)), below: make(map[string]string, len(layers))}
	for _, l := range layers {
		g.layers[l.Name] = l
	}
	for _, l := range layers {
		if err := g.connect(l); err != nil {
			return nil, err
		}
	}
	outputs, err := g.outputs(config.Outputs)
	if err != nil {
		return nil, err
	}
	return g.split(outputs)
}

// graph is a model in which every layer reads the output of one other.
type graph struct {
	layers map[string]*layer
	below  map[string]string // by name: the layer that is read; no entry for inputs
}

// connect finds out what l reads.
func (g *graph) connect(l *layer) error {
	var calls []any
	if l.Inbound != nil {
		if err := json.Unmarshal(l.Inbound, &calls); err != nil {
			return l.Errorf(lstm.ErrDamaged, "inbound_nodes: %w", err)
		}
	}
	if l.Class == "InputLayer" {
		if len(calls) > 0 {
			return l.Errorf(lstm.ErrDamaged, "it reads another layer, want an input")
		}
		return nil
	}
	if len(calls) != 1 {
		return l.Errorf(lstm.ErrUnsupported, "it is called %d times, want once", len(calls))
	}
	refs := references(nil, calls[0])
	if len(refs) == 0 {
		return l.Errorf(lstm.ErrDamaged, "it reads no other layer")
	}
	for i, r := range refs {
		from := g.layers[r.name]
		switch {
		case from == nil:
			return l.Errorf(lstm.ErrDamaged, "it reads %s, want one of the layers", safetensors.Quote(r.name))
		case r.node != 0:
			return l.Errorf(lstm.ErrUnsupported, "it reads call %d of %v, want the only one", r.node, from)
		case r.tensor != 0:
			return l.Errorf(lstm.ErrUnsupported, "it reads output %d of %v, which is a state, want output 0", r.tensor, from)
		case i > 0 && (!isRecurrent(l) || from.Class != "InputLayer"):
			return l.Errorf(lstm.ErrUnsupported, "it reads %v besides %s, want one layer, and for an LSTM initial states that are inputs", from, safetensors.Quote(refs[0].name))
		}
	}
	g.below[l.Name] = refs[0].name
	return nil
}

// isRecurrent reports whether l may read initial states, which become those of
// lstm.State.
func isRecurrent(l *layer) bool {
	return slices.Contains([]string{"LSTM", "CuDNNLSTM", "RNN", "Bidirectional"}, l.Class)
}

// references appends the tensors that a call of a layer reads, in Keras 2's words,
// [name, node, tensor, arguments], or in Keras 3's, objects of class __keras_tensor__.
func references(refs []reference, v any) []reference {
	switch v := v.(type) {
	case map[string]any:
		if v["class_name"] == "__keras_tensor__" {
			config, _ := v["config"].(map[string]any)
			return references(refs, config["keras_history"])
		}
		for _, key := range sortedKeys(v) {
			refs = references(refs, v[key])
		}
	case []any:
		if r, ok := parseReference(v); ok {
			refs = append(refs, r)
			v = v[3:]
		}
		for _, element := range v {
			refs = references(refs, element)
		}
	}
	return refs
}

// sortedKeys returns the keys of a call, args before kwargs.
func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

func parseReference(v []any) (r reference, ok bool) {
	if len(v) < 3 {
		return r, false
	}
	name, isName := v[0].(string)
	node, isNode := v[1].(float64)
	tensor, isTensor := v[2].(float64)
	if !isName || !isNode || !isTensor {
		return r, false
	}
	return reference{name, index(node), index(tensor)}, true
}

// index is a number of JSON as an index, -1 if it is none.
func index(v float64) int {
	if v != math.Trunc(v) || v < 0 || v > math.MaxInt32 {
		return -1
	}
	return int(v)
}

// outputs returns the layers whose outputs are the model's. States that a model puts
// out besides are left to lstm.State.
func (g *graph) outputs(raw json.RawMessage) ([]string, error) {
	var list any
	if raw != nil {
		if err := json.Unmarshal(raw, &list); err != nil {
			return nil, damaged(err)
		}
	}
	var names []string
	for _, r := range references(nil, list) {
		l := g.layers[r.name]
		switch {
		case l == nil:
			return nil, errkind.Errorf(lstm.ErrDamaged, "output_layers: it has %s, want one of the layers", safetensors.Quote(r.name))
		case r.node != 0:
			return nil, l.Errorf(lstm.ErrUnsupported, "call %d of it is an output of the model, want the only one", r.node)
		case r.tensor != 0 && isRecurrent(l):
			continue
		case r.tensor != 0 || slices.Contains(names, r.name):
			return nil, l.Errorf(lstm.ErrUnsupported, "output %d of it is an output of the model, want output 0, once", r.tensor)
		}
		if names = append(names, r.name); len(names) > maxOutputs {
			return nil, errkind.Errorf(lstm.ErrUnsupported, "output_layers: it has more than %d, want fewer", maxOutputs)
		}
	}
	if len(names) == 0 {
		return nil, errkind.Errorf(lstm.ErrDamaged, "output_layers: it has none, want at least one")
	}
	return names, nil
}

// maxOutputs bounds the lists of layers, one for each output.
const maxOutputs = 100

// split returns the layers that all outputs are made of, and then those of each.
func (g *graph) split(outputs []string) (*network, error) {
	var paths [][]*layer
	for _, name := range outputs {
		var path []*layer
		for found := true; found; name, found = g.below[name] {
			if len(path) == len(g.layers) {
				return nil, g.layers[name].Errorf(lstm.ErrDamaged, "it reads itself, over others")
			}
			path = append(path, g.layers[name])
		}
		slices.Reverse(path)
		paths = append(paths, path)
	}
	if len(paths) == 1 {
		return &network{trunk: paths[0]}, nil
	}
	shared := 0
	for shared < len(paths[0]) && !slices.ContainsFunc(paths, func(p []*layer) bool { return len(p) <= shared || p[shared] != paths[0][shared] }) {
		shared++
	}
	if shared == 0 {
		return nil, errkind.Errorf(lstm.ErrUnsupported, "the outputs %s have no layer in common, want one network", safetensors.Quote(strings.Join(outputs, ", ")))
	}
	n := &network{trunk: paths[0][:shared], named: outputs}
	for _, path := range paths {
		n.heads = append(n.heads, path[shared:])
	}
	return n, nil
}
