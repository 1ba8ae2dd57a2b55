package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"

	"example.com/lstm"
	"example.com/lstm/internal/bench"
)

// Every variant that a peer has gives lstm's answers, in calls that follow each
// other. The environment variable LSTM_ONNXRUNTIME names the library of ONNX Runtime.
func TestVariantAnswers(t *testing.T) {
	for _, p := range variantPeers(openPeers(os.Getenv("LSTM_ONNXRUNTIME"))) {
		worst := map[peer]float64{}
		for _, s := range []bench.Shape{{Input: 3, Hidden: 5}, {Input: 8, Hidden: 8}} {
			ours, err := s.OurVariants()
			require.NoError(t, err)
			compared := map[bench.Variant]bool{}
			for _, group := range ours {
				for _, c := range group {
					theirs, err := variantCandidate(s, p.(variantPeer), c.Figure, worst)
					require.NoError(t, err, c.Name())
					if theirs != nil {
						compared[c.Variant] = true
						c.Path, theirs.Peer = "", ""
						require.Equal(t, c.Figure, theirs.Figure, "it stands beside lstm's")
					}
				}
			}
			want := len(bench.Variants) - 1
			if s.Input != s.Hidden {
				want--
			}
			require.Len(t, compared, want, "all but projection, and residual where it can be")
			require.False(t, compared[bench.Projection])
		}
	}
}

func TestONNXVariants(t *testing.T) {
	s := bench.Shape{Input: 3, Hidden: 3}
	type attributes = map[string]any
	for v, want := range map[bench.Variant]struct {
		attributes attributes
		directions int
		inputs     int
		operators  []string
	}{
		bench.Plain:    {attributes{}, 1, 7, []string{"LSTM"}},
		bench.Peephole: {attributes{}, 1, 8, []string{"LSTM"}},
		bench.Coupled:  {attributes{"input_forget": 1}, 1, 7, []string{"LSTM"}},
		bench.Clip:     {attributes{"clip": float32(1)}, 1, 7, []string{"LSTM"}},
		bench.HardSigmoid: {attributes{
			"activations":      []string{"HardSigmoid", "Tanh", "Tanh"},
			"activation_alpha": []float32{0.2}, "activation_beta": []float32{0.5},
		}, 1, 7, []string{"LSTM"}},
		bench.ReLU:          {attributes{"activations": []string{"Sigmoid", "Relu", "Relu"}}, 1, 7, []string{"LSTM"}},
		bench.Residual:      {attributes{}, 1, 7, []string{"LSTM", "Squeeze", "Add"}},
		bench.Bidirectional: {attributes{"direction": "bidirectional"}, 2, 7, []string{"LSTM"}},
	} {
		graph := fields(t, part(t, onnxModel(s.Layer(v), job{steps: 5, streams: 1}, false), 7))
		var operators []string
		for _, node := range graph[1] {
			operators = append(operators, texts(fields(t, node.([]byte))[4])...)
		}
		require.Equal(t, want.operators, operators, v)
		node := fields(t, graph[1][0].([]byte))
		require.Len(t, node[1], want.inputs, v)
		got := attributes{}
		for _, a := range node[5] {
			a := fields(t, a.([]byte))
			got[texts(a[1])[0]] = attributeValue(a)
		}
		want.attributes["hidden_size"] = s.Hidden
		require.Equal(t, want.attributes, got, v)
		require.Equal(t, []int{want.directions, 1, s.Hidden}, shapes(t, graph[12])["Y_h"], v)
	}
	require.Nil(t, onnxDirections(s.Layer(bench.Projection)))
}

// attributeValue is what an attribute's type says it has.
func attributeValue(a map[protowire.Number][]any) any {
	switch a[20][0] {
	case onnxFloatAttribute:
		return a[2][0]
	case onnxIntAttribute:
		return a[3][0]
	case onnxStringAttribute:
		return texts(a[4])[0]
	case onnxFloatsAttribute:
		var list []float32
		for _, v := range a[7] {
			list = append(list, v.(float32))
		}
		return list
	}
	return texts(a[9])
}

// ONNX has peepholes in the order i o f.
func TestONNXPeepholes(t *testing.T) {
	layer := bench.Shape{Input: 1, Hidden: 1}.Layer(bench.Plain).(*lstm.Weights)
	layer.PeepholeI, layer.PeepholeF, layer.PeepholeO = []float32{1}, []float32{2}, []float32{3}
	graph := fields(t, part(t, onnxModel(layer, job{steps: 1, streams: 1}, false), 7))
	found := false
	for _, v := range graph[5] {
		if tensor := fields(t, v.([]byte)); texts(tensor[8])[0] == "P" {
			found = true
			require.Equal(t, []any{1, 3}, tensor[1])
			require.Equal(t, []float32{1, 3, 2}, floats(tensor[9][0].([]byte)))
		}
	}
	require.True(t, found)
}
