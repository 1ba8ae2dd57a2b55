package keras_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"example.com/lstm"
	"example.com/lstm/formats/keras"
)

// files returns the files of a model.
func files(t testing.TB, model string) fstest.MapFS {
	t.Helper()
	fsys := fstest.MapFS{}
	paths, err := filepath.Glob(filepath.Join("testdata", "models", model, "*"))
	require.NoError(t, err)
	for _, path := range paths {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		fsys[filepath.Base(path)] = &fstest.MapFile{Data: data}
	}
	require.Contains(t, fsys, "model.json")
	return fsys
}

// edited is the model with some text of its model.json replaced.
func edited(t testing.TB, model string, oldNew ...string) fstest.MapFS {
	t.Helper()
	fsys := files(t, model)
	text := string(fsys["model.json"].Data)
	for i := 0; i < len(oldNew); i += 2 {
		require.Contains(t, text, oldNew[i])
		text = strings.ReplaceAll(text, oldNew[i], oldNew[i+1])
	}
	fsys["model.json"].Data = []byte(text)
	return fsys
}

func TestRefused(t *testing.T) {
	const activation = `"activation": "linear"`
	for _, c := range []struct {
		model    string
		old, new string
		kind     error
		want     string
	}{
		// What is not ours.
		{"lstm", `"LSTM"`, `"GRU"`, lstm.ErrUnsupported, `(GRU): it is recurrent, and no LSTM`},
		{"lstm", `"LSTM"`, `"Conv1D"`, lstm.ErrUnsupported, `(Conv1D): it looks at several steps at once`},
		{"embedding", `"mask_zero": null`, `"mask_zero": true`, lstm.ErrUnsupported, `(Embedding): mask_zero is true, which leaves out the steps`},
		{"embedding", `"input_dim": 9`, `"input_dim": 8`, lstm.ErrShape, `shape is [9 3], want [input_dim output_dim] = [8 3]`},
		{"embedding", `"input_dim": 9`, `"input_dim": 0`, lstm.ErrDamaged, `input_dim is 0, want at least 1`},
		{"lstm_last_dense", `"Dense"`, `"Embedding"`, lstm.ErrUnsupported, `(Embedding): it reads what other layers have computed`},
		{"lstm", `"LSTM"`, `"Masking"`, lstm.ErrUnsupported, `(Masking): it leaves out steps`},
		{"lstm", `"LSTM"`, `"Mine"`, lstm.ErrUnsupported, `(Mine): it is none of the layers that are known here`},
		{"lstm", `"LSTM"`, `"Mi\nne"`, lstm.ErrUnsupported, `("Mi\nne"): it is none of the layers`},
		{"lstm", `"LSTM"`, `"Dense"`, lstm.ErrUnsupported, `it has the option "recurrent_activation"`},
		{"rnn_cell", `"LSTMCell"`, `"GRUCell"`, lstm.ErrUnsupported, `(GRUCell): it is a cell of this class, want LSTMCell`},
		{"both_sum", `"LSTM"`, `"GRU"`, lstm.ErrUnsupported, `(GRU): it is of this class, want LSTM, CuDNNLSTM or RNN`},
		{"dense_first", `"class_name": "Dense"`, `"class_name": "Conv1D"`, lstm.ErrUnsupported, `(Conv1D): it looks at several steps at once`},
		{"dense_first", `"class_name": "Dense"`, `"class_name": "LSTM"`, lstm.ErrUnsupported, `it looks at more than one step`},
		{"lstm", `"Sequential"`, `"Subclassed"`, lstm.ErrUnsupported, `the model is of class "Subclassed"`},
		{"lstm", `"layers-model"`, `"graph-model"`, lstm.ErrUnsupported, `format is "graph-model", want layers-model`},
		{"lstm", `"tfjs-layers 4.22.0"`, `"1.2.2"`, lstm.ErrUnsupported, `keras_version is "1.2.2"`},
		{"lstm", `"tfjs-layers 4.22.0"`, `"2.` + strings.Repeat("0", 99) + `"`, lstm.ErrUnsupported, `keras_version is "2.000`},
		{"lstm", `"InputLayer"`, `"Dropout"`, nil, ``},
		{"lstm", `"LSTM"`, `"Dropout"`, lstm.ErrUnsupported, `it has the weight "`},

		// Options.
		{"lstm", `"recurrent_activation": "sigmoid"`, `"recurrent_activation": "gelu"`, lstm.ErrUnsupported, `recurrent_activation is "gelu", want one of elu, hard_sigmoid,`},
		{"lstm", `"recurrent_activation": "sigmoid",`, ``, lstm.ErrUnsupported, `it has no recurrent_activation`},
		{"lstm", `"activation": "tanh"`, `"activation": "softmax"`, lstm.ErrUnsupported, `softmax, want one of single elements`},
		{"lstm", `"activation": "tanh"`, `"activation": 7`, lstm.ErrDamaged, `activation: json`},
		{"lstm", `"units": 4`, `"units": 0`, lstm.ErrDamaged, `units is 0, want at least 1`},
		{"lstm", `"units": 4`, `"units": "4"`, lstm.ErrDamaged, `units: json`},
		{"lstm", `"units": 4`, `"units": 4611686018427387904`, lstm.ErrUnsupported, `units is 4611686018427387904, want at most 16777216`},
		{"lstm", `"units": 4`, `"units": 5`, lstm.ErrShape, `shape is [3 16], want [I, 4·units] = [any 20]`},
		{"lstm", `"units": 4`, `"units": 4, "peephole": 1`, lstm.ErrUnsupported, `it has the option "peephole", which is not known here`},
		{"lstm", `"units": 4`, `"units": 4, "peephole": false, "other": null, "seed": 7`, nil, ``},
		{"no_bias", `"use_bias": false`, `"use_bias": true`, lstm.ErrDamaged, `it has no weight bias`},
		{"lstm", `"use_bias": true`, `"use_bias": false`, lstm.ErrUnsupported, `it has the weight "lstm_LSTM1/bias", which layers of its class and options have not`},
		{"lstm_defaults", `"tfjs-layers 4.22.0"`, `null`, lstm.ErrUnsupported, `recurrent_activation is hard_sigmoid, and the file has no keras_version`},
		{"both_sum", `"merge_mode": "sum"`, `"merge_mode": null`, lstm.ErrUnsupported, `merge_mode is "null", want one of concat, sum, mul, ave`},
		{"both_stack", `"return_sequences": true`, `"return_sequences": false`, lstm.ErrUnsupported, `(Bidirectional): there is no sequence after a layer with return_sequences=False`},
		{"both_go_backwards", `"merge_mode": "ave"`, `"merge_mode": "concat"`, lstm.ErrUnsupported, `merge_mode is concat and the first direction runs from the end`},
		{"stack", `"return_sequences": true`, `"return_sequences": false`, lstm.ErrUnsupported, `there is no sequence after a layer with return_sequences=False`},
		{"softmax_axis", `"axis": 1`, `"axis": 0`, lstm.ErrUnsupported, `axis is 0, want the last, -1 or 1`},
		{"activation_layers", `"max_value": null`, `"max_value": 6`, lstm.ErrUnsupported, `max_value is 6`},
		{"activation_layers", `"theta": 0.25`, `"theta": 1e300`, lstm.ErrUnsupported, `theta is 1e+300, want a number that a float32 can have`},
		{"lstm_last_dense", activation, `"activation": "selu"`, lstm.ErrUnsupported, `(Dense): activation is "selu"`},

		// Graphs.
		{"functional", `"Dropout"`, `"Concatenate"`, lstm.ErrUnsupported, `(Concatenate): it reads several layers`},
		{"functional", `"output_layers"`, `"no_layers"`, lstm.ErrDamaged, `output_layers: it has none`},
		{"functional_states", `"input_layers"`, `"layers"`, lstm.ErrDamaged, ``},

		// Weights.
		{"lstm", `"float32"`, `"int32"`, lstm.ErrUnsupported, `dtype is "int32", want float32`},
		{"lstm", `"float32"`, `"string"`, lstm.ErrUnsupported, `dtype is "string", want float32`},
		{"uint8", `"dtype": "uint8"`, `"dtype": "uint4"`, lstm.ErrUnsupported, `quantization is "uint4", want uint8, uint16 or float16`},
		{"uint8", `"min"`, `"least"`, lstm.ErrUnsupported, `quantization is uint8 without scale or min`},
		{"uint8", `"dtype": "uint8"`, `"dtype": "uint16"`, lstm.ErrDamaged, `which goes beyond the`},
		{"lstm", `./weights.bin`, `other.bin`, os.ErrNotExist, `other.bin`},
		{"lstm", `./weights.bin`, `../weights.bin`, lstm.ErrUnsupported, `weights are in "../weights.bin", want a file in the folder of the model`},
		{"lstm", `./weights.bin`, `a/../../weights.bin`, lstm.ErrUnsupported, `want a file in the folder of the model`},
		{"lstm", `./weights.bin`, `/etc/passwd`, lstm.ErrUnsupported, `want a file in the folder of the model`},
		{"lstm", `./weights.bin`, `C:\\weights.bin`, lstm.ErrUnsupported, `want a file in the folder of the model`},
		{"lstm", `./weights.bin`, `.`, lstm.ErrUnsupported, `want a file in the folder of the model`},
		{"lstm", `"./weights.bin"`, `"weights.bin", "./weights.bin"`, lstm.ErrDamaged, `twice, want each file once`},
		{"lstm", `"name": "lstm_LSTM1/`, `"name": "other/`, lstm.ErrDamaged, `weight "other/kernel": it belongs to no layer`},
		{"lstm", `/recurrent_kernel"`, `/kernel"`, lstm.ErrDamaged, `there are two of this name`},
		{"lstm", `/recurrent_kernel"`, `/kernels"`, lstm.ErrDamaged, `it has no weight recurrent_kernel`},
	} {
		t.Run(c.model+" "+c.new, func(t *testing.T) {
			_, err := keras.Read(edited(t, c.model, c.old, c.new), "model.json")
			if c.kind == nil {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, c.kind)
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, "keras: model.json: ")
		})
	}
}

