package latency

import "time"

// AtMost returns how many durations were at most d, those that share d's bucket
// included.
func (c *Counts) AtMost(d time.Duration) uint64 {
	var sum uint64
	for _, n := range c.n[:bucket(d)+1] {
		sum += n
	}
	return sum
}

// Sum returns about how long all durations are together, to within 1/32.
func (c *Counts) Sum() time.Duration {
	var sum time.Duration
	for i, n := range c.n {
		sum += time.Duration(n) * middle(i)
	}
	return sum
}
