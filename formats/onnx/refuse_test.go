package onnx

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm"
	"example.com/lstm/internal/lstmtest"
)

// plain is a graph of the input x [T, B, 3] and an LSTM node with outputs Y, Y_h and
// Y_c, squeezed is its Y without directions, as h [T, B, 5].
func plain() *builder {
	return build(17).input("x", "t", "n", 3).weights(randomLSTM(random(9), 3, 5)).integers("0", 0).integers("1", 1).integers("2", 2).
		node("LSTM", list("x", "W", "R", "B"), list("Y", "Y_h", "Y_c"))
}

func squeezed() *builder { return plain().node("Squeeze", list("Y", "1"), list("h")) }

func both() *builder {
	r := random(10)
	return build(17).input("x", "t", "n", 3).weights(randomLSTM(r, 3, 5), randomLSTM(r, 3, 5)).integers("0", 0).integers("1", 1).integer("first", 0).integer("second", 1).
		node("LSTM", list("x", "W", "R", "B"), list("Y", "Y_h", "Y_c"), "direction", "bidirectional")
}

// with is an LSTM node with an attribute, or none for a bare name.
func withAttribute(attributes ...any) *builder {
	return build(17).input("x", "t", "n", 3).weights(randomLSTM(random(11), 3, 5)).
		node("LSTM", list("x", "W", "R", "B"), list("Y"), attributes...).output("Y")
}

func lstmOf(b *builder, inputs ...string) *builder {
	return b.node("LSTM", append(list("x", "W", "R", "B"), inputs...), list("Y")).output("Y")
}

