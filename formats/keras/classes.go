package keras

import (
	"fmt"
	"strings"

	"example.com/lstm"
)

// class is a class of Keras's layers: what becomes of it, or why it is refused. The
// table of classes is that of docs/keras.md, too.
type class struct {
	names   []string
	becomes string
	options string                           // which have which effect or are refused
	refused string                           // why, without becomes
	add     func(b *builder, l *layer) error // nil if it is refused
	alone   bool                             // what it does to a step needs no other step: TimeDistributed takes it
}

var classes []class

// byName is the class of each name.
var byName = make(map[string]*class)

// The functions of some classes look others up.
func init() {
	classes = []class{
		{names: []string{"LSTM"}, add: (*builder).addLSTM, becomes: "`lstm.Weights`, or `lstm.Bidirectional` if it runs from the end",
			options: "`activation`, `recurrent_activation`, `use_bias`, `go_backwards`, `return_sequences`; `stateful` is what streams are anyway, and `return_state` what `State` has"},
		{names: []string{"CuDNNLSTM"}, add: (*builder).addLSTM, becomes: "the same", options: "its own order of weights and its two biases; an `LSTM` with these, too"},
		{names: []string{"RNN"}, add: (*builder).addLSTM, becomes: "the same, one for each cell", options: "`cell`: `LSTMCell`, or `StackedRNNCells` of such"},
		{names: []string{"Bidirectional"}, add: (*builder).addBidirectional, becomes: "`lstm.Bidirectional`, with `Last` if `return_sequences` is False",
			options: "`layer` and `backward_layer`: those above with one cell and `return_sequences`; `merge_mode`: concat, sum, mul, ave. Refused: no `merge_mode`, whose two outputs no layer reads; " +
				"concat where the forward direction runs from the end"},
		{names: []string{"Embedding"}, add: (*builder).addEmbedding, becomes: "`lstm.Linear` on inputs that are one-hot; the metadata say so under `keras.input`",
			options: "`input_dim`, `output_dim`. Refused: `mask_zero`; anywhere but at the beginning"},
		{names: []string{"Dense"}, add: (*builder).addDense, alone: true, becomes: "`lstm.Linear`, and its `activation`", options: "`use_bias`"},
		{names: []string{"TimeDistributed"}, add: (*builder).addTimeDistributed, becomes: "what its `layer` becomes", options: "`layer`: any in this table that looks at one step only"},
		{names: []string{"Activation"}, add: (*builder).addActivation, alone: true, becomes: "`lstm.Activation`"},
		{names: []string{"ReLU"}, add: (*builder).addReLU, alone: true, becomes: "`lstm.Activation`", options: "`negative_slope` or `threshold`, not both. Refused: `max_value`"},
		{names: []string{"LeakyReLU"}, add: (*builder).addLeakyReLU, alone: true, becomes: "`lstm.Activation`", options: "`alpha` or `negative_slope`"},
		{names: []string{"ThresholdedReLU"}, add: (*builder).addThresholdedReLU, alone: true, becomes: "`lstm.Activation`", options: "`theta`"},
		{names: []string{"ELU"}, add: (*builder).addELU, alone: true, becomes: "`lstm.Activation`", options: "`alpha`"},
		{names: []string{"Softmax"}, add: (*builder).addSoftmax, alone: true, becomes: "`lstm.Activation`", options: "`axis`: the last"},
		{names: []string{"InputLayer"}, add: passOver, becomes: "nothing; what it feeds to an LSTM as initial state is for `State`"},
		{names: []string{"Dropout", "SpatialDropout1D", "AlphaDropout", "GaussianDropout", "GaussianNoise", "ActivityRegularization"}, add: passOver, alone: true,
			becomes: "nothing, since it works in training only"},
		{names: []string{"Flatten"}, add: (*builder).addFlatten, becomes: "nothing", options: "Refused: where there still is a sequence"},

		{names: []string{"GRU", "SimpleRNN", "CuDNNGRU", "ConvLSTM1D", "ConvLSTM2D", "PeepholeLSTMCell"}, refused: "it is recurrent, and no LSTM"},
		{names: []string{"Masking"}, refused: "it leaves out steps by their values; let the calling code leave them out"},
		{names: []string{"Conv1D", "SeparableConv1D", "DepthwiseConv1D", "MaxPooling1D", "AveragePooling1D", "GlobalMaxPooling1D", "GlobalAveragePooling1D", "Cropping1D", "UpSampling1D", "ZeroPadding1D"},
			refused: "it looks at several steps at once"},
		{names: []string{"Attention", "AdditiveAttention", "MultiHeadAttention"}, refused: "it looks at all steps at once"},
		{names: []string{"RepeatVector", "Reshape", "Permute"}, refused: "it changes what a step is"},
		{names: []string{"Concatenate", "Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Dot"}, refused: "it reads several layers, and layers here read one"},
		{names: []string{"BatchNormalization", "LayerNormalization", "Normalization", "PReLU"}, refused: "it has parameters for each feature that no layer here has"},
		{names: []string{"Lambda"}, refused: "it is a program"},
		{names: []string{"Sequential", "Functional", "Model"}, refused: "it is a model within the model; save its layers as one"},
	}
	for i := range classes {
		for _, name := range classes[i].names {
			byName[name] = &classes[i]
		}
	}
}

// lookUp returns the class of l, and an error if it is refused.
func lookUp(l *layer) (*class, error) {
	c := byName[l.Class]
	switch {
	case c == nil:
		return nil, l.Errorf(lstm.ErrUnsupported, "it is none of the layers that are known here")
	case c.add == nil:
		return nil, l.Errorf(lstm.ErrUnsupported, "%s", c.refused)
	}
	return c, nil
}

func passOver(*builder, *layer) error { return nil }

// classTable is the table of docs/keras.md.
func classTable() string {
	var accepted, refused strings.Builder
	accepted.WriteString("| layer | becomes | options |\n|---|---|---|\n")
	refused.WriteString("| refused | because |\n|---|---|\n")
	for i := range classes {
		c := &classes[i]
		names := "`" + strings.Join(c.names, "`, `") + "`"
		if c.add != nil {
			fmt.Fprintf(&accepted, "| %s | %s | %s |\n", names, c.becomes, c.options)
		} else {
			fmt.Fprintf(&refused, "| %s | %s |\n", names, c.refused)
		}
	}
	return accepted.String() + "\n" + refused.String()
}
