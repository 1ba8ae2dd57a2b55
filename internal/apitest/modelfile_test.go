package apitest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"math/rand/v2"
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
	"example.com/lstm/internal/lstmtest"
	"example.com/lstm/internal/safetensors"
)

// container makes a file of a header and a data section, whatever they are.
func container(header, data string) []byte {
	file := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	file = append(file, header...)
	return append(file, data...)
}

// assertFileError demands what every error of a hostile file has: one "lstm: "
// in front, the fragment, and a length fit for a log.
func assertFileError(t *testing.T, err error, fragment string) {
	t.Helper()
	require.Error(t, err)
	assert.Contains(t, err.Error(), fragment)
	assert.True(t, strings.HasPrefix(err.Error(), "lstm: "), err.Error())
	assert.Equal(t, 1, strings.Count(err.Error(), "lstm: "), err.Error())
	assert.Less(t, len(err.Error()), 1000)
}

// readTensors reads a whole file.
func readTensors(t *testing.T, r io.Reader) (map[string]safetensors.Tensor, map[string]string) {
	t.Helper()
	f, err := safetensors.Read(r)
	require.NoError(t, err)
	data := make(map[string]*[]float32)
	for _, e := range f.Entries {
		data[e.Name] = new([]float32)
	}
	require.NoError(t, f.ReadData(func(e *safetensors.Entry) *[]float32 { return data[e.Name] }, false))
	tensors := make(map[string]safetensors.Tensor)
	for _, e := range f.Entries {
		tensors[e.Name] = safetensors.Tensor{Name: e.Name, Shape: e.Shape, Data: *data[e.Name]}
	}
	return tensors, f.Metadata
}

// modelOptions say what a model has besides its weights.
type modelOptions struct {
	biasIH, biasHH bool
	head, headBias bool
	metadata       map[string]string
	variant        func(m *lstm.Model)
}

func modelWith(r *rand.Rand, sizes []int, o modelOptions) *lstm.Model {
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
	m := &lstm.Model{Metadata: o.metadata}
	for l, h := range sizes[1:] {
		i := sizes[l]
		m.Layers = append(m.Layers, &lstm.Weights{
			InputSize: i, HiddenSize: h,
			WeightIH: random(4*h*i, true), WeightHH: random(4*h*h, true),
			BiasIH: random(4*h, o.biasIH), BiasHH: random(4*h, o.biasHH),
		})
	}
	if o.head {
		top := sizes[len(sizes)-1]
		m.Heads = []lstm.Head{{Layers: []lstm.Layer{
			&lstm.Linear{InFeatures: top, OutFeatures: 3, Weight: random(3*top, true), Bias: random(3, o.headBias)},
		}}}
	}
	if o.variant != nil {
		o.variant(m)
	}
	return m
}

// exampleFile is a small file with everything in it.
func exampleFile(t testing.TB) []byte {
	m := modelWith(rand.New(rand.NewPCG(1, 2)), []int{2, 3, 1}, modelOptions{true, true, true, true, map[string]string{"by": "test"}, nil})
	var file bytes.Buffer
	require.NoError(t, m.Write(&file))
	return file.Bytes()
}

