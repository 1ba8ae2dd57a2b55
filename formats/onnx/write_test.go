package onnx

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm"
	"example.com/lstm/internal/lstmtest"
)

var update = flag.Bool("update", false, "write testdata/written")

// randomLSTM has weights of the size of a trained layer's, and all biases.
func randomLSTM(r *rand.Rand, input, hidden int, change ...func(*lstm.Weights)) *lstm.Weights {
	w := &lstm.Weights{
		InputSize: input, HiddenSize: hidden,
		WeightIH: lstmtest.Normals(r, 4*hidden*input, 0.5), WeightHH: lstmtest.Normals(r, 4*hidden*hidden, 0.4),
		BiasIH: lstmtest.Normals(r, 4*hidden, 0.3), BiasHH: lstmtest.Normals(r, 4*hidden, 0.3),
	}
	for _, f := range change {
		f(w)
	}
	return w
}

func randomLinear(r *rand.Rand, in, out int, bias bool) *lstm.Linear {
	d := &lstm.Linear{InFeatures: in, OutFeatures: out, Weight: lstmtest.Normals(r, in*out, 0.5)}
	if bias {
		d.Bias = lstmtest.Normals(r, out, 0.3)
	}
	return d
}

// functions are all activations of single elements, with numbers that are no
// defaults.
var functions = []lstm.Activation{
	{Function: lstm.ActivationSigmoid}, {Function: lstm.ActivationTanh}, {Function: lstm.ActivationHardSigmoid, Alpha: 0.3, Beta: 0.4},
	{Function: lstm.ActivationReLU}, {Function: lstm.ActivationLeakyReLU, Alpha: 0.05}, {Function: lstm.ActivationThresholdedReLU, Alpha: 0.125},
	{Function: lstm.ActivationSoftsign}, {Function: lstm.ActivationELU, Alpha: 0.75}, {Function: lstm.ActivationScaledTanh, Alpha: 1.5, Beta: 0.6},
	{Function: lstm.ActivationAffine, Alpha: 0.3, Beta: 0.45}, {Function: lstm.ActivationSoftplus},
}

