package onnx

import (
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm"
)

// The graphs here are as exporters write them that cannot run where the golden files
// are made.

// tf2onnx writes a Keras layer as Transpose, LSTM, Squeeze and Transpose, with states
// of zeros for as many streams as x has.
func TestKerasGraph(t *testing.T) {
	r := random(1)
	w, dense := randomLSTM(r, 3, 5), randomLinear(r, 5, 2, true)
	columns := make([]float32, 10)
	for i := range 5 {
		for o := range 2 {
			columns[i*2+o] = dense.Weight[o*5+i]
		}
	}
	keras := func() *builder {
		return build(13).input("x", "n", "t", 3).weights(w).floats("kernel", columns, 5, 2).floats("bias", dense.Bias, 2).
			integers("zero", 0).integers("one", 1).integers("hidden", 5).integer("axis", 0).floats("nothing", []float32{0}, 1).
			node("Shape", list("x"), list("shape")).
			node("Cast", list("shape"), list("shape32"), "to", typeInt32).
			node("Slice", list("shape32", "zero", "one", "zero"), list("streams")).
			node("Cast", list("streams"), list("streams64"), "to", typeInt64).
			node("Concat", list("one", "streams64", "hidden"), list("stateShape"), "axis", 0).
			node("Expand", list("nothing", "stateShape"), list("state")).
			node("Transpose", list("x"), list("byStep"), "perm", []int{1, 0, 2}).
			node("LSTM", list("byStep", "W", "R", "B", "", "state", "state"), list("Y", "Y_h"), "hidden_size", 5, "direction", "forward",
				"activations", []string{"Sigmoid", "Tanh", "Tanh"})
	}
	want := &lstm.Model{Layers: []lstm.Layer{w}, Heads: []lstm.Head{{Layers: []lstm.Layer{dense, lstm.Activation{Function: lstm.ActivationSoftmax}}}}}

	t.Run("sequences", func(t *testing.T) {
		got := keras().
			node("Squeeze", list("Y", "one"), list("squeezed")).
			node("Transpose", list("squeezed"), list("byStream"), "perm", []int{1, 0, 2}).
			node("MatMul", list("byStream", "kernel"), list("product")).
			node("Add", list("product", "bias"), list("sum")).
			node("Softmax", list("sum"), list("y"), "axis", -1).
			output("y").read(t)
		require.Equal(t, want, got)
	})
	t.Run("last step", func(t *testing.T) {
		got := keras().
			node("Squeeze", list("Y_h", "zero"), list("last")).
			node("MatMul", list("last", "kernel"), list("product")).
			node("Add", list("product", "bias"), list("sum")).
			node("Softmax", list("sum"), list("y"), "axis", 1).
			output("y").read(t)
		last := *want
		last.Metadata = map[string]string{"onnx.output": "y at the last step"}
		require.Equal(t, &last, got)
	})
	// A Dense layer on sequences, as a product of all steps of all streams together.
	t.Run("tensordot", func(t *testing.T) {
		got := keras().integers("free", 0, 1).integers("last", 2).integers("size", 2).
			node("Squeeze", list("Y", "one"), list("squeezed")).
			node("Transpose", list("squeezed"), list("byStream"), "perm", []int{1, 0, 2}).
			node("Shape", list("byStream"), list("s")).
			node("Gather", list("s", "free"), list("outer"), "axis", 0).
			node("Gather", list("s", "last"), list("inner"), "axis", 0).
			node("ReduceProd", list("outer"), list("rows"), "axes", []int{0}, "keepdims", 0).
			node("ReduceProd", list("inner"), list("columns"), "axes", []int{0}, "keepdims", 0).
			node("Unsqueeze", list("rows", "zero"), list("rows1")).
			node("Unsqueeze", list("columns", "zero"), list("columns1")).
			node("Concat", list("rows1", "columns1"), list("flatShape"), "axis", 0).
			node("Reshape", list("byStream", "flatShape"), list("flat")).
			node("MatMul", list("flat", "kernel"), list("product")).
			node("Concat", list("outer", "size"), list("fullShape"), "axis", 0).
			node("Reshape", list("product", "fullShape"), list("full")).
			node("Add", list("full", "bias"), list("sum")).
			node("Softmax", list("sum"), list("y"), "axis", -1).
			output("y").read(t)
		require.Equal(t, want, got)
	})
}

