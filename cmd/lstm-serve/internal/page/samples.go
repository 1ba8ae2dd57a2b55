package page

import (
	"time"

	"example.com/lstm/cmd/lstm-serve/internal/latency"
)

const (
	// historySeconds are how far back the charts go.
	historySeconds = 300
	// latencySeconds are how long a request counts for the percentiles: in one second
	// alone there may be too few for them to say anything.
	latencySeconds = 10
)

// A sample is what has happened in a second.
type sample struct {
	Time     int64    `json:"time"`     // at its end, in Unix milliseconds
	Steps    float64  `json:"steps"`    // a second
	Requests float64  `json:"requests"` // a second
	Errors   float64  `json:"errors"`   // a second
	Live     int      `json:"live"`
	Stored   int      `json:"stored"`
	Sizes    []uint64 `json:"sizes"` // how many batches had 1, 2, … steps

	// Latency are the percentiles of the last seconds, in milliseconds, nil if there
	// were no requests.
	Latency *percentiles `json:"latency"`
}

type percentiles struct {
	P50  float64 `json:"p50"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p999"`
}

// samples are those of the last minutes.
type samples struct {
	history []sample
	last    snapshot
	lastAt  time.Time
	recent  []latency.Counts // of the last seconds, one by one
}

// add makes a sample of what came between the last snapshot and the next. It
// makes none of the first.
func (s *samples) add(now time.Time, next snapshot) (made *sample) {
	if !s.lastAt.IsZero() {
		s.history = keepLast(append(s.history, s.between(now, &next)), historySeconds)
		made = &s.history[len(s.history)-1]
	}
	s.last, s.lastAt = next, now
	return made
}

func (s *samples) between(now time.Time, next *snapshot) sample {
	seconds := max(now.Sub(s.lastAt).Seconds(), 1e-3)
	rate := func(now, before uint64) float64 { return float64(grown(now, before)) / seconds }
	made := sample{
		Time:     now.UnixMilli(),
		Requests: rate(next.requests, s.last.requests),
		Errors:   rate(next.errors, s.last.errors),
		Sizes:    []uint64{},
	}
	for i := range next.models {
		m := &next.models[i]
		before := s.last.model(m.Name, m.Version)
		made.Live += m.Live
		made.Stored += m.Stored
		made.Steps += rate(m.Steps, before.Steps)
		for size, n := range m.BatchSizes {
			if size == len(made.Sizes) {
				made.Sizes = append(made.Sizes, 0)
			}
			if size < len(before.BatchSizes) {
				n = grown(n, before.BatchSizes[size])
			}
			made.Sizes[size] += n
		}
	}
	s.recent = keepLast(append(s.recent, next.latency.Since(&s.last.latency)), latencySeconds)
	var all latency.Counts
	for i := range s.recent {
		all.Plus(&s.recent[i])
	}
	if all.Total() > 0 {
		milliseconds := func(q float64) float64 { return float64(all.Quantile(q)) / float64(time.Millisecond) }
		made.Latency = &percentiles{milliseconds(0.5), milliseconds(0.99), milliseconds(0.999)}
	}
	return made
}

// model returns the model of that name, one that has done nothing if there is none.
func (s *snapshot) model(name, version string) *model {
	for i := range s.models {
		if m := &s.models[i]; m.Name == name && m.Version == version {
			return m
		}
	}
	return &model{}
}

// grown is by how much a counter has grown. One that starts anew, as that of a model
// which was taken away and came back, was at 0 in between.
func grown(now, before uint64) uint64 {
	if now < before {
		return now
	}
	return now - before
}

// keepLast returns the last n elements, in the same memory.
func keepLast[T any](list []T, n int) []T {
	if extra := len(list) - n; extra > 0 {
		list = list[:copy(list, list[extra:])]
	}
	return list
}