// What is no LSTM network of package lstm is refused, by node, operator and reason.
func TestRefusals(t *testing.T) {
	layer := func() *builder { return build(17).input("x", "t", "n", 3).weights(randomLSTM(random(12), 3, 5)) }
	for words, b := range map[string]*builder{
		`output "y": node "y" (Erf): Erf is none of the operators`:                           squeezed().node("Erf", list("h"), list("y")).output("y"),
		`node "Y" (GRU): GRU is none of the operators`:                                       build(17).input("x", "t", "n", 3).node("GRU", list("x"), list("Y")).output("Y"),
		`node "y" (LSTM): some.domain.LSTM is none of the operators`:                         layer().nodeOf("some.domain", "LSTM", list("x", "W", "R"), list("y")).output("y"),
		`it has the attribute "linear_before_reset", want one of`:                            withAttribute("linear_before_reset", 1),
		`direction is "sideways"`:                                                            withAttribute("direction", "sideways"),
		`layout is 2`:                                                                        withAttribute("layout", 2),
		`clip is -1`:                                                                         withAttribute("clip", float32(-1)),
		`input_forget is 2`:                                                                  withAttribute("input_forget", 2),
		`activation 1 is "Gelu"`:                                                             withAttribute("activations", list("Sigmoid", "Gelu", "Tanh")),
		`it has activation_alpha or activation_beta, and no activations`:                     withAttribute("activation_alpha", []float32{1}),
		`3 numbers for α or β do not say`:                                                    withAttribute("activations", list("Sigmoid", "HardSigmoid", "Tanh"), "activation_alpha", []float32{0, 0.2, 0}),
		`its operators are of version 6, want 7 to 25`:                                       build(6),
		`its operators are of version 26, want 7 to 25`:                                      build(26),
		`input 1 is data of the shape`:                                                       build(17).input("x", "t", "n", 3).input("W", 1, 20, 3).input("R", 1, 20, 5).node("LSTM", list("x", "W", "R"), list("Y")).output("Y"),
		`sequence_lens is a constant`:                                                        lstmOf(layer().integers("lengths", 3, 4), "lengths"),
		`sequence_lens is data of the shape`:                                                 lstmOf(layer().input("lengths", "n"), "lengths"),
		`initial_h is a constant that differs from stream to stream`:                         lstmOf(layer().floats("h0", []float32{1, 2, 3, 4, 5, 1, 2, 3, 4, 6}, 1, 2, 5), "", "h0"),
		`input "x" of the graph is an initial state, and the network's input elsewhere`:      lstmOf(layer(), "", "x"),
		`initial_h is data of the shape [1 n2 5], which the graph computes of its inputs`:    plain().node("LSTM", list("x", "W", "R", "B", "", "Y_h"), list("Z")).output("Z"),
		`it takes a step of sequences whose lengths are an input`:                            layer().integerInput("lengths", "n").integer("-1", -1).node("LSTM", list("x", "W", "R", "B", "lengths"), list("Y")).node("Gather", list("Y", "-1"), list("y")).output("y"),
		`X is of the last step, want every step`:                                             plain().node("LSTM", list("Y_h", "W5", "R", "B"), list("Z")).floats("W5", make([]float32, 100), 1, 20, 5).output("Z"),
		`an axis of the graph's input counts steps here, and streams elsewhere`:              squeezed().node("Transpose", list("h"), list("ht"), "perm", []int{1, 0, 2}).floats("W5", make([]float32, 100), 1, 20, 5).node("LSTM", list("ht", "W5", "R", "B"), list("Z")).output("Z"),
		`it reads the first step of node "Y" (LSTM) together with the last step of node "Y"`: both().node("Gather", list("Y_h", "first"), list("f")).node("Gather", list("Y_h", "second"), list("b")).node("Concat", list("b", "f"), list("c"), "axis", 1).node("Relu", list("c"), list("y")).output("y"),
		`it reads the cell state of node "Y" (LSTM)`:                                         plain().node("Tanh", list("Y_c"), list("y")).output("y"),
		`the graph has no output but cell states and inputs`:                                 plain().output("Y_c"),
		`there is no LSTM between it and the graph's input`:                                  build(17).input("x", "t", "n", 3).node("Relu", list("x"), list("y")).output("y"),
		`output "c" is floats of the shape [2]`:                                              plain().floats("c", []float32{1, 2}, 2).output("Y", "c"),
		`it multiplies with floats of the shape [2 1 1], want a matrix`:                      squeezed().floats("m", make([]float32, 2), 2, 1, 1).node("MatMul", list("h", "m"), list("y")).output("y"),
		`input 0 is floats of the shape [5 5], want data`:                                    squeezed().floats("m", make([]float32, 25), 5, 5).node("MatMul", list("m", "h"), list("y")).output("y"),
		`input 1 is data of the shape [n1 n2 5], want a constant`:                            squeezed().node("MatMul", list("h", "h"), list("y")).output("y"),
		`axis 3 has the size 5, and not all features`:                                        both().floats("m", make([]float32, 25), 5, 5).node("MatMul", list("Y", "m"), list("y")).output("y"),
		`it puts together what are neither the two directions`:                               squeezed().node("Relu", list("h"), list("r")).node("Add", list("h", "r"), list("y")).output("y"),
		`it puts together data of the shape [n1 1 n2 5] and data of the shape [n1 n2 5]`:     squeezed().node("Add", list("Y", "h"), list("y")).output("y"),
		`it takes 2 steps from step 0 on of the sequence`:                                    staticSqueezed().node("Slice", list("h", "0", "2", "0"), list("y")).output("y"),
		`it takes the elements from 0 to 2 of an axis whose size is open`:                    squeezed().node("Slice", list("h", "0", "2", "0"), list("y")).output("y"),
		`it takes a part of the streams`:                                                     staticSqueezed().node("Slice", list("h", "0", "1", "1"), list("y")).output("y"),
		`it limits to 1 and +Inf`:                                                            squeezed().floats("low", []float32{1}).node("Clip", list("h", "low"), list("y")).output("y"),
		`the features come in another order`:                                                 both().node("Transpose", list("Y"), list("t"), "perm", []int{0, 2, 3, 1}).node("Identity", list("t"), list("y")).output("y"),
		`outputs "h" and "Z" come from different LSTMs`:                                      squeezed().node("LSTM", list("x", "W", "R", "B"), list("Z")).output("h", "Z"),
		`an output has the final state of node "Z" (LSTM), which is not among the layers`:    squeezed().node("LSTM", list("x", "W", "R", "B"), list("Z", "Z_h")).output("h", "Z_h"),
		`it reads input "z" of the graph, and the network's input is "x"`:                    squeezed().input("z", "t", "n", 3).node("LSTM", list("z", "W", "R", "B"), list("Z")).output("h", "Z"),
		`training_mode is not the constant false`:                                            squeezed().graphBool("train", 1).node("Dropout", list("h", "", "train"), list("y")).output("y"),
		`it is over an axis of the graph's input whose size is open`:                         layer().node("Softmax", list("x"), list("s"), "axis", 0).node("LSTM", list("s", "W", "R", "B"), list("Y")).output("Y"),
		`it makes int64 of floats`:                                                           squeezed().node("Cast", list("h"), list("y"), "to", typeInt64).output("y"),
		`it repeats data`:                                                                    squeezed().integers("twice", 1, 1, 2).node("Tile", list("h", "twice"), list("y")).output("y"),
		`attribute "value" is a graph, or refers to that of a function`:                      plain().graphAttribute().output("Y", "k"),
		`the rows are those of floats of the shape [2 3 1]`:                                  build(17).integerInput("ids", "t", "n").floats("m", make([]float32, 6), 2, 3, 1).node("Gather", list("m", "ids"), list("x")).output("x"),
		`input "ids" of the graph is read as numbers here, and chooses one of 4 elsewhere`:   build(17).integerInput("ids", "t", "n").weights(randomLSTM(random(13), 3, 5)).floats("m", make([]float32, 12), 4, 3).node("Gather", list("m", "ids"), list("x")).node("Cast", list("ids"), list("i"), "to", typeFloat).node("Unsqueeze", list("i", "2"), list("f")).integers("2", 2).node("LSTM", list("x", "W", "R", "B"), list("Y")).floats("one", make([]float32, 1), 1, 1).node("MatMul", list("f", "one"), list("Z")).output("Y", "Z"),
	} {
		t.Run(words, func(t *testing.T) { b.refuse(t, lstm.ErrUnsupported, words) })
	}
	for words, b := range map[string]*builder{
		`it multiplies 5 features with a matrix for 4`:                 squeezed().floats("m", make([]float32, 16), 4, 4).node("MatMul", list("h", "m"), list("y")).output("y"),
		`hidden_size is 4, W floats of the shape [1 20 3]`:             withAttribute("hidden_size", 4),
		`it has 1 activations, want 3`:                                 withAttribute("activations", list("Sigmoid")),
		`W: floats of the shape [1 20 3], want floats of the shape [2`: withAttribute("direction", "bidirectional"),
		`X is data of the shape [n1 3], want three axes`:               lstmOf(build(17).input("x", "t", 3).weights(randomLSTM(random(12), 3, 5))),
		`initial_h is floats of the shape [1 1 4], want [1, B, 5]`:     lstmOf(layer().floats("h0", []float32{1, 2, 3, 4}, 1, 1, 4), "", "h0"),
		`P: floats of the shape [15], want floats of the shape [1 15]`: lstmOf(layer().floats("P", make([]float32, 15), 15), "", "", "", "P"),
		`shapes are [n1 n2 5] and [4], which do not go together`:       squeezed().floats("b", make([]float32, 4), 4).node("Add", list("h", "b"), list("y")).output("y"),
		`axis is 3, want one of 3 axes`:                                squeezed().integers("3", 3).node("Unsqueeze", list("h", "0"), list("u")).node("Squeeze", list("h", "3"), list("y")).output("y"),
		`axis 2 has the size 5, want 1`:                                squeezed().node("Squeeze", list("h", "2"), list("y")).output("y"),
	} {
		t.Run(words, func(t *testing.T) { b.refuse(t, lstm.ErrShape, words) })
	}
	for words, b := range map[string]*builder{
		`the graph has no outputs`: plain(),
		`there is no value "z": no node, initializer or input has that name`: plain().node("Relu", list("z"), list("y")).output("y"),
		`node "a" (Relu): it needs its own output "a"`:                       plain().node("Relu", list("b"), list("a")).node("Relu", list("a"), list("b")).output("a"),
		`two nodes make the value "Y"`:                                       plain().node("Relu", list("x"), list("Y")).output("Y"),
		`the graph computes a weight that is +Inf`: squeezed().
			floats("zero", []float32{0, 1, 1, 1, 1}, 5).node("Div", list("h", "zero"), list("y")).output("y"),
		`layer 1: Beta is NaN, want a finite number`: squeezed().node("HardSigmoid", list("h"), list("r"), "beta", float32(math.NaN())).node("LSTM", list("r", "W5", "R", "B"), list("Z")).
			floats("W5", make([]float32, 100), 1, 20, 5).output("Z"),
		`two initializers have the name "W"`:                                     plain().floats("W", nil, 0).output("Y"),
		`node "Y" (LSTM): it has no input 2`:                                     build(17).input("x", "t", "n", 3).floats("W", make([]float32, 60), 1, 20, 3).node("LSTM", list("x", "W"), list("Y")).output("Y"),
		`perm is [0 0 2], want each axis once`:                                   squeezed().node("Transpose", list("h"), list("y"), "perm", []int{0, 0, 2}).output("y"),
		`metadata "onnx.arrangement" are "{", which is not for this graph`:       plain().metadata(arrangementKey, "{").output("Y"),
		`metadata "onnx.arrangement" are "{\"layers\":\"W\",\"heads\":[\"a\"]}"`: plain().metadata(arrangementKey, `{"layers":"W","heads":["a"]}`).output("Y"),
	} {
		t.Run(words, func(t *testing.T) { b.refuse(t, lstm.ErrDamaged, words) })
	}
}

