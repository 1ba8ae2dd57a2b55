package onnx

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"example.com/lstm"
)

// A WriteOption tells [Write] what to write besides a model.
type WriteOption func(*writer)

// WithStates gives the graph inputs for what each LSTM node begins with, h0.K and
// c0.K [directions, streams, H], where K counts the nodes from 0 on, and outputs for
// what they end with, hn.K and cn.K. So a stream can go on from call to call. Models
// with initial states of their own are refused, since an input has none.
func WithStates() WriteOption { return func(w *writer) { w.states = true } }

// Write writes m as an ONNX file, of standard operators of version 17. The graph has
// the input x [steps, streams, I], and the output y [steps, streams, O], or one for
// each head, with the head's name if no other has it. Above a layer with Last outputs
// are [streams, O], and Read says in the metadata where they are. The metadata of m are
// those of the file.
//
// [Read] reads what computes the same, bit for bit: the same model, if it has no
// ActivationIdentity, no bias of which one of two is nil, no initial states that are
// zero, and no Clip where σ and tanh are flat.
//
// It is an [lstm.ErrUnsupported], and nothing is written, if m has what ONNX's LSTM
// has not: a projection, a CellClip or layer normalization; if a layer's Format is not
// Float32; if a layer with Last is residual, runs in reverse only or has an LSTM layer
// above it; and if the file would be larger than 2 GiB, which is the most that protocol
// buffers take.
func Write(w io.Writer, m *lstm.Model, options ...WriteOption) error {
	data, err := encode(m, options)
	if err != nil {
		return &prefixed{err}
	}
	_, err = w.Write(data)
	return err
}

const writtenOpset, writtenFormat = 17, 8

// A writer makes the messages of a graph.
type writer struct {
	states       bool
	ended        bool // a layer with Last: values have no axis of steps any more
	nodes        []message
	initializers []message
	inputs       []message
	outputs      []message
	names        map[string]bool // of values
	lstms        int             // LSTM nodes so far
	bytes        int             // of initializers, about
	streams      string          // a value, the shape [1, streams, 1]; "" while there is none
}

func encode(m *lstm.Model, options []WriteOption) ([]byte, error) {
	if m == nil {
		return nil, errors.New("the model is nil")
	}
	if err := m.Write(io.Discard); err != nil { // the checks of package lstm
		return nil, err
	}
	if _, ok := m.Metadata[arrangementKey]; ok {
		return nil, unsupported("the metadata have the key %.80q, which files have for a use of their own", arrangementKey)
	}
	g := &writer{names: map[string]bool{"x": true}}
	for _, option := range options {
		option(g)
	}
	a, err := g.model(m)
	if err != nil {
		return nil, err
	}
	if g.bytes > math.MaxInt32 {
		return nil, unsupported("the file would have %d bytes, want less than 2 GiB", g.bytes)
	}
	graph := message(nil)
	for _, n := range g.nodes {
		graph = graph.part(1, n)
	}
	graph = graph.text(2, "lstm")
	for _, list := range []struct {
		field    protowire.Number
		messages []message
	}{{5, g.initializers}, {11, g.inputs}, {12, g.outputs}} {
		for _, part := range list.messages {
			graph = graph.part(list.field, part)
		}
	}
	file := message(nil).number(1, writtenFormat).text(2, "example.com/lstm").part(7, graph).
		part(8, message(nil).text(1, "").number(2, writtenOpset))
	metadata := maps.Clone(m.Metadata)
	if a != "" {
		if metadata == nil {
			metadata = map[string]string{}
		}
		metadata[arrangementKey] = a
	}
	for _, key := range slices.Sorted(maps.Keys(metadata)) {
		file = file.part(14, message(nil).text(1, key).text(2, metadata[key]))
	}
	return file, nil
}

