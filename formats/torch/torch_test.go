package torch

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/lstm"
)

// golden is what testdata/make.py says of a checkpoint.
type golden struct {
	X, Y   [][]float32
	Head   string
	Prefix string
}

func (g *golden) options() (options []lstm.Option) {
	if g.Head != "" {
		options = append(options, lstm.WithHead(g.Head))
	}
	if g.Prefix != "" {
		options = append(options, lstm.WithPrefix(g.Prefix))
	}
	return options
}

func goldens(t *testing.T) (all map[string]*golden) {
	t.Helper()
	text, err := os.ReadFile("testdata/expected.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &all))
	return all
}

func checkpointFile(name string) string { return filepath.Join("testdata", name+".pt") }

// Outputs are PyTorch's, within what two orders of the same sums may differ by.
func TestGoldens(t *testing.T) {
	all := goldens(t)
	require.NotEmpty(t, all)
	for name, g := range all {
		t.Run(name, func(t *testing.T) {
			m, err := Open(checkpointFile(name), g.options()...)
			require.NoError(t, err)
			net, err := lstm.NewSequenceNetwork(m)
			require.NoError(t, err)
			y := make([]float32, len(g.X)*net.OutputSize())
			net.Forward(slices.Concat(g.X...), y, nil, nil)
			want := slices.Concat(g.Y...)
			require.Len(t, y, len(want))
			for i := range want {
				assert.InDelta(t, want[i], y[i], 1e-6, "element %d", i)
			}
		})
	}
}

func TestSource(t *testing.T) {
	for _, c := range []struct {
		name    string
		options []lstm.Option
		want    lstm.Source
	}{
		{"lstm", nil, lstm.Source{LSTM: "lstm", Head: "head"}},
		{"cell", nil, lstm.Source{}},
		{"cells", []lstm.Option{lstm.WithHead("linear")}, lstm.Source{LSTM: "lstm1, lstm2", Head: "linear"}},
		{"two", []lstm.Option{lstm.WithPrefix("decoder"), lstm.WithoutHead()}, lstm.Source{LSTM: "decoder.lstm", Unused: []string{
			"encoder.lstm.weight_ih_l0", "encoder.lstm.weight_hh_l0", "encoder.lstm.bias_ih_l0", "encoder.lstm.bias_hh_l0", "encoder.head.weight", "encoder.head.bias",
			"decoder.head.weight", "decoder.head.bias"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := Open(checkpointFile(c.name), c.options...)
			require.NoError(t, err)
			assert.Equal(t, c.want, m.Source)
		})
	}

	m, err := Open(checkpointFile("checkpoint"))
	require.NoError(t, err)
	assert.Equal(t, "model_state_dict.lstm", m.Source.LSTM)
	assert.Equal(t, "model_state_dict.head", m.Source.Head)
	assert.Contains(t, m.Source.Unused, "loss")
	assert.Contains(t, m.Source.Unused, "rng_state")
	assert.Contains(t, m.Source.Unused, "optimizer_state_dict.state.0.exp_avg")
}

// assertRefused demands what every error has: one "torch: " in front, the text, one of the
// kinds, and a length fit for a log.
func assertRefused(t *testing.T, err error, want string, kinds ...error) {
	t.Helper()
	require.Error(t, err)
	assert.Contains(t, err.Error(), want)
	assert.Regexp(t, "^torch: ", err.Error())
	assert.NotContains(t, err.Error()[1:], "torch: ")
	assert.NotContains(t, err.Error(), "lstm: ")
	assert.Less(t, len(err.Error()), 1000)
	assert.True(t, slices.ContainsFunc(kinds, func(kind error) bool { return errors.Is(err, kind) }), "%v is none of %v", err, kinds)
}

func TestRefuses(t *testing.T) {
	for _, c := range []struct{ name, want string }{
		{"module", `data.pkl, byte 2: "torch.nn.modules.rnn.LSTM" is none of the classes and functions of which tensors are made, and nothing is executed; a file of a state_dict alone has only those; Python makes one if you trust the file: torch.save(torch.load(FILE, map_location="cpu", weights_only=False).state_dict(), "model.pt")`},
		{"legacy", `from before PyTorch 1.6, or with _use_new_zipfile_serialization=False, want a zip file; load it in Python and save it again: torch.save(torch.load(FILE, map_location="cpu"), FILE)`},
		{"script", `this is a TorchScript archive of torch.jit.save, a program`},
		{"two", `modules "encoder.lstm", "decoder.lstm" are LSTMs, want one: lstm.WithLSTM names the one to read`},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := Open(checkpointFile(c.name))
			assertRefused(t, err, c.want, lstm.ErrUnsupported)
			assert.Contains(t, err.Error(), "torch: "+checkpointFile(c.name)+": ")
			assert.Nil(t, m)
		})
	}
	_, err := Open("testdata/none.pt")
	require.ErrorIs(t, err, os.ErrNotExist)
}

func Example() {
	model, err := Open("testdata/checkpoint.pt")
	if err != nil {
		panic(err)
	}
	net, err := lstm.New(model)
	if err != nil {
		panic(err)
	}
	state := net.NewState()
	y := make([]float32, net.OutputSize())
	net.Step(state, []float32{1, 0}, y)
	fmt.Println(len(y), model.Source.LSTM)
	// Output: 1 model_state_dict.lstm
}

// Every file that is cut short is refused, and none makes the reader panic.
func TestTruncated(t *testing.T) {
	whole, err := os.ReadFile(checkpointFile("lstm"))
	require.NoError(t, err)
	for n := range whole {
		_, err := Read(bytes.NewReader(whole[:n]), int64(n))
		assertRefused(t, err, "", lstm.ErrDamaged, lstm.ErrUnsupported)
	}
}

// A flipped bit is seen, or makes no difference: everything but padding has a checksum or
// is compared.
func TestAltered(t *testing.T) {
	whole, err := os.ReadFile(checkpointFile("lstm"))
	require.NoError(t, err)
	want, err := Read(bytes.NewReader(whole), int64(len(whole)))
	require.NoError(t, err)
	for i := range whole {
		altered := bytes.Clone(whole)
		altered[i] ^= 1 << (i % 8)
		m, err := Read(bytes.NewReader(altered), int64(len(altered)))
		if err == nil {
			require.Equal(t, want.Layers, m.Layers, "byte %d", i)
		}
	}
}