// variants are models with all that ONNX can say, and each with one thing more than
// a plain layer has.
func variants() map[string]*lstm.Model {
	const I, H = 3, 5
	r := lstmtest.NewRand(14)
	peepholes := func(w *lstm.Weights) {
		w.PeepholeI, w.PeepholeF, w.PeepholeO = lstmtest.Normals(r, w.HiddenSize, 0.4), lstmtest.Normals(r, w.HiddenSize, 0.4), lstmtest.Normals(r, w.HiddenSize, 0.4)
	}
	begin := func(w *lstm.Weights) {
		w.InitialH, w.InitialC = lstmtest.Normals(r, w.HiddenSize, 0.5), lstmtest.Normals(r, w.HiddenSize, 0.5)
	}
	clip := func(w *lstm.Weights) { w.Cell.Clip = 0.75 }
	coupled := func(w *lstm.Weights) { w.Cell.Coupled = true }
	residual := func(w *lstm.Weights) { w.Residual = true }
	noBias := func(w *lstm.Weights) { w.BiasIH, w.BiasHH = nil, nil }
	layers := func(l ...lstm.Layer) *lstm.Model { return &lstm.Model{Layers: l} }
	both := func(f, b *lstm.Weights, m lstm.Merge) *lstm.Bidirectional {
		return &lstm.Bidirectional{Forward: f, Backward: b, Merge: m}
	}
	one := func(input int, change ...func(*lstm.Weights)) *lstm.Weights {
		return randomLSTM(r, input, H, change...)
	}
	tanh := lstm.Activation{Function: lstm.ActivationTanh}

	all := map[string]*lstm.Model{
		"plain":              layers(one(I)),
		"no_bias":            layers(one(I, noBias)),
		"peepholes":          layers(one(I, peepholes)),
		"clip":               layers(one(I, clip)),
		"coupled":            layers(one(I, coupled)),
		"coupled_peepholes":  layers(one(I, coupled, peepholes, clip)),
		"initial":            layers(one(I, begin), one(H, begin)),
		"initial_both":       layers(both(one(I, begin), one(I, begin), lstm.MergeConcat)),
		"residual":           layers(one(H, residual), one(H, residual)),
		"residual_reverse":   layers(both(nil, one(H, residual), lstm.MergeConcat)),
		"residual_both":      layers(both(one(H, residual), one(H), lstm.MergeSum)),
		"reverse":            layers(both(nil, one(I, peepholes), lstm.MergeConcat), one(H)),
		"both":               layers(both(one(I), one(I), lstm.MergeConcat), both(one(2*H), one(2*H), lstm.MergeConcat)),
		"both_of_two_sizes":  layers(both(one(I), randomLSTM(r, I, 4), lstm.MergeConcat)),
		"both_of_two_clips":  layers(both(one(I, clip), one(I, coupled, peepholes), lstm.MergeMul)),
		"both_peepholes":     layers(both(one(I, peepholes, clip), one(I, peepholes, clip), lstm.MergeConcat)),
		"sum":                layers(both(one(I), one(I), lstm.MergeSum)),
		"mul":                layers(both(one(I), one(I), lstm.MergeMul)),
		"average":            layers(both(one(I), one(I), lstm.MergeAverage), one(H)),
		"linear_layers":      layers(randomLinear(r, I, 4, true), tanh, one(4), randomLinear(r, H, 2, false), lstm.Activation{Function: lstm.ActivationSigmoid}),
		"activation_first":   layers(lstm.Activation{Function: lstm.ActivationAffine, Alpha: 0.5, Beta: 0.25}, lstm.Activation{Function: lstm.ActivationSoftmax}, one(I)),
		"head":               {Layers: []lstm.Layer{one(I)}, Heads: []lstm.Head{{Layers: []lstm.Layer{randomLinear(r, H, 2, true)}}}},
		"head_of_one_output": {Layers: []lstm.Layer{one(I)}, Heads: []lstm.Head{{Layers: []lstm.Layer{randomLinear(r, H, 1, true)}}}},
		"head_with_name":     {Layers: []lstm.Layer{one(I)}, Heads: []lstm.Head{{Name: "price", Layers: []lstm.Layer{randomLinear(r, H, 2, true)}}}},
		"head_after_layers":  {Layers: []lstm.Layer{one(I), randomLinear(r, H, 4, true)}, Heads: []lstm.Head{{Layers: []lstm.Layer{tanh, randomLinear(r, 4, 2, false)}}}},
		"heads": {Layers: []lstm.Layer{one(I), tanh}, Heads: []lstm.Head{
			{Name: "class", Layers: []lstm.Layer{randomLinear(r, H, 3, true), lstm.Activation{Function: lstm.ActivationSoftmax}}},
			{Name: "value", Layers: []lstm.Layer{randomLinear(r, H, 1, false), lstm.Activation{Function: lstm.ActivationAffine, Alpha: 2, Beta: -1}}},
			{Layers: []lstm.Layer{tanh}},
			{Name: "x", Layers: []lstm.Layer{randomLinear(r, H, 2, true)}},
		}, Metadata: map[string]string{"lstm.index": "date", "": "empty"}},
	}
	for i, f := range functions {
		pick := func(k int) lstm.Activation { return functions[(i+k)%len(functions)] }
		all["cell_"+f.Function.String()] = layers(randomLSTM(r, I, H, func(w *lstm.Weights) {
			w.Cell.Gate, w.Cell.Candidate, w.Cell.Output = pick(0), pick(3), pick(7)
			for _, list := range [][]float32{w.WeightIH, w.WeightHH} {
				for k := range list {
					list[k] *= 0.5
				}
			}
		}))
		all["after_"+f.Function.String()] = layers(one(I), f)
	}
	all["cells_of_both"] = layers(both(one(I, func(w *lstm.Weights) { w.Cell.Gate = functions[2] }), one(I, func(w *lstm.Weights) { w.Cell.Output = functions[4] }), lstm.MergeConcat))

	// Their names are the last, so that the cases of the others keep their seeds.
	ends := func(b *lstm.Bidirectional, above ...lstm.Layer) *lstm.Model {
		b.Last = true
		m := layers(one(I), b)
		m.Metadata = map[string]string{outputKey: "y at the last step"}
		if above != nil {
			m.Heads = []lstm.Head{{Layers: above}}
		}
		return m
	}
	all["what_both_end_with"] = ends(both(one(H), one(H), lstm.MergeConcat))
	all["what_both_end_with_and_head"] = ends(both(one(H), one(H), lstm.MergeConcat), randomLinear(r, 2*H, 3, true), lstm.Activation{Function: lstm.ActivationSoftmax})
	all["what_both_end_with_average"] = ends(both(one(H), one(H), lstm.MergeAverage))
	all["what_both_end_with_mul"] = ends(both(one(H, clip), one(H), lstm.MergeMul), randomLinear(r, H, 2, true))
	all["what_both_end_with_of_two_sizes"] = ends(both(one(H), randomLSTM(r, H, 4), lstm.MergeConcat), randomLinear(r, H+4, 2, false))
	all["what_both_end_with_sum"] = ends(both(one(H), one(H), lstm.MergeSum), tanh)
	return all
}

