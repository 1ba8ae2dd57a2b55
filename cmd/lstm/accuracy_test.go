package main

import (
	"encoding/xml"
	"fmt"
	"image/png"
	"io"
	"math"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm"
)

// cells are the fields of the line of a table that begins with a name.
func cells(t *testing.T, out, name string) []string {
	t.Helper()
	line := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + `  +(.*?) *$`).FindStringSubmatch(out)
	require.NotNil(t, line, "%s in\n%s", name, out)
	return regexp.MustCompile(`  +`).Split(line[1], -1)
}

// The embedded model needs no flags, and its forecasts hardly change.
func TestAccuracyOfEmbedded(t *testing.T) {
	r := lstmWith(t, "", "accuracy")
	require.Zero(t, r.code, r.err)
	require.Empty(t, r.err)
	require.Contains(t, r.out, "rows   1461 of "+embeddedTable)
	half, whole, few := cells(t, r.out, "float16"), cells(t, r.out, "int8"), cells(t, r.out, "int8, inputs of 7 bits")
	require.Less(t, number(t, half[1]), 1e-3)
	require.Less(t, number(t, half[1]), number(t, whole[1]))
	require.Less(t, number(t, whole[1]), number(t, few[1]))
	require.Less(t, number(t, few[2]), 0.2)

	_, errors, _ := strings.Cut(r.out, "forecast error of temp_max_tomorrow, 364 rows")
	run := lstmWith(t, "", "run")
	require.Contains(t, run.err, "RMSE "+cells(t, errors, "float32")[0]+" against")
	run = lstmWith(t, "", "run", "-weights", "int8")
	require.Contains(t, run.err, "RMSE "+cells(t, errors, "int8")[0]+" against")

	_, layers, _ := strings.Cut(r.out, "one layer as int8")
	require.Regexp(t, `(?s)head: linear.*lstm 0`, layers)
}

// Every number of the table, from networks of package lstm.
func TestAccuracyIsTheDifference(t *testing.T) {
	m := randomModel(2, 3, nil)
	m.Layers = append([]lstm.Layer{m.Layers[0]}, lstm.RandomModel(5, 0, 5, 5).Layers...)
	x := []float32{1, 2, -0.25, 3, 0.5, 0.125, -8, 2}
	const table = "a,b\n1,2\n-0.25,3\n0.5,0.125\n-8,2\n"
	exact := rowsOf(t, m, x)
	line := func(m *lstm.Model, options ...lstm.Option) []string {
		squares, largest := 0.0, 0.0
		for i, y := range rowsOf(t, m, x, options...) {
			e := float64(y) - float64(exact[i])
			squares, largest = squares+e*e, max(largest, math.Abs(e))
		}
		return []string{fmt.Sprintf("%.3g", math.Sqrt(squares/float64(len(exact)))), fmt.Sprintf("%.3g", largest)}
	}
	model := writeModel(t, m)
	r := lstmWith(t, table, "accuracy", "-model", model)
	require.Zero(t, r.code, r.err)
	require.NotContains(t, r.out, "forecast error")
	all, layers, _ := strings.Cut(r.out, "one layer as int8")
	require.Equal(t, line(m, lstm.WithWeights(lstm.Float16)), cells(t, all, "float16")[1:])
	require.Equal(t, line(m, lstm.WithWeights(lstm.Int8)), cells(t, all, "int8")[1:])
	require.Equal(t, line(m, lstm.WithWeights(lstm.Int8), lstm.WithInputBits(7)), cells(t, all, "int8, inputs of 7 bits")[1:])
	for l, name := range []string{"lstm 0", "lstm 1", "head: linear"} {
		alone := randomModel(2, 3, nil)
		alone.Layers = append(alone.Layers, lstm.RandomModel(5, 0, 5, 5).Layers...)
		if l < 2 {
			alone.Layers[l].(*lstm.Weights).Format = lstm.Int8
		} else {
			alone.Heads[0].Layers[0].(*lstm.Linear).Format = lstm.Int8
		}
		require.Equal(t, line(alone), cells(t, layers, name)[1:], name)
	}

	r = lstmWith(t, table, "accuracy", "-model", model, "-weights", "int8", "-input-bits", "7")
	require.Zero(t, r.code, r.err)
	require.NotContains(t, r.out, "float16")
	all, layers, _ = strings.Cut(r.out, "one layer as int8, inputs of 7 bits")
	require.Equal(t, line(m, lstm.WithWeights(lstm.Int8), lstm.WithInputBits(7)), cells(t, all, "int8, inputs of 7 bits")[1:])
	require.NotEmpty(t, layers)

	// A file of int8 is compared with what it was rounded to: only what it is multiplied
	// with makes a difference.
	small := filepath.Join(t.TempDir(), "small.safetensors")
	require.Zero(t, lstmWith(t, "", "convert", "-weights", "int8", model, small).code)
	rounded, err := lstm.ReadModel(strings.NewReader(readFile(t, small)))
	require.NoError(t, err)
	exact = rowsOf(t, rounded, x, lstm.WithWeights(lstm.Float32))
	r = lstmWith(t, table, "accuracy", "-model", small, "-weights", "int8")
	require.Zero(t, r.code, r.err)
	all, _, _ = strings.Cut(r.out, "one layer as")
	require.Equal(t, line(rounded), cells(t, all, "int8")[1:])
}

