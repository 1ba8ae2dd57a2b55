package apitest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/lstm"
)

// entriesFile makes a file of zeros from names, dtypes and shapes such as
// "lstm.bias_ih_l0 F32 8", with the metadata of its arguments.
func entriesFile(t *testing.T, specs ...string) []byte {
	t.Helper()
	sizes := map[string]int{"F32": 4, "F64": 8, "I64": 8, "F16": 2, "I8": 1}
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
		sizes []int // I, H of each layer, and P negated
		head  int   // O, or 0
	}{
		{"projection", []string{"l.weight_hr_l0 F32 1 2", "l.weight_ih_l0 F32 8 3", "l.weight_hh_l0 F32 8 1"}, []int{3, 2, -1}, 0},
		{"projections of any size", []string{"weight_ih_l0 F32 4 3", "weight_hh_l0 F32 4 5", "weight_hr_l0 F32 5 1",
			"weight_ih_l1 F32 8 5", "weight_hh_l1 F32 8 8", "weight_hr_l1 F32 8 2", "weight_ih_l2 F32 4 8", "weight_hh_l2 F32 4 1"}, []int{3, 1, -5, 2, -8, 1}, 0},
		{"projection and head", []string{"weight_ih_l0 F32 8 3", "weight_hh_l0 F32 8 1", "weight_hr_l0 F32 1 2", "fc.weight F32 5 1", "fc.bias F32 5"}, []int{3, 2, -1}, 5},
		{"no prefix", []string{"weight_ih_l0 F32 8 3", "weight_hh_l0 F32 8 2"}, []int{3, 2}, 0},
		{"prefix", []string{"a.b.weight_hh_l0 F32 8 2", "a.b.weight_ih_l0 F16 8 3"}, []int{3, 2}, 0},
		{"odd prefix", []string{"weight_ih_l0.weight_hh_l0 F32 8 2", "weight_ih_l0.weight_ih_l0 F16 8 3"}, []int{3, 2}, 0},
		{"head without a prefix", []string{"weight F32 5 2", "l.weight_ih_l0 F32 8 3", "bias F64 5", "l.weight_hh_l0 F32 8 2"}, []int{3, 2}, 5},
		{"head beside the layers", []string{"l.weight F32 5 2", "l.weight_ih_l0 F32 8 3", "l.weight_hh_l0 F32 8 2", "l.bias F32 5"}, []int{3, 2}, 5},
		{"layers upside down", []string{"weight_ih_l1 F32 4 2", "weight_hh_l1 F32 4 1", "weight_ih_l0 F32 8 3", "weight_hh_l0 F32 8 2", "fc.weight F32 1 1", "fc.bias F32 1"}, []int{3, 2, 1}, 1},
		{"eleven layers", func() (specs []string) {
			for l := range 11 {
				specs = append(specs, fmt.Sprintf("weight_ih_l%d F32 4 1", l), fmt.Sprintf("weight_hh_l%d F32 4 1", l))
			}
			return specs
		}(), []int{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := lstm.ReadModel(bytes.NewReader(entriesFile(t, c.specs...)))
			require.NoError(t, err)
			_, err = lstm.New(m)
			require.NoError(t, err)
			sizes := []int{weightsOf(m, 0).InputSize}
			for l := range m.Layers {
				sizes = append(sizes, weightsOf(m, l).HiddenSize)
				if p := weightsOf(m, l).ProjSize; p > 0 {
					sizes = append(sizes, -p)
				}
			}
			assert.Equal(t, c.sizes, sizes)
			if c.head == 0 {
				assert.Nil(t, m.Heads)
			} else {
				require.Len(t, m.Heads, 1)
				assert.Equal(t, c.head, headOf(m).OutFeatures)
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
		{"nothing", nil, "the file has no tensors"},
		{"a head alone", []string{"fc.weight F32 2 2"}, `no tensor is named weight_ih_l0, with or without a prefix, want the parameters of an LSTM; the file has modules "fc"`},
		{"an LSTMCell of wrong size", []string{"weight_ih F32 8 3", "weight_hh F32 9 2"}, `tensor "weight_hh": shape is [9 2], want [4H, H] of an nn.LSTMCell`},
		{"an LSTMCell with another bias", []string{"weight_ih F32 8 3", "weight_hh F32 8 2", "bias_ih F32 7"}, `tensor "bias_ih": shape is [7], want [8] = [4H]`},
		{"a GRUCell", []string{"c.weight_ih F32 6 3", "c.weight_hh F32 6 2"}, `tensor "c.weight_hh": shape is [6 2], a GRU's, want an LSTM's`},
		{"an RNNCell", []string{"c.weight_ih F32 2 3", "c.weight_hh F32 2 2"}, `tensor "c.weight_hh": shape is [2 2], a plain RNN's, want an LSTM's`},
		{"a name that begins with a dot", []string{".weight_hh_l0 F32 8 2", ".weight_ih_l0 F16 8 3"}, `no tensor is named weight_ih_l0`},

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

		{"two LSTMs", and("m.weight_ih_l0 F32 8 3", "m.weight_hh_l0 F32 8 2"), `modules "l", "m" are LSTMs, want one: lstm.WithLSTM names`},
		{"two LSTMs, one without a prefix", and("weight_ih_l1 F32 8 2", "weight_hh_l1 F32 8 2"), `modules "l", "" are LSTMs, want one`},
		{"backward parameters of another input", and("l.weight_ih_l0_reverse F32 8 4", "l.weight_hh_l0_reverse F32 8 2"), `tensor "l.weight_ih_l0_reverse": shape is [8 4], want [8 3] = [4H, I]`},
		{"backward parameters lacking", and("l.weight_ih_l0_reverse F32 8 3"), `tensor "l.weight_hh_l0_reverse" is missing, want one of shape [4H, H] beside tensor "l.weight_ih_l0_reverse" of shape [8 3]`},
		{"backward parameters only", []string{"l.weight_ih_l0_reverse F32 8 3", "l.weight_hh_l0_reverse F32 8 2"}, `tensor "l.weight_ih_l0_reverse": layer 0 has this direction only, want tensor "l.weight_ih_l0" too, unless "l.structure" in the metadata says that it runs in reverse`},
		{"a layer above both directions that reads one", and("l.weight_ih_l0_reverse F32 8 3", "l.weight_hh_l0_reverse F32 8 2", "l.weight_ih_l1 F32 8 2", "l.weight_hh_l1 F32 8 2"), `tensor "l.weight_ih_l1": shape is [8 2], want [8 4] = [4H, I]`},
		{"a head above both directions that reads one", and("l.weight_ih_l0_reverse F32 8 3", "l.weight_hh_l0_reverse F32 8 2", "fc.weight F32 1 2", "fc.bias F32 1"), `tensor "fc.weight": shape is [1 2], no part of an LSTM or its head, a weight [O, D] with D = 4`},
		{"a backward GRU", and("l.weight_ih_l0_reverse F32 6 3", "l.weight_hh_l0_reverse F32 6 2"), `tensor "l.weight_hh_l0_reverse": shape is [6 2], a GRU's`},
		{"a backward projection of another size", and("l.weight_ih_l0_reverse F32 8 3", "l.weight_hh_l0_reverse F32 8 2", "l.weight_hr_l0_reverse F32 1 2"), `tensor "l.weight_hh_l0_reverse": shape is [8 2], want [8 1] = [4H, P]`},
		{"projection of another size", and("l.weight_hr_l0 F32 1 2"), `tensor "l.weight_hh_l0": shape is [8 2], want [8 1] = [4H, P]`},
		{"projection of other units", and("l.weight_hr_l0 F32 2 3"), `tensor "l.weight_ih_l0": shape is [8 3], want [12 3] = [4H, I]`},
		{"projection to nothing", and("l.weight_hr_l0 F32 0 2"), `tensor "l.weight_hr_l0": shape is [0 2], want every dimension at least 1`},
		{"projection as a vector", and("l.weight_hr_l0 F32 2"), `tensor "l.weight_hr_l0": shape is [2], want [P, H]`},
		{"initial h of units", []string{"weight_ih_l0 F32 8 3", "weight_hh_l0 F32 8 1", "weight_hr_l0 F32 1 2", "initial_h_l0 F32 2"}, `tensor "initial_h_l0": shape is [2], want [1] = [P]`},
		{"initial h of two layers", and("l.initial_h_l0 F32 1 2"), `tensor "l.initial_h_l0": shape is [1 2], want [H]`},
		{"initial c of another size", and("l.initial_c_l0 F32 3"), `tensor "l.initial_c_l0": shape is [3], want [2] = [H]`},
		{"initial h in reverse", and("l.initial_h_l0_reverse F32 2"), `tensor "l.weight_ih_l0_reverse" is missing, want one of shape [4H, I] beside tensor "l.initial_h_l0_reverse"`},
		{"projection alone", []string{"l.weight_hr_l0 F32 1 2"}, `tensor "l.weight_ih_l0" is missing, want one of shape [4H, I] beside tensor "l.weight_hr_l0" of shape [1 2]`},
		{"layers that do not fit a projection", and("l.weight_hr_l0 F32 2 2", "l.weight_ih_l1 F32 8 3", "l.weight_hh_l1 F32 8 2"), `tensor "l.weight_ih_l1": shape is [8 3], want [8 2] = [4H, I]`},
		{"head of the units of a projection", []string{"weight_ih_l0 F32 8 3", "weight_hh_l0 F32 8 1", "weight_hr_l0 F32 1 2", "fc.weight F32 5 2"}, `tensor "fc.weight": shape is [5 2], no part of an LSTM or its head, a weight [O, P] with P = 1 and a bias [O]`},

		{"no layer 0", []string{"l.weight_ih_l1 F32 8 3", "l.weight_hh_l1 F32 8 2"}, `tensor "l.weight_hh_l1": layer 1 is there but layer 0 is not`},
		{"gap in the layers", and("l.bias_ih_l9 F32 8", "l.weight_ih_l2 F32 8 2", "l.weight_hh_l2 F32 8 2"), `tensor "l.weight_hh_l2": layer 2 is there but layer 1 is not`},
		{"layer 10^9", and("l.weight_ih_l1000000000 F32 8 2"), `tensor "l.weight_ih_l1000000000": layer 1000000000 is there but layer 1 is not`},
		{"no weight_hh", []string{"l.weight_ih_l0 F32 8 3"}, `tensor "l.weight_hh_l0" is missing, want one of shape [4H, H] beside tensor "l.weight_ih_l0" of shape [8 3]`},
		{"no weight_ih", []string{"weight_hh_l0 F32 8 2"}, `tensor "weight_ih_l0" is missing, want one of shape [4H, I] beside tensor "weight_hh_l0" of shape [8 2]`},
		{"biases alone", []string{"bias_hh_l0 F32 8", "bias_ih_l0 F32 8"}, `tensor "weight_ih_l0" is missing, want one of shape [4H, I] beside tensor "bias_ih_l0" of shape [8]`},

		{"a GRU", []string{"weight_ih_l0 F32 6 3", "weight_hh_l0 F32 6 2"}, `tensor "weight_hh_l0": shape is [6 2], a GRU's, want an LSTM's, [4H, H]`},
		{"a plain RNN", []string{"weight_ih_l0 F32 2 3", "weight_hh_l0 F32 2 2"}, `tensor "weight_hh_l0": shape is [2 2], a plain RNN's, want an LSTM's, [4H, H]`},
		{"weight_hh of another size", []string{"weight_ih_l0 F32 8 3", "weight_hh_l0 F32 9 2"}, `tensor "weight_hh_l0": shape is [9 2], want [8 2] = [4H, H]`},
		{"weight_hh transposed", []string{"weight_ih_l0 F32 8 3", "weight_hh_l0 F32 2 8"}, `tensor "weight_ih_l0": shape is [8 3], want [32 3] = [4H, I]`},
		{"weight_ih flat", []string{"weight_ih_l0 F32 24", "weight_hh_l0 F32 8 2"}, `tensor "weight_ih_l0": shape is [24], want [4H, I]`},
		{"weight_hh scalar", []string{"weight_ih_l0 F32 8 3", "weight_hh_l0 F32"}, `tensor "weight_hh_l0": shape is [], want [4H, H]`},
		{"weight_hh in three dimensions", []string{"weight_ih_l0 F32 8 3", "weight_hh_l0 F32 1 8 2"}, `tensor "weight_hh_l0": shape is [1 8 2], want [4H, H]`},
		{"bias_ih of another size", and("l.bias_ih_l0 F32 2"), `tensor "l.bias_ih_l0": shape is [2], want [8] = [4H]`},
		{"bias_hh of a GRU", and("l.bias_hh_l0 F32 6"), `tensor "l.bias_hh_l0": shape is [6], want [8] = [4H]`},
		{"bias_hh as a matrix", and("l.bias_hh_l0 F32 1 8"), `tensor "l.bias_hh_l0": shape is [1 8], want [4H]`},
		{"a peephole of another size", and("l.peephole_i_l0 F32 2", "l.peephole_f_l0 F32 8", "l.peephole_o_l0 F32 2"), `tensor "l.peephole_f_l0": shape is [8], want [2] = [H]`},
		{"a peephole of a matrix", and("l.peephole_i_l0 F32 2 2", "l.peephole_f_l0 F32 2", "l.peephole_o_l0 F32 2"), `tensor "l.peephole_i_l0": shape is [2 2], want [H]`},
		{"a peephole alone", and("l.peephole_f_l0 F32 2"), `tensor "l.peephole_i_l0" is missing, want one of shape [H] beside tensor "l.weight_ih_l0" of shape [8 3]`},
		{"peepholes of the gate g", and("l.peephole_g_l0 F32 2"), `tensor "l.peephole_g_l0": shape is [2], no part of an LSTM`},
		{"peepholes of a layer that is not there", and("l.peephole_i_l1 F32 2", "l.peephole_f_l1 F32 2", "l.peephole_o_l1 F32 2"), `tensor "l.weight_ih_l1" is missing, want one of shape [4H, I]`},
		{"bidirectional peepholes", and("l.peephole_i_l0_reverse F32 2"), `tensor "l.weight_ih_l0_reverse" is missing, want one of shape [4H, I] beside tensor "l.peephole_i_l0_reverse"`},
		{"a norm of another size", and("l.norm_i_l0 F32 2", "l.norm_f_l0 F32 2", "l.norm_g_l0 F32 8", "l.norm_o_l0 F32 2"), `tensor "l.norm_g_l0": shape is [8], want [2] = [H]`},
		{"norms without one", and("l.norm_i_l0 F32 2", "l.norm_f_l0 F32 2", "l.norm_o_l0 F32 2"), `tensor "l.norm_g_l0" is missing, want one of shape [H] beside tensor "l.weight_ih_l0" of shape [8 3]`},
		{"layers that do not fit", and("l.weight_ih_l1 F32 8 3", "l.weight_hh_l1 F32 8 2"), `tensor "l.weight_ih_l1": shape is [8 3], want [8 2] = [4H, I]`},
		{"no inputs", []string{"weight_ih_l0 F32 8 0", "weight_hh_l0 F32 8 2"}, `tensor "weight_ih_l0": shape is [8 0], want every dimension at least 1`},
		{"no hidden units", []string{"weight_ih_l0 F32 0 3", "weight_hh_l0 F32 0 0"}, `tensor "weight_ih_l0": shape is [0 3], want every dimension at least 1`},

		{"two heads", and("fc.weight F32 5 2", "out.weight F32 1 2"), `tensor "out.weight": it could be the head, and so could tensor "fc.weight"`},
		{"head of another input", and("fc.weight F32 5 3"), `tensor "fc.weight": shape is [5 3], no part of an LSTM or its head, a weight [O, H] with H = 2 and a bias [O]; it looks like an Embedding or a linear layer; if`},
		{"a layer before the LSTM", and("in.bias F32 3", "in.weight F32 3 9"), `tensor "in.bias": shape is [3], no part of an LSTM or its head, a weight [O, H] with H = 2 and a bias [O]; it looks like a linear layer; if other code computes that, lstm.WithHead or lstm.WithoutHead passes it over`},
		{"a BatchNorm", and("bn.weight F32 2", "bn.bias F32 2", "bn.running_mean F32 2", "bn.running_var F32 2", "bn.num_batches_tracked I64"), `it looks like a BatchNorm; if`},
		{"a convolution", and("c.weight F32 2 4 3", "c.bias F32 2"), `it looks like a convolution; if`},
		{"a normalisation", and("norm.weight F32 2", "norm.bias F32 2"), `tensor "norm.weight": shape is [2], no part of an LSTM or its head, a weight [O, H] with H = 2 and a bias [O]; it looks like a normalisation, such as LayerNorm; if`},
		{"an embedding besides the head", and("emb.weight F32 9 3", "fc.weight F32 5 2", "fc.bias F32 5"), `tensor "emb.weight": shape is [9 3], no part of an LSTM or its head`},
		{"head bias of another size", and("fc.weight F32 5 2", "fc.bias F32 2"), `tensor "fc.bias": shape is [2], want [5] = [O]`},
		{"head bias as a matrix", and("fc.weight F32 5 2", "fc.bias F32 5 1"), `tensor "fc.bias": shape is [5 1], want [5] = [O]`},
		{"head bias alone", and("fc.bias F32 5"), `tensor "fc.bias": shape is [5], no part of an LSTM or its head`},
		{"bias of another head", and("head.weight F32 5 2", "bias F32 5"), `tensor "bias": shape is [5], no part of an LSTM or its head`},
		{"an embedding of H numbers", and("emb.weight F32 9 2"), `tensor "emb.weight": it could be the head or, without a bias, an Embedding: lstm.WithHead("emb") takes it for the head, lstm.WithoutHead() passes it over`},
		{"a layer before the LSTM, of H inputs", and("in.weight F32 3 2", "in.bias F32 3"), `tensor "in.weight": it could be the head or, with as many outputs as the LSTM has inputs, 3, a layer before the LSTM: lstm.WithHead("in")`},
		{"head of no outputs", and("fc.weight F32 0 2"), `tensor "fc.weight": shape is [0 2], want every dimension at least 1`},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := lstm.ReadModel(bytes.NewReader(entriesFile(t, c.specs...)))
			assertFileError(t, err, c.want)
			assert.Nil(t, m)
		})
	}

	// The empty name, which a specification cannot say.
	file := container(`{"":{"dtype":"F32","shape":[1],"data_offsets":[48,52]},`+
		`"weight_ih_l0":{"dtype":"F32","shape":[4,2],"data_offsets":[0,32]},"weight_hh_l0":{"dtype":"F32","shape":[4,1],"data_offsets":[32,48]}}`,
		strings.Repeat("\x00", 52))
	_, err := lstm.ReadModel(bytes.NewReader(file))
	assertFileError(t, err, `tensor "": shape is [1], no part of an LSTM or its head`)
}