// model writes all layers and heads. arrangement is what the graph does not show, ""
// for nothing.
func (g *writer) model(m *lstm.Model) (string, error) {
	input := inputSize(m.Layers)
	g.inputs = append(g.inputs, encodeValue("x", "steps", "streams", input))
	for _, h := range m.Heads {
		if h.Name != "" {
			g.names[h.Name] = true // nothing else may have it
		}
	}
	top, size, err := g.layers("layers", "x", input, m.Layers)
	if err != nil {
		return "", err
	}
	after := 0 // layers behind the last LSTM
	for after < len(m.Layers) && !isLSTM(m.Layers[len(m.Layers)-1-after]) {
		after++
	}
	a := arrangement{Layers: top, Heads: []string{}}
	plain := after == 0 || len(m.Heads) > 1
	taken := map[string]bool{"x": true}
	for i, h := range m.Heads {
		v, n, err := g.layers(fmt.Sprintf("heads.%d", i), top, size, h.Layers)
		if err != nil {
			return "", err
		}
		name := h.Name
		if name == "" || taken[name] {
			name = g.name("y")
		}
		taken[name] = true
		g.output(v, name, n)
		a.Heads = append(a.Heads, h.Name)
		if len(m.Heads) == 1 {
			plain = plain && h.Name == ""
		} else {
			plain = plain && h.Name == name
		}
	}
	if m.Heads == nil {
		g.output(top, g.name("y"), size)
	}
	if plain {
		return "", nil
	}
	text, err := json.Marshal(a)
	return string(text), err
}

// output makes value v the graph's output of that name, of size features.
func (g *writer) output(v, name string, size int) {
	g.nodes = append(g.nodes, encodeNode("Identity", []string{v}, []string{name}))
	if g.ended {
		g.outputs = append(g.outputs, encodeValue(name, "streams", size))
	} else {
		g.outputs = append(g.outputs, encodeValue(name, "steps", "streams", size))
	}
}

func isLSTM(layer lstm.Layer) bool {
	switch layer.(type) {
	case *lstm.Weights, *lstm.Bidirectional:
		return true
	}
	return false
}

// inputSize is the features of the input of layers.
func inputSize(layers []lstm.Layer) int {
	for _, layer := range layers {
		switch l := layer.(type) {
		case *lstm.Weights:
			return l.InputSize
		case *lstm.Bidirectional:
			return l.Backward.InputSize
		case *lstm.Linear:
			return l.InFeatures
		}
	}
	return 0
}

// name is that of a new value, like wish.
func (g *writer) name(wish string) string {
	name := wish
	for i := 1; g.names[name]; i++ {
		name = fmt.Sprintf("%s.%d", wish, i)
	}
	g.names[name] = true
	return name
}

// node writes a node of one output, and returns that, with a name like wish.
// Attributes are names and values, alternately.
func (g *writer) node(operator, wish string, inputs []string, attributes ...any) string {
	out := g.name(wish)
	g.nodes = append(g.nodes, encodeNode(operator, inputs, []string{out}, attributes...))
	return out
}

// encodeNode makes a NodeProto, which is called as its first output is.
func encodeNode(operator string, inputs, outputs []string, attributes ...any) message {
	m := message(nil)
	for _, name := range inputs {
		m = m.text(1, name)
	}
	for _, name := range outputs {
		m = m.text(2, name)
	}
	m = m.text(3, outputs[0]).text(4, operator)
	for i := 0; i < len(attributes); i += 2 {
		m = m.part(5, encodeAttribute(attributes[i].(string), attributes[i+1]))
	}
	return m
}

// floats writes an initializer, and returns its name, like wish.
func (g *writer) floats(wish string, values []float32, dims ...int) string {
	name := g.name(wish)
	g.initializers = append(g.initializers, encodeTensor(name, values, dims...))
	g.bytes += 4 * len(values)
	return name
}

// integers writes an initializer of one axis.
func (g *writer) integers(wish string, values ...int64) string {
	name := g.name(wish)
	g.initializers = append(g.initializers, encodeTensor(name, values, len(values)))
	return name
}