// usual is m as it is said in one way: without what is as good as nothing.
func usual(m *lstm.Model) *lstm.Model {
	c := *m
	c.Source = lstm.Source{}
	place := func(w *lstm.Weights) {
		if w == nil {
			return
		}
		if w.Cell.Gate.Function == lstm.ActivationSigmoid {
			w.Cell.Gate = lstm.Activation{}
		}
		for _, a := range []*lstm.Activation{&w.Cell.Candidate, &w.Cell.Output} {
			if a.Function == lstm.ActivationTanh {
				*a = lstm.Activation{}
			}
		}
	}
	for _, l := range c.Layers {
		switch l := l.(type) {
		case *lstm.Weights:
			place(l)
		case *lstm.Bidirectional:
			place(l.Forward)
			place(l.Backward)
		}
	}
	return &c
}

func TestWriteReadsBackEqual(t *testing.T) {
	for name, m := range variants() {
		t.Run(name, func(t *testing.T) {
			var file bytes.Buffer
			require.NoError(t, Write(&file, m))
			got, err := Read(&file)
			require.NoError(t, err)
			require.Equal(t, usual(m), usual(got))
			a, err := lstm.NewSequenceNetwork(m)
			require.NoError(t, err)
			b, err := lstm.NewSequenceNetwork(got)
			require.NoError(t, err)
			require.Equal(t, a.Fingerprint(), b.Fingerprint())
		})
	}
}

// What ONNX Runtime makes of written files is in testdata. A change of what is written
// needs -update, and then testdata/run.js.
func TestWrittenGoldens(t *testing.T) {
	all := variants()
	var cases []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		m := all[name]
		t.Run(name, func(t *testing.T) {
			options := []WriteOption{}
			if statefulNodes[name] > 0 {
				options = append(options, WithStates())
			}
			var file bytes.Buffer
			require.NoError(t, Write(&file, m, options...))
			path := filepath.Join("testdata", "written", name+".onnx")
			if *update {
				require.NoError(t, os.WriteFile(path, file.Bytes(), 0o666))
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, want, file.Bytes())
			text, err := json.Marshal(writtenCase(t, name, m))
			require.NoError(t, err)
			cases = append(cases, string(text))
		})
	}
	if *update {
		text := "["
		for i, c := range cases {
			text += map[bool]string{true: "\n", false: ",\n"}[i == 0] + c
		}
		require.NoError(t, os.WriteFile(filepath.Join("testdata", "written", "cases.json"), []byte(text+"\n]\n"), 0o666))
		return
	}
	for _, c := range goldenCases(t, "written") {
		t.Run("run/"+c.Name, func(t *testing.T) { c.check(t, all[c.Name], goldenTolerance) })
	}
}

// statefulNodes are the LSTM nodes of the variants that are written with states.
var statefulNodes = map[string]int{"plain": 1, "both": 2}

// writtenCase describes the file of m for testdata/run.js.
func writtenCase(t *testing.T, name string, m *lstm.Model) goldenCase {
	t.Helper()
	n, err := lstm.NewSequenceNetwork(m)
	require.NoError(t, err)
	axes := "TBF"
	if slices.ContainsFunc(m.Layers, func(l lstm.Layer) bool { b, ok := l.(*lstm.Bidirectional); return ok && b.Last }) {
		axes = "BF"
	}
	c := goldenCase{Name: name, Inputs: []goldenValue{{Name: "x", Axes: "TBF", Shape: []int{5, 2, n.InputSize()}}}}
	others := []string{"y", "y.1"}
	for _, h := range n.Heads() {
		out := h.Name
		if out == "" || out == "x" {
			out, others = others[0], others[1:]
		}
		c.Outputs = append(c.Outputs, goldenValue{Name: out, Axes: axes})
	}
	if c.Outputs == nil {
		c.Outputs = []goldenValue{{Name: "y", Axes: axes}}
	}
	nodes := statefulNodes[name]
	for k := range nodes {
		for _, s := range []string{"h", "c"} {
			c.Inputs = append(c.Inputs, goldenValue{Name: fmt.Sprintf("%s0.%d", s, k), Axes: "LBF", Shape: []int{len(n.NewState().H) / nodes, 2, 5}})
			c.Outputs = append(c.Outputs, goldenValue{Name: fmt.Sprintf("%sn.%d", s, k), Axes: "LBF"})
		}
	}
	return c
}

