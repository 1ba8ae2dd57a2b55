package apitest

import (
	"math/bits"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm"
)

// Where an int has 32 bits, tensors may fit it whose packed form, up to 16 times
// as large, does not.
func TestPackedWeightsTooLarge(t *testing.T) {
	if bits.UintSize > 32 {
		t.Skip("needs an int of 32 bits: GOARCH=386 go test -run TestPackedWeightsTooLarge ./internal/apitest")
	}
	layer := func(input, hidden int) *lstm.Weights {
		return &lstm.Weights{
			InputSize: input, HiddenSize: hidden,
			WeightIH: make([]float32, 4*hidden*input), WeightHH: make([]float32, 4*hidden*hidden),
		}
	}
	const outputs = 1 << 26
	for _, c := range []struct {
		want string
		m    lstm.Model
	}{
		{"lstm: layer 0: packed weights of InputSize 33554432 and HiddenSize 1, with those of the layers below, take more bytes than can be addressed",
			lstm.Model{Layers: []lstm.Layer{layer(1<<25, 1)}}},
		{"lstm: head: packed weights of InFeatures 1 and OutFeatures 67108864, with those of the layers below, take more bytes than can be addressed",
			lstm.Model{Layers: []lstm.Layer{layer(1, 1)}, Heads: []lstm.Head{{Layers: []lstm.Layer{
				&lstm.Linear{InFeatures: 1, OutFeatures: outputs, Weight: make([]float32, outputs)},
			}}}}},
	} {
		n, err := lstm.New(&c.m)
		require.EqualError(t, err, c.want)
		require.ErrorIs(t, err, lstm.ErrUnsupported)
		require.Nil(t, n)
	}
}

// A Cell says which it is in the words that files have.
func TestCellString(t *testing.T) {
	require.Equal(t, "plain", lstm.Cell{}.String())
	require.Equal(t, "coupled cell_clip=0.5 gate=sigmoid output=leaky_relu(0.01)", lstm.Cell{
		Coupled: true, CellClip: 0.5,
		Gate: lstm.Activation{Function: lstm.ActivationSigmoid}, Output: lstm.ActivationLeakyReLU.WithDefaults(),
	}.String())
}
