package load

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// longest is the longest latency that is told apart from longer ones.
const longest = 100 * time.Second

// A record is what has happened to the requests that were due within a period of time,
// which begins after the warm-up.
type record struct {
	begin, end time.Duration

	latencies *hdrhistogram.Histogram // ns, from when they were due until they were answered
	lags      *hdrhistogram.Histogram // ns, from when they were due until they were sent
	steps     uint64                  // answered within the period,
	answers   uint64                  // and requests
	retries   uint64
	unsent    uint64            // were due, and not sent until the end
	errors    map[string]uint64 // by their codes
	example   map[string]string // an error of each code
}

func newRecord() *record {
	return &record{
		latencies: newHistogram(), lags: newHistogram(),
		errors: make(map[string]uint64), example: make(map[string]string),
	}
}

func newHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(1, int64(longest), 3) }

// reset begins anew, for a period.
func (r *record) reset(begin, end time.Duration) {
	r.latencies.Reset()
	r.lags.Reset()
	clear(r.errors)
	clear(r.example)
	*r = record{begin: begin, end: end, latencies: r.latencies, lags: r.lags, errors: r.errors, example: r.example}
}

// has reports whether a request that was due then counts.
func (r *record) has(due time.Duration) bool { return due >= r.begin && due < r.end }

func (r *record) sent(due, now time.Duration) {
	if r.has(due) {
		add(r.lags, now-due)
	}
}

func (r *record) answered(due, now time.Duration, steps int) {
	if r.has(due) {
		add(r.latencies, now-due)
	}
	if r.has(now) {
		r.answers++
		r.steps += uint64(steps)
	}
}

// failed counts an error. The request's latency counts, too: whoever waited for an
// answer has waited as long.
func (r *record) failed(due, now time.Duration, code, message string) {
	if !r.has(due) {
		return
	}
	add(r.latencies, now-due)
	r.errors[code]++
	if r.example[code] == "" {
		r.example[code] = message
	}
}

func (r *record) retried(due time.Duration) {
	if r.has(due) {
		r.retries++
	}
}

// neverSent counts a request that was still to be sent at the end: its latency would
// have been longer than what is counted.
func (r *record) neverSent(due, now time.Duration) {
	if r.has(due) {
		add(r.latencies, now-due)
		r.unsent++
	}
}

// merge adds what another lane has recorded.
func (r *record) merge(other *record) {
	r.latencies.Merge(other.latencies)
	r.lags.Merge(other.lags)
	r.steps += other.steps
	r.answers += other.answers
	r.retries += other.retries
	r.unsent += other.unsent
	for code, n := range other.errors {
		r.errors[code] += n
		if r.example[code] == "" {
			r.example[code] = other.example[code]
		}
	}
}

func add(h *hdrhistogram.Histogram, d time.Duration) {
	// It is in range, of which an error would tell.
	_ = h.RecordValue(int64(min(max(d, 1), longest)))
}
