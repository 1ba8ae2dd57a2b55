package batch

import (
	"errors"
	"time"
)

// Stats are what a [Batcher] has done so far, for a system of metrics. All but
// Streams and Waiting only grow.
type Stats struct {
	Streams int // that are open, those that nobody holds any longer included
	Waiting int // steps, and calls of Do, in the queue

	Steps   uint64 // that were taken
	Batches uint64 // in which they were, those of one step included

	// Sizes[i] is how many of the batches had i + 1 steps.
	Sizes []uint64
	// Alone is how many of the steps were taken by the caller of Step, who found
	// the worker idle; each is a batch of one step.
	Alone uint64

	// Computing is how long the workers have computed, all together: an
	// estimate, since only one of 16 steps alone is timed.
	Computing time.Duration
	// Waited is how long Sampled of the steps, one of 16 of those that were in
	// the queue, were there. The mean is Waited / Sampled.
	Waited  time.Duration
	Sampled uint64

	Misshapen  uint64 // steps that were an lstm.ErrShape
	Cancelled  uint64 // whose context was done before they began
	Full       uint64 // that were an ErrQueueFull
	Refused    uint64 // an ErrClosed or ErrStreamClosed
	NonFinite  uint64 // an ErrNonFinite; those were taken
	IdleClosed uint64 // streams that were closed because they were idle
}

// sampleEvery is of how many steps one is timed where reading the clock would cost
// too much. The number is in the comments of Stats.
const sampleEvery = 16

// Stats returns what b has done until now. The numbers of each worker are of one
// moment. It locks each for less than a microsecond.
func (b *Batcher) Stats() Stats {
	all := Stats{Sizes: make([]uint64, b.options.BatchSize)}
	for _, w := range b.workers {
		w.mutex.Lock()
		w.addTo(&all)
		w.mutex.Unlock()
	}
	return all
}

// counts are what is counted with the mutex held.
type counts struct {
	streams        int
	steps, batches uint64
	sizes          []uint64
	alone          uint64
	queued         uint64
	computing      time.Duration
	waited         time.Duration
	sampled        uint64
	full, refused  uint64
	notFinite      uint64
	idle           uint64
}

func (c *counts) addBatch(b *batch) {
	if b.steps > 0 {
		c.steps += uint64(b.steps)
		c.batches++
		c.sizes[b.steps-1]++
	}
	c.computing += b.end - b.begin
	c.waited += b.waited
	c.sampled += uint64(b.sampled)
	c.notFinite += uint64(b.notFinite)
}

// addAlone counts a step that was taken by the caller of Step.
func (c *counts) addAlone(err error) {
	switch {
	case err == nil:
	case errors.Is(err, ErrNonFinite):
		c.notFinite++
	default:
		return
	}
	c.steps++
	c.batches++
	c.sizes[0]++
	c.alone++
}

func (w *worker) addTo(all *Stats) {
	c := &w.counts
	all.Streams += c.streams
	all.Waiting += w.waiting
	all.Steps += c.steps
	all.Batches += c.batches
	for i, n := range c.sizes {
		all.Sizes[i] += n
	}
	all.Alone += c.alone
	all.Computing += c.computing
	all.Waited += c.waited
	all.Sampled += c.sampled
	all.Misshapen += w.misshapen.Load()
	all.Cancelled += w.cancelled.Load()
	all.Full += c.full
	all.Refused += c.refused
	all.NonFinite += c.notFinite
	all.IdleClosed += c.idle
}
