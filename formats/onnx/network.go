package onnx

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"example.com/lstm"
)

// An output of the graph, or one of several that are joined in one.
type output struct {
	name   string
	chain  []*stage // from the first layer to the last
	moment moment
}

// A graphOutput is an output of the graph: outputs of the network, final states, or
// an input as it is.
type graphOutput struct {
	name    string
	data    *data
	states  []part
	outputs []output
}

// model is the network whose outputs are asked for.
func (e *evaluator) model() (*lstm.Model, error) {
	names := e.options.outputs
	if names == nil {
		for _, v := range e.file.graph.outputs {
			names = append(names, v.name)
		}
	}
	if len(names) == 0 {
		return nil, damaged("the graph has no outputs")
	}
	var values []graphOutput
	count := 0
	for _, name := range names {
		v, err := e.value(name)
		if err != nil {
			return nil, fmt.Errorf("output %.80q: %w", name, err)
		}
		d, ok := v.(*data)
		switch {
		case ok && d.free == nil:
		case ok && d.parts[0].stage != d.free.stage:
			return nil, unsupported("output %.80q: there is no LSTM between it and the graph's input", name)
		case ok && e.options.outputs == nil:
			values = append(values, graphOutput{name: name}) // an input as it is
			continue
		default:
			return nil, unsupported("output %.80q is %s, want what an LSTM network makes", name, v.describe())
		}
		d = e.resolve(d)
		out := graphOutput{name: name, data: d, states: finalStates(d)}
		if out.states == nil {
			if out.outputs, err = e.outputs(name, d); err != nil {
				return nil, fmt.Errorf("output %.80q: %w", name, err)
			}
		}
		if count += len(out.states); count > maxStates {
			return nil, unsupported("the outputs have more than %d final states", maxStates)
		}
		values = append(values, out)
	}
	if err := e.takeEnds(values); err != nil {
		return nil, err
	}
	var outputs []output
	var states []part
	var passed []string
	for _, v := range values {
		if v.outputs == nil {
			states, passed = append(states, v.states...), append(passed, v.name)
		}
		outputs = append(outputs, v.outputs...)
	}
	if outputs == nil {
		top, err := e.top(states)
		if err != nil {
			return nil, err
		}
		outputs = []output{top}
	}
	m, err := e.join(outputs)
	if err != nil {
		return nil, err
	}
	if err := checkStates(outputs[0].chain, states); err != nil {
		return nil, err
	}
	m.Source.Unused = passed
	return m, e.check(m)
}

// finalStates are the parts of d if it is states that LSTMs end with, and nothing
// else, or nil.
func finalStates(d *data) []part {
	parts, err := d.chosen()
	if err != nil {
		return nil
	}
	for _, p := range parts {
		if p.stage.weights == nil || p.stage.weights.Residual || p.moment == everyStep {
			return nil
		}
	}
	return parts
}

// takeEnds makes outputs of what looks like final states, and is those of both
// directions side by side: where others are made of the same, and where there is no
// other output.
func (e *evaluator) takeEnds(values []graphOutput) error {
	tops, ends := map[*stage]bool{}, 0
	for i := range values {
		v := &values[i]
		for _, o := range v.outputs {
			if last := lastLSTM(o.chain); last >= 0 {
				tops[o.chain[last]] = true
			}
		}
		if v.isEnds() {
			ends++
		}
	}
	for i := range values {
		v := &values[i]
		if !v.isEnds() {
			continue
		}
		k, _ := endsOf(v.states)
		if len(tops) == 0 && ends == 1 || tops[e.bidirectional(k)] {
			these, err := e.outputs(v.name, v.data)
			if err != nil {
				return fmt.Errorf("output %.80q: %w", v.name, err)
			}
			v.outputs = these
		}
	}
	return nil
}

// isEnds reports whether v is what both directions of a layer end with, on one axis;
// Y_h has three.
func (v *graphOutput) isEnds() bool {
	_, ok := endsOf(v.states)
	return ok && v.data.rank() < 3 && len(v.data.featureAtoms()) == 1
}

// outputs are d's, one, or several that are joined.
func (e *evaluator) outputs(name string, d *data) ([]output, error) {
	if !d.inOrder() {
		return nil, unsupported("the features come in another order than that of the layer below")
	}
	s, m, err := e.whole(d)
	if err == nil {
		if m == everyStep && d.backwards != 0 {
			return nil, unsupported("its steps are from the last to the first")
		}
		chain, err := chainOf(s)
		return []output{{name, chain, m}}, err
	}
	parts, err2 := d.chosen()
	if err2 != nil || len(parts) == 1 || d.backwards != 0 {
		return nil, err
	}
	var list []output
	for _, p := range parts {
		one, m, err2 := e.whole(&data{isFloat: true, parts: []part{p}, first: p.first, axes: []axis{{{size: number(int64(p.size)), stride: 1}}}})
		if err2 != nil || m != parts[0].moment {
			return nil, err
		}
		chain, err := chainOf(one)
		if err != nil {
			return nil, err
		}
		list = append(list, output{name, chain, m})
	}
	return list, nil
}

const (
	maxLayers = 1000
	maxStates = 10_000
)

// chainOf are the layers up to s.
func chainOf(s *stage) ([]*stage, error) {
	var chain []*stage
	for ; s.parent != nil; s = s.parent {
		if len(chain) == maxLayers {
			return nil, unsupported("it has more than %d layers one after another", maxLayers)
		}
		chain = append(chain, s)
	}
	slices.Reverse(chain)
	return chain, nil
}