// staticSqueezed is squeezed of 4 steps of 2 streams.
func staticSqueezed() *builder {
	return build(17).input("x", 4, 2, 3).weights(randomLSTM(random(9), 3, 5)).integers("0", 0).integers("1", 1).integers("2", 2).
		node("LSTM", list("x", "W", "R", "B"), list("Y", "Y_h", "Y_c")).node("Squeeze", list("Y", "1"), list("h"))
}

// graphBool is a constant of one truth value.
func (b *builder) graphBool(name string, v byte) *builder {
	return b.bytes(name, typeBool, []byte{v})
}

// graphAttribute adds a Constant k whose value is a graph.
func (b *builder) graphAttribute() *builder {
	b.graph = b.graph.part(1, encodeNode("Constant", nil, list("k")).part(5, message(nil).text(1, "value").part(6, nil)))
	return b
}

func (b *builder) metadata(key, value string) *builder {
	b.more = b.more.part(14, message(nil).text(1, key).text(2, value))
	return b
}

// WithOutput chooses among outputs, and among the values inside.
func TestWithOutput(t *testing.T) {
	w := randomLSTM(random(9), 3, 5)
	g := squeezed().node("Erf", list("h"), list("y")).output("y", "Y_h").metadata("a", "b")
	g.refuse(t, lstm.ErrUnsupported, `onnx.WithOutput("h") reads the network before it`)
	want := &lstm.Model{Layers: []lstm.Layer{w}, Metadata: map[string]string{"a": "b"}}
	require.Equal(t, want, g.read(t, WithOutput("h")))
	g.refuse(t, lstm.ErrDamaged, `there is no value "nothing"`, WithOutput("nothing"))
	g.refuse(t, lstm.ErrUnsupported, `output "x" is data of the shape [n1 n2 3], want what an LSTM network makes`, WithOutput("x"))
}

