package sequences

import (
	"hash/maphash"
	"strings"
	"sync"
	"time"
)

// An index finds sequences by their ids, and those that have not been used for the
// longest time. It is divided into shards so that goroutines seldom meet.
type index struct {
	seed   maphash.Seed
	shards [64]shard
}

type shard struct {
	mutex       sync.Mutex
	byID        map[string]*sequence
	first, last *sequence // in the order of their last use
	requests    uint64    // that have come
	_           [64]byte  // so that what follows in memory shares no cache line
}

func (x *index) init() {
	x.seed = maphash.MakeSeed()
	for i := range x.shards {
		x.shards[i].byID = map[string]*sequence{}
	}
}

func (x *index) shard(id string) *shard {
	return &x.shards[maphash.String(x.seed, id)%uint64(len(x.shards))]
}

// find returns the sequence, used now and with its mutex locked. If there is none, it
// makes one, which is absent and busy: the caller has the turn, and created is true.
func (s *Sequences) find(id string) (q *sequence, created bool) {
	now := s.now()
	h := s.index.shard(id)
	h.mutex.Lock()
	q = h.byID[id]
	if q == nil {
		q = h.add(s, id, now)
		created = true
	} else {
		h.touch(q, now)
	}
	h.requests++
	q.mutex.Lock()
	h.mutex.Unlock()
	return q, created
}

// add makes a sequence that is absent and busy. The mutex is held.
func (h *shard) add(s *Sequences, id string, now time.Duration) *sequence {
	q := &sequence{id: strings.Clone(id), all: s, shard: h, busy: true, loading: s.keeper != nil, touched: now}
	h.byID[q.id] = q
	h.push(q)
	return q
}

// queue gives r its turn, or its place among those that wait.
func (s *Sequences) queue(r *request, id string) {
	q, created := s.find(id)
	if q.busy && !(created && s.keeper == nil) {
		q.waiting.push(r)
		q.mutex.Unlock()
		if created {
			s.loader.add(q)
		}
		return
	}
	q.busy = true
	q.mutex.Unlock()
	q.take(r)
}

// look returns the sequence with its mutex locked, nil if there is none.
func (x *index) look(id string) *sequence {
	h := x.shard(id)
	h.mutex.Lock()
	defer h.mutex.Unlock()
	q := h.byID[id]
	if q != nil {
		q.mutex.Lock()
	}
	return q
}

// forget takes out q if it does not exist and nobody wants to use it.
func (x *index) forget(q *sequence) {
	h := q.shard
	h.mutex.Lock()
	defer h.mutex.Unlock()
	q.mutex.Lock()
	defer q.mutex.Unlock()
	if q.mayForget() && h.byID[q.id] == q {
		delete(h.byID, q.id)
		h.remove(q)
	}
}

// unused calls do, with both mutexes locked, with the sequences that have not been used
// since then, the one that has not been for the longest time first. do may remove it.
func (h *shard) unused(since time.Duration, do func(q *sequence)) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	for q := h.first; q != nil && q.touched <= since; {
		next := q.after
		q.mutex.Lock()
		do(q)
		q.mutex.Unlock()
		q = next
	}
}

// touch says that q is used now.
func (h *shard) touch(q *sequence, now time.Duration) {
	q.touched = now
	if h.last != q {
		h.remove(q)
		h.push(q)
	}
}

func (h *shard) push(q *sequence) {
	q.before, q.after = h.last, nil
	if h.last == nil {
		h.first = q
	} else {
		h.last.after = q
	}
	h.last = q
}

func (h *shard) remove(q *sequence) {
	if q.before == nil {
		h.first = q.after
	} else {
		q.before.after = q.after
	}
	if q.after == nil {
		h.last = q.before
	} else {
		q.after.before = q.before
	}
	q.before, q.after = nil, nil
}