// Bidirectional networks run over all rows at once.
func TestAccuracyOfBidirectional(t *testing.T) {
	model := writeModel(t, bidirectionalModel(2, weatherMetadata()))
	r := lstmWith(t, weatherTable, "accuracy", "-model", model)
	require.Zero(t, r.code, r.err)
	require.Len(t, regexp.MustCompile(`(?m)^lstm \d `).FindAllString(r.out, -1), 3)
	require.Contains(t, r.out, "forecast error of warmth_next, 2 rows")
}

func TestAccuracyPlot(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "chart.png")
	r := lstmWith(t, "", "accuracy", "-plot", path)
	require.Zero(t, r.code, r.err)
	image, err := png.Decode(strings.NewReader(readFile(t, path)))
	require.NoError(t, err)
	require.Equal(t, 2*5*chartDPI, image.Bounds().Dy())

	// One row, and formats between which there is no difference.
	model := writeModel(t, randomModel(2, 1, nil))
	for _, table := range []string{"a,b\n1,2\n", "a,b\n1,2\n0,0\n"} {
		path = filepath.Join(dir, "chart.svg")
		r = lstmWith(t, table, "accuracy", "-model", model, "-weights", "float32", "-plot", path)
		require.Zero(t, r.code, r.err)
		svg := readFile(t, path)
		require.Contains(t, svg, ">head: linear</text>")
		for d := xml.NewDecoder(strings.NewReader(svg)); ; {
			if _, err := d.Token(); err == io.EOF {
				break
			} else {
				require.NoError(t, err)
			}
		}
	}
}

func TestAccuracyErrors(t *testing.T) {
	model := writeModel(t, randomModel(2, 1, nil))
	for _, c := range []struct {
		args, in, want string
		code           int
	}{
		{"accuracy a.csv", "", `unexpected argument "a.csv"`, exitUsage},
		{"accuracy -plot=", "", "-plot is empty", exitUsage},
		{"accuracy -plot a.gif", "", `extension is ".gif", want .svg or .png`, exitUsage},
		{"accuracy -model none.safetensors", "", "none.safetensors", exitFailure},
		{"accuracy -in none.csv", "", "none.csv", exitFailure},
		{"accuracy -model " + model, "a,b\n", "standard input: there are no rows after the header", exitFailure},
		{"accuracy -model " + model, "a,b\n1,x\n", "standard input:2:3: ", exitFailure},
		{"accuracy -model " + model + " -plot " + model, "a,b\n1,2\n", `extension is ".safetensors"`, exitUsage},
	} {
		r := lstmWith(t, c.in, strings.Fields(c.args)...)
		require.Equal(t, c.code, r.code, r.err)
		require.Contains(t, r.err, c.want)
		require.Empty(t, r.out)
	}
	// The table is not overwritten by a picture of it.
	table := writeFile(t, "a.svg", "a,b\n1,2\n")
	r := lstmWith(t, "", "accuracy", "-model", model, "-in", table, "-plot", table)
	require.Equal(t, exitFailure, r.code)
	require.Contains(t, r.err, "are the same file")
	require.Equal(t, "a,b\n1,2\n", readFile(t, table))
	// A chart that is not drawn leaves no file.
	path := filepath.Join(t.TempDir(), "chart.svg")
	r = lstmWith(t, "a,b\n", "accuracy", "-model", model, "-plot", path)
	require.Equal(t, exitFailure, r.code)
	require.NoFileExists(t, path)
}
