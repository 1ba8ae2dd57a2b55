package lstm

import (
	"math"
	"math/bits"
	"testing"

	"github.com/stretchr/testify/require"
)

// Where an int has 32 bits, tensors may fit it whose packed form, up to 16 times
// as large, does not.
func TestPackedWeightsTooLarge(t *testing.T) {
	if bits.UintSize > 32 {
		t.Skip("needs an int of 32 bits: GOARCH=386 go test -run TestPackedWeightsTooLarge .")
	}
	layer := func(input, hidden int) Weights {
		return Weights{
			InputSize: input, HiddenSize: hidden,
			WeightIH: make([]float32, 4*hidden*input), WeightHH: make([]float32, 4*hidden*hidden),
		}
	}
	const outputs = 1 << 26
	for _, c := range []struct {
		want string
		m    Model
	}{
		{"lstm: layer 0: packed weights of InputSize 33554432 and HiddenSize 1, with those of the layers below, take more bytes than can be addressed",
			Model{Layers: []Weights{layer(1<<25, 1)}}},
		{"lstm: head: packed weights of InFeatures 1 and OutFeatures 67108864, with those of the layers, take more bytes than can be addressed",
			Model{Layers: []Weights{layer(1, 1)}, Head: &Linear{InFeatures: 1, OutFeatures: outputs, Weight: make([]float32, outputs)}}},
	} {
		n, err := New(&c.m)
		require.EqualError(t, err, c.want)
		require.ErrorIs(t, err, ErrUnsupported)
		require.Nil(t, n)
	}
}

// Each layer may fit where all of them do not.
func TestMemory(t *testing.T) {
	const quarter = (math.MaxInt/4 - alignment) / 4 / 8
	room := memory(math.MaxInt)
	for range 4 {
		require.True(t, room.take(8, quarter))
	}
	require.False(t, room.take(8, quarter))
	require.False(t, room.take(math.MaxInt, 2))
	require.False(t, room.take(math.MaxInt))
	require.GreaterOrEqual(t, room, memory(0))

	room = memory(math.MaxInt)
	require.False(t, room.take(math.MaxInt/4))
	require.True(t, room.take((math.MaxInt-alignment)/4))
	require.Less(t, room, memory(4))
}
