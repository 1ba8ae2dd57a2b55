package apitest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm"
	"example.com/lstm/internal/safetensors"
)

// orderedModel has layers of all kinds, and two heads.
func orderedModel() *lstm.Model {
	m := lstm.RandomModel(7, 0, 3, 4, 5)
	top := lstm.RandomModel(8, 0, 2, 6).Layers[0]
	leaky := lstm.Activation{Function: lstm.ActivationLeakyReLU, Alpha: 0.1}
	m.Layers = []lstm.Layer{tanh, linear(3, 3), m.Layers[0], m.Layers[1], leaky, linear(2, 5), top}
	biased := linear(2, 6)
	biased.Bias = []float32{-1, 1}
	m.Heads = []lstm.Head{
		{Name: "class <1>", Layers: []lstm.Layer{biased, lstm.Activation{Function: lstm.ActivationSoftmax}}},
		{Layers: []lstm.Layer{lstm.Activation{Function: lstm.ActivationHardSigmoid, Alpha: 1.0 / 6, Beta: 0.5}, linear(1, 6)}},
	}
	return m
}

func TestOrderRoundTrip(t *testing.T) {
	m := orderedModel()
	weightsOf(m, 3).Cell.Clip = 3
	m.Metadata = map[string]string{"by": "test"}
	var file bytes.Buffer
	require.NoError(t, m.Write(&file))
	tensors, metadata := readTensors(t, bytes.NewReader(file.Bytes()))
	require.Equal(t, map[string]string{"by": "test", "lstm.structure": `{"version":1,"layers":[{},{"cell":"clip=3"},{}],` +
		`"order":["tanh","linear layers.1","lstm","lstm","leaky_relu(0.1)","linear layers.5","lstm"],` +
		`"heads":[{"name":"class \u003c1\u003e","order":["linear heads.0.0","softmax"]},{"order":["hard_sigmoid(0.16666667,0.5)","linear heads.1.1"]}]}`}, metadata)
	require.Equal(t, []int{2, 5}, tensors["layers.5.weight"].Shape)
	require.Equal(t, []int{24, 2}, tensors["lstm.weight_ih_l2"].Shape)
	require.Equal(t, []int{2}, tensors["heads.0.0.bias"].Shape)
	require.NotContains(t, tensors, "heads.1.1.bias")

	got, err := lstm.ReadModel(bytes.NewReader(file.Bytes()))
	require.NoError(t, err)
	require.True(t, modelsEqual(m, got))
	require.Equal(t, lstm.Source{LSTM: "lstm"}, got.Source)
	n, err := lstm.Read(bytes.NewReader(file.Bytes()))
	require.NoError(t, err)
	want, err := lstm.New(m)
	require.NoError(t, err)
	require.Equal(t, want.Fingerprint(), n.Fingerprint())

	// Options say what the head is, in place of the file.
	got, err = lstm.ReadModel(bytes.NewReader(file.Bytes()), lstm.WithoutHead())
	require.NoError(t, err)
	require.Equal(t, []string{"heads.0.0.weight", "heads.0.0.bias", "heads.1.1.weight"}, got.Source.Unused)
	without := *m
	without.Heads = nil
	require.True(t, modelsEqual(&without, got))
	got, err = lstm.ReadModel(bytes.NewReader(file.Bytes()), lstm.WithHead("heads.1.1"))
	require.NoError(t, err)
	require.Equal(t, "heads.1.1", got.Source.Head)
	without.Heads = []lstm.Head{{Layers: m.Heads[1].Layers[1:]}}
	require.True(t, modelsEqual(&without, got))
	_, err = lstm.ReadModel(bytes.NewReader(file.Bytes()), lstm.WithHead("layers.5"))
	require.ErrorIs(t, err, lstm.ErrUnsupported)
	assertFileError(t, err, `tensor "layers.5.weight": it is the weight of two linear layers, want a tensor for each`)
}

// Networks say where the output of each head is.
func TestHeads(t *testing.T) {
	m := orderedModel()
	m.Heads = append(m.Heads, lstm.Head{Name: "all", Layers: []lstm.Layer{tanh}})
	want := []lstm.HeadOutput{{Name: "class <1>", Offset: 0, Size: 2}, {Name: "", Offset: 2, Size: 1}, {Name: "all", Offset: 3, Size: 6}}
	n, err := lstm.New(m)
	require.NoError(t, err)
	require.Equal(t, want, n.Heads())
	n.Heads()[0].Size = 5
	require.Equal(t, want, n.Heads(), "a copy")
	sequences, err := lstm.NewSequenceNetwork(m)
	require.NoError(t, err)
	require.Equal(t, want, sequences.Heads())

	// Each is the output of a network with that head alone.
	x, y := []float32{0.5, -1, 2}, make([]float32, n.OutputSize())
	n.Step(n.NewState(), x, y)
	for h, head := range m.Heads {
		one, err := lstm.New(&lstm.Model{Layers: m.Layers, Heads: []lstm.Head{head}})
		require.NoError(t, err)
		require.Equal(t, []lstm.HeadOutput{{Name: head.Name, Size: want[h].Size}}, one.Heads())
		alone := make([]float32, one.OutputSize())
		one.Step(one.NewState(), x, alone)
		require.Equal(t, alone, y[want[h].Offset:][:want[h].Size])
	}
	n, err = lstm.New(&lstm.Model{Layers: m.Layers})
	require.NoError(t, err)
	require.Nil(t, n.Heads())
	require.False(t, n.HasHead())
}

