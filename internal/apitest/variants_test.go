package apitest

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm"
	"example.com/lstm/internal/lstmtest"
	"example.com/lstm/internal/safetensors"
)

// variant is what PyTorch or ONNX Runtime has made of sequences with a network
// that is more than layers of nn.LSTM (see testdata/README.md).
type variant struct {
	model    *lstm.Model
	lengths  []int
	xs, ys   [][]float32    // of each sequence
	initial  []variantState // of each sequence, nil for where the model begins
	final    []variantState
	tolerate struct{ h, c, y float64 }
}

// variantState is h and c of each LSTM.
type variantState struct{ h, c [][]float32 }

// The model of a file, as its metadata has it. Everything in it must be known.
type (
	variantModel struct {
		Layers []variantLayer `json:"layers"`
		Heads  []variantHead  `json:"heads"`
	}
	variantHead struct {
		Name   string         `json:"name"`
		Layers []variantLayer `json:"layers"`
	}
	variantLayer struct {
		Kind     string            `json:"kind"` // lstm, linear or activation
		Forward  *variantDirection `json:"forward"`
		Backward *variantDirection `json:"backward"`
		Merge    string            `json:"merge"`
		Residual bool              `json:"residual"`
		Tensors  string            `json:"tensors"` // of a linear layer, with * for what a tensor is called
		variantActivation
	}
	variantDirection struct {
		Tensors string      `json:"tensors"`
		Cell    variantCell `json:"cell"`
	}
	variantCell struct {
		Coupled   bool               `json:"coupled"`
		Clip      float32            `json:"clip"`
		Gate      *variantActivation `json:"gate"`
		Candidate *variantActivation `json:"candidate"`
		Output    *variantActivation `json:"output"`
	}
	variantActivation struct {
		Function string  `json:"function"`
		Alpha    float32 `json:"alpha"`
		Beta     float32 `json:"beta"`
	}
)

// variantFile takes the tensors of a file. Those that nobody takes are an error.
type variantFile struct {
	t       *testing.T
	tensors map[string]safetensors.Tensor
	taken   map[string]bool
}

func (f *variantFile) has(name string) bool {
	_, ok := f.tensors[name]
	return ok
}

// take returns a tensor, whose shape has a -1 where any size is right.
func (f *variantFile) take(name string, shape ...int) []float32 {
	f.t.Helper()
	require.True(f.t, f.has(name), "no tensor %s", name)
	require.False(f.t, f.taken[name], "%s has two uses", name)
	f.taken[name] = true
	got := f.tensors[name].Shape
	require.Len(f.t, got, len(shape), name)
	for i, n := range shape {
		if n >= 0 {
			require.Equal(f.t, n, got[i], "%s has the shape %v, want %v", name, got, shape)
		}
	}
	return f.tensors[name].Data
}

// maybe is take of a tensor that need not be there.
func (f *variantFile) maybe(name string, shape ...int) []float32 {
	f.t.Helper()
	if !f.has(name) {
		return nil
	}
	return f.take(name, shape...)
}

func openVariant(t *testing.T, path string) *variant {
	t.Helper()
	r, err := os.Open(path)
	require.NoError(t, err)
	defer r.Close()
	tensors, metadata := readTensors(t, r)
	f := &variantFile{t, tensors, map[string]bool{}}

	var described variantModel
	decoder := json.NewDecoder(strings.NewReader(metadata["model"]))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(&described))
	v := &variant{model: &lstm.Model{Layers: f.layers(described.Layers)}}
	for _, h := range described.Heads {
		v.model.Heads = append(v.model.Heads, lstm.Head{Name: h.Name, Layers: f.layers(h.Layers)})
	}

	rows := 0
	for _, text := range strings.Split(metadata["lengths"], ",") {
		length, err := strconv.Atoi(text)
		require.NoError(t, err)
		v.lengths = append(v.lengths, length)
		rows += length
	}
	x, y := f.take("x", rows, -1), f.take("y", rows, -1)
	input, output := tensors["x"].Shape[1], tensors["y"].Shape[1]
	for _, length := range v.lengths {
		v.xs, x = append(v.xs, x[:length*input]), x[length*input:]
		v.ys, y = append(v.ys, y[:length*output]), y[length*output:]
	}
	if f.has("h0.0") {
		v.initial = f.states("h0.", "c0.", len(v.lengths))
	}
	v.final = f.states("h.", "c.", len(v.lengths))

	for name := range tensors {
		require.True(t, f.taken[name], "%s has no use", name)
	}
	for key, tolerate := range map[string]*float64{"drift_h": &v.tolerate.h, "drift_c": &v.tolerate.c, "drift_y": &v.tolerate.y} {
		drift, err := strconv.ParseFloat(metadata[key], 64)
		require.NoError(t, err, key)
		require.Less(t, drift, 1e-6, "%s: the file says nothing if float32 is this far off", key)
		*tolerate = max(driftFactor*drift, leastTolerance)
	}
	return v
}

