package main

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"

	"example.com/lstm"
)

// fields takes a message apart: numbers and floats as they are, all else as bytes.
func fields(t *testing.T, m []byte) map[protowire.Number][]any {
	t.Helper()
	list := map[protowire.Number][]any{}
	for len(m) > 0 {
		number, kind, n := protowire.ConsumeTag(m)
		require.NoError(t, protowire.ParseError(n))
		m = m[n:]
		if kind == protowire.VarintType {
			v, n := protowire.ConsumeVarint(m)
			require.NoError(t, protowire.ParseError(n))
			list[number], m = append(list[number], int(v)), m[n:]
			continue
		}
		if kind == protowire.Fixed32Type {
			v, n := protowire.ConsumeFixed32(m)
			require.NoError(t, protowire.ParseError(n))
			list[number], m = append(list[number], math.Float32frombits(v)), m[n:]
			continue
		}
		require.Equal(t, protowire.BytesType, kind)
		v, n := protowire.ConsumeBytes(m)
		require.NoError(t, protowire.ParseError(n))
		list[number], m = append(list[number], v), m[n:]
	}
	return list
}

// part is the only part of that number.
func part(t *testing.T, m []byte, number protowire.Number) []byte {
	t.Helper()
	parts := fields(t, m)[number]
	require.Len(t, parts, 1)
	return parts[0].([]byte)
}

func texts(list []any) (s []string) {
	for _, v := range list {
		s = append(s, string(v.([]byte)))
	}
	return s
}

func TestONNXModel(t *testing.T) {
	// Weights that say which gate of PyTorch's order they belong to.
	const input, hidden = 2, 3
	gates := func(width int, first float32) (v []float32) {
		for gate := range 4 {
			for range hidden * width {
				v = append(v, first+float32(gate))
			}
		}
		return v
	}
	layer := &lstm.Weights{
		InputSize: input, HiddenSize: hidden,
		WeightIH: gates(input, 0), WeightHH: gates(hidden, 10), BiasIH: gates(1, 20), BiasHH: gates(1, 30),
	}
	model := onnxModel(layer, job{steps: 5, streams: 7}, false)

	require.Equal(t, []any{onnxFormat}, fields(t, model)[1])
	require.Equal(t, []any{onnxOperator}, fields(t, part(t, model, 8))[2])
	graph := fields(t, part(t, model, 7))

	require.Len(t, graph[1], 1)
	node := fields(t, graph[1][0].([]byte))
	require.Equal(t, []string{"X", "W", "R", "B", "", "initial_h", "initial_c"}, texts(node[1]))
	require.Equal(t, []string{"Y", "Y_h", "Y_c"}, texts(node[2]))
	require.Equal(t, []string{"LSTM"}, texts(node[4]))
	attribute := fields(t, node[5][0].([]byte))
	require.Equal(t, []string{"hidden_size"}, texts(attribute[1]))
	require.Equal(t, []any{hidden}, attribute[3])

	// Gates in ONNX's order: i o f g.
	wantTensors := map[string]struct {
		dims []any
		data []float32
	}{
		"W": {[]any{1, 4 * hidden, input}, ordered(hidden*input, 0, 3, 1, 2)},
		"R": {[]any{1, 4 * hidden, hidden}, ordered(hidden*hidden, 10, 13, 11, 12)},
		"B": {[]any{1, 8 * hidden}, ordered(hidden, 20, 23, 21, 22, 30, 33, 31, 32)},
	}
	require.Len(t, graph[5], len(wantTensors))
	for _, v := range graph[5] {
		tensor := fields(t, v.([]byte))
		want := wantTensors[texts(tensor[8])[0]]
		require.Equal(t, want.dims, tensor[1])
		require.Equal(t, []any{onnxFloat}, tensor[2])
		require.Equal(t, want.data, floats(tensor[9][0].([]byte)))
	}

	require.Equal(t, map[string][]int{"X": {5, 7, input}, "initial_h": {1, 7, hidden}, "initial_c": {1, 7, hidden}}, shapes(t, graph[11]))
	require.Equal(t, map[string][]int{"Y": {5, 1, 7, hidden}, "Y_h": {1, 7, hidden}, "Y_c": {1, 7, hidden}}, shapes(t, graph[12]))
}

// ordered repeats each value n times.
func ordered(n int, values ...float32) (list []float32) {
	for _, v := range values {
		for range n {
			list = append(list, v)
		}
	}
	return list
}

func floats(raw []byte) (v []float32) {
	for ; len(raw) > 0; raw = raw[4:] {
		v = append(v, math.Float32frombits(binary.LittleEndian.Uint32(raw)))
	}
	return v
}

// shapes are the dimensions of values by their names.
func shapes(t *testing.T, values []any) map[string][]int {
	t.Helper()
	list := map[string][]int{}
	for _, v := range values {
		value := v.([]byte)
		tensor := part(t, part(t, value, 2), 1)
		require.Equal(t, []any{onnxFloat}, fields(t, tensor)[1])
		var dims []int
		for _, dim := range fields(t, part(t, tensor, 2))[1] {
			dims = append(dims, fields(t, dim.([]byte))[1][0].(int))
		}
		list[string(part(t, value, 1))] = dims
	}
	return list
}