// modelsEqual compares the bits of numbers, so that a NaN equals itself, and
// tells nil from empty.
func modelsEqual(a, b *lstm.Model) bool {
	same := func(x, y []float32) bool {
		return (x == nil) == (y == nil) && slices.EqualFunc(x, y, func(x, y float32) bool {
			return math.Float32bits(x) == math.Float32bits(y)
		})
	}
	var equal func(a, b lstm.Layer) bool
	equal = func(a, b lstm.Layer) bool {
		switch a := a.(type) {
		case *lstm.Bidirectional:
			b, ok := b.(*lstm.Bidirectional)
			return ok && a.Merge == b.Merge && a.Last == b.Last && (a.Forward == nil) == (b.Forward == nil) &&
				(a.Forward == nil || equal(a.Forward, b.Forward)) && equal(a.Backward, b.Backward)
		case *lstm.Weights:
			b, ok := b.(*lstm.Weights)
			return ok && a.InputSize == b.InputSize && a.HiddenSize == b.HiddenSize && a.ProjSize == b.ProjSize &&
				a.Cell == b.Cell && a.Residual == b.Residual &&
				same(a.WeightIH, b.WeightIH) && same(a.WeightHH, b.WeightHH) && same(a.BiasIH, b.BiasIH) && same(a.BiasHH, b.BiasHH) &&
				same(a.PeepholeI, b.PeepholeI) && same(a.PeepholeF, b.PeepholeF) && same(a.PeepholeO, b.PeepholeO) &&
				same(a.NormI, b.NormI) && same(a.NormF, b.NormF) && same(a.NormG, b.NormG) && same(a.NormO, b.NormO) &&
				same(a.WeightHR, b.WeightHR) && same(a.InitialH, b.InitialH) && same(a.InitialC, b.InitialC) &&
				a.Format == b.Format && a.InputBits == b.InputBits && same(a.ScaleIH, b.ScaleIH) && same(a.ScaleHH, b.ScaleHH) && same(a.ScaleHR, b.ScaleHR)
		case *lstm.Linear:
			b, ok := b.(*lstm.Linear)
			return ok && a.InFeatures == b.InFeatures && a.OutFeatures == b.OutFeatures && same(a.Weight, b.Weight) && same(a.Bias, b.Bias) && a.Format == b.Format && same(a.Scale, b.Scale)
		}
		return a == b // lstm.Activation
	}
	heads := slices.EqualFunc(a.Heads, b.Heads, func(a, b lstm.Head) bool {
		return a.Name == b.Name && slices.EqualFunc(a.Layers, b.Layers, equal)
	})
	return heads && slices.EqualFunc(a.Layers, b.Layers, equal) && assert.ObjectsAreEqual(a.Metadata, b.Metadata)
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
			o := modelOptions{bits&1 != 0, bits&2 != 0, bits&4 != 0, bits&8 != 0, nil, variants[bits%len(variants)].change}
			if bits&16 != 0 {
				o.metadata = metadata
			}
			m := modelWith(r, sizes, o)
			var file, again bytes.Buffer
			require.NoError(t, m.Write(&file))
			require.NoError(t, m.Write(&again))
			require.Equal(t, file.Bytes(), again.Bytes(), "not deterministic")

			got, err := lstm.ReadModel(bytes.NewReader(file.Bytes()))
			require.NoError(t, err, "%v %d", sizes, bits)
			require.True(t, modelsEqual(m, got), "%v %d", sizes, bits)

			require.Equal(t, lstm.Source{LSTM: "lstm", Head: map[bool]string{true: "head"}[o.head]}, got.Source)

			_, err = lstm.Read(bytes.NewReader(file.Bytes()))
			require.NoError(t, err)
		}
	}
}

// cells are what layers can have besides the parameters of PyTorch's.
var cells = []struct {
	name   string
	change func(w *lstm.Weights)
}{
	{"plain", func(w *lstm.Weights) {}},
	{"peephole", addPeepholes},
	{"coupled", func(w *lstm.Weights) { w.Cell.Coupled = true }},
	{"clip=3", func(w *lstm.Weights) { w.Cell.Clip = 3 }},
	{"peephole coupled clip=0.1 cell_clip=1e+20", func(w *lstm.Weights) {
		addPeepholes(w)
		w.Cell = lstm.Cell{Coupled: true, Clip: 0.1, CellClip: 1e20}
	}},
	{"peephole cell_clip=5.421011e-20", func(w *lstm.Weights) {
		addPeepholes(w)
		w.Cell.CellClip = 0x1p-64
	}},
	{"clip=3.4028235e+38", func(w *lstm.Weights) { w.Cell.Clip = lstmtest.MaxFloat }},
	{"output=identity", func(w *lstm.Weights) { w.Cell.Output.Function = lstm.ActivationIdentity }},
	{"peephole coupled clip=0.5 gate=tanh candidate=sigmoid output=identity", func(w *lstm.Weights) {
		addPeepholes(w)
		w.Cell = lstm.Cell{
			Coupled: true, Clip: 0.5, Gate: lstm.Activation{Function: lstm.ActivationTanh},
			Candidate: lstm.Activation{Function: lstm.ActivationSigmoid}, Output: lstm.Activation{Function: lstm.ActivationIdentity},
		}
	}},
	{"gate=hard_sigmoid(0.2,0.5) candidate=elu(-1e-05) output=affine(0,3.4028235e+38)", func(w *lstm.Weights) {
		w.Cell = lstm.Cell{
			Gate: lstm.ActivationHardSigmoid.WithDefaults(), Candidate: lstm.Activation{Function: lstm.ActivationELU, Alpha: -1e-5},
			Output: lstm.Activation{Function: lstm.ActivationAffine, Beta: lstmtest.MaxFloat},
		}
	}},
	{"peephole gate=identity", func(w *lstm.Weights) {
		addPeepholes(w)
		w.Cell.Gate.Function = lstm.ActivationIdentity
	}},
	{"normalized", addNormalization},
	{"normalized coupled norm_epsilon=0.001 gate=tanh", func(w *lstm.Weights) {
		addNormalization(w)
		w.Cell = lstm.Cell{Coupled: true, NormEpsilon: 0.001, Gate: lstm.Activation{Function: lstm.ActivationTanh}}
	}},
	{"normalized peephole clip=2", func(w *lstm.Weights) {
		addPeepholes(w)
		addNormalization(w)
		w.Cell.Clip = 2
	}},
}

