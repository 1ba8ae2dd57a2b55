package rtneural

import (
	"slices"

	"example.com/lstm"
	"example.com/lstm/internal/errkind"
	"example.com/lstm/internal/safetensors"
)

// maxLayers is the most layers of a file.
const maxLayers = 1000

// A layerType is a type of layers that is known.
type layerType struct {
	name string
	does string // for docs/rtneural.md
	read func(l *layerObject) ([]lstm.Layer, error)
}

// layerTypes are the types that are run. Those that RTNeural has and this does not are
// refused like any others.
var layerTypes = []layerType{
	{"lstm", "`weights` are [I][4H], [H][4H] and perhaps [4H], `activation` is `tanh` or empty", readLSTM},
	{"dense", "`weights` are [I][O] and perhaps [O], `activation` is one of those below or empty", readDense},
	{"time-distributed-dense", "the same", readDense},
	{"activation", "`activation` is one of those below", readActivation},
}

// activations are the functions by the names that files have.
var activations = []struct {
	name string
	is   lstm.Activation
}{
	{"tanh", lstm.Activation{Function: lstm.ActivationTanh}},
	{"relu", lstm.Activation{Function: lstm.ActivationReLU}},
	{"sigmoid", lstm.Activation{Function: lstm.ActivationSigmoid}},
	{"softmax", lstm.Activation{Function: lstm.ActivationSoftmax}},
	{"elu", lstm.Activation{Function: lstm.ActivationELU, Alpha: 1}},
}

// A layerObject is one layer of a file.
type layerObject struct {
	number     int
	kind       string
	activation string
	input      int // features
	output     int // what its shape says
	weights    []*tensor
}

func (l *layerObject) errorf(kind error, format string, args ...any) error {
	return errkind.Errorf(kind, "layer %d, %s: %w", l.number, safetensors.Quote(l.kind), errkind.Errorf(kind, format, args...))
}

// Layers is what [lstm.Model.Source] has for modules where layers say what the network is.
const Layers = "layers"

// readLayers makes a model of the first form.
func readLayers(file *object) (*lstm.Model, error) {
	list, ok := itemsOf(file.get("layers"))
	if !ok || len(list) == 0 || len(list) > maxLayers {
		return nil, errkind.Errorf(lstm.ErrUnsupported, "layers is %s, want an array of 1 to %d objects", describe(file.get("layers")), maxLayers)
	}
	for _, key := range []string{"in_gain", "out_gain"} {
		if gain := file.get(key); gain != nil && gain != 0.0 {
			return nil, errkind.Errorf(lstm.ErrUnsupported, "%s is %s, want 0: multiply the samples before or after the network, and set it to 0", key, describe(gain))
		}
	}
	features, err := lastSize(file, "in_shape")
	if err != nil {
		return nil, err
	}
	inputs := features
	var layers []lstm.Layer
	top := -1 // the last LSTM
	for i, item := range list {
		l, err := newLayerObject(i, item, features)
		if err != nil {
			return nil, err
		}
		k := slices.IndexFunc(layerTypes, func(t layerType) bool { return t.name == l.kind })
		if k < 0 {
			return nil, l.errorf(lstm.ErrUnsupported, "this type is not run, want lstm, dense, time-distributed-dense or activation%s", hint(l.kind))
		}
		made, err := layerTypes[k].read(l)
		if err != nil {
			return nil, err
		}
		if l.output != features && k == len(layerTypes)-1 {
			return nil, l.errorf(lstm.ErrShape, "its shape ends with %d, want %d, as it has inputs", l.output, features)
		}
		if l.kind == "lstm" {
			top = len(layers)
		}
		layers = append(layers, made...)
		features = l.output
	}
	if top < 0 {
		return nil, errkind.Errorf(lstm.ErrUnsupported, "there is no layer lstm among the %d layers, want at least one", len(list))
	}
	m := &lstm.Model{Layers: layers[:top+1], Source: lstm.Source{LSTM: Layers}}
	if head := layers[top+1:]; len(head) > 0 {
		m.Source.Head = Layers
		m.Heads = []lstm.Head{{Layers: head}}
	}
	return m, addSkip(m, inputs, file.get("in_skip"), "in_skip")
}

// hint says what a layer may be that the script of RTNeural does not know.
func hint(kind string) string {
	if kind == "unknown" {
		return "; RTNeural's script calls those so that it does not know, and its loader passes them over: if this is a Dropout, delete it from the file"
	}
	return ""
}