// A Keras layer that goes backwards reads reversed steps, and Bidirectional reverses
// what it has made.
func TestKerasBackwards(t *testing.T) {
	r := random(2)
	f, b := randomLSTM(r, 3, 5), randomLSTM(r, 3, 5)
	side := func(g *builder, name, x string, w *lstm.Weights) *builder {
		return g.floats(name+".W", toONNX(w.WeightIH), 1, 20, 3).floats(name+".R", toONNX(w.WeightHH), 1, 20, 5).
			floats(name+".B", append(toONNX(w.BiasIH), toONNX(w.BiasHH)...), 1, 40).
			node("LSTM", list(x, name+".W", name+".R", name+".B"), list(name+".Y", name+".Y_h")).
			node("Squeeze", list(name+".Y"), list(name), "axes", []int{1})
	}
	reversed := build(12).input("x", "t", "n", 3).integers("first", -1).integers("end", -1<<62).integers("axis", 0).integers("step", -1).
		node("Slice", list("x", "first", "end", "axis", "step"), list("reversed"))
	g := side(side(reversed, "f", "x", f), "b", "reversed", b)

	concat := *g
	got := concat.node("Slice", list("b", "first", "end", "axis", "step"), list("again")).
		node("Concat", list("f", "again"), list("y"), "axis", 2).output("y").read(t)
	require.Equal(t, &lstm.Model{Layers: []lstm.Layer{&lstm.Bidirectional{Forward: f, Backward: b}}}, got)

	average := *g
	got = average.node("Slice", list("b", "first", "end", "axis", "step"), list("again")).floats("two", []float32{2}).
		node("Add", list("again", "f"), list("sum")).node("Div", list("sum", "two"), list("y")).output("y").read(t)
	require.Equal(t, &lstm.Model{Layers: []lstm.Layer{&lstm.Bidirectional{Forward: f, Backward: b, Merge: lstm.MergeAverage}}}, got)

	// What a layer that goes backwards ends with is of the first step.
	last := *g
	got = last.node("Squeeze", list("b.Y_h"), list("y"), "axes", []int{0}).output("y").read(t)
	require.Equal(t, &lstm.Model{Layers: []lstm.Layer{&lstm.Bidirectional{Backward: b}}, Metadata: map[string]string{"onnx.output": "at the first step"}}, got)

	// In reversed order there is no output of a network, and no concatenation.
	order := *g
	order.output("b").refuse(t, lstm.ErrUnsupported, `output "b": its steps are from the last to the first`)
	mixed := *g
	mixed.node("Concat", list("f", "b"), list("y"), "axis", 2).output("y").refuse(t, lstm.ErrUnsupported, "it joins steps in different orders")

	// A reversal of sequences by their lengths.
	lengths := build(12).input("x", "t", "n", 3).weights(b).integers("zero", 0).integers("one", 1).integers("two", 2).
		node("Shape", list("x"), list("shape")).
		node("Slice", list("shape", "zero", "one", "zero"), list("steps")).
		node("Slice", list("shape", "one", "two", "zero"), list("streams")).
		node("Expand", list("steps", "streams"), list("lengths")).
		node("ReverseSequence", list("x", "lengths"), list("reversed"), "time_axis", 0, "batch_axis", 1).
		node("LSTM", list("reversed", "W", "R", "B"), list("Y")).
		node("Squeeze", list("Y"), list("squeezed"), "axes", []int{1}).
		node("ReverseSequence", list("squeezed", "lengths"), list("y"), "time_axis", 0, "batch_axis", 1)
	require.Equal(t, &lstm.Model{Layers: []lstm.Layer{&lstm.Bidirectional{Backward: b}}}, lengths.output("y").read(t))
}

// PyTorch's dynamo exporter leaves its own weights in the file, and puts them in
// ONNX's order in the graph.
func TestDynamoGraph(t *testing.T) {
	r := random(3)
	w := randomLSTM(r, 3, 5)
	g := build(18).input("x", "s77", "s27", 3).input("h0", 1, "s77", 5).input("c0", 1, "s77", 5).
		floats("lstm.weight_ih_l0", w.WeightIH, 20, 3).floats("lstm.weight_hh_l0", w.WeightHH, 20, 5).
		floats("lstm.bias_ih_l0", w.BiasIH, 20).floats("lstm.bias_hh_l0", w.BiasHH, 20).
		integers("0", 0).integers("1", 1).integers("5", 5).integers("10", 10).integers("15", 15).integers("20", 20)
	reordered := func(name string) {
		for i, gate := range list("i", "f", "g", "o") {
			from := list("0", "5", "10", "15", "20")
			g.node("Slice", list(name, from[i], from[i+1], "0"), list(name+"."+gate))
		}
		g.node("Concat", list(name+".i", name+".o", name+".f", name+".g"), list(name+".iofg"), "axis", 0)
	}
	for _, name := range list("lstm.weight_ih_l0", "lstm.weight_hh_l0", "lstm.bias_ih_l0", "lstm.bias_hh_l0") {
		reordered(name)
	}
	got := g.
		node("Concat", list("lstm.bias_ih_l0.iofg", "lstm.bias_hh_l0.iofg"), list("bias"), "axis", 0).
		node("Unsqueeze", list("bias", "0"), list("B")).
		node("Unsqueeze", list("lstm.weight_ih_l0.iofg", "0"), list("W")).
		node("Unsqueeze", list("lstm.weight_hh_l0.iofg", "0"), list("R")).
		node("Transpose", list("x"), list("byStep"), "perm", []int{1, 0, 2}).
		node("Slice", list("h0", "0", "1", "0"), list("h")).
		node("Slice", list("c0", "0", "1", "0"), list("c")).
		node("LSTM", list("byStep", "W", "R", "B", "", "h", "c"), list("Y", "hn", "cn"), "direction", "forward", "hidden_size", 5).
		node("Squeeze", list("Y", "1"), list("squeezed")).
		node("Transpose", list("squeezed"), list("y"), "perm", []int{1, 0, 2}).
		output("y", "hn", "cn").read(t)
	require.Equal(t, &lstm.Model{Layers: []lstm.Layer{w}}, got)
}

