package apitest

import (
	"bytes"
	"errors"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/lstm"
)

// Several LSTMs of a file are one stack where that is certain, or asked for.
func TestReadModelStacks(t *testing.T) {
	for _, c := range []struct {
		name    string
		specs   []string
		options []lstm.Option
		sizes   []int // I, H of each layer
		want    lstm.Source
	}{
		{"cells", []string{"lstm1.weight_ih F32 12 1", "lstm1.weight_hh F32 12 3", "lstm1.bias_ih F32 12", "lstm2.weight_ih F32 8 3", "lstm2.weight_hh F32 8 2",
			"linear.weight F32 4 2", "linear.bias F32 4"}, nil, []int{1, 3, 2}, lstm.Source{LSTM: "lstm1, lstm2", Head: "linear"}},
		{"a cell", []string{"weight_ih F32 8 1", "weight_hh F32 8 2"}, nil, []int{1, 2}, lstm.Source{}},
		{"a first one without a number", []string{"lstm.weight_ih_l0 F32 8 1", "lstm.weight_hh_l0 F32 8 2", "lstm2.weight_ih_l0 F32 8 2", "lstm2.weight_hh_l0 F32 8 2",
			"lstm2.weight_ih_l1 F32 4 2", "lstm2.weight_hh_l1 F32 4 1"}, nil, []int{1, 2, 2, 1}, lstm.Source{LSTM: "lstm, lstm2"}},
		{"in the order of numbers", []string{"m.10.r.weight_ih F32 4 2", "m.10.r.weight_hh F32 4 1", "m.9.r.weight_ih F32 8 1", "m.9.r.weight_hh F32 8 2"}, nil,
			[]int{1, 2, 1}, lstm.Source{LSTM: "m.9.r, m.10.r"}},
		{"projections", []string{"a1.weight_ih_l0 F32 8 1", "a1.weight_hh_l0 F32 8 1", "a1.weight_hr_l0 F32 1 2", "a2.weight_ih_l0 F32 8 1", "a2.weight_hh_l0 F32 8 2"},
			[]lstm.Option{lstm.WithLSTM("a1", "a2")}, []int{1, 2, 2}, lstm.Source{LSTM: "a1, a2"}},
		{"by their names", []string{"b.weight_ih F32 4 2", "b.weight_hh F32 4 1", "a.weight_ih F32 8 2", "a.weight_hh F32 8 2", "fc.weight F32 3 1", "fc.bias F32 3"},
			[]lstm.Option{lstm.WithLSTM("a", "b"), lstm.WithHead("fc")}, []int{2, 2, 1}, lstm.Source{LSTM: "a, b", Head: "fc"}},
		{"in a prefix", []string{"e.l1.weight_ih F32 8 1", "e.l1.weight_hh F32 8 2", "e.l2.weight_ih F32 4 2", "e.l2.weight_hh F32 4 1", "d.l.weight_ih F32 8 1",
			"d.l.weight_hh F32 8 2", "e.fc.weight F32 3 1", "e.fc.bias F32 3"}, []lstm.Option{lstm.WithPrefix("e")}, []int{1, 2, 1},
			lstm.Source{LSTM: "e.l1, e.l2", Head: "e.fc", Unused: []string{"d.l.weight_ih", "d.l.weight_hh"}}},
		{"a prefix that is the module", []string{"e.l.weight_ih F32 8 1", "e.l.weight_hh F32 8 2", "e.l2.weight_ih F32 4 2", "e.l2.weight_hh F32 4 1"},
			[]lstm.Option{lstm.WithPrefix("e.l")}, []int{1, 2}, lstm.Source{LSTM: "e.l", Unused: []string{"e.l2.weight_ih", "e.l2.weight_hh"}}},
		{"no names are no choice", []string{"e.l.weight_ih F32 8 1", "e.l.weight_hh F32 8 2"}, []lstm.Option{lstm.WithLSTM("x"), lstm.WithLSTM()}, []int{1, 2}, lstm.Source{LSTM: "e.l"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := lstm.ReadModel(bytes.NewReader(entriesFile(t, c.specs...)), c.options...)
			require.NoError(t, err)
			sizes := []int{weightsOf(m, 0).InputSize}
			for l := range m.Layers {
				sizes = append(sizes, weightsOf(m, l).HiddenSize)
			}
			assert.Equal(t, c.sizes, sizes)
			assert.Equal(t, c.want, m.Source)
		})
	}

	two := func(first, second string, inputs string) []string {
		return []string{first + ".weight_ih F32 8 " + inputs, first + ".weight_hh F32 8 2", second + ".weight_ih F32 8 2", second + ".weight_hh F32 8 2"}
	}
	for _, c := range []struct {
		name    string
		specs   []string
		options []lstm.Option
		want    string
	}{
		{"names without numbers", two("enc", "dec", "3"), nil, `modules "enc", "dec" are LSTMs, want one: lstm.WithLSTM names the one to read, and each can be run as a network of its own; lstm.WithLSTM("enc", "dec") reads them as one stack`},
		{"sizes that do not tell stacks from neighbours", two("l1", "l2", "2"), nil, `lstm.WithLSTM("l1", "l2") reads them as one stack`},
		{"a number left out", two("l1", "l3", "3"), nil, `modules "l1", "l3" are LSTMs, want one`},
		{"one number twice", two("l1", "l01", "3"), nil, `modules "l1", "l01" are LSTMs, want one`},
		{"a first one without a number, far from the second", two("l", "l3", "3"), nil, `modules "l", "l3" are LSTMs, want one`},
		{"two numbers", two("a1.b1", "a2.b2", "3"), nil, `modules "a1.b1", "a2.b2" are LSTMs, want one`},
		{"sizes that do not fit", two("l2", "l1", "3"), nil, `modules "l2", "l1" are LSTMs, want one: lstm.WithLSTM names the one to read, and each can be run as a network of its own`},
		{"sizes that do not fit what is asked for", two("l1", "l2", "3"), []lstm.Option{lstm.WithLSTM("l2", "l1")}, `tensor "l1.weight_ih": shape is [8 3], want [8 2] = [4H, I]`},
		{"one module twice", two("l1", "l2", "3"), []lstm.Option{lstm.WithLSTM("l2", "l2")}, `module "l2" is named twice`},
		{"no such module", two("l1", "l2", "3"), []lstm.Option{lstm.WithLSTM("l1", "x")}, `no module "x" is an LSTM; those that are: "l1", "l2"`},
		{"a layer between", append(two("l1", "l2", "3"), "fc.weight F32 2 2", "fc.bias F32 2"), nil, `tensor "fc.weight": it could be the head or a layer between "l1" and "l2": lstm.WithHead("fc") takes it for the head`},
		{"a gap in a module", []string{"l1.weight_ih_l0 F32 8 3", "l1.weight_hh_l0 F32 8 2", "l2.weight_ih_l1 F32 8 2", "l2.weight_hh_l1 F32 8 2"}, []lstm.Option{lstm.WithLSTM("l1", "l2")}, `tensor "l2.weight_hh_l1": layer 1 is there but layer 0 is not`},
		{"a parameter lacking", []string{"l1.weight_ih F32 8 3", "l1.weight_hh F32 8 2", "l2.weight_ih_l0 F32 8 2"}, []lstm.Option{lstm.WithLSTM("l1", "l2")}, `tensor "l2.weight_hh_l0" is missing`},
		{"no such prefix", two("e.l1", "e.l2", "3"), []lstm.Option{lstm.WithPrefix("d")}, `no tensor's name begins with "d."; the file has modules "e.l1", "e.l2"`},
		{"half a name is no prefix", two("e.l1", "e.l2", "3"), []lstm.Option{lstm.WithPrefix("e.l")}, `no tensor's name begins with "e.l."`},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := lstm.ReadModel(bytes.NewReader(entriesFile(t, c.specs...)), c.options...)
			assertFileError(t, err, c.want)
			assert.Nil(t, m)
		})
	}

	// What the metadata say of one module is not said of a stack.
	file := container(`{"__metadata__":{"l2.structure":"{}"},`+
		`"l1.weight_ih":{"dtype":"F32","shape":[4,2],"data_offsets":[0,32]},"l1.weight_hh":{"dtype":"F32","shape":[4,1],"data_offsets":[32,48]},`+
		`"l2.weight_ih":{"dtype":"F32","shape":[4,1],"data_offsets":[48,64]},"l2.weight_hh":{"dtype":"F32","shape":[4,1],"data_offsets":[64,80]}}`,
		string(make([]byte, 80)))
	_, err := lstm.ReadModel(bytes.NewReader(file))
	assertFileError(t, err, `metadata "l2.structure": it speaks of one module, and the LSTM is a stack of 2`)
}