func TestWriteRefuses(t *testing.T) {
	r := lstmtest.NewRand(15)
	for name, change := range map[string]struct {
		change func(*lstm.Model)
		kind   error
		text   string
	}{
		"projection": {func(m *lstm.Model) {
			w := m.Layers[0].(*lstm.Weights)
			w.ProjSize, w.WeightHR, w.WeightHH = 2, lstmtest.Normals(r, 10, 1), lstmtest.Normals(r, 40, 1)
		}, lstm.ErrUnsupported, "onnx: layers.0: ProjSize is 2, and ONNX's LSTM has no projection"},
		"cell clip": {func(m *lstm.Model) { m.Layers[0].(*lstm.Weights).Cell.CellClip = 3 }, lstm.ErrUnsupported, "onnx: layers.0: Cell.CellClip is 3, and ONNX's LSTM does not limit the cell state"},
		"normalization": {func(m *lstm.Model) {
			w := m.Layers[0].(*lstm.Weights)
			g := lstmtest.Normals(r, 5, 1)
			w.NormI, w.NormF, w.NormG, w.NormO = g, g, g, g
		}, lstm.ErrUnsupported, "onnx: layers.0: NormI is not nil, and ONNX's LSTM has no layer normalization"},
		"format": {func(m *lstm.Model) { m.Layers[0].(*lstm.Weights).Format = lstm.Float16 }, lstm.ErrUnsupported,
			"onnx: layers.0: Format is float16, and what that computes ONNX cannot say; with float32 the weights are written as they are"},
		"format of a linear layer": {func(m *lstm.Model) {
			d := randomLinear(r, 5, 2, true)
			d.Format = lstm.Int8
			m.Heads = []lstm.Head{{Layers: []lstm.Layer{d}}}
		}, lstm.ErrUnsupported, "onnx: heads.0.0: Format is int8"},
		"in a direction": {func(m *lstm.Model) {
			w := m.Layers[0].(*lstm.Weights)
			w.Cell.CellClip = 3
			m.Layers[0] = &lstm.Bidirectional{Backward: w}
		}, lstm.ErrUnsupported, "layers.0: Cell.CellClip"},
		"last in reverse": {func(m *lstm.Model) {
			m.Layers[0] = &lstm.Bidirectional{Backward: m.Layers[0].(*lstm.Weights), Last: true}
		}, lstm.ErrUnsupported, "onnx: layers.0: it has Last and runs in reverse only"},
		"last and residual": {func(m *lstm.Model) {
			w := randomLSTM(r, 5, 5, func(w *lstm.Weights) { w.Residual = true })
			m.Layers[0] = &lstm.Bidirectional{Forward: w, Backward: w, Last: true}
		}, lstm.ErrUnsupported, "onnx: layers.0: it has Last and a residual connection"},
		"above last": {func(m *lstm.Model) {
			w := m.Layers[0].(*lstm.Weights)
			m.Layers = []lstm.Layer{&lstm.Bidirectional{Forward: w, Backward: w, Last: true}, lstm.Activation{Function: lstm.ActivationTanh}, randomLSTM(r, 10, 2)}
		}, lstm.ErrUnsupported, "onnx: layers.2: it is an LSTM layer above one that has Last"},
		"broken":   {func(m *lstm.Model) { m.Layers[0].(*lstm.Weights).WeightIH = nil }, lstm.ErrShape, "onnx: layer 0: WeightIH is nil"},
		"metadata": {func(m *lstm.Model) { m.Metadata = map[string]string{arrangementKey: ""} }, lstm.ErrUnsupported, arrangementKey},
	} {
		t.Run(name, func(t *testing.T) {
			m := &lstm.Model{Layers: []lstm.Layer{randomLSTM(r, 3, 5)}}
			change.change(m)
			var file bytes.Buffer
			err := Write(&file, m)
			require.ErrorIs(t, err, change.kind)
			require.ErrorContains(t, err, change.text)
			require.Zero(t, file.Len())
		})
	}
	require.EqualError(t, Write(io.Discard, nil), "onnx: the model is nil")
	m := &lstm.Model{Layers: []lstm.Layer{randomLSTM(r, 3, 5, func(w *lstm.Weights) { w.InitialH = make([]float32, 5) })}}
	require.ErrorContains(t, Write(io.Discard, m, WithStates()), "layers.0: InitialH or InitialC is not nil")
	require.ErrorIs(t, Write(failing{}, lstm.RandomModel(1, 1, 1, 1)), io.ErrShortWrite)
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrShortWrite }
