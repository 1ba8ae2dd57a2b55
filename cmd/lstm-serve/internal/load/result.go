package load

import (
	"maps"
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// A Result is what has become of the requests of a period.
type Result struct {
	// Wanted is how many requests a second were due, 0 if as many as were answered.
	Wanted float64 `json:"wanted"`
	// Had is how many were answered, and Steps their steps.
	Had   float64 `json:"had"`
	Steps float64 `json:"steps"`

	Seconds  float64      `json:"seconds"` // of the period
	Requests int64        `json:"requests"`
	Latency  Percentiles  `json:"latency"` // from when requests were due
	Lag      Percentiles  `json:"lag"`     // from when they were due until they were sent
	Retries  uint64       `json:"retries"`
	Unsent   uint64       `json:"unsent"` // were due, but not sent until the end
	Errors   []ErrorCount `json:"errors,omitempty"`
	Curve    []CurvePoint `json:"curve,omitempty"` // of latency
}

// Percentiles are times, in seconds.
type Percentiles struct {
	P50  float64 `json:"p50"`
	P90  float64 `json:"p90"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p99.9"`
	Max  float64 `json:"max"`
}

// A CurvePoint says that a part of the requests took no longer than Seconds.
type CurvePoint struct {
	Part    float64 `json:"part"`
	Seconds float64 `json:"seconds"`
}

// An ErrorCount is how many requests had an error of a code, and what one of them said.
type ErrorCount struct {
	Code    string `json:"code"`
	Count   uint64 `json:"count"`
	Message string `json:"message"`
}

func newResult(wanted float64, r *record) *Result {
	period := (r.end - r.begin).Seconds()
	result := &Result{
		Wanted: wanted, Seconds: max(period, 0), Requests: r.latencies.TotalCount(),
		Latency: percentiles(r.latencies), Lag: percentiles(r.lags),
		Retries: r.retries, Unsent: r.unsent,
	}
	if period > 0 {
		result.Had, result.Steps = float64(r.answers)/period, float64(r.steps)/period
	}
	for _, code := range slices.Sorted(maps.Keys(r.errors)) {
		result.Errors = append(result.Errors, ErrorCount{code, r.errors[code], r.example[code]})
	}
	for _, b := range r.latencies.CumulativeDistributionWithTicks(5) {
		if b.Quantile < 100 && result.Requests > 0 {
			result.Curve = append(result.Curve, CurvePoint{b.Quantile / 100, inSeconds(b.ValueAt)})
		}
	}
	return result
}

func percentiles(h *hdrhistogram.Histogram) Percentiles {
	at := func(p float64) float64 { return inSeconds(h.ValueAtPercentile(p)) }
	return Percentiles{at(50), at(90), at(99), at(99.9), inSeconds(h.Max())}
}

func inSeconds(ns int64) float64 { return time.Duration(ns).Seconds() }

// Failed is how many requests had an error.
func (r *Result) Failed() (n uint64) {
	for _, e := range r.Errors {
		n += e.Count
	}
	return n
}
