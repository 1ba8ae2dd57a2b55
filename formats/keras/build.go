package keras

import (
	"slices"
	"strconv"
	"strings"

	"example.com/lstm"
	"example.com/lstm/internal/errkind"
	"example.com/lstm/internal/safetensors"
)

// builder makes a model of layers, one after another. What it knows is of the output
// of those that it has.
type builder struct {
	major   int // of Keras, 0 if unknown
	weights map[string][]*tensor

	layers []lstm.Layer
	lstms  []string // names of the layers that became LSTM layers
	dense  []string // of those that became Linear ones after the last of them
	size   int      // features, 0 if they may be any
	input  string   // what the inputs are, "" for numbers as they are
	// reversed: the steps of the output are in the reversed order of those of the input.
	// Layers with go_backwards put out what they have computed last at the end.
	reversed bool
	// output is where Keras has its one output when it has none for each step, "" if it has.
	output string
}

func (b *builder) build(n *network) (*lstm.Model, error) {
	if err := b.addAll(n.trunk); err != nil {
		return nil, err
	}
	m := &lstm.Model{Layers: b.layers, Metadata: map[string]string{OutputKey: b.place()}}
	if b.input != "" {
		m.Metadata[InputKey] = b.input
	}
	if b.lstms == nil {
		return nil, errkind.Errorf(lstm.ErrUnsupported, "there is no LSTM among the %d layers, want at least one", len(n.trunk))
	}
	size, lstms := b.size, len(b.lstms)
	for i, layers := range n.heads {
		b.layers, b.size = nil, size
		if err := b.addAll(layers); err != nil {
			return nil, err
		}
		if len(b.lstms) > lstms {
			return nil, errkind.Errorf(lstm.ErrUnsupported, "%s is an LSTM that only one of several outputs is made of, want LSTMs that all are made of", safetensors.Quote(b.lstms[lstms]))
		}
		if b.layers == nil {
			b.layers = []lstm.Layer{lstm.Activation{Function: lstm.ActivationIdentity}}
		}
		m.Heads = append(m.Heads, lstm.Head{Name: n.named[i], Layers: b.layers})
	}
	if n.heads == nil {
		m.Layers, m.Heads = splitHead(m.Layers)
		m.Source.Head = strings.Join(b.dense, ", ")
	}
	m.Source.LSTM = strings.Join(b.lstms, ", ")
	return m, nil
}

// splitHead makes the layers after the last LSTM the head, which they are for those
// who print a model or write it.
func splitHead(layers []lstm.Layer) ([]lstm.Layer, []lstm.Head) {
	top := len(layers)
	for ; ; top-- {
		switch layers[top-1].(type) {
		case *lstm.Linear, lstm.Activation:
			continue
		}
		break
	}
	if top == len(layers) {
		return layers, nil
	}
	return layers[:top], []lstm.Head{{Layers: layers[top:]}}
}

// place says where Keras's outputs are.
func (b *builder) place() string {
	switch {
	case b.output != "":
		return b.output
	case b.reversed:
		return OutputReversed
	}
	return OutputEach
}

func (b *builder) addAll(layers []*layer) error {
	for _, l := range layers {
		c, err := lookUp(l)
		if err != nil {
			return err
		}
		if err := c.add(b, l); err != nil {
			return err
		}
		if rest := b.weights[l.Name]; len(rest) > 0 {
			return l.Errorf(lstm.ErrUnsupported, "it has the weight %s, which layers of its class and options have not here", safetensors.Quote(rest[0].name))
		}
	}
	return nil
}

// kind is what the name of a weight ends in: a word, or in what TensorFlow.js's
// converter makes of .keras files a number.
type kind struct{ word, number string }

var (
	embeddingsKind = kind{"embeddings", "0"}
	kernelKind     = kind{"kernel", "0"}
	recurrentKind  = kind{"recurrent_kernel", "1"}
	cellBiasKind   = kind{"bias", "2"}
	denseBiasKind  = kind{"bias", "1"}
)

// take removes and returns a weight of l: the first whose name ends in k and is of
// the direction, "" for any.
func (b *builder) take(l *layer, k kind, direction string) *tensor {
	list := b.weights[l.Name]
	for i, t := range list {
		last := t.parts[len(t.parts)-1]
		if (last == k.word || last == k.number) && (direction == "" || t.direction() == direction) {
			b.weights[l.Name] = append(list[:i:i], list[i+1:]...)
			return t
		}
	}
	return nil
}

// The directions of a Bidirectional layer, as names of weights have them.
const (
	forward  = "forward"
	backward = "backward"
)

// direction is what the name of the weight says of it: in Bidirectional layers
// forward_NAME/kernel and backward_NAME/kernel, or forward_layer and backward_layer.
func (t *tensor) direction() string {
	for _, part := range slices.Backward(t.parts[:len(t.parts)-1]) {
		for _, d := range []string{forward, backward} {
			if strings.HasPrefix(part, d+"_") {
				return d
			}
		}
	}
	return ""
}

// need is take for a weight that must be there, of a shape.
func (b *builder) need(l *layer, k kind, direction, letters string, shape ...int) ([]float32, error) {
	t := b.take(l, k, direction)
	if t == nil {
		return nil, l.missing(k, direction)
	}
	return t.data, t.check(l, letters, shape...)
}

func (l *layer) missing(k kind, direction string) error {
	if direction != "" {
		direction += " "
	}
	return l.Errorf(lstm.ErrDamaged, "it has no weight %s%s", direction, k.word)
}

func (t *tensor) check(l *layer, letters string, shape ...int) error {
	same := len(t.shape) == len(shape)
	for i := 0; same && i < len(shape); i++ {
		same = t.shape[i] == shape[i] || shape[i] == 0 && t.shape[i] > 0
	}
	if !same {
		return l.Errorf(lstm.ErrShape, "weight %s: shape is %s, want %s = %s", safetensors.Quote(t.name), safetensors.SizesText(t.shape), letters, wantText(shape))
	}
	return nil
}

// wantText is a shape in which 0 is any size.
func wantText(shape []int) string {
	words := make([]string, len(shape))
	for i, n := range shape {
		if words[i] = strconv.Itoa(n); n == 0 {
			words[i] = "any"
		}
	}
	return "[" + strings.Join(words, " ") + "]"
}
