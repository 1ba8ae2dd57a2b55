package lstm

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// modelOptions say what a model has besides its weights.
type modelOptions struct {
	biasIH, biasHH bool
	head, headBias bool
	metadata       map[string]string
}

func modelWith(r *rand.Rand, sizes []int, o modelOptions) *Model {
	random := func(n int, present bool) []float32 {
		if !present {
			return nil
		}
		t := make([]float32, n)
		for i := range t {
			t[i] = float32(r.NormFloat64())
		}
		return t
	}
	m := &Model{Metadata: o.metadata}
	for l, h := range sizes[1:] {
		i := sizes[l]
		m.Layers = append(m.Layers, Weights{
			InputSize: i, HiddenSize: h,
			WeightIH: random(4*h*i, true), WeightHH: random(4*h*h, true),
			BiasIH: random(4*h, o.biasIH), BiasHH: random(4*h, o.biasHH),
		})
	}
	if o.head {
		top := sizes[len(sizes)-1]
		m.Head = &Linear{InFeatures: top, OutFeatures: 3, Weight: random(3*top, true), Bias: random(3, o.headBias)}
	}
	return m
}

// exampleFile is a small file with everything in it.
func exampleFile(t testing.TB) []byte {
	m := modelWith(rand.New(rand.NewPCG(1, 2)), []int{2, 3, 1}, modelOptions{true, true, true, true, map[string]string{"by": "test"}})
	var file bytes.Buffer
	require.NoError(t, m.Write(&file))
	return file.Bytes()
}

// modelsEqual compares the bits of numbers, so that a NaN equals itself, and
// tells nil from empty.
func modelsEqual(a, b *Model) bool {
	same := func(x, y []float32) bool {
		return (x == nil) == (y == nil) && slices.EqualFunc(x, y, func(x, y float32) bool {
			return math.Float32bits(x) == math.Float32bits(y)
		})
	}
	layers := slices.EqualFunc(a.Layers, b.Layers, func(v, w Weights) bool {
		return v.InputSize == w.InputSize && v.HiddenSize == w.HiddenSize &&
			same(v.WeightIH, w.WeightIH) && same(v.WeightHH, w.WeightHH) && same(v.BiasIH, w.BiasIH) && same(v.BiasHH, w.BiasHH)
	})
	head := a.Head == b.Head || a.Head != nil && b.Head != nil &&
		a.Head.InFeatures == b.Head.InFeatures && a.Head.OutFeatures == b.Head.OutFeatures &&
		same(a.Head.Weight, b.Head.Weight) && same(a.Head.Bias, b.Head.Bias)
	return layers && head && assert.ObjectsAreEqual(a.Metadata, b.Metadata)
}

func TestModelRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	metadata := map[string]string{
		"":                      "",
		"format":                "pt",
		"<&>'\"\\/":             "\x00\x01\x1f\x7f\b\f\n\r\t",
		"\u2028\u2029\ufffd":    "😀\U0010ffff",
		"__metadata__":          `{"a":1}`,
		"lstm.weight_ih_l0":     `\ud800`,
		strings.Repeat("k", 99): strings.Repeat("v", 100_000),
	}
	for _, sizes := range [][]int{{1, 1}, {3, 5}, {7, 4, 6}, {2, 8, 8, 8}, {130, 70}} {
		for bits := range 32 {
			o := modelOptions{bits&1 != 0, bits&2 != 0, bits&4 != 0, bits&8 != 0, nil}
			if bits&16 != 0 {
				o.metadata = metadata
			}
			m := modelWith(r, sizes, o)
			var file, again bytes.Buffer
			require.NoError(t, m.Write(&file))
			require.NoError(t, m.Write(&again))
			require.Equal(t, file.Bytes(), again.Bytes(), "not deterministic")

			got, err := ReadModel(bytes.NewReader(file.Bytes()))
			require.NoError(t, err, "%v %+v", sizes, o)
			require.True(t, modelsEqual(m, got), "%v %+v", sizes, o)

			_, err = Read(bytes.NewReader(file.Bytes()))
			require.NoError(t, err)
		}
	}
}

