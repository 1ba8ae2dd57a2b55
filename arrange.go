package lstm

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"example.com/lstm/internal/errkind"
	"example.com/lstm/internal/safetensors"
)

// This file finds out which tensor of a file belongs where in a network, from
// names and shapes alone. Where they leave a doubt it asks for an option.

// headModule is the one name by which a head is known: Write's, and that of the
// documentation.
const headModule = "head"

// arrangement is a network in the making: the model has its sizes, places says
// by name where each tensor's numbers belong.
type arrangement struct {
	model  Model
	places map[string]*[]float32
}

// module is a group of tensors whose names have the same text before the last
// dot.
type module struct {
	name   string
	layers map[int]map[string]*safetensors.Entry // of an LSTM, by layer and part
	fields map[string]*safetensors.Entry         // everything else
	others []*safetensors.Entry                  // those of fields, in the order of their data
}

// arrange finds the place of every tensor. A tensor without a place is one that
// the options let it pass over.
func arrange(entries []safetensors.Entry, o readOptions) (m *Model, places map[string]*[]float32, err error) {
	modules := groupModules(entries)
	lstm, err := chooseLSTM(modules, o.lstm)
	if err != nil {
		return nil, nil, err
	}
	a := arrangement{places: make(map[string]*[]float32)}
	if err := a.stack(lstm); err != nil {
		return nil, nil, err
	}
	a.model.Source.LSTM = lstm.name
	switch {
	case o.head != nil:
		err = a.namedHead(modules, *o.head)
	case !o.noHead:
		err = a.certainHead(modules)
	}
	if err != nil {
		return nil, nil, err
	}
	for i := range entries {
		if name := entries[i].Name; a.places[name] == nil {
			a.model.Source.Unused = append(a.model.Source.Unused, name)
		}
	}
	return &a.model, a.places, nil
}

// groupModules returns the modules in the order of their data.
func groupModules(entries []safetensors.Entry) []*module {
	var modules []*module
	byName := make(map[string]*module)
	for i := range entries {
		e := &entries[i]
		name, field := splitName(e.Name)
		m := byName[name]
		if m == nil {
			m = &module{
				name:   name,
				layers: make(map[int]map[string]*safetensors.Entry),
				fields: make(map[string]*safetensors.Entry),
			}
			byName[name] = m
			modules = append(modules, m)
		}
		part, layer, ok := splitField(field)
		if !ok {
			m.fields[field] = e
			m.others = append(m.others, e)
			continue
		}
		if m.layers[layer] == nil {
			m.layers[layer] = make(map[string]*safetensors.Entry)
		}
		m.layers[layer][part] = e
	}
	return modules
}

// splitName splits a tensor's name at its last dot. A name that begins with
// its only dot is that of no module.
func splitName(name string) (module, field string) {
	i := strings.LastIndexByte(name, '.')
	if i <= 0 {
		return "", name
	}
	return name[:i], name[i+1:]
}

func joinName(module, field string) string {
	if module == "" {
		return field
	}
	return module + "." + field
}

// splitField splits the name of an LSTM's parameter, such as weight_ih_l0; ok is
// false when the name is not of that kind. The part of a reverse direction ends
// in _reverse.
func splitField(field string) (part string, layer int, ok bool) {
	part, number, _ := strings.Cut(field, "_l")
	switch part {
	case "weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr":
	default:
		return "", 0, false
	}
	number, reverse := strings.CutSuffix(number, "_reverse")
	layer, err := strconv.Atoi(number)
	if err != nil || layer < 0 || strconv.Itoa(layer) != number {
		return "", 0, false
	}
	if reverse {
		part += "_reverse"
	}
	return part, layer, true
}

// chooseLSTM returns the LSTM of that name, or the only one.
func chooseLSTM(modules []*module, name *string) (*module, error) {
	var found []*module
	for _, m := range modules {
		if len(m.layers) > 0 {
			found = append(found, m)
		}
	}
	if len(found) == 0 {
		return nil, noLSTMError(modules)
	}
	if name == nil {
		if len(found) > 1 {
			return nil, errkind.Errorf(ErrUnsupported, "modules %s are LSTMs, want one: lstm.WithLSTM names the one to read, and each can be run as a network of its own",
				listModules(found))
		}
		return found[0], nil
	}
	for _, m := range found {
		if m.name == *name {
			return m, nil
		}
	}
	return nil, errkind.Errorf(ErrUnsupported, "no module %s is an LSTM; those that are: %s", safetensors.Quote(*name), listModules(found))
}

// listModules quotes the first few names.
func listModules(modules []*module) string {
	const most = 5
	var names []string
	for _, m := range modules[:min(len(modules), most)] {
		names = append(names, safetensors.Quote(m.name))
	}
	if len(modules) > most {
		names = append(names, "…")
	}
	return strings.Join(names, ", ")
}

