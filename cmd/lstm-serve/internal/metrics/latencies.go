package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"example.com/lstm/cmd/lstm-serve/internal/latency"
)

// bounds are those of the histogram's buckets.
var bounds = []time.Duration{
	25 * time.Microsecond, 50 * time.Microsecond, 100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond,
	50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2500 * time.Millisecond, 5 * time.Second, 10 * time.Second,
}

// latencies makes a histogram, whose sum is about right.
func latencies(c *latency.Counts, protocol string) prometheus.Metric {
	buckets := make(map[float64]uint64, len(bounds))
	for _, bound := range bounds {
		buckets[bound.Seconds()] = c.AtMost(bound)
	}
	return prometheus.MustNewConstHistogram(durations, c.Total(), c.Sum().Seconds(), buckets, protocol)
}
