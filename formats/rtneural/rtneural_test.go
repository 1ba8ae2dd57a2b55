package rtneural

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/lstm"
)

// golden is what testdata/make.py says of a file.
type golden struct {
	X, Y [][]float32
	Head string
}

func jsonFile(name string) string { return filepath.Join("testdata", name+".json") }

// Outputs are PyTorch's, within what two orders of the same sums may differ by.
func TestGoldens(t *testing.T) {
	var all map[string]*golden
	text, err := os.ReadFile("testdata/expected.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &all))
	require.NotEmpty(t, all)
	for name, g := range all {
		t.Run(name, func(t *testing.T) {
			var options []lstm.Option
			if g.Head != "" {
				options = append(options, lstm.WithHead(g.Head))
			}
			m, err := Open(jsonFile(name), options...)
			require.NoError(t, err)
			net, err := lstm.New(m)
			require.NoError(t, err)
			y := make([]float32, len(g.X)*net.OutputSize())
			net.Forward(net.NewState(), slices.Concat(g.X...), y)
			want := slices.Concat(g.Y...)
			require.Len(t, y, len(want))
			for i := range want {
				assert.InDelta(t, want[i], y[i], 1e-6, "element %d", i)
			}
		})
	}
}

// Layers before the last LSTM are layers, those after it a head, and an LSTM and a dense layer are
// what a state_dict of them is.
func TestStructure(t *testing.T) {
	m, err := Open(jsonFile("layers"))
	require.NoError(t, err)
	require.Equal(t, lstm.Source{LSTM: Layers, Head: Layers}, m.Source)
	require.Len(t, m.Layers, 7)
	require.Len(t, m.Heads, 1)
	require.Len(t, m.Heads[0].Layers, 5)

	m, err = Open(jsonFile("small"))
	require.NoError(t, err)
	require.Len(t, m.Layers, 1)
	w := m.Layers[0].(*lstm.Weights)
	assert.Equal(t, 8, w.HiddenSize)
	assert.Nil(t, w.BiasHH)
	require.Len(t, m.Heads, 1)
	assert.IsType(t, &lstm.Linear{}, m.Heads[0].Layers[0])

	m, err = Open(jsonFile("state"), lstm.WithHead("dense"))
	require.NoError(t, err)
	assert.Equal(t, lstm.Source{LSTM: "lstm, lstm2", Head: "dense"}, m.Source)
}

// assertRefused demands what every error has: one "rtneural: " in front, the text, one of
// the kinds, and a length fit for a log.
func assertRefused(t *testing.T, err error, want string) {
	t.Helper()
	require.Error(t, err)
	assert.Contains(t, err.Error(), want)
	assert.Regexp(t, "^rtneural: ", err.Error())
	assert.NotContains(t, err.Error()[1:], "rtneural: ")
	assert.NotContains(t, err.Error(), "lstm: ")
	assert.Less(t, len(err.Error()), 1000)
	assert.True(t, slices.ContainsFunc([]error{lstm.ErrDamaged, lstm.ErrUnsupported, lstm.ErrShape}, func(kind error) bool { return errors.Is(err, kind) }), "%v is of no kind", err)
}

// layersFile is a file of an LSTM of one input and one unit and of other layers, with that
// after the shape of the input.
func layersFile(more string, layers ...string) string {
	unit := `{"type":"lstm","activation":"","shape":[null,null,1],"weights":[[[1,2,3,4]],[[1,2,3,4]],[1,2,3,4]]}`
	return `{"in_shape":[null,null,1],` + more + `"layers":[` + strings.Join(append([]string{unit}, layers...), ",") + `]}`
}

func TestRefuses(t *testing.T) {
	layer := func(kind, more string) string {
		return layersFile("", `{"type":"`+kind+`","shape":[1],`+more+`"activation":""}`)
	}
	state := `"weight_ih_l0":[[1],[2],[3],[4]],"weight_hh_l0":[[1],[2],[3],[4]]`
	guitar := func(data, more string) string {
		return `{"model_data":{"model":"SimpleRNN",` + data + `},"state_dict":{"rec.weight_ih_l0":[[1],[2],[3],[4]],"rec.weight_hh_l0":[[1],[2],[3],[4]],` + more + `"lin.weight":[[1]],"lin.bias":[1]}}`
	}
	for _, c := range []struct{ name, text, want string }{
		{"nothing", ``, `byte 0: the JSON text ends in the middle`},
		{"no JSON", `hello`, `invalid character 'h'`},
		{"a number", `1`, `the file is 1, want an object`},
		{"an array", `[1,2]`, `the file is an array of the sizes [2], want an object`},
		{"two values", layersFile("") + `{}`, `there is more after the JSON value`},
		{"a half", layersFile("")[:100], `"layers.0.weights", byte 100: the JSON text ends in the middle`},
		{"not a number", `{"a":NaN}`, `"a", byte 5: invalid character 'N'`},
		{"a number beyond float64", `{"a":[1,1e999]}`, `"a.1", byte`},
		{"a number beyond float32", `{"a":[1,-1e39]}`, `"a.1", byte 13: the number is -1e+39, which is beyond float32`},
		{"a key twice", `{"a":1,"a":2}`, `the key "a" is there twice`},
		{"deep", strings.Repeat(`[`, 1_000_000), `there are more than 12 objects and arrays in one another`},

		{"conv1d", layer("conv1d", `"kernel_size":[3],`), `layer 1, "conv1d": this type is not run, want lstm, dense, time-distributed-dense or activation`},
		{"conv2d", layer("conv2d", ``), `layer 1, "conv2d": this type is not run`},
		{"gru", layer("gru", ``), `layer 1, "gru": this type is not run`},
		{"batchnorm", layer("batchnorm", ``), `layer 1, "batchnorm": this type is not run`},
		{"prelu", layer("prelu", ``), `layer 1, "prelu": this type is not run`},
		{"unknown", layer("unknown", ``), `layer 1, "unknown": this type is not run, want lstm, dense, time-distributed-dense or activation; RTNeural's script calls those so that it does not know, and its loader passes them over: if this is a Dropout, delete it`},
		{"no type", layersFile("", `{}`), `layer 1: type is missing or null, want text`},
		{"no object", layersFile("", `1`), `layer 1 is 1, want an object`},
		{"an activation that is none", layer("activation", ``), `layer 1, "activation": activation is "", want one of [tanh relu sigmoid softmax elu]`},
		{"another activation", layersFile("", `{"type":"activation","shape":[1],"activation":"gelu"}`), `activation is "gelu", want one of`},
		{"an activation with weights", layersFile("", `{"type":"activation","shape":[1],"activation":"relu","weights":[[1]]}`), `it has 1 weights, want none`},
		{"an activation of another size", layersFile("", `{"type":"activation","shape":[2],"activation":"relu"}`), `its shape ends with 2, want 1`},
		{"an activation that is a number", layersFile("", `{"type":"activation","shape":[1],"activation":1}`), `activation is 1, want text`},
		{"another activation of an LSTM", layersFile("", `{"type":"lstm","shape":[1],"activation":"relu","weights":[]}`), `layer 1, "lstm": activation is "relu", want tanh: RTNeural runs no other`},
		{"no weights", layer("lstm", ``), `weights have the shapes [], want [[1 4] [1 4] [4]] = [I][4H], [H][4H], [4H]`},
		{"weights of another size", layer("dense", `"weights":[[[1,2]],[1]],`), `layer 1, "dense": weights have the shapes [[1 2] [1]], want [[1 1] [1]] = [I][O], [O]`},
		{"weights of several sizes", layer("dense", `"weights":[[[1,2],[1]],[1]],`), `weights 0 is an array of 2, want arrays of numbers, all of one length`},
		{"weights that are a number", layer("dense", `"weights":1,`), `weights is 1, want an array of arrays`},
		{"a shape without an end", layersFile("", `{"type":"dense","shape":[null]}`), `layer 1, "dense": shape is an array of 1, want an array that ends with a number of features from 1 to 16777216`},
		{"a negative shape", layersFile("", `{"type":"dense","shape":[-1]}`), `shape is an array of the sizes [1], want`},
		{"half a feature", layersFile("", `{"type":"dense","shape":[1.5]}`), `want an array that ends with a number of features`},
		{"no shape of the input", `{"layers":[{}]}`, `in_shape is missing or null, want an array that ends`},
		{"no layers", `{"layers":[],"in_shape":[1]}`, `layers is an array of 0, want an array of 1 to 1000 objects`},
		{"a number of layers", `{"layers":10,"in_shape":[1]}`, `layers is 10, want an array`},
		{"many layers", layersFile("", slices.Repeat([]string{`{}`}, 1000)...), `layers is an array of 1001, want`},
		{"no LSTM", `{"in_shape":[1],"layers":[{"type":"activation","activation":"relu","shape":[1]}]}`, `there is no layer lstm among the 1 layers`},
		{"a gain", layersFile(`"in_gain":3,`), `in_gain is 3, want 0`},
		{"a skip of an LSTM alone", layersFile(`"in_skip":1,`), `in_skip is 1, want 0 for networks of more than one LSTM layer and a linear one`},
		{"a skip of a head with an activation", layersFile(`"in_skip":1,`, `{"type":"dense","shape":[1],"activation":"tanh","weights":[[[1]]]}`), `in_skip is 1, want 0 for networks of`},
		{"half a skip", layersFile(`"in_skip":0.5,`, `{"type":"dense","shape":[1],"weights":[[[1]]]}`), `in_skip is 0.5, want 0, 1 or 1, the number of outputs, and at most 1, that of inputs`},

		{"an empty object", `{}`, `it has nothing, and neither layers nor a matrix of weights by its name, want RTNeural's JSON or a state_dict`},
		{"text", `{"a":"b"}`, `it has the keys "a", and neither layers nor`},
		{"another plug-in's model", `{"version":"0.5","architecture":"LSTM","config":{},"metadata":{},"weights":[1,2],"sample_rate":1,"date":""}`,
			`it has the keys "version", "architecture", "config", "metadata", "weights", and 2 more, and neither layers nor a matrix`},
		{"another unit", `{"model_data":{"model":"SimpleRNN","unit_type":"GRU"},"state_dict":{` + state + `}}`, `unit_type of model_data is "GRU", want LSTM`},
		{"a GRU", `{"weight_ih_l0":[[1],[2],[3]],"weight_hh_l0":[[1],[2],[3]]}`, `a GRU's, want an LSTM's`},
		{"a number among tensors", `{` + state + `,"steps":3}`, `tensor "steps": shape is [], no part of an LSTM or its head`},
		{"a parameter of several lengths", `{` + state + `,"bias_ih_l0":[1,2,3,[4]]}`, `tensor "bias_ih_l0": it is an array of 4, want arrays of numbers, all of one length`},
		{"an empty parameter", `{` + state + `,"bias_ih_l0":[]}`, `tensor "bias_ih_l0": shape is [0], want`},
		{"another model", `{"model_data":{"model":"ConvNet"},"state_dict":{` + state + `}}`, `model of model_data is "ConvNet", want SimpleRNN`},
		{"another module", guitar(`"skip":0`, `"conv.weight":[1],`), `tensor "conv.weight" is no part of a SimpleRNN`},
		{"a skip of text", guitar(`"skip":"1"`, ``), `skip of model_data is "1", want 0, 1 or 1`},
		{"a skip of more than the inputs", guitar(`"skip":2`, ``), `skip of model_data is 2, want 0, 1 or 1, the number of outputs, and at most 1, that of inputs`},
		{"a skip of two layers", guitar(`"skip":1`, `"rec.weight_ih_l1":[[1],[2],[3],[4]],"rec.weight_hh_l1":[[1],[2],[3],[4]],`), `skip of model_data is 1, want 0 for networks of more than one LSTM layer`},
		{"a skip of many inputs", strings.Replace(guitar(`"skip":1`, ``), `"rec.weight_ih_l0":[[1],[2],[3],[4]]`, `"rec.weight_ih_l0":[`+strings.Repeat(`[`+strings.Repeat("0,", 16)+`0],`, 3)+`[`+strings.Repeat("0,", 16)+`0]]`, 1), `want 0 for networks of more than 16 inputs, and there are 17`},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := Read(strings.NewReader(c.text))
			assertRefused(t, err, c.want)
			assert.Nil(t, m)
		})
	}
	_, err := Open("testdata/none.json")
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = Open("testdata/make.py")
	assertRefused(t, err, "rtneural: testdata/make.py: byte")
}