// noLSTMError says what the file holds instead.
func noLSTMError(modules []*module) error {
	for _, m := range modules {
		e := m.fields["weight_hh"]
		if e == nil || m.fields["weight_ih"] == nil {
			continue
		}
		if kind := recurrentKind(e); kind != "" {
			return errkind.Errorf(ErrUnsupported, "%w", e.Errorf("shape is %s, %s, want an LSTM's, [4H, H]: no other kind is run", safetensors.SizesText(e.Shape), kind))
		}
		return errkind.Errorf(ErrUnsupported, "%w", e.Errorf("it is a parameter of an nn.LSTMCell, want those of an nn.LSTM: "+
			"save weight_ih, weight_hh, bias_ih and bias_hh as weight_ih_l0, weight_hh_l0, bias_ih_l0 and bias_hh_l0"))
	}
	if len(modules) == 0 {
		return errkind.Errorf(ErrUnsupported, "the file has no tensors, want the parameters of an LSTM")
	}
	return errkind.Errorf(ErrUnsupported, "no tensor is named weight_ih_l0, with or without a prefix, want the parameters of an LSTM; the file has modules %s", listModules(modules))
}

// recurrentKind names the network of which e, if the recurrent weights of
// another than an LSTM, is a part.
func recurrentKind(e *safetensors.Entry) string {
	if len(e.Shape) == 2 && e.Elements > 0 {
		switch e.Shape[0] {
		case e.Shape[1]:
			return "a plain RNN's"
		case 3 * e.Shape[1]:
			return "a GRU's"
		}
	}
	return ""
}

// stack places the layers of an LSTM.
func (a *arrangement) stack(m *module) error {
	a.model.Layers = make([]Weights, len(m.layers))
	for l := range a.model.Layers {
		if m.layers[l] == nil {
			return gapError(m, l)
		}
		if err := a.layer(m, l); err != nil {
			return err
		}
	}
	return nil
}

// gapError names a tensor of the lowest layer above the missing one.
func gapError(m *module, missing int) error {
	lowest := -1
	for layer := range m.layers {
		if layer > missing && (lowest < 0 || layer < lowest) {
			lowest = layer
		}
	}
	var above *safetensors.Entry
	for _, e := range m.layers[lowest] {
		if above == nil || e.Name < above.Name {
			above = e
		}
	}
	return errkind.Errorf(ErrUnsupported, "%w", above.Errorf("layer %d is there but layer %d is not, want layers counted from 0 without a gap", lowest, missing))
}