// Where sizes are those of an example, a step network has one step.
func TestOneStep(t *testing.T) {
	w := randomLSTM(random(9), 3, 5)
	got := build(17).input("x", 1, 3).input("h0", 1, 1, 5).input("c0", 1, 1, 5).weights(w).integers("0", 0).integers("01", 0, 1).
		node("Unsqueeze", list("x", "0"), list("x1")).
		node("LSTM", list("x1", "W", "R", "B", "", "h0", "c0"), list("Y", "Y_h", "Y_c")).
		node("Squeeze", list("Y", "01"), list("y")).output("y", "Y_h", "Y_c").read(t)
	require.Equal(t, &lstm.Model{Layers: []lstm.Layer{w}}, got)
}

func TestNamesOfWeightsThatAreInputs(t *testing.T) {
	// Old files list their initializers among the inputs.
	g := build(8).input("x", "t", "n", 3).input("W", 1, 20, 3).input("R", 1, 20, 5).input("B", 1, 40).weights(randomLSTM(random(9), 3, 5)).
		node("LSTM", list("x", "W", "R", "B"), list("Y")).output("Y")
	require.Equal(t, &lstm.Model{Layers: []lstm.Layer{randomLSTM(random(9), 3, 5)}}, g.read(t))
}

func TestSelects(t *testing.T) {
	n := number
	for _, c := range []struct {
		size, start, end, step dim
		want                   selection
	}{
		{n(5), n(0), n(math.MaxInt64), n(1), selection{start: 0, step: 1, count: 5, all: true}},
		{n(5), n(-1), n(math.MaxInt64), n(1), selection{start: 4, step: 1, count: 1, last: true}},
		{n(5), n(0), n(1), n(1), selection{step: 1, count: 1, first: true}},
		{n(5), n(1), n(4), n(2), selection{start: 1, step: 2, count: 2}},
		{n(5), n(4), n(math.MinInt64), n(-1), selection{start: 4, step: -1, count: 5, all: true}},
		{n(5), n(3), n(0), n(-2), selection{start: 3, step: -2, count: 2}},
		{n(5), n(3), n(2), n(1), selection{start: 3, step: 1}},
		{n(5), n(0), n(5), n(math.MaxInt64), selection{step: math.MaxInt64, count: 1, first: true}},
		{n(5), n(4), n(-6), n(math.MinInt64 + 1), selection{start: 4, step: math.MinInt64 + 1, count: 1, last: true}},
		{n(1), n(0), n(1), n(1), selection{step: 1, count: 1, all: true, first: true, last: true}},
	} {
		got, err := selects(c.size, c.start, c.end, c.step)
		require.NoError(t, err)
		require.Equal(t, c.want, got, "%v", c)
	}
	open := dim{times: 1, axes: [3]int32{7}}
	less, _ := open.add(n(-1))
	for _, c := range []struct {
		start, end dim
		want       selection
	}{
		{n(0), open, selection{step: 1, all: true}}, {less, open, selection{step: 1, last: true}}, {n(-1), n(math.MaxInt64), selection{step: 1, last: true}}, {n(0), n(1), selection{step: 1, first: true}},
	} {
		got, err := selects(open, c.start, c.end, n(1))
		require.NoError(t, err)
		require.Equal(t, c.want, got, "%v", c)
	}
}