// Numbers that do not fit what they are of.
func TestShapes(t *testing.T) {
	for shape, want := range map[string]string{
		"[-4, 16]":                 "shape is [-4 16], want sizes from 0 on",
		"[4611686018427387904, 8]": "which goes beyond the 512 bytes",
		"[9223372036854775807, 9223372036854775807]": "which goes beyond the 512 bytes",
		"[99999999999999999999]":                     "cannot unmarshal number",
		"[3.5]":                                      "cannot unmarshal number",
		"[64, 16]":                                   "which goes beyond the 512 bytes",
		"[4, 15]":                                    "bytes after the last weight, want none",
		"[64]":                                       "shape is [64], want [units, 4·units] = [4 16]",
	} {
		fsys := files(t, "lstm")
		text := string(fsys["model.json"].Data)
		at := strings.Index(text, `"lstm_LSTM1/recurrent_kernel"`)
		from := at + strings.Index(text[at:], "[")
		to := from + strings.Index(text[from:], "]") + 1
		fsys["model.json"].Data = []byte(text[:from] + shape + text[to:])
		_, err := keras.Read(fsys, "model.json")
		require.ErrorContains(t, err, want, shape)
	}
}

func TestDamagedFiles(t *testing.T) {
	fsys := files(t, "lstm")
	weights := fsys["weights.bin"].Data
	for name, data := range map[string][]byte{"truncated": weights[:len(weights)-1], "empty": nil, "longer": append(weights[:len(weights):len(weights)], 0)} {
		fsys["weights.bin"].Data = data
		_, err := keras.Read(fsys, "model.json")
		require.ErrorIs(t, err, lstm.ErrDamaged, name)
	}
	fsys["weights.bin"].Data = append([]byte{0, 0, 0xc0, 0x7f}, weights[4:]...)
	_, err := keras.Read(fsys, "model.json")
	require.ErrorIs(t, err, lstm.ErrDamaged)
	require.ErrorContains(t, err, `weight "lstm_LSTM1/kernel": number 0 is NaN, want a finite number`)

	text := fsys["model.json"].Data
	for _, end := range []int{0, 1, len(text) / 2, len(text) - 3} {
		fsys["model.json"].Data = text[:end]
		_, err := keras.Read(fsys, "model.json")
		require.ErrorIs(t, err, lstm.ErrDamaged, end)
	}
	for _, text := range []string{"{}", "[]", "null", `{"modelTopology": null}`, `{"modelTopology": {"class_name": "Sequential"}}`, "\x89HDF\r\n\x1a\n", "PK\x03\x04"} {
		fsys["model.json"].Data = []byte(text)
		_, err := keras.Read(fsys, "model.json")
		require.Error(t, err, text)
	}
}