func TestWriteBytes(t *testing.T) {
	m := &Model{
		Layers:   []Weights{{InputSize: 1, HiddenSize: 1, WeightIH: []float32{1, 2, 3, 4}, WeightHH: []float32{5, 6, 7, 8}, BiasHH: []float32{0, 0, 0, 1}}},
		Head:     &Linear{InFeatures: 1, OutFeatures: 1, Weight: []float32{-1}},
		Metadata: map[string]string{"b": "2", "a": "1"},
	}
	var file bytes.Buffer
	require.NoError(t, m.Write(&file))
	header := `{"__metadata__":{"a":"1","b":"2"},` +
		`"lstm.weight_ih_l0":{"dtype":"F32","shape":[4,1],"data_offsets":[0,16]},` +
		`"lstm.weight_hh_l0":{"dtype":"F32","shape":[4,1],"data_offsets":[16,32]},` +
		`"lstm.bias_hh_l0":{"dtype":"F32","shape":[4],"data_offsets":[32,48]},` +
		`"head.weight":{"dtype":"F32","shape":[1,1],"data_offsets":[48,52]}}`
	header += strings.Repeat(" ", 7-(len(header)+7)%8)
	data := "\x00\x00\x80\x3f\x00\x00\x00\x40\x00\x00\x40\x40\x00\x00\x80\x40" +
		"\x00\x00\xa0\x40\x00\x00\xc0\x40\x00\x00\xe0\x40\x00\x00\x00\x41" +
		"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x3f" + "\x00\x00\x80\xbf"
	assert.Equal(t, string(container(header, data)), file.String())
	assert.Zero(t, len(header)%8)
}

// limitedWriter fails when it has no room left.
type limitedWriter struct{ room int }

var errFull = errors.New("no space left")

func (w *limitedWriter) Write(p []byte) (int, error) {
	if len(p) > w.room {
		return w.room, errFull
	}
	w.room -= len(p)
	return len(p), nil
}

func TestWriteErrors(t *testing.T) {
	m := modelWith(rand.New(rand.NewPCG(5, 6)), []int{2, 3, 1}, modelOptions{true, true, true, true, nil})
	var file bytes.Buffer
	require.NoError(t, m.Write(&file))
	for room := range file.Len() {
		require.ErrorIs(t, m.Write(&limitedWriter{room}), errFull, room)
	}
	assertFileError(t, m.Write(&limitedWriter{0}), "header: no space left")
	assertFileError(t, m.Write(&limitedWriter{file.Len() - 1}), `tensor "head.bias": no space left`)
	require.NoError(t, m.Write(&limitedWriter{file.Len()}))

	for _, c := range []struct {
		name  string
		spoil func(m *Model)
		want  string
	}{
		{"no layers", func(m *Model) { m.Layers = nil }, "at least one layer"},
		{"short tensor", func(m *Model) { m.Layers[1].WeightHH = m.Layers[1].WeightHH[1:] }, "layer 1: WeightHH has 3 elements, want 4"},
		{"head of another size", func(m *Model) { m.Head.InFeatures = 2 }, "head"},
		{"metadata key", func(m *Model) { m.Metadata = map[string]string{"\xff": "x"} }, `metadata "\xff": "x", want valid UTF-8`},
		{"metadata value", func(m *Model) { m.Metadata = map[string]string{"k": "\xed\xa0\x80"} }, `metadata "k": "\xed\xa0\x80", want valid UTF-8`},
		{"metadata too large", func(m *Model) { m.Metadata = map[string]string{"k": strings.Repeat("x", maxFileHeader)} }, "bytes, want at most 100000000"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.name == "metadata too large" && testing.Short() {
				t.Skip("takes a few hundred megabytes")
			}
			m := modelWith(rand.New(rand.NewPCG(5, 6)), []int{2, 3, 1}, modelOptions{true, true, true, true, nil})
			c.spoil(m)
			var file bytes.Buffer
			assertFileError(t, m.Write(&file), c.want)
			assert.Zero(t, file.Len(), "bytes written")
		})
	}
}

