package sequences

import "sync"

// endedSequences are those of which only the last answer is kept, in the order in which
// they have ended, and some that are something else by now: so that many short sequences do
// not keep others from starting.
type endedSequences struct {
	mutex sync.Mutex
	all   []*sequence
}

func (e *endedSequences) push(q *sequence) {
	e.mutex.Lock()
	e.all = append(e.all, q)
	e.mutex.Unlock()
}

// pop returns nil if there are none.
func (e *endedSequences) pop() *sequence {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if len(e.all) == 0 {
		return nil
	}
	q := e.all[0]
	e.all[0] = nil
	e.all = e.all[1:]
	return q
}

// tidy removes those that are something else by now.
func (e *endedSequences) tidy() {
	e.mutex.Lock()
	all := e.all
	e.all = nil
	e.mutex.Unlock()
	kept := all[:0]
	for _, q := range all {
		q.mutex.Lock()
		if q.phase == ended {
			kept = append(kept, q)
		}
		q.mutex.Unlock()
	}
	clear(all[len(kept):])
	e.mutex.Lock()
	e.all = append(kept, e.all...)
	e.mutex.Unlock()
}

// forgetEnded drops the sequence that has ended first, and reports whether there was one.
func (s *Sequences) forgetEnded() bool {
	for {
		q := s.ended.pop()
		if q == nil {
			return false
		}
		h := q.shard
		h.mutex.Lock()
		q.mutex.Lock()
		dropped := q.phase == ended && !q.isUsed()
		if dropped {
			q.drop()
		}
		q.mutex.Unlock()
		h.mutex.Unlock()
		if dropped {
			return true
		}
	}
}

// isUsed reports whether somebody has the turn, or waits for an answer. The mutex is held.
func (q *sequence) isUsed() bool { return q.busy || q.unanswered.first != nil || q.answering }