func addNormalization(w *lstm.Weights) {
	r := lstmtest.NewRand(32, w.HiddenSize)
	for _, gammas := range []*[]float32{&w.NormI, &w.NormF, &w.NormG, &w.NormO} {
		*gammas = lstmtest.Normals(r, w.HiddenSize, 1)
	}
}

func addPeepholes(w *lstm.Weights) {
	r := lstmtest.NewRand(31, w.HiddenSize)
	w.PeepholeI, w.PeepholeF, w.PeepholeO = lstmtest.Normals(r, w.HiddenSize, 1), lstmtest.Normals(r, w.HiddenSize, 1), lstmtest.Normals(r, w.HiddenSize, 1)
}

// A file holds the cells, as tensors and as metadata, which do not become the
// model's.
func TestCellsRoundTrip(t *testing.T) {
	for _, metadata := range []map[string]string{nil, {"by": "test", "lstm.structure_l0": "x", "structure": "y", "Lstm.structure": "z"}} {
		for _, first := range cells {
			for _, second := range cells {
				m := modelWith(rand.New(rand.NewPCG(5, 6)), []int{2, 3, 5}, modelOptions{true, false, true, true, metadata, nil})
				first.change(weightsOf(m, 0))
				second.change(weightsOf(m, 1))
				before := maps.Clone(m.Metadata)
				var file bytes.Buffer
				require.NoError(t, m.Write(&file))
				require.Equal(t, before, m.Metadata)
				_, written := readTensors(t, bytes.NewReader(file.Bytes()))
				var layers []string
				for _, cell := range []string{first.name, second.name} {
					text := cell
					for _, tensors := range []string{"plain", "normalized", "peephole"} { // which the text does not say
						text = strings.TrimPrefix(strings.TrimPrefix(text, tensors), " ")
					}
					if text != "" {
						text = fmt.Sprintf(`"cell":%q`, text)
					}
					layers = append(layers, "{"+text+"}")
				}
				if want := fmt.Sprintf(`{"version":1,"layers":[%s]}`, strings.Join(layers, ",")); strings.Contains(want, "cell") {
					require.Equal(t, want, written["lstm.structure"])
				} else {
					require.NotContains(t, written, "lstm.structure")
				}
				got, err := lstm.ReadModel(&file)
				require.NoError(t, err)
				require.True(t, modelsEqual(m, got), "%s and %s", first.name, second.name)
			}
		}
	}
}

