package main

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// stepTimes collects how long steps took, in memory that does not grow with
// their number.
type stepTimes struct {
	total     time.Duration
	histogram *hdrhistogram.Histogram // in nanoseconds
}

// longestStep is the end of the histogram. What takes longer counts as that
// in the quantiles, and as itself in the mean.
const longestStep = time.Minute

func newStepTimes() *stepTimes {
	return &stepTimes{histogram: hdrhistogram.New(1, int64(longestStep), 3)}
}

func (s *stepTimes) add(d time.Duration) {
	s.total += d
	// It refuses nothing but values beyond its end.
	_ = s.histogram.RecordValue(int64(min(d, longestStep)))
}

// count is the number of steps, mean and p99 how long they took.
func (s *stepTimes) count() int { return int(s.histogram.TotalCount()) }

func (s *stepTimes) mean() time.Duration {
	return s.total / time.Duration(max(1, s.count()))
}

func (s *stepTimes) p99() time.Duration {
	return time.Duration(s.histogram.ValueAtQuantile(99))
}
