// Package latency counts durations in buckets, cheaply enough for every request: one
// atomic addition, and no lock.
package latency

import (
	"math"
	"math/bits"
	"sync/atomic"
	"time"
)

// Each power of two nanoseconds is divided into 16 buckets, so that a duration is known
// to within 1/32 of itself; those below 32 ns are exact.
const (
	divisions = 16
	longest   = 1<<36 - 1 // ns, 69 s; what takes longer counts as this
	buckets   = 33 * divisions
)

// A Histogram counts durations. The zero value is empty. Any number of goroutines may
// use it at the same time.
type Histogram struct{ counts [buckets]atomic.Uint64 }

// Add counts d.
func (h *Histogram) Add(d time.Duration) { h.counts[bucket(d)].Add(1) }

// Counts returns how often each duration has been until now. What others Add meanwhile
// may be among it.
func (h *Histogram) Counts() Counts {
	var c Counts
	for i := range h.counts {
		c.n[i] = h.counts[i].Load()
	}
	return c
}

// Counts are the contents of a Histogram at one time, or those that came between two.
type Counts struct{ n [buckets]uint64 }

// Since returns what is in c and was not yet there in the earlier counts.
func (c *Counts) Since(earlier *Counts) Counts {
	var d Counts
	for i := range c.n {
		d.n[i] = c.n[i] - earlier.n[i]
	}
	return d
}

// Plus adds others to c.
func (c *Counts) Plus(others *Counts) {
	for i := range c.n {
		c.n[i] += others.n[i]
	}
}

// Total is the number of durations.
func (c *Counts) Total() uint64 {
	var total uint64
	for _, n := range c.n {
		total += n
	}
	return total
}

// Quantile returns the duration that the fraction q of all, 0 to 1, do not exceed: the
// middle of its bucket, 0 if nothing has been counted.
func (c *Counts) Quantile(q float64) time.Duration {
	total := c.Total()
	if total == 0 {
		return 0
	}
	rank := min(max(uint64(math.Ceil(q*float64(total))), 1), total)
	i := 0
	for sum := c.n[0]; sum < rank; sum += c.n[i] {
		i++
	}
	return middle(i)
}

// bucket returns where d is counted: in a bucket that d itself is the number of if
// d < 32, and above by its five leading bits and how many others follow.
func bucket(d time.Duration) int {
	v := uint64(min(max(d, 0), longest))
	shift := max(bits.Len64(v), 5) - 5
	return shift*divisions + int(v>>shift)
}

func middle(i int) time.Duration {
	if i < 2*divisions {
		return time.Duration(i)
	}
	shift := i/divisions - 1
	first := uint64(i-shift*divisions) << shift
	return time.Duration(first + 1<<shift/2)
}
