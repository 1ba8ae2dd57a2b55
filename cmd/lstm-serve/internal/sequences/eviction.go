package sequences

import (
	"cmp"
	"slices"
	"time"
)

// isFull reports whether no more sequences may start because of the memory.
func (s *Sequences) isFull() bool {
	bytes, most := s.counts.bytes.Load(), s.options.LiveBytes
	return s.isOverfull() || bytes >= most && (s.keeper == nil || s.keeper.fails())
}

// isOverfull reports whether there is no memory even for sequences that are stored, as
// can be while others cannot be stored.
func (s *Sequences) isOverfull() bool { return s.counts.bytes.Load() >= 2*s.options.LiveBytes }

// evict takes q out of the memory, if it is stored as it is and nobody uses it. Both mutexes
// are held.
func (q *sequence) evict() bool {
	if q.phase == absent || q.isUsed() || !q.inStore || q.version != q.saved || q.captured > 0 {
		return false
	}
	q.phase, q.last = absent, answer{}
	q.setStream(nil)
	q.account()
	delete(q.shard.byID, q.id)
	q.shard.remove(q)
	q.all.counts.evicted.Add(1)
	return true
}

// makeRoom evicts the sequences that have not been used for the longest time, if all of
// them occupy more memory than they may.
func (s *Sequences) makeRoom() {
	most := s.options.LiveBytes
	if s.counts.bytes.Load() <= most {
		return
	}
	s.evicting.Lock()
	defer s.evicting.Unlock()
	for s.counts.bytes.Load() > most {
		excess := s.counts.bytes.Load() - most + most/16
		if !s.evictOldest(min(int(excess/s.stateBytes)+1, mostRecords)) {
			return
		}
	}
}

// evictOldest evicts about n sequences, and reports whether it has any. Those that are not
// stored are stored first.
func (s *Sequences) evictOldest(n int) (some bool) {
	oldest := s.index.oldest(n)
	evict := func() {
		for _, q := range oldest {
			q.shard.mutex.Lock()
			q.mutex.Lock()
			some = q.evict() || some
			q.mutex.Unlock()
			q.shard.mutex.Unlock()
		}
	}
	evict()
	if !some && !s.keeper.fails() {
		for _, q := range oldest {
			s.keeper.capture(q)
		}
		if s.keeper.put(nil, nil) == nil {
			evict()
		}
	}
	return some
}

// oldest returns n sequences that have not been used for longer than others, fewer if
// there are not as many.
func (x *index) oldest(n int) []*sequence {
	type use struct {
		sequence *sequence
		touched  time.Duration
	}
	var uses []use
	for i := range x.shards {
		h := &x.shards[i]
		h.mutex.Lock()
		for q, m := h.first, 0; q != nil && m < n; q, m = q.after, m+1 {
			uses = append(uses, use{q, q.touched})
		}
		h.mutex.Unlock()
	}
	slices.SortFunc(uses, func(a, b use) int { return cmp.Compare(a.touched, b.touched) })
	uses = uses[:min(n, len(uses))]
	all := make([]*sequence, len(uses))
	for i := range uses {
		all[i] = uses[i].sequence
	}
	return all
}
