package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/lstm"
)

// torchFile and rtneuralFile are files of the tests of these packages.
func torchFile(name string) string {
	return filepath.Join("..", "..", "formats", "torch", "testdata", name)
}
func kerasFile(name string) string {
	return filepath.Join("..", "..", "formats", "keras", "testdata", "models", name)
}
func rtneuralFile(name string) string {
	return filepath.Join("..", "..", "formats", "rtneural", "testdata", name)
}

// goldenTable is the table of the inputs that the format's own tool was given, and its
// outputs. Several may be in one file, by their names.
func goldenTable(t *testing.T, expected, name string) (table string, want [][]float64) {
	t.Helper()
	type golden struct{ X, Y [][]float64 }
	var g golden
	if name == "" {
		require.NoError(t, json.Unmarshal([]byte(readFile(t, expected)), &g))
	} else {
		var all map[string]golden
		require.NoError(t, json.Unmarshal([]byte(readFile(t, expected)), &all))
		g = all[name]
	}
	require.NotEmpty(t, g.X)
	rows := [][]string{nil}
	for i := range g.X[0] {
		rows[0] = append(rows[0], "x"+strconv.Itoa(i))
	}
	for _, x := range g.X {
		var row []string
		for _, v := range x {
			row = append(row, strconv.FormatFloat(v, 'g', -1, 64))
		}
		rows = append(rows, row)
	}
	for _, row := range rows {
		table += strings.Join(row, ",") + "\n"
	}
	return table, g.Y
}

// requireRows demands numbers after a header.
func requireRows(t *testing.T, want [][]float64, r result) {
	t.Helper()
	require.Zero(t, r.code, r.err)
	lines := r.lines()[1:]
	require.Len(t, lines, len(want))
	for i, line := range lines {
		fields := strings.Split(line, ",")
		require.Len(t, fields, len(want[i]))
		for o, field := range fields {
			y, err := strconv.ParseFloat(field, 64)
			require.NoError(t, err)
			assert.InDelta(t, want[i][o], y, 1e-6)
		}
	}
}

// Files of every format run as they are, and after lstm convert.
func TestFormats(t *testing.T) {
	for _, c := range []struct {
		name, path, expected, golden string
		flags                        []string
		info                         []string
	}{
		{"PyTorch", torchFile("stacked.pt"), torchFile("expected.json"), "stacked", nil,
			[]string{`format +a PyTorch checkpoint\n`, `LSTM +lstm\n`, `head +head\n`, `not shown +what has no parameters, such as an activation between modules: compare some outputs\n`}},
		{"a checkpoint", torchFile("checkpoint.pt"), torchFile("expected.json"), "checkpoint", nil,
			[]string{`LSTM +model_state_dict\.lstm\n`, `passed over +optimizer_state_dict\.state\.0`}},
		{"one of two networks", torchFile("two.pt"), torchFile("expected.json"), "two", []string{"-prefix", "decoder"},
			[]string{`LSTM +decoder\.lstm\n`, `passed over +encoder\.lstm\.weight_ih_l0\n`}},
		{"cells", torchFile("cells.pt"), torchFile("expected.json"), "cells", []string{"-head", "linear"},
			[]string{`LSTM +lstm1, lstm2; one stack, from the input up\n`}},
		{"cells by their names", torchFile("cells.pt"), torchFile("expected.json"), "cells", []string{"-head", "linear", "-lstm", "lstm1,lstm2"}, nil},
		{"both directions", torchFile("bidirectional.pt"), torchFile("expected.json"), "bidirectional", nil, nil},
		{"Keras", kerasFile("stack/model.json"), kerasFile("stack/run.json"), "", nil, []string{`format +a Keras model\n`, `structure +which the file describes\n`, `LSTM +lstm`}},
		{"RTNeural's layers", rtneuralFile("layers.json"), rtneuralFile("expected.json"), "layers", nil,
			[]string{`format +RTNeural's JSON\n`, `structure +which the file describes\n`}},
		{"RTNeural's state_dict", rtneuralFile("state.json"), rtneuralFile("expected.json"), "state", []string{"-head", "dense"},
			[]string{`LSTM +lstm, lstm2; one stack, from the input up\n`, `head +dense\n`}},
		{"an effect that adds its input", rtneuralFile("guitar.json"), rtneuralFile("expected.json"), "guitar", nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			table, want := goldenTable(t, c.expected, c.golden)
			r := lstmWith(t, table, append([]string{"run", "-model", c.path}, c.flags...)...)
			requireRows(t, want, r)

			converted := filepath.Join(t.TempDir(), "model.safetensors")
			convert := lstmWith(t, "", append(append([]string{"convert"}, c.flags...), c.path, converted)...)
			require.Equal(t, result{}, convert)
			require.Equal(t, r.out, lstmWith(t, table, "run", "-model", converted).out)

			// Back from ONNX the network is the same, and the numbers to the bit.
			graph := filepath.Join(t.TempDir(), "model.onnx")
			require.Equal(t, result{}, lstmWith(t, "", "convert", converted, graph))
			again := lstmWith(t, table, "run", "-model", graph)
			require.Zero(t, again.code, again.err)
			require.Equal(t, r.out, again.out)
			require.Regexp(t, `format +an ONNX model\n`, lstmWith(t, "", "info", graph).out)

			info := lstmWith(t, "", append(append([]string{"info"}, c.flags...), c.path)...)
			require.Zero(t, info.code, info.err)
			for _, line := range c.info {
				require.Regexp(t, line, info.out)
			}
		})
	}
}

