package statedict

import (
	"slices"
	"strconv"
	"strings"

	"example.com/lstm/internal/errkind"
	"example.com/lstm/internal/panel"
	"example.com/lstm/internal/safetensors"
)

// module is a group of tensors whose names have the same text before the last
// dot.
type module struct {
	name   string
	layers map[int]map[string]*safetensors.Entry // of an LSTM, by layer and part
	cell   bool                                  // the only layer is an nn.LSTMCell's, without a number in its names
	parts  []*module                             // of a stack, the modules whose layers these are
	fields map[string]*safetensors.Entry         // everything else
	others []*safetensors.Entry                  // those of fields, in the order of their data
}

// groupModules returns the modules that are prefix or lie in it, in the order of
// their data.
func groupModules(entries []safetensors.Entry, prefix string) ([]*module, error) {
	modules := allModules(entries)
	if prefix == "" {
		return modules, nil
	}
	within := slices.DeleteFunc(slices.Clone(modules), func(m *module) bool {
		return m.name != prefix && !strings.HasPrefix(m.name, prefix+".")
	})
	if len(within) == 0 {
		return nil, errkind.Errorf(errkind.ErrUnsupported, "no tensor's name begins with %s; the file has modules %s", safetensors.Quote(prefix+"."), listModules(modules))
	}
	return within, nil
}

func allModules(entries []safetensors.Entry) []*module {
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
	for _, m := range modules {
		m.findCell()
	}
	return modules
}

// findCell makes the parameters of an nn.LSTMCell those of a layer, from which only
// the number in their names differs.
func (m *module) findCell() {
	hh := m.fields["weight_hh"]
	if len(m.layers) > 0 || m.fields["weight_ih"] == nil || hh == nil || len(hh.Shape) != 2 ||
		hh.Elements == 0 || hh.Shape[0]%panel.Gates != 0 || hh.Shape[0]/panel.Gates != hh.Shape[1] {
		return
	}
	cell := make(map[string]*safetensors.Entry)
	for _, name := range []string{"weight_ih", "weight_hh", "bias_ih", "bias_hh", ScaleName("weight_ih"), ScaleName("weight_hh")} {
		if e := m.fields[name]; e != nil {
			cell[name] = e
			delete(m.fields, name)
		}
	}
	m.others = slices.DeleteFunc(m.others, func(e *safetensors.Entry) bool {
		_, field := splitName(e.Name)
		return cell[field] == e
	})
	m.layers[0], m.cell = cell, true
}

// names are those of the modules whose layers m has.
func (m *module) names() []string {
	if m.parts == nil {
		return []string{m.name}
	}
	var names []string
	for _, part := range m.parts {
		names = append(names, part.name)
	}
	return names
}

// parameterName is the name of a parameter of layer l.
func (m *module) parameterName(parameter string, l int, reverse bool) string {
	for _, part := range m.parts {
		if l < len(part.layers) {
			return part.parameterName(parameter, l, reverse)
		}
		l -= len(part.layers)
	}
	if m.cell {
		return joinName(m.name, parameter)
	}
	return LayerName(m.name, parameter, l, reverse)
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
// in _reverse, also that of scales, which are weight_ih_l0_reverse_scale.
func splitField(field string) (part string, layer int, ok bool) {
	field, isScale := strings.CutSuffix(field, scaleSuffix)
	part, number, _ := strings.Cut(field, "_l")
	switch part {
	case "weight_ih", "weight_hh", "weight_hr":
		if isScale {
			part = ScaleName(part)
		}
	case "bias_ih", "bias_hh", "peephole_i", "peephole_f", "peephole_o", "norm_i", "norm_f", "norm_g", "norm_o", "initial_h", "initial_c":
		if isScale {
			return "", 0, false
		}
	default:
		return "", 0, false
	}
	number, reverse := strings.CutSuffix(number, reverseSuffix)
	layer, err := strconv.Atoi(number)
	if err != nil || layer < 0 || strconv.Itoa(layer) != number {
		return "", 0, false
	}
	if reverse {
		part += reverseSuffix
	}
	return part, layer, true
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
			return errkind.Errorf(errkind.ErrUnsupported, "%w", e.Errorf("shape is %s, %s, want an LSTM's, [4H, H]: no other kind is run", safetensors.SizesText(e.Shape), kind))
		}
		return shapeError(e, "[4H, H] of an nn.LSTMCell")
	}
	if len(modules) == 0 {
		return errkind.Errorf(errkind.ErrUnsupported, "the file has no tensors, want the parameters of an LSTM")
	}
	return errkind.Errorf(errkind.ErrUnsupported, "no tensor is named weight_ih_l0, with or without a prefix, want the parameters of an LSTM; the file has modules %s", listModules(modules))
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