// Every model can be written, and is read as it was.
func TestOrderOfAllKinds(t *testing.T) {
	models := []*lstm.Model{orderedModel(), {Layers: orderedModel().Layers}, lstm.RandomModel(1, 2, 3, 4), bidirectionalModel(), bidirectionalModel()}
	models[2].Heads[0].Name = "named"
	models[4].Layers = append([]lstm.Layer{linear(models[4].Layers[0].(*lstm.Weights).InputSize, 2)}, models[4].Layers...)
	for f := lstm.ActivationSigmoid; f <= lstm.ActivationSoftmax; f++ {
		a := f.WithDefaults()
		if a.Alpha != 0 {
			a.Alpha = -0x1.fffffep-100
		}
		if a.Beta != 0 {
			a.Beta = 3e38
		}
		models = append(models, &lstm.Model{
			Layers: []lstm.Layer{lstm.RandomModel(1, 0, 1, 1).Layers[0], a},
			Heads:  []lstm.Head{{Layers: []lstm.Layer{a}}, {Name: "two\n", Layers: []lstm.Layer{f.WithDefaults()}}},
		})
	}
	for i, m := range models {
		var file bytes.Buffer
		require.NoError(t, m.Write(&file))
		got, err := lstm.ReadModel(&file)
		require.NoError(t, err, i)
		require.True(t, modelsEqual(m, got), i)
	}
}