// Documents that are large or deep are refused, not run out of memory by.
func TestHugeDocuments(t *testing.T) {
	n := 600_000
	if testing.Short() {
		n = 60_000
	}
	const input = `{"class_name": "InputLayer", "config": {"name": "x"}}`
	many := func(layer string, n int) string {
		return `{"modelTopology": {"class_name": "Sequential", "config": [` + strings.Repeat(layer+",", n) + layer + `]}}`
	}
	chain := func(n int) string {
		var b strings.Builder
		b.WriteString(`{"modelTopology": {"class_name": "Model", "config": {"layers": [`)
		for i := range n {
			fmt.Fprintf(&b, `{"class_name": "Dropout", "config": {"name": "%d"}, "inbound_nodes": [[["%d", 0, 0]]]},`, i, (i+1)%n)
		}
		return strings.TrimSuffix(b.String(), ",") + `], "output_layers": [["0", 0, 0]]}}}`
	}
	for name, c := range map[string]struct{ text, want string }{
		"layers":      {many("{}", n), fmt.Sprintf("it has %d layers, want at most 10000", n+1)},
		"large":       {strings.Repeat(" ", 5<<20), "it has 5242880 bytes, want at most 2097152"},
		"deep arrays": {`{"modelTopology": ` + strings.Repeat("[", 1_000_000), "exceeded max depth"},
		"deep":        {strings.Repeat(`{"modelTopology":`, 100_000), "exceeded max depth"},
		"cycle":       {chain(9000), "it reads itself, over others"},
		"loop":        {chain(1), "it reads itself, over others"},
		"nodes":       {strings.Replace(chain(3), `[[["1", 0, 0]]]`, `[[`+strings.Repeat(`["1", 0, 0],`, n/6)+`["1", 0, 0]]]`, 1), "want one layer"},
		"entries":     {strings.Replace(many(input, 0), `{"modelTopology"`, `{"weightsManifest": [{"weights": [`+strings.Repeat("{},", n)+`{}]}], "modelTopology"`, 1), fmt.Sprintf("a group of weights has %d, want at most 40000", n+1)},
		"groups":      {strings.Replace(many(input, 0), `{"modelTopology"`, `{"weightsManifest": [`+strings.Repeat("{},", n)+`{}], "modelTopology"`, 1), fmt.Sprintf("there are %d groups of weights, want at most 40000", n+1)},
		"lists":       {strings.Replace(chain(3), `[[["1", 0, 0]]]`, `[[`+strings.Repeat(`[],`, n)+`[]]]`, 1), "it reads no other layer"},
		"outputs":     {strings.Replace(chain(3), `"output_layers": [`, `"output_layers": [`+strings.Repeat(`["0", 0, 0],`, n/6), 1), "output 0 of it is an output of the model, want output 0, once"},
		"weights": {strings.Replace(chain(3), `{"modelTopology"`, `{"weightsManifest": [{"weights": [{"name": "`+strings.Repeat("/", 1_500_000)+`", "dtype": "float32", "shape": []}]}], "modelTopology"`, 1),
			"it reads itself, over others"},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := keras.Read(fstest.MapFS{"model.json": {Data: []byte(c.text)}}, "model.json")
		runtime.ReadMemStats(&after)
		require.ErrorContains(t, err, c.want, name)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(64*len(c.text)+1<<16), name)
		require.Less(t, len(err.Error()), 2000, name)
	}
}