// layer places the parts of layer l, above layers that have their places.
func (a *arrangement) layer(m *module, l int) error {
	w, parts := &a.model.Layers[l], m.layers[l]
	if err := checkParts(parts); err != nil {
		return err
	}
	for _, p := range w.parameters() {
		switch e := parts[p.name]; {
		case e == nil && !p.optional:
			return missingError(m, l, p)
		case e != nil && len(e.Shape) != len(p.shape):
			return shapeError(e, p.symbols)
		}
	}
	hh := parts["weight_hh"]
	if kind := recurrentKind(hh); kind != "" {
		return errkind.Errorf(ErrUnsupported, "%w", hh.Errorf("shape is %s, %s, want an LSTM's, [4H, H]: no other kind is run", safetensors.SizesText(hh.Shape), kind))
	}
	w.HiddenSize = hh.Shape[1]
	w.InputSize = parts["weight_ih"].Shape[1]
	if l > 0 {
		w.InputSize = a.model.Layers[l-1].HiddenSize
	}
	for _, p := range w.parameters() {
		if e := parts[p.name]; e != nil {
			if err := a.place(e, p); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkParts refuses the parts of LSTMs that this package does not run.
func checkParts(parts map[string]*safetensors.Entry) error {
	for _, part := range []string{"weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr"} {
		if e := parts[part+"_reverse"]; e != nil {
			return errkind.Errorf(ErrUnsupported, "%w", e.Errorf("it belongs to a bidirectional LSTM, want one direction"))
		}
	}
	if e := parts["weight_hr"]; e != nil {
		return errkind.Errorf(ErrUnsupported, "%w", e.Errorf("it is the projection of an LSTM with proj_size, want none"))
	}
	return nil
}

func (a *arrangement) place(e *safetensors.Entry, p parameter) error {
	if e.Elements == 0 {
		return shapeError(e, "every dimension at least 1")
	}
	if !slices.Equal(e.Shape, p.shape) {
		return shapeError(e, fmt.Sprintf("%v = %s", p.shape, p.symbols))
	}
	a.places[e.Name] = p.data
	return nil
}

func shapeError(e *safetensors.Entry, want string) error {
	return errkind.Errorf(ErrShape, "%w", e.Errorf("shape is %s, want %s", safetensors.SizesText(e.Shape), want))
}

// missingError names a tensor that is there besides the one that is not.
func missingError(m *module, l int, missing parameter) error {
	var beside *safetensors.Entry
	for _, p := range new(Weights).parameters() {
		if e := m.layers[l][p.name]; e != nil {
			beside = e
			break
		}
	}
	return errkind.Errorf(ErrUnsupported, "tensor %s is missing, want one of shape %s beside tensor %s of shape %s",
		safetensors.Quote(joinName(m.name, fmt.Sprintf("%s_l%d", missing.name, l))), missing.symbols,
		safetensors.Quote(beside.Name), safetensors.SizesText(beside.Shape))
}

// head places the parts of the head.
func (a *arrangement) head(m *module) error {
	weight := m.fields["weight"]
	if len(weight.Shape) != 2 {
		return shapeError(weight, "[O, H]")
	}
	a.model.Source.Head = m.name
	a.model.Head = &Linear{InFeatures: a.topSize(), OutFeatures: weight.Shape[0]}
	for _, p := range a.model.Head.parameters() {
		if e := m.fields[p.name]; e != nil {
			if err := a.place(e, p); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *arrangement) topSize() int { return a.model.Layers[len(a.model.Layers)-1].HiddenSize }

// namedHead takes the head from the module of that name.
func (a *arrangement) namedHead(modules []*module, name string) error {
	for _, m := range modules {
		if m.name == name && m.fields["weight"] != nil {
			return a.head(m)
		}
	}
	candidates := "none"
	if found := a.headsOf(modules); len(found) > 0 {
		candidates = listModules(found)
	}
	return errkind.Errorf(ErrUnsupported, "no tensor is named %s, want the head's weight [O, H] with H = %d; modules with such a weight: %s",
		safetensors.Quote(joinName(name, "weight")), a.topSize(), candidates)
}

// headsOf returns the modules that have the weight of a head.
func (a *arrangement) headsOf(modules []*module) []*module {
	return slices.DeleteFunc(slices.Clone(modules), func(m *module) bool {
		w := m.fields["weight"]
		return w == nil || len(w.Shape) != 2 || w.Shape[1] != a.topSize()
	})
}

// certainHead takes the only module that can be the head, if it is that beyond
// doubt and nothing is left over.
func (a *arrangement) certainHead(modules []*module) error {
	heads := a.headsOf(modules)
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
		if err := a.head(m); err != nil {
			return err
		}
		inputs := a.model.Layers[0].InputSize
		switch {
		case lstms > 1:
			return doubt(m, "which of %d LSTMs it follows cannot be told", lstms)
		case isCalledHead(m.name):
		case m.fields["bias"] == nil:
			return doubt(m, "it could be the head or, without a bias, an Embedding")
		case a.model.Head.OutFeatures == inputs:
			return doubt(m, "it could be the head or, with as many outputs as the LSTM has inputs, %d, a layer before the LSTM", inputs)
		}
	}
	for _, m := range modules {
		for _, e := range m.others {
			if a.places[e.Name] == nil {
				return a.strangerError(e, m)
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
			return last == headModule
		}
		name = parent
	}
}

// doubt says how to name the head.
func doubt(m *module, format string, args ...any) error {
	return errkind.Errorf(ErrUnsupported, "%w: lstm.WithHead(%s) takes it for the head, lstm.WithoutHead() passes it over",
		m.fields["weight"].Errorf(format, args...), safetensors.Quote(m.name))
}

// strangerError is about a tensor that has no place.
func (a *arrangement) strangerError(e *safetensors.Entry, m *module) error {
	if e.Elements == 0 {
		return shapeError(e, "every dimension at least 1")
	}
	looks := "lstm.WithHead or lstm.WithoutHead passes it over"
	if kind := m.kind(); kind != "" {
		looks = "it looks like " + kind + "; if other code computes that, " + looks
	}
	return errkind.Errorf(ErrUnsupported, "%w", e.Errorf("shape is %s, no part of an LSTM or its head, a weight [O, H] with H = %d and a bias [O]; %s",
		safetensors.SizesText(e.Shape), a.topSize(), looks))
}

// kind guesses what a module is that has no place in a network.
func (m *module) kind() string {
	weight := m.fields["weight"]
	switch {
	case m.fields["running_mean"] != nil || m.fields["running_var"] != nil || m.fields["num_batches_tracked"] != nil:
		return "a BatchNorm"
	case weight == nil || len(weight.Shape) == 0:
		return ""
	case len(weight.Shape) == 1:
		return "a normalisation, such as LayerNorm"
	case len(weight.Shape) > 2:
		return "a convolution"
	case m.fields["bias"] == nil:
		return "an Embedding or a linear layer"
	}
	return "a linear layer"
}
