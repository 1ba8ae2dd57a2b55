package sequences

import (
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"

	"example.com/lstm/batch"
	"example.com/lstm/cmd/lstm-serve/internal/inferr"
)

// Stats are what Sequences have done so far. What is counted only grows; Waiting,
// Sequences, Live and Bytes are what there is now.
type Stats struct {
	Batch batch.Stats // steps, batches and their sizes, times

	Waiting   int   // requests without an answer
	Sequences int   // that there are, those that have ended and whose answer is kept included
	Live      int   // that are in memory
	Bytes     int64 // of memory that sequences occupy, about

	Requests uint64 // that have come, and others that have asked for a sequence
	Repeated uint64 // answers that were given again
	// Refused[c] is how many requests were an error with the code c.
	Refused [codes.Unauthenticated + 1]uint64

	Started, Ended   uint64 // sequences, by requests
	Expired, Removed uint64
	// Exported are copies, of which Released sequences have moved away.
	Exported, Released, Imported uint64

	// What follows is zero without a Store.
	Stored          int    // sequences that are in the store, some of them in memory, too
	Unstored        int    // that have changed since they were stored
	Evicted, Loaded uint64 // that have left the memory, and have come back
	Adopted         uint64 // of those, from another network
	Transactions    uint64 // that were to store sequences,
	Failures        uint64 // those of them that have failed, and loads that have
	RecordsWritten  uint64
	BytesWritten    uint64
	Writing         time.Duration // how long transactions have taken, all together
	LastWriting     time.Duration // and the last of them
	LastWritten     time.Time     // when the last ended that did not fail; zero if none
	Failing         bool          // the last transaction has failed
}

type counts struct {
	sequences, live, bytes           atomic.Int64
	repeated                         atomic.Uint64
	started, ended, expired, removed atomic.Uint64
	exported, released, imported     atomic.Uint64

	stored                            atomic.Int64
	evicted, loaded, adopted          atomic.Uint64
	transactions, failures            atomic.Uint64
	recordsWritten, bytesWritten      atomic.Uint64
	writing, lastWriting, lastWritten atomic.Int64
	refused                           [codes.Unauthenticated + 1]atomic.Uint64
}

func (c *counts) refuse(err *inferr.Error) {
	if int(err.Code) < len(c.refused) {
		c.refused[err.Code].Add(1)
	}
}

// Stats returns what s has done until now.
func (s *Sequences) Stats() Stats {
	c := &s.counts
	all := Stats{
		Batch:     s.batcher.Stats(),
		Waiting:   int(s.waiting.Load()),
		Sequences: int(c.sequences.Load()),
		Live:      int(c.live.Load()),
		Bytes:     c.bytes.Load(),
		Repeated:  c.repeated.Load(),
		Started:   c.started.Load(),
		Ended:     c.ended.Load(),
		Expired:   c.expired.Load(),
		Removed:   c.removed.Load(),
		Exported:  c.exported.Load(),
		Released:  c.released.Load(),
		Imported:  c.imported.Load(),
	}
	s.addStored(&all)
	for i := range s.index.shards {
		h := &s.index.shards[i]
		h.mutex.Lock()
		all.Requests += h.requests
		h.mutex.Unlock()
	}
	for i := range c.refused {
		all.Refused[i] = c.refused[i].Load()
	}
	return all
}

func (s *Sequences) addStored(all *Stats) {
	k, c := s.keeper, &s.counts
	if k == nil {
		return
	}
	all.Stored = int(c.stored.Load())
	all.Evicted, all.Loaded, all.Adopted = c.evicted.Load(), c.loaded.Load(), c.adopted.Load()
	all.Transactions, all.Failures = c.transactions.Load(), c.failures.Load()
	all.RecordsWritten, all.BytesWritten = c.recordsWritten.Load(), c.bytesWritten.Load()
	all.Writing, all.LastWriting = time.Duration(c.writing.Load()), time.Duration(c.lastWriting.Load())
	if t := c.lastWritten.Load(); t != 0 {
		all.LastWritten = time.Unix(0, t)
	}
	k.mutex.Lock()
	defer k.mutex.Unlock()
	all.Unstored = len(k.dirty) + len(k.captured) + k.capturing
	all.Failing = k.failing.is()
}