// tensor is one of whose Data there is no second use.
func tensor(t *testing.T, name string, data []float32, shape ...int) lstm.Tensor {
	called := false
	return lstm.Tensor{Name: name, Shape: shape, Data: func() ([]float32, error) {
		require.False(t, called, "%s is read again", name)
		called = true
		return data, nil
	}}
}

func TestFromTensors(t *testing.T) {
	ih, hh, bias := []float32{1, 2, 3, 4, 5, 6, 7, 8}, []float32{9, 10, 11, 12}, []float32{13, 14, 15, 16}
	unread := lstm.Tensor{Name: "embedding.weight", Shape: []int{100, 2}}
	m, err := lstm.FromTensors([]lstm.Tensor{tensor(t, "l.weight_ih", ih, 4, 2), unread, tensor(t, "l.weight_hh", hh, 4, 1), tensor(t, "l.bias_ih", bias, 4),
		tensor(t, "fc.weight", []float32{17, 18}, 2, 1)}, lstm.WithHead("fc"))
	require.NoError(t, err)
	require.Equal(t, &lstm.Model{
		Layers: []lstm.Layer{&lstm.Weights{InputSize: 2, HiddenSize: 1, WeightIH: ih, WeightHH: hh, BiasIH: bias}},
		Heads:  []lstm.Head{{Layers: []lstm.Layer{&lstm.Linear{InFeatures: 1, OutFeatures: 2, Weight: []float32{17, 18}}}}},
		Source: lstm.Source{LSTM: "l", Head: "fc", Unused: []string{"embedding.weight"}},
	}, m)

	broken := errors.New("broken")
	_, err = lstm.FromTensors([]lstm.Tensor{tensor(t, "weight_ih", ih, 4, 2), {Name: "weight_hh", Shape: []int{4, 1}, Data: func() ([]float32, error) { return nil, broken }}})
	require.ErrorIs(t, err, broken)
	assertFileError(t, err, `tensor "weight_hh": broken`)

	nan := []float32{9, 10, float32(math.NaN()), 12}
	_, err = lstm.FromTensors([]lstm.Tensor{tensor(t, "weight_ih", ih, 4, 2), tensor(t, "weight_hh", nan, 4, 1)}, lstm.WithNonFinite())
	require.NoError(t, err)
	for _, c := range []struct {
		name    string
		tensors []lstm.Tensor
		kind    error
		want    string
	}{
		{"not finite", []lstm.Tensor{tensor(t, "weight_ih", ih, 4, 2), tensor(t, "weight_hh", nan, 4, 1)}, lstm.ErrDamaged, `tensor "weight_hh": element [2 0] is NaN, want finite numbers; lstm.WithNonFinite() takes`},
		{"elements lacking", []lstm.Tensor{tensor(t, "weight_ih", ih, 4, 2), tensor(t, "weight_hh", hh[:3], 4, 1)}, lstm.ErrShape, `tensor "weight_hh": it has 3 elements, want 4 for shape [4 1]`},
		{"a name twice", []lstm.Tensor{tensor(t, "weight_ih", ih, 4, 2), tensor(t, "weight_ih", ih, 4, 2)}, lstm.ErrDamaged, `tensor "weight_ih": there are two of this name`},
		{"a negative size", []lstm.Tensor{tensor(t, "weight_ih", ih, -4, -2)}, lstm.ErrShape, `tensor "weight_ih": shape is [-4 -2], want at most 16 sizes of at least 0`},
		{"too many elements", []lstm.Tensor{tensor(t, "weight_ih", ih, math.MaxInt/2, 1)}, lstm.ErrShape, `more elements than can be addressed`},
		{"too many sizes", []lstm.Tensor{tensor(t, "weight_ih", ih, make([]int, 17)...)}, lstm.ErrShape, `want at most 16 sizes`},
		{"too many tensors", make([]lstm.Tensor, 10_001), lstm.ErrUnsupported, `there are 10001 tensors, want at most 10000`},
		{"none", nil, lstm.ErrUnsupported, `the file has no tensors`},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := lstm.FromTensors(c.tensors)
			assertFileError(t, err, c.want)
			require.ErrorIs(t, err, c.kind)
			assert.Nil(t, m)
		})
	}
}