// With layout 1 streams are the first axis, of states too.
func TestLayout(t *testing.T) {
	r := random(4)
	f, b := randomLSTM(r, 3, 5), randomLSTM(r, 3, 5)
	f.InitialH, b.InitialH = []float32{1, 2, 3, 4, 5}, []float32{6, 7, 8, 9, 10}
	got := build(22).input("x", "n", "t", 3).weights(f, b).
		floats("h0", append(append([]float32{}, f.InitialH...), b.InitialH...), 1, 2, 5).
		node("LSTM", list("x", "W", "R", "B", "", "h0"), list("Y"), "direction", "bidirectional", "layout", 1). // [n, t, 2, 5]
		integers("shape", 0, 0, -1).node("Reshape", list("Y", "shape"), list("y")).
		output("y").read(t)
	require.Equal(t, &lstm.Model{Layers: []lstm.Layer{&lstm.Bidirectional{Forward: f, Backward: b}}}, got)
}

// Inputs that are states may be several, joined, and pass through.
func TestStatesOfEachLayer(t *testing.T) {
	r := random(5)
	f, b := randomLSTM(r, 3, 5), randomLSTM(r, 3, 5)
	got := build(17).input("x", "t", "n", 3).input("hf", 1, "n", 5).input("hb", 1, "n", 5).input("state", 2, 2, "n", 5).weights(f, b).
		integer("one", 1).
		node("Concat", list("hf", "hb"), list("h"), "axis", 0).
		node("Gather", list("state", "one"), list("c"), "axis", 0).
		node("LSTM", list("x", "W", "R", "B", "", "h", "c"), list("Y", "Y_h"), "direction", "bidirectional").
		output("Y", "Y_h", "state").read(t)
	require.Equal(t, &lstm.Model{Layers: []lstm.Layer{&lstm.Bidirectional{Forward: f, Backward: b}}}, got)
}

// The test cases of ONNX have weights as inputs.
func TestWeightsAsInputs(t *testing.T) {
	r := random(6)
	w := randomLSTM(r, 3, 5, func(w *lstm.Weights) { w.BiasIH, w.BiasHH = nil, nil })
	g := build(14).input("X", 4, 2, 3).input("W", 1, 20, 3).input("R", 1, 20, 5).
		node("LSTM", list("X", "W", "R"), list("", "Y_h"), "hidden_size", 5).output("Y_h")
	got := g.read(t, WithInput("W", encodeTensor("", toONNX(w.WeightIH), 1, 20, 3)), WithInput("R", encodeTensor("", toONNX(w.WeightHH), 1, 20, 5)))
	require.Equal(t, &lstm.Model{Layers: []lstm.Layer{w}, Metadata: map[string]string{"onnx.output": "at the last step"}}, got)
	g.refuse(t, lstm.ErrUnsupported, `node "Y_h" (LSTM): input 1 is data`)
}

// One-hot inputs, and rows of an embedding, come from integers.
func TestIntegerInputs(t *testing.T) {
	r := random(7)
	w := randomLSTM(r, 3, 5)
	got := build(17).integerInput("ids", "t", "n").weights(w).integer("depth", 3).floats("values", []float32{0, 1}, 2).
		node("OneHot", list("ids", "depth", "values"), list("x")).
		node("LSTM", list("x", "W", "R", "B"), list("Y")).
		output("Y").read(t)
	require.Equal(t, &lstm.Model{Layers: []lstm.Layer{w}, Metadata: map[string]string{"onnx.input": "ids as one of 3"}}, got)
}
