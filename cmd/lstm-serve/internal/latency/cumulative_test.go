package latency

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCumulative(t *testing.T) {
	var h Histogram
	for i := range 1000 {
		h.Add(time.Duration(i) * time.Microsecond)
	}
	c := h.Counts()
	require.InDelta(t, 999*1000/2*time.Microsecond, c.Sum(), float64(c.Sum())/32)
	require.Equal(t, uint64(1), c.AtMost(0))
	require.Equal(t, c.Total(), c.AtMost(time.Second))
	require.Equal(t, c.Total(), c.AtMost(time.Hour))
	for _, n := range []int{10, 100, 500} {
		require.InDelta(t, n, c.AtMost(time.Duration(n)*time.Microsecond), 1+float64(n)/16)
	}
}
