package keras_test

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm"
	"example.com/lstm/formats/keras"
)

// tolerance is what an output may differ from TensorFlow.js's. Both compute in
// float32 and round in other places; outputs are about 1. The largest difference
// today is 2.4e-7.
const tolerance = 1e-6

// run is what TensorFlow.js has computed of a sequence, see testdata/README.md.
type run struct {
	X [][]float32 `json:"x"`
	Y [][]float32 `json:"y"`

	H0, C0, H, C []float32   // of the only LSTM, or nil
	Weights      [][]float32 // of a quantized model, in the order of the file
}

func readRun(t *testing.T, folder string) (r run) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, "run.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &r))
	require.Len(t, r.Y, len(r.X))
	return r
}

// models are the folders of models.
func models(t testing.TB) []string {
	t.Helper()
	folders, err := filepath.Glob("testdata/models/*")
	require.NoError(t, err)
	require.NotEmpty(t, folders)
	return folders
}

func open(t testing.TB, folder string) *lstm.Model {
	t.Helper()
	m, err := keras.Open(filepath.Join(folder, "model.json"))
	require.NoError(t, err)
	return m
}

func TestModelsComputeWhatTensorFlowJSDoes(t *testing.T) {
	for _, folder := range models(t) {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			requireRun(t, open(t, folder), readRun(t, folder))
		})
	}
}

// requireRun compares all ways to run a model with r.
func requireRun(t *testing.T, m *lstm.Model, r run) {
	t.Helper()
	net, err := lstm.NewSequenceNetwork(m)
	require.NoError(t, err)
	want := slices.Concat(r.Y...)
	reversed := m.Metadata[keras.OutputKey] == keras.OutputReversed
	if reversed {
		rows := slices.Clone(r.Y)
		slices.Reverse(rows)
		want = slices.Concat(rows...)
	}
	initial, final := net.NewState(), net.NewState()
	if r.H0 != nil {
		initial.H[0], initial.C[0] = r.H0, r.C0
	}
	y := make([]float32, len(want))
	net.Forward(slices.Concat(r.X...), y, initial, final)
	if m.Metadata[keras.OutputKey] == keras.OutputLast && !isForward(m) {
		requireLast(t, net, r) // earlier steps have seen later ones
		return
	}
	requireNear(t, want, y)
	if r.H != nil {
		requireNear(t, r.H, final.H[0])
		requireNear(t, r.C, final.C[0])
	}
	if isForward(m) {
		requireSteps(t, m, r, y)
	}
}

// requireLast compares the last outputs of all sequences that r.X begins with.
func requireLast(t *testing.T, net *lstm.SequenceNetwork, r run) {
	t.Helper()
	for end, want := range r.Y {
		y := make([]float32, (end+1)*len(want))
		net.Forward(slices.Concat(r.X[:end+1]...), y, nil, nil)
		requireNear(t, want, y[end*len(want):])
	}
}

// What both directions end with is the output at every step.
func TestWhatDirectionsEndWith(t *testing.T) {
	folders, err := filepath.Glob("testdata/models/both_end_*")
	require.NoError(t, err)
	require.NotEmpty(t, folders)
	for _, folder := range folders {
		m, r := open(t, folder), readRun(t, folder)
		net, err := lstm.NewSequenceNetwork(m)
		require.NoError(t, err)
		y := make([]float32, len(r.X)*net.OutputSize())
		net.Forward(slices.Concat(r.X...), y, nil, nil)
		for range r.X {
			requireNear(t, r.Y[len(r.Y)-1], y[:net.OutputSize()])
			y = y[net.OutputSize():]
		}
	}
}

// requireSteps compares steps with the sequence, bit for bit.
func requireSteps(t *testing.T, m *lstm.Model, r run, want []float32) {
	t.Helper()
	net, err := lstm.New(m)
	require.NoError(t, err)
	state := net.NewState()
	if r.H0 != nil {
		copy(state.H(0), r.H0)
		copy(state.C(0), r.C0)
	}
	y := make([]float32, net.OutputSize())
	for _, x := range r.X {
		net.Step(state, x, y)
		require.Equal(t, want[:len(y)], y)
		want = want[len(y):]
	}
}

// isForward reports whether the model takes steps.
func isForward(m *lstm.Model) bool {
	return !slices.ContainsFunc(m.Layers, func(l lstm.Layer) bool {
		_, ok := l.(*lstm.Bidirectional)
		return ok
	})
}

func requireNear(t *testing.T, want, got []float32) {
	t.Helper()
	require.Len(t, got, len(want))
	for i := range want {
		require.LessOrEqual(t, math.Abs(float64(got[i])-float64(want[i])), tolerance, "number %d is %v, want %v", i, got[i], want[i])
	}
}

func TestWhereOutputsAre(t *testing.T) {
	others := map[string]string{
		"both_end_concat": keras.OutputLast, "both_end_sum": keras.OutputLast, "both_end_mul": keras.OutputLast, "both_end_ave": keras.OutputLast,
		"both_last": keras.OutputLast, "cudnn": keras.OutputLast, "embedding": keras.OutputLast, "functional": keras.OutputLast, "groups": keras.OutputLast, "lstm_last": keras.OutputLast, "lstm_last_dense": keras.OutputLast,
		"rnn_cells": keras.OutputLast, "softmax_axis": keras.OutputLast, "stack": keras.OutputLast, "text_generator": keras.OutputLast,
		"go_backwards_last": keras.OutputFirst, "go_backwards_then_last": keras.OutputFirst,
		"go_backwards": keras.OutputReversed, "go_backwards_then_forward": keras.OutputReversed, "go_backwards_then_both": keras.OutputReversed,
		"both_go_backwards": keras.OutputReversed, "rnn_cells_go_backwards": keras.OutputReversed,
	}
	for _, folder := range models(t) {
		want := others[filepath.Base(folder)]
		if want == "" {
			want = keras.OutputEach
		}
		m := open(t, folder)
		require.Equal(t, want, m.Metadata[keras.OutputKey], folder)
		inputs, begins := m.Metadata[keras.InputKey]
		require.Equal(t, filepath.Base(folder) == "embedding", begins, folder)
		if begins {
			require.Equal(t, "one of 9", inputs)
		}
		require.Equal(t, "tfjs-layers 4.22.0", m.Metadata[keras.VersionKey], folder)
	}
}

// Quantized weights are to the bit what TensorFlow.js makes of them.
func TestQuantizedWeights(t *testing.T) {
	for _, model := range []string{"uint8", "uint16", "float16"} {
		folder := filepath.Join("testdata", "models", model)
		m, want := open(t, folder), readRun(t, folder).Weights
		w, d := m.Layers[0].(*lstm.Weights), m.Heads[0].Layers[0].(*lstm.Linear)
		got := [][]float32{columns(w.WeightIH, w.InputSize), columns(w.WeightHH, w.HiddenSize), w.BiasIH, columns(d.Weight, d.InFeatures), d.Bias}
		require.Equal(t, want, got, model)
	}
}

// columns returns the columns of a matrix one after another.
func columns(m []float32, width int) (out []float32) {
	for c := range width {
		for i := c; i < len(m); i += width {
			out = append(out, m[i])
		}
	}
	return out
}

// What is read can be written as safetensors, and is the same there.
func TestModelsAreWritten(t *testing.T) {
	for _, folder := range models(t) {
		want := open(t, folder)
		var file bytes.Buffer
		require.NoError(t, want.Write(&file), folder)
		got, err := lstm.ReadModel(&file)
		require.NoError(t, err, folder)
		got.Source = want.Source
		require.Equal(t, want, got, folder)
	}
}
