package onnx

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm"
)

// What somebody may send to cost time or memory is an error, for memory in proportion
// to the file.
func TestHostileFiles(t *testing.T) {
	many := func(n int, add func(b *builder, i int)) *builder {
		b := plain()
		for i := range n {
			add(b, i)
		}
		return b
	}
	name := func(i int) string { return fmt.Sprint("v", i) }
	for words, b := range map[string]*builder{
		"it has more than 100000 nodes": many(1_000_000, func(b *builder, i int) { b.graph = append(b.graph, 1<<3|2, 0) }),
		"it has more than 100000 initializers": many(200_000, func(b *builder, i int) {
			b.graph = b.graph.part(5, message(nil).text(8, name(i)))
		}),
		"it has more than 10000 inputs or outputs": many(20_000, func(b *builder, i int) { b.input(name(i)) }),
		"it has more than 10000 metadata":          many(20_000, func(b *builder, i int) { b.metadata(name(i), "") }),
		"it has more than 1000 layers": many(50_000, func(b *builder, i int) {
			from := name(i - 1)
			if i == 0 {
				from = "Y"
			}
			b.node("Relu", list(from), list(name(i)))
		}).output(name(49_999)),
		"it needs its own output": many(50_000, func(b *builder, i int) {
			b.node("Relu", list(name((i+1)%50_000)), list(name(i)))
		}).output("v0"),
		// Each node doubles what is joined.
		"it joins more than 256 outputs of layers": many(64, func(b *builder, i int) {
			from := name(i - 1)
			if i == 0 {
				from = "Y"
			}
			b.node("Concat", list(from, from), list(name(i)), "axis", 3)
		}).output("v63"),
		"the constants of the graph take more than": many(64, func(b *builder, i int) {
			from := name(i - 1)
			if i == 0 {
				from = "W"
			}
			b.node("Concat", list(from, from), list(name(i)), "axis", 2)
		}).output("v63"),
		"the nodes have more than 1000000 inputs and outputs": many(1100, func(b *builder, i int) { b.node("Concat", make([]string, 1000), list(name(i))) }),
		// Each row is taken again and again.
		"the constants of the graph take more than ": many(20_000, func(b *builder, i int) {
			from := name(i - 1)
			if i == 0 {
				b.integers("index", make([]int64, 250)...)
				from = "R"
			}
			b.node("Gather", list(from, "index"), list(name(i)), "axis", 1)
		}).output("v19999"),
		"want floats of the shape [1 40]": build(17).input("x", "t", "n", 3).weights(randomLSTM(random(9), 3, 5)).integers("large", 1, 1<<40).floats("zero", []float32{0}, 1).
			node("Expand", list("zero", "large"), list("b")).node("LSTM", list("x", "W", "R", "b"), list("Y")).output("Y"),
		"it has the dimension -5": plain().bytes("w", typeFloat, nil, -5).node("Add", list("Y", "w"), list("y")).output("y"),
		"the shape is [-3]":       plain().integers("shape", -3).node("ConstantOfShape", list("shape"), list("w")).node("Add", list("Y", "w"), list("y")).output("y"),
		"it has more than 16 dimensions": many(1, func(b *builder, i int) {
			b.bytes("w", typeFloat, nil, make([]int, 1000)...).node("Add", list("Y", "w"), list("y")).output("y")
		}),
	} {
		t.Run(words, func(t *testing.T) {
			file := b.file()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := Read(bytes.NewReader(file))
			runtime.ReadMemStats(&after)
			require.Error(t, err)
			require.ErrorContains(t, err, words)
			require.Less(t, len(err.Error()), 1000)
			// The least is for the tables of any file.
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(150*len(file)+4<<20))
		})
	}
}

// Each file that is cut anywhere, or has any byte changed, is read or an error.
func TestDamagedFiles(t *testing.T) {
	var file bytes.Buffer
	require.NoError(t, Write(&file, variants()["heads"], WithStates()))
	step := 1
	if testing.Short() {
		step = 7
	}
	for n := 0; n < file.Len(); n += step {
		_, err := Read(bytes.NewReader(file.Bytes()[:n]))
		if err == nil {
			// What is cut off is metadata, or the versions of operators of another domain.
			require.Greater(t, n, file.Len()/2)
			continue
		}
		checkError(t, err)
	}
	for n := 0; n < file.Len(); n += step {
		changed := bytes.Clone(file.Bytes())
		changed[n] ^= 0xff
		checkReading(t, changed)
	}
	_, err := Read(strings.NewReader("PK\x03\x04"))
	require.ErrorIs(t, err, lstm.ErrDamaged)
	_, err = Read(strings.NewReader(""))
	require.EqualError(t, err, "onnx: it has no graph: it is truncated, or no ONNX file")
}

func checkError(t *testing.T, err error) {
	t.Helper()
	for _, kind := range []error{lstm.ErrDamaged, lstm.ErrShape, lstm.ErrUnsupported} {
		if errors.Is(err, kind) {
			require.Less(t, len(err.Error()), 2000)
			require.Regexp(t, "^onnx: ", err.Error())
			return
		}
	}
	t.Fatalf("%v is of no kind", err)
}

// checkReading reads data that may be anything: what is read is a network, which is
// written and read back the same.
func checkReading(t *testing.T, data []byte) {
	t.Helper()
	checkReadingWith(t, data)
	// Its last LSTM nodes alone, too.
	f, err := parseFile(data)
	if err != nil {
		return
	}
	all, err := f.graph.allLSTMs()
	if err != nil {
		return
	}
	var names []string
	for _, l := range all[max(0, len(all)-2):] {
		names = append(names, l.node.title())
		checkReadingWith(t, data, WithLSTM(names...))
	}
}

func checkReadingWith(t *testing.T, data []byte, options ...Option) {
	t.Helper()
	m, err := Read(bytes.NewReader(data), options...)
	if err != nil {
		checkError(t, err)
		return
	}
	n, err := lstm.NewSequenceNetwork(m)
	require.NoError(t, err)
	var file bytes.Buffer
	if err := Write(&file, m); err != nil {
		require.ErrorIs(t, err, lstm.ErrUnsupported)
		return
	}
	again, err := Read(&file)
	require.NoError(t, err)
	m2, err := lstm.NewSequenceNetwork(again)
	require.NoError(t, err)
	require.Equal(t, n.InputSize(), m2.InputSize())
	require.Equal(t, n.OutputSize(), m2.OutputSize())
}

func FuzzRead(f *testing.F) {
	for _, pattern := range []string{"torch", "written", "quantized"} {
		paths, err := filepath.Glob(filepath.Join("testdata", pattern, "*.onnx"))
		require.NoError(f, err)
		for _, path := range paths {
			data, err := os.ReadFile(path)
			require.NoError(f, err)
			f.Add(data)
		}
	}
	f.Add(detector(randomLSTM(random(1), 3, 2)).file())
	f.Fuzz(checkReading)
}
