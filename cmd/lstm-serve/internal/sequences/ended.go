package sequences

import "sync"

// endedSequences are those of which only the last answer is kept, in the order in which
// they have ended, and some that are something else by now: so that many short sequences do
// not keep others from starting.
type endedSequences struct {
	mutex sync.Mutex
	all   []end
}

// An end is that of a life of a sequence, which may have ended again since.
type end struct {
	sequence *sequence
	life     uint64
}

// is reports whether that is how the sequence is now. Its mutex is held.
func (e end) is() bool { return e.sequence.phase == ended && e.sequence.life == e.life }

func (e *endedSequences) push(end end) {
	e.mutex.Lock()
	e.all = append(e.all, end)
	e.mutex.Unlock()
}

// pop returns one with no sequence if there are none.
func (e *endedSequences) pop() (first end) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if len(e.all) == 0 {
		return end{}
	}
	first, e.all[0] = e.all[0], end{}
	e.all = e.all[1:]
	return first
}

// tidy removes those that are something else by now.
func (e *endedSequences) tidy() {
	e.mutex.Lock()
	all := e.all
	e.all = nil
	e.mutex.Unlock()
	kept := all[:0]
	for _, end := range all {
		end.sequence.mutex.Lock()
		if end.is() {
			kept = append(kept, end)
		}
		end.sequence.mutex.Unlock()
	}
	clear(all[len(kept):])
	e.mutex.Lock()
	e.all = append(kept, e.all...)
	e.mutex.Unlock()
}

// forgetEnded drops the sequence that has ended first, and reports whether there was one.
func (s *Sequences) forgetEnded() bool {
	for {
		end := s.ended.pop()
		q := end.sequence
		if q == nil {
			return false
		}
		h := q.shard
		h.mutex.Lock()
		q.mutex.Lock()
		dropped := end.is() && !q.isUsed()
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
