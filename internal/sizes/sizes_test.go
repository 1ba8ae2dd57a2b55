package sizes

import (
	"math"
	"math/big"
	"math/bits"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestProduct(t *testing.T) {
	const root = 1 << (bits.UintSize / 2)
	for _, dims := range [][]int{
		{}, {0}, {7}, {2, 3, 5}, {math.MaxInt}, {math.MaxInt, 1}, {math.MaxInt, 2}, {math.MaxInt, math.MaxInt},
		{root, root}, {root / 2, root}, {root / 2, root - 1}, {root - 1, root/2 + 1}, {root, root, root, root},
		{math.MaxInt, math.MaxInt, 0}, {0, math.MaxInt, math.MaxInt}, {1908874353, 2147483647, 1073741823, 1073741823},
	} {
		want := big.NewInt(1)
		fits := true
		for _, d := range dims {
			want.Mul(want, big.NewInt(int64(d)))
			fits = fits && want.Cmp(big.NewInt(math.MaxInt)) <= 0
		}
		n, ok := Product(dims...)
		require.Equal(t, fits, ok, dims)
		if ok {
			require.EqualValues(t, want.Int64(), n, dims)
		}
	}
}

// The number that is wanted may be none that an int holds.
func TestIsProduct(t *testing.T) {
	const rows = 1 << (bits.UintSize - 2)
	require.False(t, IsProduct(0, rows, 4))
	require.False(t, IsProduct(4, rows+1, 4))
	require.True(t, IsProduct(8, 2, 4))
	require.False(t, IsProduct(9, 2, 4))
	require.True(t, IsProduct(0, 0, 4))
}

func TestRoundUp(t *testing.T) {
	for n, want := range []int{0, 3, 3, 3, 6, 6, 6, 9} {
		require.Equal(t, want, RoundUp(n, 3))
	}
}