func TestFormatErrors(t *testing.T) {
	for _, c := range []struct{ path, want string }{
		{torchFile("legacy.pt"), `legacy.pt: this is a file of torch.save from before PyTorch 1.6`},
		{torchFile("module.pt"), `module.pt: data.pkl, byte 2: "torch.nn.modules.rnn.LSTM" is none of the classes`},
		{rtneuralFile("state.json"), `state.json: tensor "dense.weight": it could be the head or, with as many outputs as the LSTM has inputs, 1, a layer before the LSTM`},
		{writeFile(t, "a.json", `{"layers":[]}`), `a.json: layers is an array of 0`},
		{writeFile(t, "a.h5", "\x89HDF\r\n\x1a\n"), "a.h5: it is no JSON object, want the model.json of a TensorFlow.js layers model; totfjs.py makes one"},
		{writeFile(t, "a.keras", "PK\x03\x04"+strings.Repeat("\x00", 26)+"metadata.json"), "a.keras: it is no JSON object, want the model.json"},
		{writeFile(t, "a.html", "<html><body>not found</body></html>"), "a.html: this is HTML or XML"},
		{writeFile(t, "model.tflite", "\x1c\x00\x00\x00TFL3\x00\x00\x00\x00"), "this is no safetensors file; files of safetensors, PyTorch, ONNX, Keras and RTNeural are read, and this begins as none of them"},
		{writeFile(t, "empty", ""), "empty: header length: read 0 of 8 bytes"},
	} {
		for _, args := range [][]string{{"run", "-model", c.path}, {"info", c.path}, {"convert", c.path, filepath.Join(t.TempDir(), "a.safetensors")}} {
			r := lstmWith(t, "a\n", args...)
			require.Equal(t, exitFailure, r.code)
			require.Contains(t, r.err, c.want)
			require.Equal(t, 1, strings.Count(r.err, filepath.Base(c.path)), r.err)
		}
	}
}

// Flags that name modules are for files of modules.
func TestFlagsOfOtherFormats(t *testing.T) {
	path := kerasFile("stack/model.json")
	graph := filepath.Join(t.TempDir(), "model.onnx")
	require.Equal(t, result{}, lstmWith(t, "", "convert", path, graph))
	require.Contains(t, lstmWith(t, "a\n", "run", "-model", graph, "-head", "x").err, "-head chooses among the modules of a state_dict, and the file is an ONNX model")
	require.Zero(t, lstmWith(t, "", "info", "-non-finite", graph).code)
	for _, flags := range [][]string{{"-head", "x"}, {"-no-head"}, {"-lstm", "x"}, {"-prefix", "x"}, {"-non-finite"}} {
		r := lstmWith(t, "a\n", append([]string{"run", "-model", path}, flags...)...)
		require.Equal(t, exitFailure, r.code)
		require.Contains(t, r.err, path+": "+flags[0])
	}
}

