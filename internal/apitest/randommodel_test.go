package apitest

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm"
	"example.com/lstm/internal/lstmtest"
)

// The numbers themselves are in the package's example, on every machine.
func TestRandomModel(t *testing.T) {
	for _, shape := range lstmtest.Shapes {
		m := lstm.RandomModel(1, shape.Outputs, shape.Sizes...)
		n, err := lstm.New(m)
		require.NoError(t, err)
		require.Equal(t, shape.Sizes[0], n.InputSize())
		require.Equal(t, len(shape.Sizes)-1, n.Layers())
		require.Equal(t, shape.Outputs > 0, n.HasHead())
		require.Equal(t, m, lstm.RandomModel(1, shape.Outputs, shape.Sizes...))
		require.NotEqual(t, m, lstm.RandomModel(2, shape.Outputs, shape.Sizes...))
	}
	// Of the numbers there are as many on every side.
	const hidden = 64
	m := lstm.RandomModel(7, 0, 1, hidden)
	bound := float32(1 / math.Sqrt(hidden))
	w := weightsOf(m, 0).WeightHH
	require.LessOrEqual(t, slices.Max(w), bound)
	require.GreaterOrEqual(t, slices.Min(w), -bound)
	var quarter [4]int
	for _, v := range w {
		quarter[min(3, int((v/bound+1)*2))]++
	}
	for i, count := range quarter {
		require.InDelta(t, len(w)/4, count, float64(len(w))/40, "quarter %d", i)
	}
}

func TestRandomModelMisuse(t *testing.T) {
	for _, c := range []struct {
		outputs int
		sizes   []int
		want    string
	}{
		{0, nil, "sizes are [], want the input size and at least one hidden size"},
		{0, []int{3}, "sizes are [3], want the input size and at least one hidden size"},
		{0, []int{3, 0}, "sizes[1] is 0, want at least 1"},
		{0, []int{-1, 2}, "sizes[0] is -1, want at least 1"},
		{-1, []int{1, 2}, "outputs is -1, want at least 0"},
	} {
		require.PanicsWithError(t, "lstm: RandomModel: "+c.want, func() { lstm.RandomModel(1, c.outputs, c.sizes...) }, fmt.Sprint(c))
	}
}
