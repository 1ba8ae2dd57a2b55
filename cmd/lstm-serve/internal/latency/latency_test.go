package latency

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestQuantiles(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var h Histogram
	var all []time.Duration
	for range 10_000 {
		d := time.Duration(r.Uint64() >> (29 + r.IntN(35)))
		all = append(all, d)
		h.Add(d)
	}
	slices.Sort(all)
	c := h.Counts()
	require.Equal(t, uint64(len(all)), c.Total())
	for _, q := range []float64{0, 0.001, 0.25, 0.5, 0.99, 0.999, 1} {
		want := all[max(int(q*float64(len(all)))-1, 0)]
		require.InDelta(t, want, c.Quantile(q), float64(want)/32, "%v", q)
	}
}

func TestBuckets(t *testing.T) {
	require.Equal(t, 0, bucket(-time.Hour), "a clock that was set back")
	require.Equal(t, buckets-1, bucket(time.Hour))
	require.Equal(t, buckets-1, bucket(longest))
	for i := range buckets {
		require.Equal(t, i, bucket(middle(i)))
	}
}

func TestSince(t *testing.T) {
	var h Histogram
	empty := h.Counts()
	require.Zero(t, empty.Quantile(0.5))
	h.Add(time.Second)
	before := h.Counts()
	h.Add(time.Microsecond)
	h.Add(time.Microsecond)
	after := h.Counts()
	between := after.Since(&before)
	require.Equal(t, uint64(2), between.Total())
	require.InDelta(t, time.Microsecond, between.Quantile(1), 1000/32.)
	between.Plus(&before)
	require.Equal(t, after, between)
}

func BenchmarkAdd(b *testing.B) {
	var h Histogram
	b.ReportAllocs()
	for i := range b.N {
		h.Add(time.Duration(i))
	}
}
