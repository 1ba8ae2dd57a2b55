package statedict

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"example.com/lstm/internal/errkind"
	"example.com/lstm/internal/panel"
	"example.com/lstm/internal/safetensors"
)

// chooseLSTM returns the LSTM of those names, from the input up, or the only one.
// Several modules that are certain to be one stack are one.
func chooseLSTM(modules []*module, names []string) (*module, error) {
	var found []*module
	for _, m := range modules {
		if len(m.layers) > 0 {
			found = append(found, m)
		}
	}
	switch {
	case len(found) == 0:
		return nil, noLSTMError(modules)
	case len(names) > 0:
		return namedLSTM(found, names)
	case len(found) == 1:
		return found[0], nil
	}
	order := numbered(found)
	if order != nil && chained(order) && !parallel(order) {
		return stackOf(order)
	}
	advice := ""
	if order == nil {
		order = found
	}
	if chained(order) {
		advice = fmt.Sprintf("; lstm.WithLSTM(%s) reads them as one stack, from the input up", listModules(order))
	}
	return nil, errkind.Errorf(errkind.ErrUnsupported, "modules %s are LSTMs, want one: lstm.WithLSTM names the one to read, and each can be run as a network of its own%s",
		listModules(found), advice)
}

// namedLSTM returns those of the LSTMs that have the names, as one.
func namedLSTM(found []*module, names []string) (*module, error) {
	var order []*module
	for _, name := range names {
		i := slices.IndexFunc(found, func(m *module) bool { return m.name == name })
		if i < 0 {
			return nil, errkind.Errorf(errkind.ErrUnsupported, "no module %s is an LSTM; those that are: %s", safetensors.Quote(name), listModules(found))
		}
		if slices.Contains(order, found[i]) {
			return nil, errkind.Errorf(errkind.ErrUnsupported, "module %s is named twice, want each LSTM of a stack once", safetensors.Quote(name))
		}
		order = append(order, found[i])
	}
	return stackOf(order)
}

// stackOf returns the layers of all modules as those of one.
func stackOf(order []*module) (*module, error) {
	if len(order) == 1 {
		return order[0], nil
	}
	stack := &module{layers: make(map[int]map[string]*safetensors.Entry), parts: order}
	for _, m := range order {
		for l := range len(m.layers) {
			if m.layers[l] == nil {
				return nil, gapError(m, l)
			}
			stack.layers[len(stack.layers)] = m.layers[l]
		}
	}
	return stack, nil
}

// numbered returns modules whose names differ in one number only, such as lstm1 and
// lstm2, or cells.0.lstm and cells.1.lstm, in the order of it, if the numbers follow
// one another. The first may lack it: lstm, lstm2. It is nil for others.
func numbered(found []*module) []*module {
	var names []string
	for _, m := range found {
		names = append(names, m.name)
	}
	before, after := commonEnds(names)
	numbers := make(map[*module]int)
	var bare *module
	for _, m := range found {
		text := m.name[before : len(m.name)-after]
		if text == "" && bare == nil && before > 0 {
			bare = m
			continue
		}
		n, err := strconv.ParseUint(text, 10, 31)
		if err != nil {
			return nil
		}
		numbers[m] = int(n)
	}
	order := slices.DeleteFunc(slices.Clone(found), func(m *module) bool { return m == bare })
	slices.SortStableFunc(order, func(a, b *module) int { return cmp.Compare(numbers[a], numbers[b]) })
	for i, m := range order {
		if numbers[m] != numbers[order[0]]+i {
			return nil
		}
	}
	if bare != nil {
		if first := numbers[order[0]]; first != 1 && first != 2 {
			return nil
		}
		order = slices.Insert(order, 0, bare)
	}
	return order
}

// commonEnds counts the bytes at the begin and at the end that all names have in
// common, without digits where the names differ.
func commonEnds(names []string) (before, after int) {
	shortest := names[0]
	before, after = len(shortest), len(shortest)
	for _, name := range names {
		if len(name) < len(shortest) {
			shortest = name
		}
		before = min(before, len(name))
		for i := range before {
			if name[i] != names[0][i] {
				before = i
				break
			}
		}
		after = min(after, len(name))
		for i := range after {
			if name[len(name)-1-i] != names[0][len(names[0])-1-i] {
				after = i
				break
			}
		}
	}
	isDigit := func(c byte) bool { return '0' <= c && c <= '9' }
	for before > 0 && isDigit(shortest[before-1]) {
		before--
	}
	after = min(after, len(shortest)-before)
	for after > 0 && isDigit(shortest[len(shortest)-after]) {
		after--
	}
	return before, after
}

// sizes are the features of the input and of the output of m, whose tensors have not
// been checked; ok is false if they cannot be told.
func (m *module) sizes() (input, output int, ok bool) {
	for l := range len(m.layers) {
		output = 0
		for _, suffix := range []string{"", reverseSuffix} {
			ih, hh, hr := m.layers[l]["weight_ih"+suffix], m.layers[l]["weight_hh"+suffix], m.layers[l]["weight_hr"+suffix]
			switch {
			case ih == nil && hh == nil && suffix != "" && output > 0:
				continue
			case ih == nil || hh == nil || len(ih.Shape) != 2 || len(hh.Shape) != 2 || ih.Shape[0] != hh.Shape[0],
				hr == nil && (hh.Shape[0]%panel.Gates != 0 || hh.Shape[0]/panel.Gates != hh.Shape[1]),
				output+hh.Shape[1] < 0:
				return 0, 0, false
			}
			if l == 0 {
				input = ih.Shape[1]
			}
			output += hh.Shape[1]
		}
	}
	return input, output, output > 0
}

// chained reports whether each module can follow the one before.
func chained(order []*module) bool {
	top := 0
	for i, m := range order {
		input, output, ok := m.sizes()
		if !ok || i > 0 && input != top {
			return false
		}
		top = output
	}
	return true
}

// parallel reports whether the modules, which are chained, could as well be networks
// beside one another: all read the same number of features.
func parallel(order []*module) bool {
	first, _, _ := order[0].sizes()
	return !slices.ContainsFunc(order, func(m *module) bool {
		input, _, _ := m.sizes()
		return input != first
	})
}

// between names two modules of a stack between which d would fit, as well as after
// the last; it is "" if there are none.
func (n *Network) between(d *Linear) string {
	l := 0
	for i, part := range n.parts {
		if i > 0 && n.Layers[l-1].outputSize() == d.InFeatures && n.Layers[l].inputSize() == d.OutFeatures {
			return safetensors.Quote(n.parts[i-1].name) + " and " + safetensors.Quote(part.name)
		}
		l += len(part.layers)
	}
	return ""
}