// The metadata that say what a cell is are exact, or the file is refused.
func TestCellsInMetadata(t *testing.T) {
	const layer = `"a.weight_ih_l0":{"dtype":"F32","shape":[4,1],"data_offsets":[0,16]},"a.weight_hh_l0":{"dtype":"F32","shape":[4,1],"data_offsets":[16,32]}`
	read := func(key, value string) (*lstm.Model, error) {
		return lstm.ReadModel(bytes.NewReader(container(fmt.Sprintf(`{"__metadata__":{%q:%q},%s}`, key, value, layer), string(make([]byte, 32)))))
	}
	document := func(cell string) string { return fmt.Sprintf(`{"version":1,"layers":[{"cell":%q}]}`, cell) }
	m, err := read("a.structure", document("coupled clip=50"))
	require.NoError(t, err)
	require.Equal(t, lstm.Cell{Coupled: true, Clip: 50}, weightsOf(m, 0).Cell)
	require.Nil(t, m.Metadata)
	m, err = read("a.structure", document("gate=sigmoid"))
	require.NoError(t, err)
	require.Equal(t, lstm.Cell{Gate: lstm.Activation{Function: lstm.ActivationSigmoid}}, weightsOf(m, 0).Cell)
	m, err = read("b.structure", "anything")
	require.NoError(t, err, "that of another module")
	require.Equal(t, map[string]string{"b.structure": "anything"}, m.Metadata)
	m, err = read("lstm.structure", "anything")
	require.NoError(t, err, "that of another module, which would be written")
	require.Nil(t, m.Metadata)

	for _, value := range []string{
		" ", "plain", "Coupled", "coupled ", " coupled", "coupled coupled", "clip=3 coupled", "clip", "clip=", "clip=x", "clip=3.0", "clip=+3", "clip=0", "clip=03",
		"clip=1e39", "clip=3 clip=3", "clip=0.10000000000000001", "coupled  clip=3", "coupled\tclip=3", "cell_clip=3 clip=3", "peephole", "normalized", "norm_epsilon=0", "norm_epsilon=1e-05 proj_clip=3",
		"gate=tanh clip=3", "candidate=tanh gate=tanh", "gate", "gate=", "gate=default", "gate=softMax", "gate=tanh()", "gate=tanh(1)", "gate=(", "gate=leaky_relu",
		"gate=leaky_relu(0.1", "gate=leaky_relu(0.10)", "gate=leaky_relu(0.1,0)", "gate=hard_sigmoid(0.2)", "gate=hard_sigmoid(0.2, 0.5)", "gate=hard_sigmoid(,)", "output=relu x",
	} {
		_, err := read("a.structure", document(value))
		require.ErrorIs(t, err, lstm.ErrUnsupported, value)
		assertFileError(t, err, `metadata "a.structure": layer 0: cell is `)
	}
	for value, want := range map[string]string{
		"clip=-1":                  `cell is "clip=-1": Cell.Clip is -1, want 0 for no limit, or a finite number from 2^-64 on`,
		"clip=NaN":                 `cell is "clip=NaN": Cell.Clip is NaN, want`,
		"cell_clip=1e-20":          `cell is "cell_clip=1e-20": Cell.CellClip is 1e-20, want`,
		"norm_epsilon=1e-13":       `cell is "norm_epsilon=1e-13": Cell.NormEpsilon is 1e-13, want 0 for the usual one, or a finite number from 2^-40 on`,
		"output=softmax":           `cell is "output=softmax": Cell.Output: Function is softmax, want another`,
		strings.Repeat("x", 1<<17): `cell is "xxx`,
		strings.Repeat("x", 1<<20): `the structure of the model has 1048612 bytes, want at most 262144`,
	} {
		_, err := read("a.structure", document(value))
		require.ErrorIs(t, err, lstm.ErrUnsupported)
		assertFileError(t, err, want)
	}
}