// Products of quantized data are no numbers before they are scaled by their own scale.
func TestQuantizedRefusals(t *testing.T) {
	quantized := func() *builder {
		return squeezed().bytes("M8", typeUint8, make([]byte, 10), 5, 2).floats("ms", []float32{0.5}).
			node("DynamicQuantizeLinear", list("h"), list("h8", "hs", "hz"))
	}
	product := func() *builder { return quantized().node("MatMulInteger", list("h8", "M8", "hz"), list("p")) }
	const unscaled = "it reads quantized data, or a product of them before it is scaled"
	for _, c := range []struct {
		b     *builder
		words string
	}{
		{quantized().output("h8"), unscaled},
		{quantized().node("Relu", list("h8"), list("y")).output("y"), unscaled},
		{quantized().node("Add", list("h8", "h"), list("y")).output("y"), unscaled},
		{quantized().node("Concat", list("h8", "h8"), list("y"), "axis", 2).output("y"), unscaled},
		{quantized().node("MatMulInteger", list("h8", "M8"), list("y")).output("y"), "want data of a DynamicQuantizeLinear"},
		{quantized().output("hs"), `output "hs" is the scale or the zero point of quantized data`},
		{product().output("p"), unscaled},
		{product().floats("two", []float32{2}).node("Mul", list("p", "two"), list("y")).output("y"), unscaled},
		{product().node("Mul", list("p", "hs"), list("y")).output("y"), "it multiplies a scale with data"},
		{product().node("Tanh", list("h"), list("g")).node("DynamicQuantizeLinear", list("g"), list("g8", "gs", "gz")).
			node("Mul", list("gs", "ms"), list("s")).node("Mul", list("p", "s"), list("y")).output("y"), "it multiplies a scale with data"},
	} {
		t.Run(c.words, func(t *testing.T) { c.b.refuse(t, lstm.ErrUnsupported, c.words) })
	}
}