// What is wrong leaves the file as it was.
func TestConvertRefuses(t *testing.T) {
	model := writeModel(t, randomModel(2, 1, nil))
	out := writeFile(t, "out.safetensors", "before")
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{nil, exitUsage, "there are 0 arguments, want the names of two files, IN and OUT"},
		{[]string{model, out, out}, exitUsage, "there are 3 arguments"},
		{[]string{model, ""}, exitUsage, "an argument is empty"},
		{[]string{model, "model.h5"}, exitUsage, `model.h5: its extension is ".h5", want .safetensors or .onnx`},
		{[]string{"-head", "a", "-no-head", model, out}, exitUsage, "-head and -no-head contradict each other"},
		{[]string{"none.pt", out}, exitFailure, "none.pt"},
		{[]string{torchFile("module.pt"), out}, exitFailure, "is none of the classes"},
		{[]string{model, model}, exitFailure, "are the same file, which is left as it was"},
		{[]string{model, filepath.Join("none", "out.safetensors")}, exitFailure, filepath.Join("none", "out.safetensors")},
	} {
		r := lstmWith(t, "", append([]string{"convert"}, c.args...)...)
		require.Equal(t, c.code, r.code, r.err)
		require.Contains(t, r.err, c.want)
		require.Empty(t, r.out)
	}
	require.Equal(t, "before", readFile(t, out))
	_, err := lstm.Open(model)
	require.NoError(t, err)

	r := lstmWith(t, "", "convert", model, out)
	require.Equal(t, result{}, r)
	content, err := os.ReadFile(model)
	require.NoError(t, err)
	require.Equal(t, string(content), readFile(t, out))
}

// Errors of the packages speak of options; here there are flags.
func TestErrorsNameFlags(t *testing.T) {
	for text, want := range map[string]string{
		`settle it with lstm.WithHead("fc.1") or lstm.WithoutHead()`:         `settle it with -head "fc.1" or -no-head`,
		`lstm.WithLSTM("a", "b\"c") takes such`:                              `-lstm "a,b\"c" takes such`,
		`lstm.WithLSTM names the one, lstm.WithPrefix or lstm.WithHead`:      `-lstm names the one, -prefix or -head`,
		`lstm.WithNonFinite() takes such; onnx.WithOutput("y") reads`:        `-non-finite takes such; -output "y" reads`,
		`onnx.WithInput takes it, lstm.WithWeights("int8") and example.With`: `onnx.WithInput takes it, lstm.WithWeights("int8") and example.With`,
	} {
		require.Equal(t, want, namingFlags(text))
	}
}

// Who has numbers of letters learns how the network takes them.
func TestOneHotInputs(t *testing.T) {
	for _, path := range []string{kerasFile("embedding/model.json"), filepath.Join("..", "..", "formats", "onnx", "testdata", "torch", "text.onnx")} {
		r := lstmWith(t, "number\n3\n", "run", "-model", path)
		require.Equal(t, exitFailure, r.code)
		require.Regexp(t, `it has 1 column, want \d+, .*; its input is .*one of \d+: a column for each number, 1 in that of the number`, r.err)
	}
}

func TestNodesOfGraphs(t *testing.T) {
	graph := filepath.Join("..", "..", "formats", "onnx", "testdata", "torch", "stack_dropout.onnx")
	r := lstmWith(t, "", "info", graph)
	require.Zero(t, r.code, r.err)
	nodes := regexp.MustCompile(`LSTM +(.*)\n`).FindStringSubmatch(r.out)[1]
	require.Contains(t, nodes, ", ")
	last := nodes[strings.LastIndex(nodes, ", ")+2:]

	r = lstmWith(t, "", "info", graph, "-lstm", last)
	require.Zero(t, r.code, r.err)
	require.Contains(t, r.out, "lstm 0")
	require.NotContains(t, r.out, "lstm 1")
	require.Zero(t, lstmWith(t, "", "info", graph, "-lstm", strings.ReplaceAll(nodes, ", ", ",")).code)
	require.Contains(t, lstmWith(t, "", "info", graph, "-lstm", "nothing").err, `it has no LSTM node "nothing"; -lstm reads LSTM nodes alone`)
	require.Contains(t, lstmWith(t, "", "info", graph, "-output", "nothing").err, `there is no value "nothing"`)
	require.Contains(t, lstmWith(t, "", "info", graph, "-output", "y", "-lstm", last).err, "-lstm and -output contradict each other")
	require.Contains(t, lstmWith(t, "", "info", torchFile("stacked.pt"), "-output", "y").err, "-output chooses among the values of an ONNX graph, and the file is a PyTorch checkpoint")
}
