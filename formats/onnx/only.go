package onnx

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"example.com/lstm"
)

// This file reads LSTM nodes alone, out of graphs that are more than a network.

const (
	maxNesting = 20 // of graphs in the branches of nodes: exporters write three or four
	maxHinted  = 6  // names in a message
)

// found is an LSTM node, and the graphs whose values it can read: its own, and those
// round it.
type found struct {
	node   *node
	graphs []*graph
}

// title is what the node is called: nodes need no name, but outputs have one.
func (n *node) title() string {
	if n.name != "" {
		return n.name
	}
	for _, name := range n.outputs {
		if name != "" {
			return name
		}
	}
	return ""
}

func (n *node) isLSTM() bool {
	return n.op == "LSTM" && isStandard(n.domain) || n.op == "DynamicQuantizeLSTM" && n.domain == microsoft
}

// allLSTMs are the LSTM nodes of a graph and of the branches of its nodes, in the order
// of the file.
func (g *graph) allLSTMs() ([]found, error) {
	var list []found
	err := g.eachNode(func(n *node, path []*graph) {
		if n.isLSTM() {
			list = append(list, found{n, slices.Clone(path)})
		}
	})
	return list, err
}

// eachNode calls do for each node, with the graphs that it is in, from the outermost
// one. They are those of the call.
func (g *graph) eachNode(do func(n *node, path []*graph)) error {
	left := maxNodes
	var walk func(path []*graph) error
	walk = func(path []*graph) error {
		g := path[len(path)-1]
		if left -= len(g.nodes) + len(g.initializers); left < 0 {
			return unsupported("it has more than %d nodes", maxNodes)
		}
		for _, n := range g.nodes {
			do(n, path)
			for _, b := range n.attributes {
				a, err := parseAttribute(b)
				if err != nil || a.graph == nil {
					continue // of a node that nobody may need
				}
				if len(path) == maxNesting {
					return unsupported("%v: graphs are nested more than %d deep", n, maxNesting)
				}
				inner, err := parseGraph(a.graph)
				if err != nil {
					return n.wrap(err)
				}
				if err := walk(append(path, &inner)); err != nil {
					return err
				}
			}
		}
		return nil
	}
	return walk([]*graph{g})
}

// hasArithmetic reports whether a graph has what a cell of an LSTM computes, and no
// other recurrent node.
func (g *graph) hasArithmetic() bool {
	has := map[string]bool{}
	err := g.eachNode(func(n *node, _ []*graph) { has[n.op] = true })
	return err == nil && has["Sigmoid"] && has["Tanh"] && has["Mul"] && has["Add"] && !has["GRU"] && !has["RNN"]
}

// hint adds to the error of a graph that is no network which LSTMs it has.
func (f *file) hint(err error) error {
	if !errors.Is(err, lstm.ErrUnsupported) || strings.Contains(err.Error(), "onnx.With") {
		return err
	}
	list, err2 := f.graph.allLSTMs()
	if err2 != nil {
		return err
	}
	if list == nil {
		if f.graph.hasArithmetic() {
			return fmt.Errorf("%w; the graph has no LSTM node; it may have the arithmetic of one, which PyTorch writes with dynamo=True or of an LSTMCell, "+
				"and which is not read: export an nn.LSTM with dynamo=False, or read the state_dict", err)
		}
		return fmt.Errorf("%w; the graph has no LSTM node", err)
	}
	var names []string
	for i, l := range list {
		if i == maxHinted {
			names = append(names, fmt.Sprintf("and %d more", len(list)-i))
			break
		}
		names = append(names, fmt.Sprintf("%.80q", l.node.title()))
	}
	return fmt.Errorf("%w; onnx.WithLSTM reads LSTM nodes alone, for code that computes the rest itself: %s", err, strings.Join(names, ", "))
}

// Names of values in the graphs that only makes, which no file has.
const (
	onlyInput = "\x00x"
	onlyShape = "\x00shape"
)

// only is a file that has the LSTM nodes of those names, one on the other, and what
// their weights are computed of.
func (f *file) only(names []string, o *options, size int64) (*file, error) {
	all, err := f.graph.allLSTMs()
	if err != nil {
		return nil, err
	}
	g := graph{initializers: map[string][]byte{}}
	seen := map[*graph]bool{}
	var nodes []*node
	for _, name := range names {
		var hits []found
		for _, l := range all {
			if l.node.title() == name {
				hits = append(hits, l)
			}
		}
		switch {
		case len(hits) > 1:
			return nil, unsupported("%d LSTM nodes have the name %.80q, want one", len(hits), name)
		case len(hits) == 0:
			return nil, f.hint(unsupported("it has no LSTM node %.80q", name))
		}
		nodes = append(nodes, hits[0].node)
		for _, scope := range hits[0].graphs {
			if seen[scope] {
				continue
			}
			seen[scope] = true
			g.nodes = append(g.nodes, scope.nodes...)
			g.inputs = append(g.inputs, scope.inputs...)
			g.sparse = g.sparse || scope.sparse
			for name, tensor := range scope.initializers {
				if _, ok := g.initializers[name]; ok {
					return nil, unsupported("two graphs of it have an initializer %.80q", name)
				}
				g.initializers[name] = tensor
			}
		}
	}
	around := *f
	around.graph = g
	constants, err := newEvaluator(&around, o, size)
	if err != nil {
		return nil, err
	}

	g.inputs = append(slices.Clone(g.inputs), valueInfo{name: onlyInput, dataType: typeFloat, shape: []int64{-1, -1, -1}, hasShape: true})
	g.initializers[onlyShape] = encodeTensor(onlyShape, []int64{0, 0, -1}, 3)
	below := onlyInput
	for i, n := range nodes {
		next := func(what string) string { return fmt.Sprintf("\x00%s of %d", what, i) }
		add := func(op string, inputs []string, output string, attributes ...[]byte) {
			g.nodes = append(g.nodes, &node{name: n.name, op: op, inputs: inputs, outputs: []string{output}, attributes: attributes})
		}
		alone := *n
		alone.inputs, alone.outputs = slices.Clone(n.inputs), []string{next("Y")}
		for at, name := range alone.inputs {
			switch at {
			case inputLengths:
				alone.inputs[at] = ""
			case inputH, inputC:
				// What is not constant is the caller's State.
				if name == "" {
					continue
				}
				v, err := constants.value(name)
				if _, ok := v.(*constant); err != nil || !ok {
					alone.inputs[at] = ""
				}
			}
		}
		perm := []int{0, 2, 1, 3}
		if alone.hasLayout1() {
			add("Transpose", []string{below}, next("X"), encodeAttribute("perm", []int{1, 0, 2}))
			below, perm = next("X"), []int{1, 0, 2, 3}
		}
		if len(alone.inputs) > 0 {
			alone.inputs[inputX] = below
		}
		g.nodes = append(g.nodes, &alone)
		add("Transpose", []string{next("Y")}, next("steps"), encodeAttribute("perm", perm))
		below = next("output")
		add("Reshape", []string{next("steps"), onlyShape}, below)
	}
	g.outputs = []valueInfo{{name: below}}
	around.graph, around.metadata = g, maps.Clone(f.metadata)
	delete(around.metadata, arrangementKey)
	return &around, nil
}

func (n *node) hasLayout1() bool {
	for _, b := range n.attributes {
		if a, err := parseAttribute(b); err == nil && a.name == "layout" {
			return a.integer == 1
		}
	}
	return false
}