// top is the output of a graph that has only states: that of the uppermost LSTM.
func (e *evaluator) top(states []part) (output, error) {
	var best []*stage // the directions of the uppermost LSTM
	most := 0
	moment := everyStep
	for _, p := range states {
		if p.moment == cellState {
			continue
		}
		chain, err := chainOf(p.stage)
		switch {
		case err != nil:
			return output{}, err
		case len(chain) > most:
			best, most, moment = []*stage{p.stage}, len(chain), p.moment
		case p.stage.parent == best[0].parent && !slices.Contains(best, p.stage):
			best = append(best, p.stage)
		}
	}
	var s *stage
	switch {
	case best == nil:
		return output{}, unsupported("the graph has no output but cell states and inputs")
	case len(best) == 1 && best[0].reverse:
		s = e.bidirectional(mergeKey{backward: best[0]})
	case len(best) == 1:
		s = best[0]
	case len(best) == 2 && directionsOf(best[0], best[1]):
		s, moment = e.bidirectional(mergeKey{forward: best[0], backward: best[1]}), everyStep
	default:
		return output{}, unsupported("the graph has the final states of LSTMs side by side, of which a network has none")
	}
	chain, err := chainOf(s)
	return output{"", chain, moment}, err
}

// lastLSTM is the place of the last LSTM layer in a chain, -1 without one.
func lastLSTM(chain []*stage) int {
	last := -1
	for i, s := range chain {
		if s.lstms != nil {
			last = i
		}
	}
	return last
}

// join makes a model of outputs, whose first layers must be the same.
func (e *evaluator) join(outputs []output) (*lstm.Model, error) {
	first := outputs[0].chain
	common := len(first)
	for _, o := range outputs {
		last := lastLSTM(o.chain)
		if last < 0 {
			return nil, unsupported("output %.80q: there is no LSTM between it and the graph's input", o.name)
		}
		n := 0
		for n < min(common, len(o.chain)) && o.chain[n] == first[n] {
			n++
		}
		if n <= last || n <= lastLSTM(first) {
			return nil, unsupported("outputs %.80q and %.80q come from different LSTMs, want heads on one network; onnx.WithOutput chooses one", outputs[0].name, o.name)
		}
		common = n
	}
	trunk, heads, err := e.arrangement(first, len(outputs))
	if err != nil {
		return nil, err
	}
	m := &lstm.Model{Metadata: e.file.metadata}
	switch {
	case trunk >= 0:
		if trunk > common {
			return nil, damaged("metadata %.80q are for another graph", arrangementKey)
		}
	case len(outputs) == 1:
		trunk = lastLSTM(first) + 1
		if trunk < len(first) {
			heads = []string{""}
		}
	default:
		trunk = common
		for _, o := range outputs {
			heads = append(heads, o.name)
		}
	}
	m.Layers = layersOf(first[:trunk])
	for i, name := range heads {
		h := lstm.Head{Name: name, Layers: layersOf(outputs[i].chain[trunk:])}
		if h.Layers == nil {
			h.Layers = []lstm.Layer{lstm.Activation{Function: lstm.ActivationIdentity}}
		}
		m.Heads = append(m.Heads, h)
	}
	e.note(m, outputs)
	for _, s := range first[:trunk] {
		for _, n := range s.lstms {
			m.Source.LSTM = joinName(m.Source.LSTM, n.name)
		}
	}
	if len(outputs) == 1 && len(heads) == 1 && trunk < len(first) {
		m.Source.Head = first[len(first)-1].node.name
	}
	if len(m.Metadata) == 0 {
		m.Metadata = nil
	}
	return m, nil
}

func joinName(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + ", " + b
}

func layersOf(chain []*stage) []lstm.Layer {
	var layers []lstm.Layer
	for _, s := range chain {
		layers = append(layers, s.layer)
	}
	return layers
}

// Keys of the metadata.
const (
	// InputKey says of one-hot inputs which input of the graph they are, and how many
	// numbers there are: "tokens as one of 80".
	InputKey  = "onnx.input"
	outputKey = "onnx.output"
	// arrangementKey is of files that Write has written, and not of models.
	arrangementKey = "onnx.arrangement"
)

// note says in the metadata what inputs and outputs are, if it is not plain.
func (e *evaluator) note(m *lstm.Model, outputs []output) {
	var notes []string
	for _, o := range outputs {
		if o.moment != everyStep {
			notes = append(notes, strings.TrimSpace(o.name+" at "+o.moment.String()))
		}
	}
	if notes != nil {
		m.Metadata[outputKey] = strings.Join(notes, ", ")
	}
	for _, name := range slices.Sorted(maps.Keys(e.inputs)) {
		if in := e.inputs[name]; in.oneHot {
			m.Metadata[InputKey] = fmt.Sprintf("%s as one of %d", name, in.stage.size)
		}
	}
}

// checkStates refuses states of LSTMs that are not in the network.
func checkStates(chain []*stage, states []part) error {
	nodes := map[*node]bool{}
	for _, s := range chain {
		for _, n := range s.lstms {
			nodes[n] = true
		}
	}
	for _, p := range states {
		if !nodes[p.stage.node] {
			return unsupported("an output has the final state of %v, which is not among the layers of the other outputs; onnx.WithOutput chooses what is read", p.stage.node)
		}
	}
	return nil
}
