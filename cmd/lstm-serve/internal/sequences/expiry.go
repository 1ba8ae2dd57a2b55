package sequences

import (
	"fmt"
	"time"
)

// sweepUntilClosed looks for sequences that have been idle for too long.
func (s *Sequences) sweepUntilClosed() {
	memory := time.NewTicker(min(s.options.IdleTime, s.options.ExpireTime)/16 + 1)
	defer memory.Stop()
	store := time.NewTicker(s.options.ExpireTime/16 + 1)
	defer store.Stop()
	var swept time.Duration // the store, when last
	for {
		select {
		case <-memory.C:
			s.sweep()
		case <-store.C:
			swept = s.now()
			s.sweepStore()
		case <-s.crowded: // those that have ended may go; looking for them reads the whole store
			if now := s.now(); now-swept >= s.options.IdleTime/4 {
				swept = now
				s.sweepStore()
			}
		case <-s.stop:
			return
		}
	}
}

// sweep looks for idle sequences in memory.
func (s *Sequences) sweep() {
	now := s.now()
	least := min(s.options.IdleTime, s.options.ExpireTime)
	for i := range s.index.shards {
		h := &s.index.shards[i]
		h.unused(now-least, func(q *sequence) { q.sweep(now - q.touched) })
	}
	s.ended.tidy()
	if s.keeper != nil {
		s.makeRoom()
	}
}

// sweep does with q what is to be done when it has been idle for so long. Both mutexes are
// held.
func (q *sequence) sweep(idle time.Duration) {
	s := q.all
	if q.phase == absent || q.isUsed() {
		return
	}
	switch {
	case q.phase == ended && idle >= s.options.IdleTime:
	case idle >= s.options.ExpireTime:
		s.counts.expired.Add(1)
	default:
		if s.keeper != nil && idle >= s.options.IdleTime {
			q.evict()
		}
		return
	}
	q.drop()
}

// drop makes q, which nobody uses, a sequence that does not exist. Both mutexes are held.
func (q *sequence) drop() {
	q.vanish()
	q.account()
	if q.changed() {
		q.all.keeper.add(q) // which forgets it when it is no longer in the store
	}
	if q.mayForget() {
		delete(q.shard.byID, q.id)
		q.shard.remove(q)
	}
}

// sweepStore deletes records of sequences that nobody has used for too long.
func (s *Sequences) sweepStore() {
	if s.keeper == nil {
		return
	}
	for after := ""; ; {
		var expired []string
		next, err := s.options.Store.Range(after, mostRecords, func(id string, data []byte) {
			if r, err := decodeRecord(data); err == nil && s.hasExpired(r) {
				expired = append(expired, id)
			}
		})
		if err != nil {
			s.options.Logger.Error("the store cannot be read", "error", err)
			return
		}
		if !s.deleteExpired(expired) || next == "" {
			return
		}
		after = next
		select {
		case <-s.stop:
			return
		default:
		}
	}
}

// deleteExpired deletes sequences that have expired, unless they are in memory. It returns
// false if that has failed.
func (s *Sequences) deleteExpired(ids []string) bool {
	var held []*sequence
	for _, id := range ids {
		h := s.index.shard(id)
		h.mutex.Lock()
		if h.byID[id] == nil {
			held = append(held, h.add(s, id, s.now()))
		}
		h.mutex.Unlock()
	}
	defer func() {
		for _, q := range held {
			q.release()
		}
	}()
	var gone []*sequence
	var deleted []string
	for _, q := range held {
		s.loader.load(q) // it may have been used meanwhile
		if q.phase == absent && q.unloadable == nil && q.inStore {
			gone, deleted = append(gone, q), append(deleted, q.id)
		}
	}
	if len(gone) == 0 {
		return true
	}
	if s.keeper.put(deleted, make([][]byte, len(deleted))) != nil {
		return false
	}
	for _, q := range gone {
		q.mutex.Lock()
		q.vanish()
		q.mutex.Unlock()
		q.stored()
		s.counts.expired.Add(1)
	}
	return true
}

// count counts the sequences in the store.
func (s *Sequences) count() error {
	for after := ""; ; {
		n := int64(0)
		next, err := s.options.Store.Range(after, mostRecords, func(string, []byte) { n++ })
		if err != nil {
			return fmt.Errorf("sequences: New: %w", err)
		}
		s.counts.sequences.Add(n)
		s.counts.stored.Add(n)
		if next == "" {
			return nil
		}
		after = next
	}
}