func TestWriteStreams(t *testing.T) {
	m := modelWith(rand.New(rand.NewPCG(7, 8)), []int{256, 512}, modelOptions{})
	size := uint64(4 * 4 * 512 * (256 + 512))
	assert.Less(t, allocated(func() { require.NoError(t, m.Write(io.Discard)) }), size/20)
}

// entriesFile makes a file of zeros from names, dtypes and shapes such as
// "lstm.bias_ih_l0 F32 8", with the metadata of its arguments.
func entriesFile(t *testing.T, specs ...string) []byte {
	t.Helper()
	sizes := map[string]int{"F32": 4, "F64": 8, "I64": 8, "F16": 2}
	var entries []string
	end := 0
	for _, spec := range specs {
		f := strings.Fields(spec)
		n := 1
		for _, d := range f[2:] {
			var size int
			_, err := fmt.Sscan(d, &size)
			require.NoError(t, err)
			n *= size
		}
		begin := end
		end += n * sizes[f[1]]
		entries = append(entries, fmt.Sprintf(`%q:{"dtype":%q,"shape":[%s],"data_offsets":[%d,%d]}`,
			f[0], f[1], strings.Join(f[2:], ","), begin, end))
	}
	return container("{"+strings.Join(entries, ",")+"}", strings.Repeat("\x00", end))
}

func TestReadModelNames(t *testing.T) {
	for _, c := range []struct {
		name  string
		specs []string
		sizes []int // I, H of each layer
		head  int   // O, or 0
	}{
		{"no prefix", []string{"weight_ih_l0 F32 8 3", "weight_hh_l0 F32 8 2"}, []int{3, 2}, 0},
		{"prefix", []string{"a.b.weight_hh_l0 F32 8 2", "a.b.weight_ih_l0 F16 8 3"}, []int{3, 2}, 0},
		{"empty prefix", []string{".weight_hh_l0 F32 8 2", ".weight_ih_l0 F16 8 3"}, []int{3, 2}, 0},
		{"odd prefix", []string{"weight_ih_l0.weight_hh_l0 F32 8 2", "weight_ih_l0.weight_ih_l0 F16 8 3"}, []int{3, 2}, 0},
		{"head without a prefix", []string{"weight F32 5 2", "l.weight_ih_l0 F32 8 3", "bias F64 5", "l.weight_hh_l0 F32 8 2"}, []int{3, 2}, 5},
		{"head beside the layers", []string{"l.weight F32 5 2", "l.weight_ih_l0 F32 8 3", "l.weight_hh_l0 F32 8 2"}, []int{3, 2}, 5},
		{"layers upside down", []string{"weight_ih_l1 F32 4 2", "weight_hh_l1 F32 4 1", "weight_ih_l0 F32 8 3", "weight_hh_l0 F32 8 2", "fc.weight F32 1 1"}, []int{3, 2, 1}, 1},
		{"eleven layers", func() (specs []string) {
			for l := range 11 {
				specs = append(specs, fmt.Sprintf("weight_ih_l%d F32 4 1", l), fmt.Sprintf("weight_hh_l%d F32 4 1", l))
			}
			return specs
		}(), []int{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := ReadModel(bytes.NewReader(entriesFile(t, c.specs...)))
			require.NoError(t, err)
			require.NoError(t, m.check())
			sizes := []int{m.Layers[0].InputSize}
			for _, w := range m.Layers {
				sizes = append(sizes, w.HiddenSize)
			}
			assert.Equal(t, c.sizes, sizes)
			if c.head == 0 {
				assert.Nil(t, m.Head)
			} else {
				require.NotNil(t, m.Head)
				assert.Equal(t, c.head, m.Head.OutFeatures)
			}
		})
	}
}