func TestWriteBytes(t *testing.T) {
	m := &lstm.Model{
		Layers: []lstm.Layer{
			&lstm.Weights{InputSize: 1, HiddenSize: 1, WeightIH: []float32{1, 2, 3, 4}, WeightHH: []float32{5, 6, 7, 8}, BiasHH: []float32{0, 0, 0, 1}},
		},
		Heads:    []lstm.Head{{Layers: []lstm.Layer{&lstm.Linear{InFeatures: 1, OutFeatures: 1, Weight: []float32{-1}}}}},
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

// What a state_dict cannot say is one document of the metadata.
func TestWriteStructure(t *testing.T) {
	m := lstm.RandomModel(1, 0, 3, 4, 3, 3)
	makeResidual(m)
	weightsOf(m, 1).Residual = false
	weightsOf(m, 0).Cell.ProjClip = 0.1
	var file bytes.Buffer
	require.NoError(t, m.Write(&file))
	_, metadata := readTensors(t, bytes.NewReader(file.Bytes()))
	require.Equal(t, map[string]string{
		"lstm.structure": `{"version":1,"layers":[{"cell":"proj_clip=0.1","residual":true},{},{"residual":true}]}`,
	}, metadata)
	got, err := lstm.ReadModel(&file)
	require.NoError(t, err)
	require.True(t, modelsEqual(m, got))
	require.Nil(t, got.Metadata)
}

// A document that is not understood changes nothing unnoticed.
func TestReadStructureErrors(t *testing.T) {
	plain := []string{"lstm.weight_ih_l0 F32 8 2", "lstm.weight_hh_l0 F32 8 2", "lstm.weight_ih_l1 F32 4 2", "lstm.weight_hh_l1 F32 4 1"}
	read := func(structure string) (*lstm.Model, error) {
		file := entriesFile(t, plain...)
		tensors, _ := readTensors(t, bytes.NewReader(file))
		var list []safetensors.Tensor
		for _, spec := range plain {
			name, _, _ := strings.Cut(spec, " ")
			list = append(list, tensors[name])
		}
		var written bytes.Buffer
		require.NoError(t, safetensors.Write(&written, list, map[string]string{"lstm.structure": structure, "by": "test"}))
		return lstm.ReadModel(&written)
	}
	m, err := read(`{"version": 1, "layers": [{"residual": true}, {}]}`)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"by": "test"}, m.Metadata)
	require.True(t, weightsOf(m, 0).Residual)
	for _, c := range []struct {
		structure string
		kind      error
		want      string
	}{
		{``, lstm.ErrDamaged, `metadata "lstm.structure": unexpected end of JSON input`},
		{`{"version":1,"layers":[{},{}]`, lstm.ErrDamaged, "unexpected end of JSON input"},
		{`{"version":1,"layers":[{},{}]} {}`, lstm.ErrDamaged, "invalid character '{' after top-level value"},
		{`[]`, lstm.ErrDamaged, "cannot unmarshal array"},
		{`{}`, lstm.ErrUnsupported, "version is 0, want 1"},
		{`{"version":2,"layers":[{},{}]}`, lstm.ErrUnsupported, "version is 2, want 1"},
		{`{"version":1,"layers":[{},{}],"nets":[]}`, lstm.ErrUnsupported, `unknown field "nets"`},
		{`{"version":1,"layers":[{"gates":5},{}]}`, lstm.ErrUnsupported, `unknown field "gates"`},
		{`{"version":1,"layers":[{"residual":1},{}]}`, lstm.ErrUnsupported, "cannot unmarshal number"},
		{`{"version":1,"layers":[{}]}`, lstm.ErrUnsupported, "it has 1 layers, want 2, as there are in the tensors"},
		{`{"version":1}`, lstm.ErrUnsupported, "it has 0 layers, want 2"},
		{`{"version":1,"layers":[{},{"residual":true}]}`, lstm.ErrShape, "layer 1: InputSize is 2, want 1, the HiddenSize, where Residual is set"},
		{`{"version":1,"layers":[{},{"cell":"proj_clip=1"}]}`, lstm.ErrUnsupported, "layer 1: Cell.ProjClip is 1, want 0 where ProjSize is 0"},
		{`{"version":1,"layers":[{},{"cell":"proj_clip=1.0"}]}`, lstm.ErrUnsupported, `layer 1: cell is "proj_clip=1.0", want`},
		{`{"version":1,"layers":[{"cell":"swapped"},{}]}`, lstm.ErrUnsupported, `layer 0: cell is "swapped", want`},
	} {
		m, err := read(c.structure)
		require.ErrorIs(t, err, c.kind, c.structure)
		assertFileError(t, err, c.want)
		require.Nil(t, m)
	}
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
	m := modelWith(rand.New(rand.NewPCG(5, 6)), []int{2, 3, 1}, modelOptions{true, true, true, true, nil, nil})
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
		spoil func(m *lstm.Model)
		want  string
	}{
		{"no layers", func(m *lstm.Model) { m.Layers = nil }, "at least one layer"},
		{"short tensor", func(m *lstm.Model) { weightsOf(m, 1).WeightHH = weightsOf(m, 1).WeightHH[1:] }, "layer 1: WeightHH has 3 elements, want 4"},
		{"head with an odd name", func(m *lstm.Model) { m.Heads[0].Name = "\xff" }, `head 0: Name is "\xff", want valid UTF-8`},
		{"the key of the structure", func(m *lstm.Model) { m.Metadata = map[string]string{"lstm.structure": "x"} }, `metadata "lstm.structure": it is "x", want another key`},
		{"head of another size", func(m *lstm.Model) { headOf(m).InFeatures = 2 }, "head"},
		{"metadata key", func(m *lstm.Model) { m.Metadata = map[string]string{"\xff": "x"} }, `metadata "\xff": "x", want valid UTF-8`},
		{"metadata value", func(m *lstm.Model) { m.Metadata = map[string]string{"k": "\xed\xa0\x80"} }, `metadata "k": "\xed\xa0\x80", want valid UTF-8`},
		{"metadata too large", func(m *lstm.Model) { m.Metadata = map[string]string{"k": strings.Repeat("x", safetensors.MaxHeader)} }, "bytes, want at most 16777216"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := modelWith(rand.New(rand.NewPCG(5, 6)), []int{2, 3, 1}, modelOptions{true, true, true, true, nil, nil})
			c.spoil(m)
			var file bytes.Buffer
			assertFileError(t, m.Write(&file), c.want)
			assert.Zero(t, file.Len(), "bytes written")
		})
	}
}