// The options name what a file leaves open, and pass over the rest.
func TestReadModelOptions(t *testing.T) {
	bidirectional := []string{"b.weight_ih_l0 F32 8 3", "b.weight_hh_l0 F32 8 2", "b.weight_ih_l0_reverse F32 8 3", "b.weight_hh_l0_reverse F32 8 2"}
	encoder := []string{"enc.weight_ih_l0 F32 8 3", "enc.weight_hh_l0 F32 8 2"}
	decoder := []string{"dec.weight_ih_l0 F32 12 2", "dec.weight_hh_l0 F32 12 3"}
	fc := []string{"fc.bias F32 4", "fc.weight F32 4 2"}
	norm := []string{"norm.bias F32 2", "norm.weight F32 2", "norm.steps I64"}
	embedding := []string{"emb.weight F32 9 2"}
	names := func(groups ...[]string) (names []string) {
		for _, spec := range slices.Concat(groups...) {
			names = append(names, strings.Fields(spec)[0])
		}
		return names
	}
	for _, c := range []struct {
		name    string
		specs   [][]string
		options []lstm.Option
		want    lstm.Source
	}{
		{"one of two", [][]string{encoder, decoder}, []lstm.Option{lstm.WithLSTM("dec")}, lstm.Source{LSTM: "dec", Unused: names(encoder)}},
		{"besides one that is bidirectional", [][]string{encoder, bidirectional}, []lstm.Option{lstm.WithLSTM("enc")}, lstm.Source{LSTM: "enc", Unused: names(bidirectional)}},
		{"one of two, and a head", [][]string{encoder, fc, decoder}, []lstm.Option{lstm.WithLSTM("enc"), lstm.WithHead("fc")}, lstm.Source{LSTM: "enc", Head: "fc", Unused: names(decoder)}},
		{"one of two, and no head", [][]string{encoder, fc, decoder}, []lstm.Option{lstm.WithLSTM("enc"), lstm.WithoutHead()}, lstm.Source{LSTM: "enc", Unused: names(fc, decoder)}},
		{"the only one", [][]string{encoder, fc}, []lstm.Option{lstm.WithLSTM("enc")}, lstm.Source{LSTM: "enc", Head: "fc"}},
		{"a head that is certain", [][]string{encoder, fc}, nil, lstm.Source{LSTM: "enc", Head: "fc"}},
		{"a head by its name", [][]string{fc, encoder, norm}, []lstm.Option{lstm.WithHead("fc")}, lstm.Source{LSTM: "enc", Head: "fc", Unused: names(norm)}},
		{"a head without a bias", [][]string{encoder, embedding}, []lstm.Option{lstm.WithHead("emb")}, lstm.Source{LSTM: "enc", Head: "emb"}},
		{"no head", [][]string{encoder, embedding, norm}, []lstm.Option{lstm.WithoutHead()}, lstm.Source{LSTM: "enc", Unused: names(embedding, norm)}},
		{"the last option counts", [][]string{encoder, fc}, []lstm.Option{lstm.WithLSTM("x"), lstm.WithoutHead(), lstm.WithHead("x"), lstm.WithHead("fc"), lstm.WithLSTM("enc")}, lstm.Source{LSTM: "enc", Head: "fc"}},
		{"no head after all", [][]string{encoder, fc}, []lstm.Option{lstm.WithHead("x"), lstm.WithoutHead()}, lstm.Source{LSTM: "enc", Unused: names(fc)}},
		{"without prefixes", [][]string{{"weight F32 3 2", "bias F32 3", "weight_ih_l0 F32 8 3", "weight_hh_l0 F32 8 2"}, decoder}, []lstm.Option{lstm.WithLSTM(""), lstm.WithHead("")}, lstm.Source{Unused: names(decoder)}},
		{"called head", [][]string{encoder, {"head.weight F32 3 2"}}, nil, lstm.Source{LSTM: "enc", Head: "head"}},
		{"in a Sequential called head", [][]string{encoder, {"m.head.1.weight F32 3 2", "m.head.1.bias F32 3"}}, nil, lstm.Source{LSTM: "enc", Head: "m.head.1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := entriesFile(t, slices.Concat(c.specs...)...)
			m, err := lstm.ReadModel(bytes.NewReader(file), c.options...)
			require.NoError(t, err)
			assert.Equal(t, c.want, m.Source)
			n, err := lstm.Read(bytes.NewReader(file), c.options...)
			require.NoError(t, err)
			assert.Equal(t, c.want, n.Source())
			if len(c.want.Unused) > 0 {
				n.Source().Unused[0] = "another"
				assert.Equal(t, c.want, n.Source(), "the network's own list")
			}
		})
	}

	for _, c := range []struct {
		name    string
		specs   [][]string
		options []lstm.Option
		want    string
	}{
		{"no such LSTM", [][]string{encoder, decoder}, []lstm.Option{lstm.WithLSTM("x")}, `no module "x" is an LSTM; those that are: "enc", "dec"`},
		{"no such head", [][]string{encoder, fc, embedding}, []lstm.Option{lstm.WithHead("x")}, `no tensor is named "x.weight", want the head's weight [O, H] with H = 2; modules with such a weight: "fc", "emb"`},
		{"no such head, and none", [][]string{encoder, norm}, []lstm.Option{lstm.WithHead("x")}, `modules with such a weight: none`},
		{"a head of another shape", [][]string{decoder, fc}, []lstm.Option{lstm.WithHead("fc")}, `tensor "fc.weight": shape is [4 2], want [4 3] = [O, H]`},
		{"no matrix", [][]string{encoder, norm}, []lstm.Option{lstm.WithHead("norm")}, `tensor "norm.weight": shape is [2], want [O, H]`},
		{"one of two, and who knows whose head", [][]string{encoder, fc, decoder}, []lstm.Option{lstm.WithLSTM("enc")}, `tensor "fc.weight": which of 2 LSTMs it follows cannot be told: lstm.WithHead("fc") takes it`},
		{"one of two, and another tensor", [][]string{encoder, norm, decoder}, []lstm.Option{lstm.WithLSTM("enc")}, `tensor "norm.bias": shape is [2], no part of an LSTM or its head`},
		{"many", [][]string{encoder, decoder, {"c.weight_ih_l0 F32 4 1", "d.weight_ih_l0 F32 4 1", "e.weight_ih_l0 F32 4 1", "f.weight_ih_l0 F32 4 1"}}, nil, `modules "enc", "dec", "c", "d", "e", … are LSTMs`},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := lstm.ReadModel(bytes.NewReader(entriesFile(t, slices.Concat(c.specs...)...)), c.options...)
			assertFileError(t, err, c.want)
			assert.Nil(t, m)
		})
	}
}
