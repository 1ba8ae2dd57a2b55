// Package bench measures how long the package's calls take, and others beside
// them, on a machine that has more to do: as ratios between things that were
// timed alternately. It keeps the figures of a run and makes tables of them.
package bench

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"
)

// A Candidate is something to be timed beside others.
type Candidate struct {
	Figure            // what it is; Measure adds the times
	Prepare func()    // called before each slice, outside the time; may be nil
	Run     func(int) // makes that number of calls

	calls  int           // of a slice, 0 for not known yet
	long   bool          // a call takes as long as hundreds of slices
	slices []float64     // nanoseconds a call
	spent  time.Duration // on it in this iteration
	taken  int           // slices of this iteration
}

const (
	// sliceTime is how long a slice takes: so short that most slices see no
	// interruption, so long that reading the clock does not count.
	sliceTime = 60 * time.Microsecond

	// passes is how often Measure comes back to each group, so that a bad second
	// of the machine spoils no group.
	passes = 5

	// enoughSlices of an iteration say all there is to say. The time that is left is
	// for the groups after it.
	enoughSlices = 300
)

// Measure times the candidates and fills in their figures. It takes about total,
// longer if one call of each takes longer. An iteration is one group, whose
// members are compared with each other: their slices alternate. All groups are
// gone through several times. progress, which may be nil, is told how many of
// the iterations are done.
func Measure(ctx context.Context, groups [][]*Candidate, total time.Duration, progress func(done, iterations int)) error {
	end := time.Now().Add(total)
	iterations := passes * len(groups)
	for i := range iterations {
		share := time.Until(end) / time.Duration(iterations-i)
		if err := alternate(ctx, groups[i%len(groups)], share); err != nil {
			return err
		}
		if progress != nil {
			progress(i+1, iterations)
		}
	}
	for _, group := range groups {
		for _, c := range group {
			c.summarize()
		}
	}
	return nil
}

// alternate takes slices of the candidates, for share in total, and one of each at
// least. The next slice is always that of the candidate that has had the least
// time, so that all of them see the same machine.
func alternate(ctx context.Context, group []*Candidate, share time.Duration) error {
	for _, c := range group {
		c.spent, c.taken = 0, 0
	}
	// No candidate always comes after the one that empties the cache.
	group = slices.Clone(group)
	rand.Shuffle(len(group), func(i, j int) { group[i], group[j] = group[j], group[i] })
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		var next *Candidate
		for _, c := range group {
			due := c.taken == 0 || c.taken < enoughSlices && c.spent < share/time.Duration(len(group))
			if due && (next == nil || c.spent < next.spent) {
				next = c
			}
		}
		if next == nil {
			return nil
		}
		before := time.Now()
		next.slice()
		next.spent += time.Since(before)
		next.taken++
	}
}

// slice times one slice.
func (c *Candidate) slice() {
	if c.Prepare != nil {
		c.Prepare()
	}
	if c.calls == 0 {
		c.calibrate()
	}
	c.warm(c.calls)
	c.slices = append(c.slices, float64(c.time(c.calls))/float64(c.calls))
}

// calibrate finds how many calls a slice has.
func (c *Candidate) calibrate() {
	c.long = c.time(1) > 100*sliceTime
	for c.calls = 1; ; c.calls *= 2 {
		c.warm(c.calls)
		if d := c.time(c.calls); d > sliceTime/2 {
			c.calls = max(1, int(int64(c.calls)*int64(sliceTime)/int64(d)))
			return
		}
	}
}

// warmCalls is the least that goes before a slice: weights that only just fit a
// cache have not settled in it after they have been read once.
const warmCalls = 3

// warm goes before a slice of n calls and brings caches, branch predictors and
// the clock of wide vectors to where they stay. What takes as long as hundreds of
// slices is warm for nearly all of its time anyway.
func (c *Candidate) warm(n int) {
	if !c.long {
		c.Run(max(n, warmCalls))
	}
}

func (c *Candidate) time(n int) time.Duration {
	start := time.Now()
	c.Run(n)
	return time.Since(start)
}

func (c *Candidate) summarize() {
	slices.Sort(c.slices)
	c.Slices = len(c.slices)
	c.Min = c.slices[0]
	c.Median = median(c.slices)
}

// median is the middle of sorted values.
func median(sorted []float64) float64 {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