// A file whose numbers are not all finite is refused, unless that is asked for.
// A model from code may hold what it likes.
func TestNonFinite(t *testing.T) {
	m := modelWith(rand.New(rand.NewPCG(9, 1)), []int{2, 3, 1}, modelOptions{true, true, true, true, nil, nil})
	weightsOf(m, 1).WeightIH[7] = float32(math.Inf(-1))
	headOf(m).Bias[2] = float32(math.NaN())
	_, err := lstm.New(m)
	require.NoError(t, err)
	var file bytes.Buffer
	require.NoError(t, m.Write(&file))

	_, err = lstm.ReadModel(bytes.NewReader(file.Bytes()))
	require.ErrorIs(t, err, lstm.ErrDamaged)
	assertFileError(t, err, `tensor "lstm.weight_ih_l1": element [2 1] is -Inf, want finite numbers; lstm.WithNonFinite() takes`)
	n, err := lstm.Read(bytes.NewReader(file.Bytes()))
	require.ErrorIs(t, err, lstm.ErrDamaged)
	require.Nil(t, n)

	got, err := lstm.ReadModel(bytes.NewReader(file.Bytes()), lstm.WithNonFinite())
	require.NoError(t, err)
	require.True(t, modelsEqual(m, got))
	_, err = lstm.Read(bytes.NewReader(file.Bytes()), lstm.WithNonFinite())
	require.NoError(t, err)

	// What is passed over may be anything.
	_, err = lstm.ReadModel(bytes.NewReader(file.Bytes()), lstm.WithoutHead())
	assertFileError(t, err, "lstm.weight_ih_l1")
	weightsOf(m, 1).WeightIH[7] = 0
	file.Reset()
	require.NoError(t, m.Write(&file))
	_, err = lstm.ReadModel(bytes.NewReader(file.Bytes()), lstm.WithoutHead())
	require.NoError(t, err)

	// An F64 that float32 cannot hold is not infinite in silence.
	f64 := entriesFile(t, "weight_ih_l0 F64 4 1", "weight_hh_l0 F32 4 1")
	binary.LittleEndian.PutUint64(f64[len(f64)-16-8:], math.Float64bits(1e39))
	_, err = lstm.ReadModel(bytes.NewReader(f64))
	require.ErrorIs(t, err, lstm.ErrDamaged)
	assertFileError(t, err, `tensor "weight_ih_l0": element [3 0] is 1e+39, which is beyond float32`)
	got, err = lstm.ReadModel(bytes.NewReader(f64), lstm.WithNonFinite())
	require.NoError(t, err)
	require.Equal(t, float32(math.Inf(1)), weightsOf(got, 0).WeightIH[3])
}

// Each kind of error can be told from the others.
func TestErrorKinds(t *testing.T) {
	file := exampleFile(t)
	kinds := []error{lstm.ErrUnsupported, lstm.ErrShape, lstm.ErrDamaged}
	for _, c := range []struct {
		kind error
		file []byte
	}{
		{lstm.ErrUnsupported, []byte("PK\x03\x04\x14\x00\x00\x00")},
		{lstm.ErrUnsupported, entriesFile(t, "fc.weight F32 2 2")},
		{lstm.ErrUnsupported, entriesFile(t, "weight_ih_l0 F32 6 3", "weight_hh_l0 F32 6 2")},
		{lstm.ErrUnsupported, entriesFile(t, "weight_ih_l0 I64 4 1", "weight_hh_l0 F32 4 1")},
		{lstm.ErrShape, entriesFile(t, "weight_ih_l0 F32 8 1", "weight_hh_l0 F32 4 1")},
		{lstm.ErrDamaged, file[:len(file)-1]},
		{lstm.ErrDamaged, append(slices.Clone(file), 0)},
		{lstm.ErrDamaged, nil},
	} {
		_, err := lstm.Read(bytes.NewReader(c.file))
		for _, kind := range kinds {
			require.Equal(t, kind == c.kind, errors.Is(err, kind), "%v: %v", err, kind)
		}
		assertFileError(t, err, "")
	}

	broken := errors.New("disk on fire")
	_, err := lstm.Read(iotest.ErrReader(broken))
	for _, kind := range kinds {
		require.NotErrorIs(t, err, kind)
	}
	m := modelWith(rand.New(rand.NewPCG(9, 1)), []int{2, 3}, modelOptions{})
	weightsOf(m, 0).HiddenSize = 4
	_, err = lstm.New(m)
	require.ErrorIs(t, err, lstm.ErrShape)
}