func TestReadModelRefuses(t *testing.T) {
	layer := []string{"l.weight_ih_l0 F32 8 3", "l.weight_hh_l0 F32 8 2"}
	and := func(more ...string) []string { return append(slices.Clone(layer), more...) }
	for _, c := range []struct {
		name  string
		specs []string
		want  string
	}{
		{"nothing", nil, "no tensor is named weight_ih_l0"},
		{"a head alone", []string{"fc.weight F32 2 2"}, "no tensor is named weight_ih_l0"},
		{"an LSTMCell", []string{"weight_ih F32 8 3", "weight_hh F32 8 2"}, "no tensor is named weight_ih_l0"},

		{"unknown tensor", and("l.scale F32 1"), `tensor "l.scale": shape is [1], no part of an LSTM or its head`},
		{"unknown scalar", and("n F32"), `tensor "n": shape is [], no part of an LSTM or its head`},
		{"unknown dtype too", and("bn.num_batches I64"), `tensor "bn.num_batches": shape is [], no part of an LSTM or its head`},
		{"parameter of another dtype", []string{"l.weight_ih_l0 I64 8 3", "l.weight_hh_l0 F32 8 2"}, `tensor "l.weight_ih_l0": dtype is "I64", want F32, F16, BF16 or F64`},
		{"layer without a number", and("l.weight_ih_l F32 8 3"), `tensor "l.weight_ih_l": shape is [8 3], no part of an LSTM`},
		{"layer with a leading zero", and("l.weight_ih_l00 F32 8 3"), `tensor "l.weight_ih_l00": shape is [8 3], no part of an LSTM`},
		{"layer with a sign", and("l.weight_ih_l+1 F32 8 3"), `tensor "l.weight_ih_l+1": shape is [8 3], no part of an LSTM`},
		{"negative layer", and("l.weight_ih_l-1 F32 8 3"), `tensor "l.weight_ih_l-1": shape is [8 3], no part of an LSTM`},
		{"layer beyond int", and("l.weight_ih_l99999999999999999999 F32 8 3"), `tensor "l.weight_ih_l99999999999999999999": shape is [8 3], no part of an LSTM`},
		{"layer with a tail", and("l.weight_ih_l0_raw F32 8 3"), `tensor "l.weight_ih_l0_raw": shape is [8 3], no part of an LSTM`},
		{"another bias", and("l.bias_l0 F32 8"), `tensor "l.bias_l0": shape is [8], no part of an LSTM`},

		{"two LSTMs", and("m.weight_ih_l0 F32 8 3", "m.weight_hh_l0 F32 8 2"), `tensor "m.weight_ih_l0": it belongs to another LSTM than tensor "l.weight_ih_l0"`},
		{"two LSTMs, one without a prefix", and("weight_ih_l1 F32 8 2", "weight_hh_l1 F32 8 2"), `tensor "weight_ih_l1": it belongs to another LSTM than tensor "l.weight_ih_l0"`},
		{"bidirectional", and("l.weight_ih_l0_reverse F32 8 3", "l.weight_hh_l0_reverse F32 8 2"), `tensor "l.weight_ih_l0_reverse": it belongs to a bidirectional LSTM`},
		{"projection", and("l.weight_hr_l0 F32 1 2"), `tensor "l.weight_hr_l0": it is the projection of an LSTM with proj_size`},

		{"no layer 0", []string{"l.weight_ih_l1 F32 8 3", "l.weight_hh_l1 F32 8 2"}, `tensor "l.weight_ih_l1": layer 1 is there but layer 0 is not`},
		{"gap in the layers", and("l.bias_ih_l9 F32 8", "l.weight_ih_l2 F32 8 2", "l.weight_hh_l2 F32 8 2"), `tensor "l.weight_ih_l2": layer 2 is there but layer 1 is not`},
		{"layer 10^9", and("l.weight_ih_l1000000000 F32 8 2"), `tensor "l.weight_ih_l1000000000": layer 1000000000 is there but layer 1 is not`},
		{"no weight_hh", []string{"l.weight_ih_l0 F32 8 3"}, `tensor "l.weight_hh_l0" is missing, want one of shape [4H, H] beside tensor "l.weight_ih_l0" of shape [8 3]`},
		{"no weight_ih", []string{"weight_hh_l0 F32 8 2"}, `tensor "weight_ih_l0" is missing, want one of shape [4H, I] beside tensor "weight_hh_l0" of shape [8 2]`},
		{"biases alone", []string{"bias_hh_l0 F32 8", "bias_ih_l0 F32 8"}, `tensor "weight_ih_l0" is missing, want one of shape [4H, I] beside tensor "bias_ih_l0" of shape [8]`},

		{"a GRU", []string{"weight_ih_l0 F32 6 3", "weight_hh_l0 F32 6 2"}, `tensor "weight_ih_l0": shape is [6 3], want [8 3] = [4H, I]; 3H rows are a GRU's`},
		{"a plain RNN", []string{"weight_ih_l0 F32 2 3", "weight_hh_l0 F32 2 2"}, `tensor "weight_ih_l0": shape is [2 3], want [8 3] = [4H, I]`},
		{"weight_hh of another size", []string{"weight_ih_l0 F32 8 3", "weight_hh_l0 F32 9 2"}, `tensor "weight_hh_l0": shape is [9 2], want [8 2] = [4H, H]`},
		{"weight_hh transposed", []string{"weight_ih_l0 F32 8 3", "weight_hh_l0 F32 2 8"}, `tensor "weight_ih_l0": shape is [8 3], want [32 3] = [4H, I]`},
		{"weight_ih flat", []string{"weight_ih_l0 F32 24", "weight_hh_l0 F32 8 2"}, `tensor "weight_ih_l0": shape is [24], want [4H, I]`},
		{"weight_hh scalar", []string{"weight_ih_l0 F32 8 3", "weight_hh_l0 F32"}, `tensor "weight_hh_l0": shape is [], want [4H, H]`},
		{"weight_hh in three dimensions", []string{"weight_ih_l0 F32 8 3", "weight_hh_l0 F32 1 8 2"}, `tensor "weight_hh_l0": shape is [1 8 2], want [4H, H]`},
		{"bias_ih of another size", and("l.bias_ih_l0 F32 2"), `tensor "l.bias_ih_l0": shape is [2], want [8] = [4H]`},
		{"bias_hh of a GRU", and("l.bias_hh_l0 F32 6"), `tensor "l.bias_hh_l0": shape is [6], want [8] = [4H]; 3H rows are a GRU's`},
		{"bias_hh as a matrix", and("l.bias_hh_l0 F32 1 8"), `tensor "l.bias_hh_l0": shape is [1 8], want [4H]`},
		{"layers that do not fit", and("l.weight_ih_l1 F32 8 3", "l.weight_hh_l1 F32 8 2"), `tensor "l.weight_ih_l1": shape is [8 3], want [8 2] = [4H, I]`},
		{"no inputs", []string{"weight_ih_l0 F32 8 0", "weight_hh_l0 F32 8 2"}, `tensor "weight_ih_l0": shape is [8 0], want every dimension at least 1`},
		{"no hidden units", []string{"weight_ih_l0 F32 0 3", "weight_hh_l0 F32 0 0"}, `tensor "weight_hh_l0": shape is [0 0], want every dimension at least 1`},

		{"two heads", and("fc.weight F32 5 2", "out.weight F32 1 2"), `tensor "out.weight": it could be the head, and so could tensor "fc.weight"`},
		{"head of another input", and("fc.weight F32 5 3"), `tensor "fc.weight": shape is [5 3], no part of an LSTM or its head, want a head's weight [O, H] with H = 2`},
		{"a normalisation", and("norm.weight F32 2", "norm.bias F32 2"), `tensor "norm.weight": shape is [2], no part of an LSTM or its head`},
		{"an embedding besides the head", and("emb.weight F32 9 3", "fc.weight F32 5 2"), `tensor "emb.weight": shape is [9 3], no part of an LSTM or its head`},
		{"head bias of another size", and("fc.weight F32 5 2", "fc.bias F32 2"), `tensor "fc.bias": shape is [2], want [5] = [O]`},
		{"head bias as a matrix", and("fc.weight F32 5 2", "fc.bias F32 5 1"), `tensor "fc.bias": shape is [5 1], want [5] = [O]`},
		{"head bias alone", and("fc.bias F32 5"), `tensor "fc.bias": shape is [5], no part of an LSTM or its head`},
		{"bias of another head", and("fc.weight F32 5 2", "bias F32 5"), `tensor "bias": shape is [5], no part of an LSTM or its head`},
		{"head of no outputs", and("fc.weight F32 0 2"), `tensor "fc.weight": shape is [0 2], want every dimension at least 1`},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := ReadModel(bytes.NewReader(entriesFile(t, c.specs...)))
			assertFileError(t, err, c.want)
			assert.Nil(t, m)
		})
	}

	// The empty name, which a specification cannot say.
	file := container(`{"":{"dtype":"F32","shape":[1],"data_offsets":[48,52]},`+
		`"weight_ih_l0":{"dtype":"F32","shape":[4,2],"data_offsets":[0,32]},"weight_hh_l0":{"dtype":"F32","shape":[4,1],"data_offsets":[32,48]}}`,
		strings.Repeat("\x00", 52))
	_, err := ReadModel(bytes.NewReader(file))
	assertFileError(t, err, `tensor "": shape is [1], no part of an LSTM or its head`)
}