// No path and no link leads out of the folder, and no pipe holds up.
func TestFolder(t *testing.T) {
	outside, folder := t.TempDir(), t.TempDir()
	fsys := files(t, "lstm")
	write := func(path string, data []byte) {
		t.Helper()
		require.NoError(t, os.WriteFile(path, data, 0o600))
	}
	write(filepath.Join(outside, "weights.bin"), fsys["weights.bin"].Data)
	write(filepath.Join(folder, "model.json"), fsys["model.json"].Data)
	weights := filepath.Join(folder, "weights.bin")
	path := filepath.Join(folder, "model.json")

	if err := os.Symlink(filepath.Join(outside, "weights.bin"), weights); err == nil {
		_, err := keras.Open(path)
		require.ErrorContains(t, err, "path escapes")
		require.NoError(t, os.Remove(weights))

		write(filepath.Join(folder, "real.bin"), fsys["weights.bin"].Data)
		require.NoError(t, os.Symlink("real.bin", weights))
		_, err = keras.Open(path)
		require.NoError(t, err)
		require.NoError(t, os.Remove(weights))
	}
	require.NoError(t, os.Mkdir(weights, 0o700))
	_, err := keras.Open(path)
	require.ErrorContains(t, err, `"weights.bin" is no regular file`)
	_, err = keras.Open(folder)
	require.ErrorContains(t, err, "is no regular file")
	_, err = keras.Open(filepath.Join(folder, "none.json"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

// Weights that are not the network's are passed over: the optimizer's, and the
// random numbers of dropouts.
func TestPassedOver(t *testing.T) {
	fsys := files(t, "lstm")
	want, err := keras.Read(fsys, "model.json")
	require.NoError(t, err)
	fsys = edited(t, "lstm", `"weights": [`, `"weights": [{"name": "Adam/m", "group": "optimizer", "dtype": "int32", "shape": [2]}, {"name": "lstm_LSTM1/seed_generator/state", "dtype": "int32", "shape": []},`)
	fsys["weights.bin"].Data = append(make([]byte, 12), fsys["weights.bin"].Data...)
	got, err := keras.Read(fsys, "model.json")
	require.NoError(t, err)
	require.Equal(t, want, got)
}

// Keras 3's hard_sigmoid is relu6(x + 3) / 6, that of others 0.2·x + 0.5 between 0
// and 1.
func TestHardSigmoid(t *testing.T) {
	for version, alpha := range map[string]float32{`"tfjs-layers 4.22.0"`: 0.2, `"2.15.0"`: 0.2, `"2.2.4-tf"`: 0.2, `"3.3.3"`: 1.0 / 6, `null, "module": "keras"`: 1.0 / 6} {
		m, err := keras.Read(edited(t, "lstm_defaults", `"tfjs-layers 4.22.0"`, version), "model.json")
		require.NoError(t, err)
		require.Equal(t, lstm.Cell{Gate: lstm.Activation{Function: lstm.ActivationHardSigmoid, Alpha: alpha, Beta: 0.5}}, m.Layers[0].(*lstm.Weights).Cell, version)
	}
}

// Words that TensorFlow.js does not use itself, or has no use for.
func TestOtherWords(t *testing.T) {
	for _, c := range []struct {
		model  string
		oldNew []string
	}{
		{"lstm", []string{`"activation": "tanh"`, `"activation": {"class_name": "function", "config": "tanh", "module": "builtins", "registered_name": "function"}`}},
		{"lstm_last_dense", []string{`"activation": "linear"`, `"activation": null`}},
		{"activation_layers", []string{`"alpha": 0.3`, `"negative_slope": 0.3`}},
		{"lstm", []string{`"unroll": false`, `"unroll": true, "time_major": true, "unit_forget_bias": true`}},
		{"stack", []string{`"Dropout"`, `"SpatialDropout1D"`}},
		{"no_bias", []string{`/kernel"`, `/0"`, `/recurrent_kernel"`, `/1"`}},
		{"stack", []string{`/recurrent_kernel"`, `/lstm_cell/1"`, `/kernel"`, `/lstm_cell/kernel"`}},
		{"cudnn", []string{`/kernel"`, `/0"`, `/recurrent_kernel"`, `/1"`, `LSTM54/bias"`, `LSTM54/2"`, `LSTM55/bias"`, `LSTM55/2"`, `Dense30/bias"`, `Dense30/1"`}},
	} {
		want, err := keras.Read(files(t, c.model), "model.json")
		require.NoError(t, err)
		got, err := keras.Read(edited(t, c.model, c.oldNew...), "model.json")
		require.NoError(t, err, c.oldNew)
		require.Equal(t, want, got, c.oldNew)
	}
}

func TestReLU(t *testing.T) {
	const relu = `"class_name": "ReLU",
     "config": {`
	for options, want := range map[string]lstm.Activation{
		`"max_value": null, "negative_slope": 0.0, "threshold": 0.0,`: {Function: lstm.ActivationReLU},
		`"negative_slope": 0.125,`:                                    {Function: lstm.ActivationLeakyReLU, Alpha: 0.125},
		`"threshold": 0.5,`:                                           {Function: lstm.ActivationThresholdedReLU, Alpha: 0.5},
	} {
		m, err := keras.Read(edited(t, "activation_layers", relu, relu+options), "model.json")
		require.NoError(t, err)
		require.Equal(t, want, m.Heads[0].Layers[6], options)
	}
}

func TestFlatten(t *testing.T) {
	_, err := keras.Read(edited(t, "lstm_last_dense", `"class_name": "Dense",`, `"class_name": "Flatten", "config": {"name": "f"}}, {"class_name": "Dense",`), "model.json")
	require.ErrorContains(t, err, "another layer has the same name") // both Dense layers have one before them
	_, err = keras.Read(edited(t, "lstm_last", `"class_name": "LSTM",`, `"class_name": "Flatten", "config": {"name": "f"}}, {"class_name": "LSTM",`), "model.json")
	require.ErrorIs(t, err, lstm.ErrUnsupported)
	require.ErrorContains(t, err, `layer "f" (Flatten): it makes one vector of all steps`)
	fsys := edited(t, "softmax_axis", `"class_name": "Softmax",`, `"class_name": "Flatten", "config": {"name": "f", "data_format": "channels_last"}}, {"class_name": "Softmax",`)
	_, err = keras.Read(fsys, "model.json")
	require.NoError(t, err)
}

// A backward layer of its own may have other options.
func TestBackwardLayer(t *testing.T) {
	m, err := keras.Read(edited(t, "both_concat", `"merge_mode": "concat",`, `"merge_mode": "concat", "backward_layer": {"class_name": "LSTM", "config": {"name": "back", "units": 4, "activation": "relu",
		"recurrent_activation": "sigmoid", "go_backwards": true, "return_sequences": true}},`), "model.json")
	require.NoError(t, err)
	b := m.Layers[0].(*lstm.Bidirectional)
	require.Equal(t, lstm.Cell{}, b.Forward.Cell)
	require.Equal(t, lstm.ActivationReLU, b.Backward.Cell.Candidate.Function)

	_, err = keras.Read(edited(t, "both_concat", `"merge_mode": "concat",`, `"merge_mode": "concat", "backward_layer": {"class_name": "LSTM", "config": {"name": "back", "units": 4, "activation": "relu",
		"recurrent_activation": "sigmoid", "go_backwards": false, "return_sequences": true}},`), "model.json")
	require.ErrorIs(t, err, lstm.ErrDamaged)
	require.ErrorContains(t, err, "its directions have go_backwards false and false")
}