// What it takes to open a file is bounded by the file: see docs/modelfile.md.
func TestReadTakes(t *testing.T) {
	for _, c := range []struct {
		name  string
		specs []string
		times float64 // the file
	}{
		// The tensors, those that grew into them, and the packed ones.
		{"F32", []string{"weight_ih_l0 F32 2048 514", "weight_hh_l0 F32 2048 512"}, 4.2},
		{"F32 of one unit", []string{"weight_ih_l0 F32 4 300000", "weight_hh_l0 F32 4 1"}, 12},
		{"F16 of one unit", []string{"weight_ih_l0 F16 4 300000", "weight_hh_l0 F16 4 1"}, 24},
		{"F16 head of one unit", []string{"weight_ih_l0 F16 4 1", "weight_hh_l0 F16 4 1", "head.weight F16 300000 1"}, 44},
		{"I8", []string{"weight_ih_l0 I8 2048 514", "weight_ih_l0_scale F32 2048", "weight_hh_l0 I8 2048 512", "weight_hh_l0_scale F32 2048"}, 12},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := entriesFile(t, c.specs...)
			used := allocated(func() {
				_, err := lstm.Read(bytes.NewReader(file))
				require.NoError(t, err)
			})
			assert.Less(t, float64(used), c.times*float64(len(file)))
		})
	}
}

func TestWriteStreams(t *testing.T) {
	m := modelWith(rand.New(rand.NewPCG(7, 8)), []int{256, 512}, modelOptions{})
	size := uint64(4 * 4 * 512 * (256 + 512))
	assert.Less(t, allocated(func() { require.NoError(t, m.Write(io.Discard)) }), size/20)
}

// TestReadGolden reads the files that PyTorch's side made, and compares those
// in other types with what PyTorch converts them to.
func TestReadGolden(t *testing.T) {
	paths, err := filepath.Glob("../../testdata/golden/*.model.safetensors")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	compared := 0
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			file, err := os.ReadFile(path)
			require.NoError(t, err)
			checkReading(t, file)
			m, err := lstm.ReadModel(bytes.NewReader(file))
			require.NoError(t, err)

			expect, err := os.ReadFile(strings.Replace(path, ".model.", ".expect.", 1))
			if errors.Is(err, fs.ErrNotExist) {
				return
			}
			require.NoError(t, err)
			want, metadata := readTensors(t, bytes.NewReader(expect))
			assert.Contains(t, metadata, "torch")
			var written bytes.Buffer
			require.NoError(t, m.Write(&written))
			got, _ := readTensors(t, &written)
			require.Len(t, got, len(want))
			for name, w := range want {
				require.Equal(t, w.Shape, got[name].Shape, name)
				lstmtest.RequireBits(t, w.Data, got[name].Data, "%s", name)
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
	n, err := lstm.Open(path)
	require.NoError(t, err)
	require.NotNil(t, n)

	_, err = lstm.Open(filepath.Join(dir, "absent"))
	require.ErrorIs(t, err, fs.ErrNotExist)
	assertFileError(t, err, filepath.Join(dir, "absent"))

	require.NoError(t, os.WriteFile(path, file[:len(file)-1], 0o600))
	n, err = lstm.Open(path)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	assertFileError(t, err, "lstm: "+path+`: tensor "head.bias": read 11 of 12 bytes: unexpected EOF`)
	assert.Nil(t, n)

	_, err = lstm.Open(dir)
	assertFileError(t, err, "lstm: "+dir+": header length: read 0 of 8 bytes: ")
}

// allocated returns the bytes that f allocates, in all.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestReadClaimsAllocateNothing(t *testing.T) {
	header := `{"weight_hh_l0":{"dtype":"F32","shape":[1048576,262144],"data_offsets":[0,1099511627776]},` +
		`"weight_ih_l0":{"dtype":"F16","shape":[1048576,262144],"data_offsets":[1099511627776,1649267441664]}}`
	length := func(n uint64) []byte { return binary.LittleEndian.AppendUint64(nil, n) }
	for name, file := range map[string][]byte{
		"data":           container(header, "1234"),
		"data, some":     container(header, strings.Repeat("x", 10_000)),
		"header":         append(length(safetensors.MaxHeader), `{"a":`...),
		"header, larger": append(length(1<<40), `{"a":`...),
	} {
		t.Run(name, func(t *testing.T) {
			bytesUsed := allocated(func() {
				_, err := lstm.ReadModel(bytes.NewReader(file))
				assert.Error(t, err)
			})
			assert.Less(t, bytesUsed, uint64(1<<20))
		})
	}
}