// What a file holds that is small and many takes memory in proportion to it.
func TestModest(t *testing.T) {
	for name, text := range map[string]string{
		"empty arrays":   `{"a":[` + strings.Repeat("[],", 100_000) + `[]]}`,
		"empty objects":  `{"a":[` + strings.Repeat("{},", 100_000) + `{}]}`,
		"numbers":        `{"a":[` + strings.Repeat("1,", 100_000) + `1]}`,
		"single numbers": `{"a":[` + strings.Repeat("[1],", 100_000) + `[1]]}`,
		"mixed arrays":   `{"a":[` + strings.Repeat("[1,[]],", 100_000) + `1]}`,
		"text":           `{"a":"` + strings.Repeat("a", 1_000_000) + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := Read(strings.NewReader(text))
			runtime.ReadMemStats(&after)
			assertRefused(t, err, "")
			assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(100*len(text)))
		})
	}
}

// An error of the reader is the caller's, and of no kind.
func TestReaderFails(t *testing.T) {
	broken := errors.New("broken")
	_, err := Read(iotest.ErrReader(broken))
	require.ErrorIs(t, err, broken)
	require.NotErrorIs(t, err, lstm.ErrDamaged)
}

// Every file that is cut short is refused.
func TestTruncated(t *testing.T) {
	whole, err := os.ReadFile(jsonFile("guitar"))
	require.NoError(t, err)
	for n := range whole {
		_, err := Read(strings.NewReader(string(whole[:n])))
		assertRefused(t, err, "ends in the middle")
		require.ErrorIs(t, err, lstm.ErrDamaged)
	}
}

// FuzzRead: whatever the bytes, a model that can run or an error of one of the kinds.
func FuzzRead(f *testing.F) {
	paths, err := filepath.Glob("testdata/*.json")
	require.NoError(f, err)
	for _, path := range paths {
		file, err := os.ReadFile(path)
		require.NoError(f, err)
		f.Add(string(file))
	}
	f.Add(layersFile(`"in_skip":1,`, `{"type":"dense","shape":[1],"weights":[[[1]]]}`))
	f.Fuzz(func(t *testing.T, file string) {
		m, err := Read(strings.NewReader(file))
		if err != nil {
			assertRefused(t, err, "")
			return
		}
		_, err = lstm.NewSequenceNetwork(m)
		require.NoError(t, err)
	})
}