// TestReadGolden reads the files that PyTorch's side made, and compares those
// in other types with what PyTorch converts them to.
func TestReadGolden(t *testing.T) {
	paths, err := filepath.Glob("testdata/golden/*.model.safetensors")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	compared := 0
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			file, err := os.ReadFile(path)
			require.NoError(t, err)
			checkReading(t, file)
			m, err := ReadModel(bytes.NewReader(file))
			require.NoError(t, err)

			expect, err := os.ReadFile(strings.Replace(path, ".model.", ".expect.", 1))
			if errors.Is(err, fs.ErrNotExist) {
				return
			}
			require.NoError(t, err)
			want, metadata, err := readTensors(bytes.NewReader(expect))
			require.NoError(t, err)
			assert.Contains(t, metadata, "torch")
			got := m.tensors()
			require.Len(t, got, len(want))
			for _, g := range got {
				w := want[g.name]
				require.Equal(t, w.shape, g.shape, g.name)
				for i := range w.data {
					assertSame(t, w.data[i], g.data[i], g.name)
				}
			}
			compared++
		})
	}
	assert.GreaterOrEqual(t, compared, 6)
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "model.safetensors")
	file := exampleFile(t)
	require.NoError(t, os.WriteFile(path, file, 0o600))
	n, err := Open(path)
	require.NoError(t, err)
	require.NotNil(t, n)

	_, err = Open(filepath.Join(dir, "absent"))
	require.ErrorIs(t, err, fs.ErrNotExist)
	assertFileError(t, err, filepath.Join(dir, "absent"))

	require.NoError(t, os.WriteFile(path, file[:len(file)-1], 0o600))
	n, err = Open(path)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	assertFileError(t, err, "lstm: "+path+`: tensor "head.bias": read 11 of 12 bytes: unexpected EOF`)
	assert.Nil(t, n)

	_, err = Open(dir)
	assertFileError(t, err, "lstm: "+dir+": header length: read 0 of 8 bytes: ")
}

// checkReading demands that a file is refused with a proper error, or makes a
// model that survives writing and reading.
func checkReading(t *testing.T, file []byte) {
	m, err := ReadModel(bytes.NewReader(file))
	if err != nil {
		require.True(t, strings.HasPrefix(err.Error(), "lstm: "), err.Error())
		require.Less(t, len(err.Error()), 2000)
		require.Nil(t, m)
		return
	}
	var again bytes.Buffer
	require.NoError(t, m.Write(&again))
	n, err := ReadModel(&again)
	require.NoError(t, err)
	require.True(t, modelsEqual(m, n))
}

func FuzzReadModel(f *testing.F) {
	f.Add(exampleFile(f))
	f.Fuzz(checkReading)
}

// FuzzReadModelHeader reaches deeper, since the header's length is right.
func FuzzReadModelHeader(f *testing.F) {
	file := exampleFile(f)
	length := 8 + int(file[0]) + int(file[1])<<8
	f.Add(string(file[8:length]), string(file[length:]))
	f.Fuzz(func(t *testing.T, header, data string) {
		checkReading(t, container(header, data))
	})
}
