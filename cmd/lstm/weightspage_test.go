package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm"
	"example.com/lstm/cmd/lstm/commandline"
	"example.com/lstm/cmd/lstm/seattle"
	"example.com/lstm/internal/units"
)

const weightsPage = "../../docs/weights.md"

// normalRows are rows of numbers that are normally distributed.
func normalRows(inputs, rows int) string {
	r := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	for t := range rows + 1 {
		for i := range inputs {
			if i > 0 {
				b.WriteByte(',')
			}
			if t == 0 {
				fmt.Fprintf(&b, "x%d", i)
			} else {
				fmt.Fprintf(&b, "%.4f", r.NormFloat64())
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// accuracyRows are the lines of the page's table of what formats do to outputs.
func accuracyRows(t *testing.T) string {
	var table strings.Builder
	for _, c := range []struct {
		name  string
		model *lstm.Model // nil: the embedded one
		rows  string
	}{
		{"weather, (4,32) and a head; °C", nil, string(seattle.Data)},
		{"random, (16,32)", lstm.RandomModel(1, 0, 16, 32), normalRows(16, 500)},
		{"random, (64,256)", lstm.RandomModel(1, 0, 64, 256), normalRows(64, 500)},
		{"random, (256,256)", lstm.RandomModel(1, 0, 256, 256), normalRows(256, 200)},
		{"random, two layers of 128 and a head of 10", lstm.RandomModel(1, 10, 32, 128, 128), normalRows(32, 500)},
	} {
		path := ""
		if c.model != nil {
			path = writeModel(t, c.model)
		}
		m, err := openModel(path, modelChoice{})
		require.NoError(t, err)
		s, err := readSample(t.Context(), m, c.name, &inputFile{c.name, strings.NewReader(c.rows), nothing})
		require.NoError(t, err)
		formats, alone := (&accuracyOptions{}).compared(m.model)
		compared, err := s.compare(t.Context(), m.model, formats, alone, func(int) {})
		require.NoError(t, err)
		fmt.Fprintf(&table, "| %s | %s |", c.name, rmsOf(t, s, m.model))
		for _, o := range compared.formats {
			fmt.Fprintf(&table, " %.2g, %.2g |", o.rms, o.largest)
		}
		table.WriteString("\n")
	}
	return table.String()
}

// rmsOf is the root mean square of the outputs themselves.
func rmsOf(t *testing.T, s *sample, m *lstm.Model) string {
	y, _, err := s.run(context.Background(), m, func(int) {})
	require.NoError(t, err)
	zeros := make([][]float32, len(y))
	for i := range zeros {
		zeros[i] = make([]float32, len(y[i]))
	}
	return fmt.Sprintf("%.2g", deviationOf(zeros, y).rms)
}

// memoryRows are those of its table of memory and of the sizes of files.
func memoryRows(t *testing.T) string {
	var table strings.Builder
	for _, s := range [][2]int{{16, 32}, {64, 64}, {128, 128}, {256, 256}, {512, 512}, {1024, 1024}} {
		m := lstm.RandomModel(1, 0, s[0], s[1])
		fmt.Fprintf(&table, "| %d, %d |", s[0], s[1])
		full := 0
		for _, f := range commandline.WeightFormats {
			n, err := lstm.New(m, lstm.WithWeights(f))
			require.NoError(t, err)
			if f == lstm.Float32 {
				full = n.MemorySize()
				fmt.Fprintf(&table, " %s |", units.Bytes(full))
				continue
			}
			fmt.Fprintf(&table, " %s | %.3f |", units.Bytes(n.MemorySize()), float64(n.MemorySize())/float64(full))
		}
		var file bytes.Buffer
		eight := lstm.Int8
		require.NoError(t, withWeights(m, weightChoice{format: &eight}).Write(&file))
		fmt.Fprintf(&table, " %s |\n", units.Bytes(file.Len()))
	}
	return table.String()
}

// The tables of docs/weights.md are what is computed, and what lstm accuracy prints;
// results are the same bits everywhere.
func TestWeightsPage(t *testing.T) {
	page := readFile(t, weightsPage)
	tables := memoryRows(t) // of packed memory, the same whatever the processor
	if !testing.Short() {
		tables = accuracyRows(t) + "\n" + tables
	}
	for _, line := range strings.Split(strings.TrimSpace(tables), "\n") {
		require.Contains(t, page, line, "the tables should be:\n%s", tables)
	}
	r := lstmWith(t, "", "accuracy")
	require.Zero(t, r.code, r.err)
	for _, line := range r.lines() {
		require.Contains(t, page, strings.TrimRight("    "+line, " "))
	}
}

// Its commands run, one after another in a folder with a model and a table.
func TestWeightsPageCommands(t *testing.T) {
	page, err := filepath.Abs(weightsPage)
	require.NoError(t, err)
	t.Chdir(t.TempDir())
	m := lstm.RandomModel(1, 2, 3, 8, 8)
	var file bytes.Buffer
	require.NoError(t, m.Write(&file))
	require.NoError(t, os.WriteFile("model.safetensors", file.Bytes(), 0o666))
	require.NoError(t, os.WriteFile("data.csv", []byte(normalRows(3, 20)), 0o666))
	commands := 0
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(readFile(t, page), -1) {
		for _, line := range strings.Split(strings.TrimSpace(block[1]), "\n") {
			line, _, _ = strings.Cut(line, "#")
			args := strings.Fields(line)
			require.Equal(t, "lstm", args[0])
			r := lstmWith(t, "", args[1:]...)
			require.Zero(t, r.code, "%s: %s", line, r.err)
			commands++
		}
	}
	require.GreaterOrEqual(t, commands, 4)
	require.FileExists(t, "small.safetensors")
	require.FileExists(t, "accuracy.svg")
}
