package load

import (
	"math/rand/v2"
	"time"
)

// A schedule says when requests are due, whatever becomes of them.
type schedule struct {
	random   *rand.Rand // nil for equal distances
	interval float64    // mean distance in ns
	at       float64    // of the last one, in ns since the beginning
	n        float64
}

// newSchedule makes the schedule of one of several lanes, which together have the rate,
// in requests a second. Times between requests are exponentially distributed, which
// makes the lanes together, too, a Poisson process; with constant set they are equal,
// and the lanes take turns.
func newSchedule(rate float64, constant bool, lane, lanes int, random *rand.Rand) schedule {
	interval := float64(time.Second) / rate * float64(lanes)
	if constant {
		return schedule{interval: interval, n: float64(lane) / float64(lanes)}
	}
	return schedule{random: random, interval: interval}
}

// next is when the next request is due, since the beginning.
func (s *schedule) next() time.Duration {
	if s.random == nil {
		at := s.n * s.interval
		s.n++ // not a sum of intervals, whose rounding would add up
		return time.Duration(at)
	}
	s.at += s.random.ExpFloat64() * s.interval
	return time.Duration(s.at)
}
