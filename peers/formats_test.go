package main

import (
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"

	"example.com/lstm"
	"example.com/lstm/internal/bench"
)

// Peers with int8 weights give answers that are near lstm's with float32 ones, in
// calls that follow each other, and not the same.
func TestInt8Answers(t *testing.T) {
	for _, p := range openInt8Peers(os.Getenv("LSTM_ONNXRUNTIME")) {
		t.Run(p.name(), func(t *testing.T) {
			for _, s := range []bench.Shape{{Input: 3, Hidden: 5}, {Input: 20, Hidden: 7}, {Input: 64, Hidden: 64}} {
				for _, j := range []job{{1, 1, ""}, {4, 1, ""}, {1, 3, ""}, {4, 3, ""}} {
					layer := s.Model().Layers[0].(*lstm.Weights)
					x := s.Inputs(j.rows())
					theirs, err := p.open(layer, j, x)
					require.NoError(t, err)
					ours, err := newReference(layer, j, x)
					require.NoError(t, err)
					difference, err := compare(ours, theirs, formatTolerance)
					require.NoError(t, err, "%v, %+v", s, j)
					require.Greater(t, difference, tolerance, "%v, %+v: are the weights int8?", s, j)
				}
			}
		})
	}
}

// What is quantised is the matrix, transposed, but for what rounding takes.
func TestONNXQuantised(t *testing.T) {
	const rows, columns = 4, 3
	values := []float32{1, -2, 0.5, 0.1, 0.2, 0.3, -127, 1, 0, 5, 5, -5}
	graph := fields(t, onnxQuantised(nil, "W", values, rows))
	require.Len(t, graph[5], 3)
	w, scales := fields(t, graph[5][0].([]byte)), fields(t, graph[5][1].([]byte))
	require.Equal(t, "W", texts(w[8])[0])
	require.Equal(t, "W_scale", texts(scales[8])[0])
	bytes, raw := w[9][0].([]byte), scales[9][0].([]byte)
	require.Len(t, bytes, rows*columns)
	for r := range rows {
		bits, n := protowire.ConsumeFixed32(raw[4*r:])
		require.Positive(t, n)
		scale := math.Float32frombits(bits)
		for k := range columns {
			require.InDelta(t, values[r*columns+k], float32(int8(bytes[k*rows+r]))*scale, float64(scale)/2, "row %d, column %d", r, k)
		}
	}
}

// Figures of peers stand beside those of lstm.
func TestFormatFiguresMatch(t *testing.T) {
	s := bench.Shape{Input: 3, Hidden: 5}
	groups, err := s.OurFormats()
	require.NoError(t, err)
	for _, group := range groups {
		require.Len(t, group, len(bench.Formats))
		theirs := job{steps: max(1, group[0].Steps), streams: max(1, group[0].Batch)}.figure(s, "")
		for i, c := range group {
			c.Path, theirs.Weights = "", bench.Formats[i]
			require.Equal(t, theirs, c.Figure)
		}
	}
}