// One feature of the input, whatever is known of it when it is taken.
func TestFeatureBeforeItIsKnown(t *testing.T) {
	w := randomLSTM(random(9), 3, 5)
	head := randomLinear(random(18), 5, 1, false)
	for _, order := range [][]string{list("product", "part"), list("part", "product")} {
		m := plain().floats("m", head.Weight, 5, 1).integer("second", 1).
			node("Squeeze", list("Y", "1"), list("h")).node("MatMul", list("h", "m"), list("product")).
			node("Gather", list("x", "second"), list("column"), "axis", 2).node("Unsqueeze", list("column", "2"), list("part")).
			node("Add", order, list("y")).output("y").read(t)
		n, err := lstm.New(m)
		require.NoError(t, err)
		plainNet, err := lstm.New(&lstm.Model{Layers: []lstm.Layer{w}, Heads: []lstm.Head{{Layers: []lstm.Layer{head}}}})
		require.NoError(t, err)
		x := []float32{0.5, -0.25, 2}
		got, want := make([]float32, 1), make([]float32, 1)
		n.Step(n.NewState(), x, got)
		plainNet.Step(plainNet.NewState(), x, want)
		require.InDelta(t, want[0]-0.25, got[0], goldenTolerance)
	}
	plain().node("Gather", list("x", "0"), list("y"), "axis", 0).output("Y", "y").refuse(t, lstm.ErrUnsupported, `output "y": there is no LSTM between it`)
}

// A clip above what σ and tanh tell apart is none, and computes the same bits.
func TestClipThatIsNone(t *testing.T) {
	m := withAttribute("clip", float32(9999)).read(t)
	require.Zero(t, m.Layers[0].(*lstm.Weights).Cell)
	clipped := *m.Layers[0].(*lstm.Weights)
	clipped.Cell.Clip = flat
	a, err := lstm.New(m)
	require.NoError(t, err)
	b, err := lstm.New(&lstm.Model{Layers: []lstm.Layer{&clipped}})
	require.NoError(t, err)
	for _, size := range []float32{1, 50, 100, 200, 1e4, 1e30} {
		x, y, z := []float32{size, -size, 2 * size}, make([]float32, 5), make([]float32, 5)
		a.Step(a.NewState(), x, y)
		b.Step(b.NewState(), x, z)
		lstmtest.RequireBits(t, y, z, "%v", size)
	}
	require.Equal(t, float32(100), withAttribute("clip", float32(100)).read(t).Layers[0].(*lstm.Weights).Cell.Clip)
	relu := withAttribute("clip", float32(9999), "activations", list("Sigmoid", "Relu", "Tanh")).read(t)
	require.Equal(t, float32(9999), relu.Layers[0].(*lstm.Weights).Cell.Clip)
}
