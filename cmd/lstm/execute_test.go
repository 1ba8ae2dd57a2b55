package main

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm"
)

// A result is what an execution leaves behind.
type result struct {
	code     int
	out, err string
}

// lines returns the lines of standard output.
func (r result) lines() []string {
	return strings.Split(strings.TrimSuffix(r.out, "\n"), "\n")
}

// lstmWith executes the command with arguments after "lstm".
func lstmWith(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	var out, err bytes.Buffer
	code := execute(t.Context(), append([]string{"lstm"}, args...), strings.NewReader(stdin), &out, &err)
	return result{code, out.String(), err.String()}
}

// randomModel is a network of one layer and a head. Its metadata may be nil.
func randomModel(inputs, outputs int, metadata map[string]string) *lstm.Model {
	const hidden = 5
	random := rand.New(rand.NewPCG(1, 2))
	tensor := func(n int) []float32 {
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(random.NormFloat64())
		}
		return v
	}
	return &lstm.Model{
		Layers: []lstm.Layer{&lstm.Weights{
			InputSize: inputs, HiddenSize: hidden,
			WeightIH: tensor(4 * hidden * inputs), WeightHH: tensor(4 * hidden * hidden),
			BiasIH: tensor(4 * hidden), BiasHH: tensor(4 * hidden),
		}},
		Heads: []lstm.Head{{Layers: []lstm.Layer{
			&lstm.Linear{InFeatures: hidden, OutFeatures: outputs, Weight: tensor(outputs * hidden), Bias: tensor(outputs)},
		}}},
		Metadata: metadata,
	}
}

// writeModel writes m to a file and returns its path.
func writeModel(t *testing.T, m *lstm.Model) string {
	t.Helper()
	var data bytes.Buffer
	require.NoError(t, m.Write(&data))
	return writeFile(t, "model.safetensors", data.String())
}

// writeFile writes a file in a directory of its own and returns its path.
func writeFile(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(content), 0o666))
	return path
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(content)
}

// weatherMetadata describes a network with two inputs and one output.
func weatherMetadata() map[string]string {
	return map[string]string{
		keyInputs:   `[{"name": "wind", "mean": 2, "std": 0.5}, {"name": "warmth"}]`,
		keyOutputs:  `[{"name": "warmth_next", "mean": 10, "std": 4, "truth": "warmth", "ahead": 1}]`,
		keyIndex:    "day",
		keyEvaluate: `{"column": "day", "from": "d3"}`,
	}
}

const weatherTable = `day,warmth,other,wind
d1,0.5,?,2
d2,1,?,2.5
d3,1.5,?,1
d4,0,?,3
d5,-1,?,2
`

func TestCommandLine(t *testing.T) {
	for name, test := range map[string]struct {
		args string
		code int
		want string // in standard error, or for code 0 in standard output
	}{
		"no command":          {"", 0, "lstm COMMAND"},
		"help":                {"-h", 0, "describe this machine's CPU"},
		"help of run":         {"run -h", 0, "Examples:"},
		"help of info":        {"info -help", 0, "Examples:"},
		"one dash in help":    {"run -h", 0, "   -model FILE "},
		"unknown command":     {"walk", exitUsage, `unknown command "walk"`},
		"unknown flag":        {"run -fast", exitUsage, "-fast"},
		"unknown global flag": {"-fast run", exitUsage, "-fast"},
		"stray argument":      {"run data.csv", exitUsage, `unexpected argument "data.csv"`},
		"stray second file":   {"info a b", exitUsage, `unexpected argument "b"`},
		"flag without value":  {"run -in", exitUsage, "-in"},
		"empty value":         {"run -out=", exitUsage, "-out is empty"},
		"usage is shown":      {"run -fast", exitUsage, "usage: lstm run [-model FILE]"},
		"no such model":       {"run -model none.safetensors", exitFailure, "none.safetensors"},
		"no such table":       {"run -in none.csv", exitFailure, "none.csv"},
		"no such folder":      {"run -out none/out.csv", exitFailure, "none/out.csv"},
		"plot of no format":   {"run -plot chart.gif", exitUsage, `extension is ".gif", want .svg or .png`},
	} {
		t.Run(name, func(t *testing.T) {
			r := lstmWith(t, "", strings.Fields(test.args)...)
			require.Equal(t, test.code, r.code, r.err)
			if test.code == 0 {
				require.Contains(t, r.out, test.want)
				require.Empty(t, r.err)
				return
			}
			require.Contains(t, r.err, test.want)
			require.Empty(t, r.out)
		})
	}
}

// An empty name is not the embedded model.
func TestEmptyArgument(t *testing.T) {
	r := lstmWith(t, "", "info", "")
	require.Equal(t, exitUsage, r.code)
	require.Contains(t, r.err, "the argument is empty, want the name of a file")
	require.Empty(t, r.out)
}

func TestHelpThatCannotBeWritten(t *testing.T) {
	full := errors.New("full")
	for _, args := range [][]string{{}, {"-h"}, {"run", "-h"}} {
		var stderr bytes.Buffer
		code := execute(t.Context(), append([]string{"lstm"}, args...), nil, &rowByRow{err: full}, &stderr)
		require.Equal(t, exitFailure, code)
		require.Equal(t, "lstm: writing to standard output: full\n", stderr.String())
	}
}

func TestFlagsTakeOneDashOrTwo(t *testing.T) {
	in := writeFile(t, "in.csv", weatherTable)
	model := writeModel(t, randomModel(2, 1, weatherMetadata()))
	want := lstmWith(t, "", "run", "-model", model, "-in", in)
	require.Zero(t, want.code, want.err)
	for _, args := range [][]string{
		{"run", "--model", model, "--in", in},
		{"run", "-model=" + model, "-in=" + in},
		{"run", "--in=" + in, "--model=" + model, "-out", "-"},
	} {
		r := lstmWith(t, "", args...)
		require.Zero(t, r.code, r.err)
		require.Equal(t, want.out, r.out)
	}
}
