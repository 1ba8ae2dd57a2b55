package page

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/lstm/cmd/lstm-serve/internal/latency"
)

func TestSamples(t *testing.T) {
	var (
		s   samples
		h   latency.Histogram
		now = time.Unix(1000, 0)
	)
	first := snapshot{models: []model{
		{Name: "a", Live: 3, Stored: 4, Steps: 100, BatchSizes: []uint64{5, 6}},
		{Name: "b", Live: 1, Steps: 10, BatchSizes: []uint64{1, 0, 2}},
	}, requests: 50, errors: 5}
	h.Add(time.Hour) // before anybody looked
	first.latency = h.Counts()
	require.Nil(t, s.add(now, first), "there is nothing to compare the first one with")

	next := snapshot{models: []model{
		{Name: "b", Steps: 50, BatchSizes: []uint64{1, 0, 5}},
		{Name: "a", Live: 2, Stored: 5, Steps: 160, BatchSizes: []uint64{6, 8}},
		{Name: "c", Live: 1, Steps: 20, BatchSizes: []uint64{0, 0, 0, 4}},
	}, requests: 70, errors: 6}
	for range 99 {
		h.Add(time.Millisecond)
	}
	h.Add(time.Second)
	next.latency = h.Counts()
	made := s.add(now.Add(2*time.Second), next)
	require.Equal(t, int64(1002000), made.Time)
	require.InDelta(t, 60, made.Steps, 1e-9)
	require.InDelta(t, 10, made.Requests, 1e-9)
	require.InDelta(t, 0.5, made.Errors, 1e-9)
	require.Equal(t, 3, made.Live)
	require.Equal(t, 5, made.Stored)
	require.Equal(t, []uint64{1, 2, 3, 4}, made.Sizes)
	require.InDelta(t, 1, made.Latency.P50, 1/32.)
	require.InDelta(t, 1, made.Latency.P99, 1/32.)
	require.InDelta(t, 1000, made.Latency.P999, 1000/32.)

	// A model begins anew, and another is gone.
	again := snapshot{models: []model{{Name: "a", Steps: 7, BatchSizes: []uint64{7}}}, requests: 70, errors: 6, latency: next.latency}
	for i := range latencySeconds {
		made = s.add(now.Add(time.Duration(3+i)*time.Second), again)
		if i == 0 {
			require.InDelta(t, 7, made.Steps, 1e-9)
			require.Equal(t, []uint64{1}, made.Sizes, "of 6 before")
		}
		require.Equal(t, i < latencySeconds-1, made.Latency != nil)
	}
}

func TestSamplesAreOfTheLastMinutes(t *testing.T) {
	var s samples
	for i := range 2 * historySeconds {
		s.add(time.Unix(int64(i), 0), snapshot{})
	}
	require.Len(t, s.history, historySeconds)
	require.Equal(t, int64(2*historySeconds-1)*1000, s.history[historySeconds-1].Time)
	require.Less(t, cap(s.history), 2*historySeconds)
	require.LessOrEqual(t, cap(s.recent), 2*latencySeconds)
}
