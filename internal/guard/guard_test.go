package guard

import (
	"math"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

func TestSlices(t *testing.T) {
	for _, n := range []int{0, 1, 100, 5000} {
		b := New(n)
		defer b.Release()
		require.GreaterOrEqual(t, b.Len(), n)
		for _, start := range []int{0, (b.Len() - n) / 2, b.Len() - n} {
			s := b.At(start, n)
			require.Len(t, s, n)
			require.Equal(t, n, cap(s))
			_, ok := b.Intact(-1<<20, 1<<20)
			require.True(t, ok)
			for i := range s {
				require.Equal(t, math.Float32bits(Sentinel), math.Float32bits(s[i]))
				s[i] = 1
			}
			_, before := b.Intact(-1<<20, start)
			_, after := b.Intact(start+n, 1<<20)
			require.True(t, before && after)
			if n > 0 {
				changed, ok := b.Intact(-1<<20, 1<<20)
				require.False(t, ok)
				require.Equal(t, start, changed)
				b.Fill(start+1, 1<<20)
				_, ok = b.Intact(start, start+1)
				require.False(t, ok)
				b.Fill(start, start+1)
			}
		}
		require.Equal(t, unsafe.SliceData(b.At(0, 1)), unsafe.SliceData(b.First(1)))
		require.Equal(t, unsafe.SliceData(b.At(b.Len()-1, 1)), unsafe.SliceData(b.Last(1)))
		require.Panics(t, func() { b.At(b.Len(), 1) })
	}
}
