package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm"
	"example.com/lstm/cmd/lstm/commandline"
)

// rowsOf runs m with options over a table without metadata, as package lstm does.
func rowsOf(t *testing.T, m *lstm.Model, x []float32, options ...lstm.Option) []float32 {
	t.Helper()
	n, err := lstm.New(m, options...)
	require.NoError(t, err)
	y := make([]float32, len(x)/n.InputSize()*n.OutputSize())
	n.Forward(n.NewState(), x, y)
	return y
}

// The flags give a network the weights that the options of package lstm give it, and a
// file of lstm convert does.
func TestWeightFlags(t *testing.T) {
	m := randomModel(2, 1, nil)
	model := writeModel(t, m)
	const table = "a,b\n1,2\n-0.25,3\n0.5,0.125\n"
	x := []float32{1, 2, -0.25, 3, 0.5, 0.125}
	seen := make(map[string]bool)
	for _, c := range []struct {
		flags   []string
		options []lstm.Option
		types   string
		format  string
	}{
		{nil, nil, `"F32"`, "float32"},
		{[]string{"-weights", "float32"}, nil, `"F32"`, "float32"},
		{[]string{"-weights", "float16"}, []lstm.Option{lstm.WithWeights(lstm.Float16)}, `"F16"`, "float16"},
		{[]string{"-weights=int8"}, []lstm.Option{lstm.WithWeights(lstm.Int8)}, `"I8"`, "int8"},
		{[]string{"-weights", "int8", "-input-bits", "7"}, []lstm.Option{lstm.WithWeights(lstm.Int8), lstm.WithInputBits(7)}, `"I8"`, "int8, inputs of 7 bits"},
	} {
		want := rowsOf(t, m, x, c.options...)
		r := lstmWith(t, table, append([]string{"run", "-model", model}, c.flags...)...)
		require.Zero(t, r.code, r.err)
		lines := r.lines()[1:]
		require.Len(t, lines, len(want))
		for i, line := range lines {
			require.Equal(t, want[i], float32(number(t, line)), c.flags)
		}
		seen[r.out] = true

		small := filepath.Join(t.TempDir(), "small.safetensors")
		converted := lstmWith(t, "", append(append([]string{"convert"}, c.flags...), model, small)...)
		require.Equal(t, result{}, converted)
		require.Contains(t, readFile(t, small), `"dtype":`+c.types)
		again := lstmWith(t, table, "run", "-model", small)
		require.Equal(t, r.out, again.out, again.err)

		n, err := lstm.New(m, c.options...)
		require.NoError(t, err)
		for _, info := range []result{lstmWith(t, "", "info", small), lstmWith(t, "", append(append([]string{"info"}, c.flags...), model)...)} {
			require.Zero(t, info.code, info.err)
			require.Regexp(t, `fingerprint +`+n.Fingerprint().String()+`\n`, info.out)
			require.Regexp(t, `lstm 0 +2 +5 +140 +`+c.format+` +plain\n`, info.out)
			require.Regexp(t, `weights as +float32 \S+ \S+, float16 \S+ \S+, int8 \S+ `, info.out)
		}
	}
	require.Len(t, seen, 4)

	// The file says what the head is where that has a format.
	small := filepath.Join(t.TempDir(), "small.safetensors")
	require.Zero(t, lstmWith(t, "", "convert", "-weights", "float16", model, small).code)
	info := lstmWith(t, "", "info", small)
	require.Regexp(t, `heads +1, which the file describes\n`, info.out)
	require.NotContains(t, info.out, "not shown")

	// A file that is int8 is float32 again, with the rounded weights.
	require.Zero(t, lstmWith(t, "", "convert", "-weights", "int8", model, small).code)
	rounded, err := lstm.ReadModel(strings.NewReader(readFile(t, small)), lstm.WithWeights(lstm.Float32))
	require.NoError(t, err)
	r := lstmWith(t, table, "run", "-model", small, "-weights", "float32")
	require.Zero(t, r.code, r.err)
	require.Equal(t, rowsOf(t, rounded, x)[2], float32(number(t, r.lines()[3])))
}

// Files of other formats take the flags, too.
func TestWeightFlagsOfOtherFiles(t *testing.T) {
	for _, path := range []string{torchFile("bidirectional.pt"), rtneuralFile("layers.json"), kerasFile("stack/model.json")} {
		small := filepath.Join(t.TempDir(), "small.safetensors")
		require.Equal(t, result{}, lstmWith(t, "", "convert", "-weights", "int8", path, small))
		info := lstmWith(t, "", "info", "-weights", "int8", path)
		require.Zero(t, info.code, info.err)
		require.Regexp(t, `lstm 0\D* +\d+ +\d+ +\d+ +int8 `, info.out)
		fingerprint := func(out string) string {
			_, rest, _ := strings.Cut(out, "fingerprint")
			return strings.Fields(rest)[0]
		}
		require.Equal(t, fingerprint(info.out), fingerprint(lstmWith(t, "", "info", small).out))
	}
}

func TestWeightFlagErrors(t *testing.T) {
	m := randomModel(2, 1, nil)
	m.Layers[0].(*lstm.Weights).WeightIH[3] = 1e6
	model := writeModel(t, m)
	out := filepath.Join(t.TempDir(), "out.safetensors")
	for _, c := range []struct {
		args, want string
		code       int
	}{
		{"run -weights int4", `-weights is "int4", want float32, float16, int8`, exitUsage},
		{"run -weights=", `-weights is "", want`, exitUsage},
		{"info -input-bits 8", "-input-bits is 8, want 7 or 14", exitUsage},
		{"info -input-bits many", "many", exitUsage},
		{"accuracy -input-bits 7 -weights float16", "-input-bits is of no use with -weights float16, want int8", exitUsage},
		{"run -weights float16 -model " + model, "layer 0: WeightIH[1][1] is 1e+06, which as a float16 is infinite", exitFailure},
		{"convert -weights float16 " + model + " " + out, "layer 0: WeightIH[1][1] is 1e+06, which as a float16 is infinite", exitFailure},
		{"accuracy -in " + writeFile(t, "a.csv", "a,b\n1,2\n") + " -model " + model, "as float16: layer 0: WeightIH[1][1] is 1e+06, which as a float16 is infinite", exitFailure},
	} {
		r := lstmWith(t, "", strings.Fields(c.args)...)
		require.Equal(t, c.code, r.code, c.args)
		require.Contains(t, r.err, c.want)
		require.Empty(t, r.out)
	}
	_, err := os.Stat(out)
	require.ErrorIs(t, err, os.ErrNotExist)
	info := lstmWith(t, "", "info", model)
	require.Zero(t, info.code, info.err)
	require.Regexp(t, `float16 –, int8`, info.out)
}

// What changes the format of a copy leaves the model as it is.
func TestCopyModel(t *testing.T) {
	m := bidirectionalModel(2, nil)
	var before, after bytes.Buffer
	require.NoError(t, m.Write(&before))
	for _, f := range commandline.WeightFormats {
		c := withWeights(m, weightChoice{format: &f})
		for _, p := range places(c) {
			switch layer := (*p.layer).(type) {
			case *lstm.Bidirectional:
				require.Equal(t, f, layer.Backward.Format)
			case *lstm.Linear:
				require.Equal(t, f, layer.Format)
			}
		}
	}
	require.NoError(t, m.Write(&after))
	require.Equal(t, before.Bytes(), after.Bytes())
}
