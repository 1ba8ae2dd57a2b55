package guard

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSlices(t *testing.T) {
	for _, n := range []int{0, 1, 100, 5000} {
		b := New(n)
		defer b.Release()
		require.GreaterOrEqual(t, b.Len(), n)
		for _, s := range [][]float32{b.First(n), b.Last(n), b.At((b.Len()-n)/2, n)} {
			b.Fill()
			require.Len(t, s, n)
			require.Equal(t, n, cap(s))
			for i := range s {
				require.Equal(t, math.Float32bits(Sentinel), math.Float32bits(s[i]))
				s[i] = 1
			}
			ones := 0
			for _, v := range b.All() {
				if v == 1 {
					ones++
				}
			}
			require.Equal(t, n, ones)
		}
		require.Panics(t, func() { b.At(b.Len(), 1) })
	}
}
