package lstm

import (
	"fmt"
	"strings"

	"example.com/lstm/internal/errkind"
	"example.com/lstm/internal/safetensors"
	"example.com/lstm/internal/statedict"
)

// An orderEntry is one layer of the order that a file says, in one word: "lstm", the
// next layer of the LSTM, "linear MODULE", "int8_linear MODULE" where its weights are
// in that format, or an activation, "leaky_relu(0.01)".
type orderEntry struct {
	statedict.Stage
	format     WeightFormat // of a linear layer
	activation Activation
}

const lstmWord = "lstm"

// linearPrefixes stand before the modules of linear layers.
var linearPrefixes = [...]string{Float32: "linear ", Float16: "float16_linear ", Int8: "int8_linear "}

// hasOrder reports whether a file of m needs an order: there is more than LSTM layers
// and one head that is a Linear of float32 and has no name.
func (m *Model) hasOrder() bool {
	for _, layer := range m.Layers {
		switch layer.(type) {
		case *Linear, Activation:
			return true
		}
	}
	switch len(m.Heads) {
	case 0:
		return false
	case 1:
		head := &m.Heads[0]
		d, linear := head.Layers[0].(*Linear)
		return !linear || d.Format != Float32 || len(head.Layers) > 1 || head.Name != ""
	}
	return true
}

// layerModule and headModule are the modules of linear layers in files that Write
// writes with an order.
func layerModule(l int) string   { return fmt.Sprintf("layers.%d", l) }
func headModule(h, l int) string { return fmt.Sprintf("heads.%d.%d", h, l) }

// words says what layers are, whose linear ones have those modules.
func words(layers []Layer, module func(l int) string) []string {
	var words []string
	for l, layer := range layers {
		s := orderEntry{Stage: statedict.Stage{Kind: statedict.LSTMStage}}
		switch layer := layer.(type) {
		case *Linear:
			s = orderEntry{Stage: statedict.Stage{Kind: statedict.LinearStage, Module: module(l)}, format: layer.Format}
		case Activation:
			s = orderEntry{activation: layer}
		}
		words = append(words, s.word())
	}
	return words
}

func (s *orderEntry) word() string {
	switch s.Kind {
	case statedict.LSTMStage:
		return lstmWord
	case statedict.LinearStage:
		return linearPrefixes[s.format] + s.Module
	}
	return s.activation.word()
}

// parseOrder reads what words has written.
func parseOrder(words []string) (order []orderEntry, err error) {
	if words == nil {
		return nil, nil
	}
	order = make([]orderEntry, len(words))
	for i, word := range words {
		if order[i], err = parseEntry(word); err != nil {
			return nil, fmt.Errorf("entry %d is %s, %w", i, safetensors.Quote(word), err)
		}
	}
	return order, nil
}

func parseEntry(word string) (s orderEntry, err error) {
	for format, prefix := range linearPrefixes {
		if module, ok := strings.CutPrefix(word, prefix); ok {
			return orderEntry{Stage: statedict.Stage{Kind: statedict.LinearStage, Module: module}, format: WeightFormat(format)}, nil
		}
	}
	if word == lstmWord {
		s.Kind = statedict.LSTMStage
		return s, nil
	}
	s.activation = parseActivation(word)
	if s.activation.Function == ActivationDefault || s.activation.word() != word {
		return s, errkind.Errorf(ErrUnsupported, "want %s, linear MODULE or an activation, with numbers as short as can be", lstmWord)
	}
	if err := s.activation.check("activation"); err != nil {
		return s, errkind.Errorf(ErrUnsupported, "%s", strings.TrimPrefix(err.Error(), "lstm: "))
	}
	return s, nil
}

// statedictOrder is what an order says of where tensors belong.
func statedictOrder(order []orderEntry) []statedict.Stage {
	if order == nil {
		return nil
	}
	list := make([]statedict.Stage, len(order))
	for i := range order {
		list[i] = order[i].Stage
	}
	return list
}

// layersOf makes the layers of an order, and takes the LSTM layers and the linear
// ones that they are from the front of the lists.
func layersOf(order []orderEntry, lstms, linears *[]Layer) []Layer {
	layers := make([]Layer, len(order))
	for i, s := range order {
		switch s.Kind {
		case statedict.LSTMStage:
			layers[i], *lstms = (*lstms)[0], (*lstms)[1:]
		case statedict.LinearStage:
			d := (*linears)[0].(*Linear)
			d.Format = s.format
			layers[i], *linears = d, (*linears)[1:]
		default:
			layers[i] = s.activation
		}
	}
	return layers
}