// leastTolerance is for drifts that are of few numbers, and small by chance: two
// steps between numbers from 1 to 2.
const leastTolerance = 2 * 0x1p-23

// states are the tensors h+"0", c+"0" and so on, of each LSTM, one state for each
// sequence.
func (f *variantFile) states(h, c string, sequences int) []variantState {
	f.t.Helper()
	states := make([]variantState, sequences)
	for k := 0; f.has(h + strconv.Itoa(k)); k++ {
		hs, cs := f.rows(h+strconv.Itoa(k), sequences), f.rows(c+strconv.Itoa(k), sequences)
		for i := range states {
			states[i].h, states[i].c = append(states[i].h, hs[i]), append(states[i].c, cs[i])
		}
	}
	return states
}

// rows takes a matrix of n rows.
func (f *variantFile) rows(name string, n int) [][]float32 {
	f.t.Helper()
	return slices.Collect(slices.Chunk(f.take(name, n, -1), f.tensors[name].Shape[1]))
}

func (f *variantFile) layers(described []variantLayer) []lstm.Layer {
	f.t.Helper()
	var layers []lstm.Layer
	for _, d := range described {
		switch d.Kind {
		case "lstm":
			layers = append(layers, f.lstm(d))
		case "linear":
			layers = append(layers, f.linear(d))
		case "activation":
			layers = append(layers, d.activation(f.t))
		default:
			f.t.Fatalf("a layer is of kind %q", d.Kind)
		}
	}
	return layers
}

// activation finds a function by its name, which is the same here.
func (a *variantActivation) activation(t *testing.T) lstm.Activation {
	t.Helper()
	if a == nil {
		return lstm.Activation{}
	}
	for f := lstm.ActivationSigmoid; f <= lstm.ActivationSoftmax; f++ {
		if f.String() == a.Function {
			return lstm.Activation{Function: f, Alpha: a.Alpha, Beta: a.Beta}
		}
	}
	t.Fatalf("there is no activation %q", a.Function)
	return lstm.Activation{}
}

func (f *variantFile) linear(d variantLayer) *lstm.Linear {
	f.t.Helper()
	name := func(what string) string { return strings.Replace(d.Tensors, "*", what, 1) }
	weight := f.take(name("weight"), -1, -1)
	out := f.tensors[name("weight")].Shape[0]
	return &lstm.Linear{InFeatures: len(weight) / out, OutFeatures: out, Weight: weight, Bias: f.maybe(name("bias"), out)}
}

func (f *variantFile) lstm(d variantLayer) lstm.Layer {
	f.t.Helper()
	if d.Backward == nil {
		return f.weights(*d.Forward, d.Residual)
	}
	merge, ok := map[string]lstm.Merge{"": lstm.MergeConcat, "concat": lstm.MergeConcat, "sum": lstm.MergeSum,
		"multiply": lstm.MergeMul, "average": lstm.MergeAverage}[d.Merge]
	require.True(f.t, ok, "merge is %q", d.Merge)
	b := &lstm.Bidirectional{Backward: f.weights(*d.Backward, d.Residual), Merge: merge}
	if d.Forward != nil {
		b.Forward = f.weights(*d.Forward, d.Residual)
	}
	return b
}

func (f *variantFile) weights(d variantDirection, residual bool) *lstm.Weights {
	f.t.Helper()
	name := func(what string) string { return strings.Replace(d.Tensors, "*", what, 1) }
	rows, input := f.tensors[name("weight_ih")].Shape[0], f.tensors[name("weight_ih")].Shape[1]
	hidden := rows / 4
	w := &lstm.Weights{
		InputSize: input, HiddenSize: hidden,
		WeightIH:  f.take(name("weight_ih"), rows, input),
		WeightHH:  f.take(name("weight_hh"), rows, -1),
		BiasIH:    f.maybe(name("bias_ih"), rows),
		BiasHH:    f.maybe(name("bias_hh"), rows),
		WeightHR:  f.maybe(name("weight_hr"), -1, hidden),
		PeepholeI: f.maybe(name("peephole_i"), hidden),
		PeepholeF: f.maybe(name("peephole_f"), hidden),
		PeepholeO: f.maybe(name("peephole_o"), hidden),
		InitialH:  f.maybe(name("initial_h"), -1),
		InitialC:  f.maybe(name("initial_c"), hidden),
		Cell: lstm.Cell{Coupled: d.Cell.Coupled, Clip: d.Cell.Clip,
			Gate: d.Cell.Gate.activation(f.t), Candidate: d.Cell.Candidate.activation(f.t), Output: d.Cell.Output.activation(f.t)},
		Residual: residual,
	}
	w.ProjSize = len(w.WeightHR) / hidden
	return w
}