// What a file says of order and heads is exact, or the file is refused.
func TestOrderErrors(t *testing.T) {
	lstms := []string{"a.weight_ih_l0 F32 8 3", "a.weight_hh_l0 F32 8 2", "a.weight_ih_l1 F32 4 5", "a.weight_hh_l1 F32 4 1"}
	specs := append(slices.Clone(lstms), "in.weight F32 3 9", "in.bias F32 3", "between.weight F32 5 2", "out.weight F32 7 1")
	read := func(specs []string, structure string, options ...lstm.Option) (*lstm.Model, error) {
		tensors, _ := readTensors(t, bytes.NewReader(entriesFile(t, specs...)))
		var list []safetensors.Tensor
		for _, spec := range specs {
			name, _, _ := strings.Cut(spec, " ")
			list = append(list, tensors[name])
		}
		var written bytes.Buffer
		require.NoError(t, safetensors.Write(&written, list, map[string]string{"a.structure": structure}))
		return lstm.ReadModel(&written, options...)
	}
	document := func(rest string) string { return `{"version":1,"layers":[{},{}]` + rest + `}` }
	const order = `,"order":["linear in","lstm","linear between","lstm"]`
	m, err := read(specs, document(order+`,"heads":[{"order":["relu","linear out"]}]`))
	require.NoError(t, err)
	require.Equal(t, 9, m.Layers[0].(*lstm.Linear).InFeatures)
	require.Len(t, m.Heads[0].Layers, 2)

	// Without the document there is no guess.
	_, err = read(specs, document(""))
	require.ErrorIs(t, err, lstm.ErrShape)
	_, err = read(append(lstms[:2:2], "in.weight F32 3 9", "in.bias F32 3"), `{"version":1,"layers":[{}]}`)
	require.ErrorIs(t, err, lstm.ErrUnsupported)

	for _, c := range []struct {
		rest string
		kind error
		want string
	}{
		{`,"order":[]`, lstm.ErrUnsupported, `metadata "a.structure": its order has 0 LSTM layers, want 2, as there are in the tensors`},
		{`,"order":["lstm"]`, lstm.ErrUnsupported, "its order has 1 LSTM layers, want 2"},
		{`,"order":["lstm","lstm","lstm"]`, lstm.ErrUnsupported, "its order has 3 LSTM layers, want 2"},
		{`,"order":["lstm","lstm"]`, lstm.ErrShape, `tensor "a.weight_ih_l1": shape is [4 5], want [4 2]`},
		{`,"order":["lstm","linear between","lstm"]`, lstm.ErrUnsupported, `tensor "in.`},
		{order, lstm.ErrUnsupported, `tensor "out.weight": shape is [7 1], no part of an LSTM or its head`},
		{`,"order":["linear in","lstm","linear out","lstm"]`, lstm.ErrShape, `tensor "out.weight": shape is [7 1], want [7 2] = [O, H]`},
		{`,"order":["linear in","linear between","lstm","lstm"]`, lstm.ErrShape, `tensor "between.weight": shape is [5 2], want [5 3] = [O, I]`},
		{order + `,"heads":[{"order":["linear out","linear out"]}]`, lstm.ErrUnsupported, `tensor "out.weight": it is the weight of two linear layers`},
		{order + `,"heads":[{"order":["linear out"]},{"order":["linear out"]}]`, lstm.ErrUnsupported, `tensor "out.weight": it is the weight of two linear layers`},
		{order + `,"heads":[{"order":["linear in"]}]`, lstm.ErrUnsupported, `tensor "in.weight": it is the weight of two linear layers`},
		{order + `,"heads":[{"order":["linear up"]}]`, lstm.ErrUnsupported, `no tensor is named "up.weight", want the weight of the linear layer "up" that the metadata speak of`},
		{order + `,"heads":[{"order":["linear "]}]`, lstm.ErrUnsupported, `no tensor is named "weight"`},
		{order + `,"heads":[{"order":["linear a"]}]`, lstm.ErrUnsupported, `no tensor is named "a.weight"`},
		{order + `,"heads":[{"order":["linear out"]},{"order":[]}]`, lstm.ErrShape, "head 1: it has no layers"},
		{order + `,"heads":[{"order":["linear out"]},{}]`, lstm.ErrShape, "head 1: it has no layers"},
		{order + `,"heads":[{"order":["linear out"]},{"order":["lstm"]}]`, lstm.ErrUnsupported, `head 1: entry 0 is "lstm", want a linear layer or an activation`},
		{order + `,"heads":[{"order":["linear out"],"size":3}]`, lstm.ErrUnsupported, `unknown field "size"`},
		{`,"heads":[{"order":["linear out"]}]`, lstm.ErrUnsupported, `metadata "a.structure": it has heads and no order, want both or none`},
		{`,"order":["linear in","lstm","linear between","lstm","Relu"]`, lstm.ErrUnsupported, `order: entry 4 is "Relu", want lstm, linear MODULE or an activation`},
		{`,"order":[""]`, lstm.ErrUnsupported, `entry 0 is "", want`},
		{`,"order":["default"]`, lstm.ErrUnsupported, `entry 0 is "default", want`},
		{`,"order":["linear"]`, lstm.ErrUnsupported, `entry 0 is "linear", want`},
		{`,"order":["lstm "]`, lstm.ErrUnsupported, `entry 0 is "lstm ", want`},
		{`,"order":["relu(0)"]`, lstm.ErrUnsupported, `entry 0 is "relu(0)", want`},
		{`,"order":["elu"]`, lstm.ErrUnsupported, `entry 0 is "elu", want`},
		{`,"order":["elu(0.10)"]`, lstm.ErrUnsupported, `entry 0 is "elu(0.10)", want`},
		{`,"order":["elu(1,0)"]`, lstm.ErrUnsupported, `entry 0 is "elu(1,0)", want`},
		{`,"order":["elu(NaN)"]`, lstm.ErrUnsupported, `entry 0 is "elu(NaN)", activation: Alpha is NaN, want a finite number`},
		{`,"order":["affine(1,+Inf)"]`, lstm.ErrUnsupported, `entry 0 is "affine(1,+Inf)", `},
		{`,"order":[5]`, lstm.ErrUnsupported, "cannot unmarshal number"},
	} {
		m, err := read(specs, document(c.rest))
		require.ErrorIs(t, err, c.kind, c.rest)
		assertFileError(t, err, c.want)
		require.Nil(t, m)
	}
}

// A document that is as long as it may be takes no more memory than docs/modelfile.md
// says, be it read or refused.
func TestLongStructures(t *testing.T) {
	layer := `"a.weight_ih_l0":{"dtype":"F32","shape":[4,1],"data_offsets":[0,16]},"a.weight_hh_l0":{"dtype":"F32","shape":[4,1],"data_offsets":[16,32]}`
	for _, c := range []struct{ begin, repeat, end string }{
		{`{"version":1,"layers":[{}`, `,{}`, `]}`},
		{`{"version":1,"layers":[{}],"order":["lstm"`, `,"tanh"`, `]}`},
		{`{"version":1,"layers":[{}],"order":["lstm"],"heads":[{}`, `,{}`, `]}`},
	} {
		const length = 1 << 18
		text := c.begin
		text += string(bytes.Repeat([]byte(c.repeat), (length-len(c.begin)-len(c.end))/len(c.repeat))) + c.end
		file := container(fmt.Sprintf(`{"__metadata__":{"a.structure":%q},%s}`, text, layer), string(make([]byte, 32)))
		used := allocated(func() { _, _ = lstm.ReadModel(bytes.NewReader(file)) })
		require.Less(t, used, uint64(250*length), "%s…", c.begin)
	}
}