func TestReaderErrorsAreWrapped(t *testing.T) {
	file := exampleFile(t)
	broken := errors.New("disk on fire")
	for n := range len(file) + 1 {
		_, err := lstm.ReadModel(io.MultiReader(bytes.NewReader(file[:n]), iotest.ErrReader(broken)))
		require.ErrorIs(t, err, broken, "after %d bytes", n)
		require.NotErrorIs(t, err, io.ErrUnexpectedEOF)
		assertFileError(t, err, "disk on fire")
	}
}

func TestTruncationIsFound(t *testing.T) {
	file := exampleFile(t)
	for n := range len(file) {
		_, err := lstm.ReadModel(bytes.NewReader(file[:n]))
		require.ErrorIs(t, err, io.ErrUnexpectedEOF, "%d of %d bytes", n, len(file))
		assertFileError(t, err, "unexpected EOF")
	}
	// A header that lacks its end is wrong, not truncated.
	_, err := lstm.ReadModel(bytes.NewReader(container(`{"a":`, "")))
	assert.NotErrorIs(t, err, io.ErrUnexpectedEOF)
}

// checkReading demands that a file is refused with a proper error, or makes a
// model that survives writing and reading. What needs no options gives the same
// with those that allow more.
func checkReading(t *testing.T, file []byte) {
	certain, err := lstm.ReadModel(bytes.NewReader(file))
	checkRead(t, certain, err)
	lax, err := lstm.ReadModel(bytes.NewReader(file), lstm.WithNonFinite())
	checkRead(t, lax, err)
	if certain != nil {
		require.True(t, modelsEqual(certain, lax))
	}
	bare, err := lstm.ReadModel(bytes.NewReader(file), lstm.WithNonFinite(), lstm.WithoutHead())
	checkRead(t, bare, err)
	if lax != nil {
		require.NotNil(t, bare)
		lax.Heads = nil
		require.True(t, modelsEqual(lax, bare))
	}
}

func checkRead(t *testing.T, m *lstm.Model, err error) {
	if err != nil {
		require.True(t, strings.HasPrefix(err.Error(), "lstm: "), err.Error())
		require.Less(t, len(err.Error()), 2000)
		require.True(t, errors.Is(err, lstm.ErrUnsupported) || errors.Is(err, lstm.ErrShape) || errors.Is(err, lstm.ErrDamaged), err.Error())
		require.Nil(t, m)
		return
	}
	file := written(t, m)
	n, err := lstm.ReadModel(bytes.NewReader(file), lstm.WithNonFinite())
	require.NoError(t, err)
	require.Equal(t, file, written(t, n))
	plain, err := lstm.ReadModel(bytes.NewReader(file), lstm.WithNonFinite(), lstm.WithWeights(lstm.Float32))
	if err != nil || modelsEqual(n, plain) { // no format rounds anything
		require.True(t, modelsEqual(m, n))
	}
}

func FuzzReadModel(f *testing.F) {
	f.Add(exampleFile(f))
	m := lstm.RandomModel(1, 2, 2, 3)
	makeResidual(m)
	weightsOf(m, 0).Cell.ProjClip = 0.5
	var file bytes.Buffer
	require.NoError(f, m.Write(&file))
	f.Add(file.Bytes())
	file.Reset()
	require.NoError(f, orderedModel().Write(&file))
	f.Add(file.Bytes())
	f.Add(written(f, mixedFormats()))
	f.Add(fileOf(f, int8Entries(), nil))
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