func TestVariants(t *testing.T) {
	files, err := filepath.Glob("../../testdata/variants/*.safetensors")
	require.NoError(t, err)
	require.NotEmpty(t, files, "no vectors")
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".safetensors"), func(t *testing.T) {
			v := openVariant(t, file)
			var written bytes.Buffer
			require.NoError(t, v.model.Write(&written))
			read, err := lstm.ReadModel(&written)
			require.NoError(t, err)
			require.True(t, modelsEqual(v.model, read), "read from a file")

			sequences, err := lstm.NewSequenceNetwork(v.model)
			require.NoError(t, err)
			lstmtest.EachPath(t, func(t *testing.T) { v.testSequences(t, sequences) })

			n, err := lstm.New(v.model)
			if v.hasBackward() {
				require.ErrorIs(t, err, lstm.ErrUnsupported)
				return
			}
			require.NoError(t, err)
			lstmtest.EachPath(t, func(t *testing.T) { v.testStates(t, n) })
		})
	}
}

func (v *variant) hasBackward() bool {
	return slices.ContainsFunc(v.model.Layers, func(l lstm.Layer) bool {
		_, ok := l.(*lstm.Bidirectional)
		return ok
	})
}

// requireSequence compares what a sequence has become.
func (v *variant) requireSequence(t *testing.T, i int, y []float32, h, c func(k int) []float32) {
	t.Helper()
	requireClose(t, v.ys[i], y, v.tolerate.y, "y of sequence %d", i)
	// Without steps ONNX leaves zeros.
	if v.lengths[i] == 0 {
		return
	}
	for k := range v.final[i].h {
		requireClose(t, v.final[i].h[k], h(k), v.tolerate.h, "h of LSTM %d of sequence %d", k, i)
		requireClose(t, v.final[i].c[k], c(k), v.tolerate.c, "c of LSTM %d of sequence %d", k, i)
	}
}

func (v *variant) testStates(t *testing.T, n *lstm.Network) {
	begin := func(i int) *lstm.State {
		s := n.NewState()
		if v.initial != nil {
			for l := range n.Layers() {
				copy(s.H(l), v.initial[i].h[l])
				copy(s.C(l), v.initial[i].c[l])
			}
		}
		return s
	}
	var states []*lstm.State
	var ys [][]float32
	for i := range v.lengths {
		states, ys = append(states, begin(i)), append(ys, make([]float32, len(v.ys[i])))
	}

	t.Run("Step", func(t *testing.T) {
		for i, x := range v.xs {
			s, y := begin(i), make([]float32, len(v.ys[i]))
			for step := range v.lengths[i] {
				n.Step(s, x[step*n.InputSize():][:n.InputSize()], y[step*n.OutputSize():][:n.OutputSize()])
			}
			v.requireSequence(t, i, y, s.H, s.C)
		}
	})

	t.Run("ForwardBatch", func(t *testing.T) {
		n.ForwardBatch(states, v.xs, ys)
		for i, s := range states {
			v.requireSequence(t, i, ys[i], s.H, s.C)
		}
	})

	t.Run("StepBatch", func(t *testing.T) {
		for i := range states {
			states[i] = begin(i)
		}
		for step := range slices.Max(v.lengths) {
			var batch []*lstm.State
			var xs, out [][]float32
			for i, length := range v.lengths {
				if step < length {
					batch = append(batch, states[i])
					xs = append(xs, v.xs[i][step*n.InputSize():][:n.InputSize()])
					out = append(out, ys[i][step*n.OutputSize():][:n.OutputSize()])
				}
			}
			n.StepBatch(batch, xs, out)
		}
		for i, s := range states {
			v.requireSequence(t, i, ys[i], s.H, s.C)
		}
	})
}
