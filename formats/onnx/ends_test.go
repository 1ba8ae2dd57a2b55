package onnx

import (
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm"
)

// What both directions end with, side by side, is an output where there is no other
// one or where others are made of it, and else final states.
func TestEndsAmongOutputs(t *testing.T) {
	r := random(20)
	f, b := randomLSTM(r, 3, 5), randomLSTM(r, 3, 5)
	ends := func() *builder {
		return build(17).input("x", "t", "n", 3).weights(f, b).integers("shape", 0, -1).
			node("LSTM", list("x", "W", "R", "B"), list("Y", "Y_h", "Y_c"), "direction", "bidirectional").
			node("Transpose", list("Y_h"), list("sides"), "perm", []int{1, 0, 2}).
			node("Reshape", list("sides", "shape"), list("h"))
	}
	every := &lstm.Bidirectional{Forward: f, Backward: b}
	last := &lstm.Bidirectional{Forward: f, Backward: b, Last: true}
	at := func(where string) map[string]string { return map[string]string{"onnx.output": where} }
	require.Equal(t, &lstm.Model{Layers: []lstm.Layer{last}, Metadata: at("h at the last step")}, ends().output("h").read(t))
	require.Equal(t, &lstm.Model{Layers: []lstm.Layer{last}, Metadata: at("h at the last step")}, ends().output("h", "Y_h", "Y_c").read(t))
	require.Equal(t, &lstm.Model{Layers: []lstm.Layer{every}}, ends().output("Y", "h").read(t))
	require.Equal(t, &lstm.Model{Layers: []lstm.Layer{every}}, ends().output("Y_h").read(t))
	tanh := lstm.Activation{Function: lstm.ActivationTanh}
	require.Equal(t, &lstm.Model{Layers: []lstm.Layer{last}, Heads: []lstm.Head{
		{Name: "h", Layers: []lstm.Layer{lstm.Activation{Function: lstm.ActivationIdentity}}}, {Name: "y", Layers: []lstm.Layer{tanh}},
	}, Metadata: at("h at the last step, y at the last step")}, ends().node("Tanh", list("h"), list("y")).output("h", "y").read(t))
	ends().node("Tanh", list("Y"), list("every")).node("Tanh", list("h"), list("last")).output("every", "last").
		refuse(t, lstm.ErrUnsupported, `outputs "every" and "last" come from different LSTMs`)
	ends().node("Unsqueeze", list("h", "zero"), list("one")).integers("zero", 0).floats("W10", make([]float32, 200), 1, 20, 10).
		node("LSTM", list("one", "W10", "R", "B"), list("Z")).output("Z").
		refuse(t, lstm.ErrUnsupported, "X is of the last step, want every step")
}

// Keras's Bidirectional becomes two nodes, of which one reads reversed steps.
func TestKerasEnds(t *testing.T) {
	r := random(21)
	f, b := randomLSTM(r, 3, 5), randomLSTM(r, 3, 5)
	side := func(g *builder, name, x string, w *lstm.Weights) *builder {
		return g.floats(name+".W", toONNX(w.WeightIH), 1, 20, 3).floats(name+".R", toONNX(w.WeightHH), 1, 20, 5).
			floats(name+".B", append(toONNX(w.BiasIH), toONNX(w.BiasHH)...), 1, 40).
			node("LSTM", list(x, name+".W", name+".R", name+".B"), list("", name+".Y_h")).
			node("Squeeze", list(name+".Y_h"), list(name), "axes", []int{0})
	}
	graph := func() *builder {
		g := build(12).input("x", "t", "n", 3).integers("first", -1).integers("end", -1<<62).integers("axis", 0).integers("step", -1).
			node("Slice", list("x", "first", "end", "axis", "step"), list("reversed"))
		return side(side(g, "f", "x", f), "b", "reversed", b)
	}
	for operator, merge := range map[string]lstm.Merge{"Add": lstm.MergeSum, "Mul": lstm.MergeMul, "Mean": lstm.MergeAverage} {
		want := &lstm.Model{Layers: []lstm.Layer{&lstm.Bidirectional{Forward: f, Backward: b, Merge: merge, Last: true}}, Metadata: map[string]string{"onnx.output": "y at the last step"}}
		require.Equal(t, want, graph().node(operator, list("b", "f"), list("y")).output("y").read(t))
	}
	want := &lstm.Model{Layers: []lstm.Layer{&lstm.Bidirectional{Forward: f, Backward: b, Last: true}}, Metadata: map[string]string{"onnx.output": "y at the last step"}}
	require.Equal(t, want, graph().node("Concat", list("f", "b"), list("y"), "axis", 1).output("y").read(t))
}