func newLayerObject(number int, item any, input int) (*layerObject, error) {
	o, ok := item.(*object)
	if !ok {
		return nil, errkind.Errorf(lstm.ErrUnsupported, "layer %d is %s, want an object", number, describe(item))
	}
	l := &layerObject{number: number, input: input}
	if l.kind, ok = o.get("type").(string); !ok {
		return nil, errkind.Errorf(lstm.ErrUnsupported, "layer %d: type is %s, want text", number, describe(o.get("type")))
	}
	if a := o.get("activation"); a != nil {
		if l.activation, ok = a.(string); !ok {
			return nil, l.errorf(lstm.ErrUnsupported, "activation is %s, want text", describe(a))
		}
	}
	var err error
	if l.output, err = lastSize(o, "shape"); err != nil {
		return nil, l.errorf(lstm.ErrShape, "%w", err)
	}
	weights, ok := itemsOf(o.get("weights"))
	if !ok && o.get("weights") != nil {
		return nil, l.errorf(lstm.ErrShape, "weights is %s, want an array of arrays", describe(o.get("weights")))
	}
	for i, w := range weights {
		t, ok := w.(*tensor)
		if !ok {
			return nil, l.errorf(lstm.ErrShape, "weights %d is %s, want arrays of numbers, all of one length", i, describe(w))
		}
		l.weights = append(l.weights, t)
	}
	return l, nil
}

// lastSize is the last of the numbers of a shape such as [null, null, 8].
func lastSize(o *object, key string) (int, error) {
	items, ok := itemsOf(o.get(key))
	if ok && len(items) > 0 {
		if x, ok := items[len(items)-1].(float64); ok && x >= 1 && x <= 1<<24 && x == float64(int(x)) {
			return int(x), nil
		}
	}
	return 0, errkind.Errorf(lstm.ErrShape, "%s is %s, want an array that ends with a number of features from 1 to %d", key, describe(o.get(key)), 1<<24)
}

// want returns an error unless the weights have those shapes, of which the last, the
// bias, may be absent.
func (l *layerObject) want(symbols string, shapes ...[]int) error {
	ok := len(l.weights) == len(shapes) || len(l.weights) == len(shapes)-1
	for i, w := range l.weights {
		ok = ok && slices.Equal(w.shape, shapes[i])
	}
	if ok {
		return nil
	}
	var have [][]int
	for _, w := range l.weights[:min(len(l.weights), 5)] {
		have = append(have, w.shape[:min(len(w.shape), 5)])
	}
	return l.errorf(lstm.ErrShape, "weights have the shapes %v, want %v = %s, the last perhaps absent", have, shapes, symbols)
}

// bias is the last of n tensors of weights, nil if it is absent.
func (l *layerObject) bias(n int) []float32 {
	if len(l.weights) < n {
		return nil
	}
	return l.weights[n-1].data
}

func readLSTM(l *layerObject) ([]lstm.Layer, error) {
	if l.activation != "" && l.activation != "tanh" {
		return nil, l.errorf(lstm.ErrUnsupported, "activation is %s, want tanh: RTNeural runs no other, whatever the file says", safetensors.Quote(l.activation))
	}
	h := l.output
	if err := l.want("[I][4H], [H][4H], [4H]", []int{l.input, 4 * h}, []int{h, 4 * h}, []int{4 * h}); err != nil {
		return nil, err
	}
	return []lstm.Layer{&lstm.Weights{
		InputSize: l.input, HiddenSize: h,
		WeightIH: transpose(l.weights[0]), WeightHH: transpose(l.weights[1]), BiasIH: l.bias(3),
	}}, nil
}

func readDense(l *layerObject) ([]lstm.Layer, error) {
	if err := l.want("[I][O], [O]", []int{l.input, l.output}, []int{l.output}); err != nil {
		return nil, err
	}
	layers := []lstm.Layer{&lstm.Linear{InFeatures: l.input, OutFeatures: l.output, Weight: transpose(l.weights[0]), Bias: l.bias(2)}}
	if l.activation == "" {
		return layers, nil
	}
	above, err := readActivation(&layerObject{number: l.number, kind: l.kind, activation: l.activation})
	return append(layers, above...), err
}

func readActivation(l *layerObject) ([]lstm.Layer, error) {
	var names []string
	for _, a := range activations {
		if a.name == l.activation {
			if len(l.weights) > 0 {
				return nil, l.errorf(lstm.ErrShape, "it has %d weights, want none", len(l.weights))
			}
			return []lstm.Layer{a.is}, nil
		}
		names = append(names, a.name)
	}
	return nil, l.errorf(lstm.ErrUnsupported, "activation is %s, want one of %v", safetensors.Quote(l.activation), names)
}

// transpose makes [outputs, inputs] of [inputs][outputs].
func transpose(t *tensor) []float32 {
	rows, columns := t.shape[0], t.shape[1]
	data := make([]float32, len(t.data))
	for r := range rows {
		for c := range columns {
			data[c*rows+r] = t.data[r*columns+c]
		}
	}
	return data
}
