package onnx

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm"
)

// branch adds an If with one branch.
func (b *builder) branch(condition, output string, inner *builder) *builder {
	n := encodeNode("If", list(condition), list(output)).part(5, message(nil).text(1, "then_branch").part(6, inner.graph).number(20, 5))
	b.graph = b.graph.part(1, n)
	return b
}

// detector is as exporters write a detector of speech: a convolution, and in the
// branches of an If, and of another inside of it, an LSTM whose state is an input.
func detector(w *lstm.Weights) *builder {
	inner := build(15).
		node("Unsqueeze", list("features"), list("X"), "axes", []int{0}).
		node("Gather", list("state", "zero"), list("h")).
		node("Gather", list("state", "one"), list("c")).
		node("Identity", list("R"), list("R inside")).
		node("LSTM", list("X", "W", "R inside", "B", "lengths", "h", "c"), list("", "decoded")).
		output("decoded")
	middle := build(15).branch("long", "decoded in the middle", inner).output("decoded in the middle")
	return build(15).input("x", 1, 512).input("state", 2, 1, 1, w.HiddenSize).integerInput("rate").integerInput("lengths", 1).
		weights(w).integer("zero", 0).integer("one", 1).floats("kernel", make([]float32, 12), 3, 1, 4).
		node("Conv", list("x", "kernel"), list("features")).
		node("Equal", list("rate", "one"), list("long")).
		branch("long", "y", middle).output("y")
}

func TestLSTMInsideOfBranches(t *testing.T) {
	w := randomLSTM(random(1), 3, 5)
	want := &lstm.Model{Layers: []lstm.Layer{w}}
	detector(w).refuse(t, lstm.ErrUnsupported, `onnx.WithLSTM reads LSTM nodes alone, for code that computes the rest itself: "decoded"`)
	require.Equal(t, want, detector(w).read(t, WithLSTM("decoded")))
	detector(w).refuse(t, lstm.ErrUnsupported, `it has no LSTM node "decoder"; onnx.WithLSTM reads`, WithLSTM("decoder"))
	_, err := Read(bytes.NewReader(detector(w).file()), WithLSTM("decoded"), WithOutput("y"))
	require.EqualError(t, err, "onnx: onnx.WithLSTM and onnx.WithOutput contradict each other")
}

func TestStackOfLSTMsAlone(t *testing.T) {
	r := random(2)
	below, above := randomLSTM(r, 3, 4), []*lstm.Weights{randomLSTM(r, 4, 2), randomLSTM(r, 4, 2)}
	b := build(14).input("x", "n", "t", 3).weights(below)
	initial := []float32{0.5, -0.25, 0.125, 1}
	b.floats("h", initial, 1, 1, 4).
		node("LSTM", list("x", "W", "R", "B", "", "h", "h"), list("Y"), "layout", 1).
		node("Squeeze", list("Y"), list("steps"), "axes", []int{2}).
		node("LayerNormalization", list("steps", "h"), list("normal"))
	other := build(14).weights(above...)
	// The names of the upper layer's weights, which are others.
	for name, part := range initializersOf(t, other.graph) {
		b.graph = b.graph.part(5, append(part, message(nil).text(8, "upper "+name)...))
	}
	b.node("LSTM", list("normal", "upper W", "upper R", "upper B"), list("top"), "direction", "bidirectional").output("top")

	lower := *below
	lower.InitialH, lower.InitialC = initial, initial
	want := &lstm.Model{Layers: []lstm.Layer{&lower, &lstm.Bidirectional{Forward: above[0], Backward: above[1]}}}
	require.Equal(t, want, b.read(t, WithLSTM("Y", "top")))
	require.Equal(t, &lstm.Model{Layers: want.Layers[:1]}, b.read(t, WithLSTM("Y")))
	b.refuse(t, lstm.ErrShape, "X has 4 features, want 3", WithLSTM("top", "Y"))
}

// initializersOf are the initializers of a graph. A name that follows one replaces its own.
func initializersOf(t *testing.T, g message) map[string]message {
	t.Helper()
	parsed, err := parseGraph(g)
	require.NoError(t, err)
	tensors := map[string]message{}
	for name, data := range parsed.initializers {
		tensors[name] = slices.Clip(message(data))
	}
	return tensors
}

func TestGraphWithoutLSTM(t *testing.T) {
	build(14).input("x", "t", "n", 3).node("GRU", list("x", "x", "x"), list("y")).output("y").
		refuse(t, lstm.ErrUnsupported, `(GRU): GRU is none of the operators that a network of this package is made of; docs/onnx.md has their list; the graph has no LSTM node`)
	cell := build(14).input("x", "t", "n", 3).input("h", "n", 4).
		node("Add", list("x", "h"), list("gates")).node("Sigmoid", list("gates"), list("i")).node("Tanh", list("gates"), list("g")).
		node("Mul", list("i", "g"), list("c")).output("c")
	cell.refuse(t, lstm.ErrUnsupported, "the graph has no LSTM node; it may have the arithmetic of one")
}

func TestManyGraphsInGraphs(t *testing.T) {
	inner := build(14)
	for range maxNesting {
		inner = build(14).branch("c", "y", inner).output("y")
	}
	inner.refuse(t, lstm.ErrUnsupported, fmt.Sprintf("graphs are nested more than %d deep", maxNesting), WithLSTM("decoder"))
	two := build(14).branch("c", "y", build(14).node("LSTM", list("x"), list("Y"))).branch("c", "z", build(14).node("LSTM", list("x"), list("Y"))).output("y")
	two.refuse(t, lstm.ErrUnsupported, `2 LSTM nodes have the name "Y", want one`, WithLSTM("Y"))
}

// States that cannot be computed are the caller's, as those are that the graph's inputs
// are needed for.
func TestStatesOfDamagedTensors(t *testing.T) {
	w := randomLSTM(random(3), 3, 5)
	b := build(14).input("x", "t", "n", 3).weights(w).bytes("short", typeFloat, []byte{1, 2, 3}, 1, 20, 3).
		node("LSTM", list("x", "short", "R"), list("", "", "below")).
		node("LSTM", list("x", "W", "R", "B", "", "below", "below"), list("Y")).output("Y")
	require.Equal(t, &lstm.Model{Layers: []lstm.Layer{w}}, b.read(t, WithLSTM("Y")))
	b.refuse(t, lstm.ErrDamaged, `tensor "short"`)
}
