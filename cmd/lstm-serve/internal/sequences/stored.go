package sequences

import (
	"google.golang.org/grpc/codes"

	"example.com/lstm/cmd/lstm-serve/internal/inferr"
)

// changed says that q is not what is stored any longer. The mutex is held; if it returns
// true, the caller has to tell the keeper when it is not.
func (q *sequence) changed() (list bool) {
	if q.all.keeper == nil {
		return false
	}
	q.version++
	if q.phase == absent && !q.inStore && q.captured == 0 {
		q.saved = q.version // there is nothing to delete
		return false
	}
	list = !q.listed
	q.listed = true
	return list
}

// put stores r as what q will be, or that it will be nothing. The caller has the turn.
func (q *sequence) put(r *record) *inferr.Error {
	if q.all.keeper == nil {
		return nil
	}
	var data []byte
	if r != nil {
		data = r.append(make([]byte, 0, r.size()))
	}
	return q.write(data)
}

// write stores data as the record of q, or deletes it if data is nil. With an error, it may
// have been written all the same: what q is now will be stored again. The caller has the
// turn.
func (q *sequence) write(data []byte) *inferr.Error {
	k := q.all.keeper
	err := k.put([]string{q.id}, [][]byte{data})
	if err == nil || q.unloadable != nil {
		return err
	}
	q.mutex.Lock()
	if q.phase == absent {
		q.vanish()
	}
	q.setStored(true)
	list := q.changed()
	q.mutex.Unlock()
	if list {
		k.add(q)
	}
	return err
}

// stored says that q is stored as it is. The caller has the turn.
func (q *sequence) stored() {
	if q.all.keeper == nil {
		return
	}
	q.mutex.Lock()
	q.version++
	q.saved = q.version
	q.setStored(q.phase != absent)
	q.storedStep = q.step
	q.mutex.Unlock()
}

func (q *sequence) setStored(is bool) {
	if is != q.inStore {
		q.inStore = is
		if is {
			q.all.counts.stored.Add(1)
		} else {
			q.all.counts.stored.Add(-1)
		}
	}
}

// mayForget reports whether nothing is lost if q is taken out of the index, except that
// it would have to be loaded again. The mutex is held.
func (q *sequence) mayForget() bool {
	return !q.busy && q.phase == absent && q.version == q.saved && q.captured == 0
}

// answerOrWait answers r, of which the turn is, or keeps the answer until what q is now has
// been stored, if that is how the sequences work. It reports whether the keeper has got the
// turn.
func (q *sequence) answerOrWait(r *request, a Answer, err *inferr.Error) (taken bool) {
	s := q.all
	if !s.durable() {
		s.answer(r, a, err)
		return false
	}
	r.answer, r.failed, r.version = a, err, q.version
	q.mutex.Lock()
	waits := q.answering || q.unanswered.first != nil || err == nil && q.version != q.saved
	if !waits {
		q.mutex.Unlock()
		r.answer.StoredStep = a.Step
		s.answer(r, r.answer, err)
		return false
	}
	capture := err == nil && q.version != q.saved
	r.capture = q.captures
	if capture {
		r.capture++
	}
	q.unanswered.push(r)
	q.mutex.Unlock()
	if capture {
		s.keeper.expect()
		go s.keeper.captureHeld(q)
	}
	return capture
}

// answerStored gives the answers that have waited for what is stored now, and errors to
// those that have waited for a capture that has failed with err, if that is not nil.
func (q *sequence) answerStored(capture uint64, err error) {
	q.mutex.Lock()
	if q.answering { // whoever does it now will look again
		q.mutex.Unlock()
		return
	}
	q.answering = true
	for {
		r := q.unanswered.first
		if r == nil || r.version > q.saved && (err == nil || r.capture > capture) {
			break
		}
		q.unanswered.pop()
		lost := r.version > q.saved
		q.mutex.Unlock()
		switch {
		case r.failed == nil && lost:
			r.failed = inferr.Errorf(codes.Unavailable, "sequence %q: step %d has been taken, but is not stored; the same request will get its answer when it is: %v",
				q.id, r.answer.Step, err)
			r.failed.At(r.answer.Step)
		default:
			r.answer.StoredStep = r.answer.Step
		}
		q.all.answer(r, r.answer, r.failed)
		q.mutex.Lock()
	}
	q.answering = false
	q.mutex.Unlock()
}

// mustClear reports whether there is, or may soon be, a record of steps before a start.
func (q *sequence) mustClear() bool {
	if q.all.keeper == nil || q.all.durable() {
		return false // or the answer waits until the record is another
	}
	q.mutex.Lock()
	defer q.mutex.Unlock()
	return q.inStore || q.captured > 0
}

// startOver deletes what is stored, so that a sudden end cannot bring back steps from
// before the start of r, which has the turn. If that fails, r is refused.
func (q *sequence) startOver(r *request) {
	if err := q.write(nil); err != nil {
		if r.counted && q.counted {
			q.counted = false
			q.all.counts.sequences.Add(-1)
		}
		q.all.answer(r, Answer{}, err)
		q.release()
		return
	}
	q.mutex.Lock()
	q.setStored(false)
	q.mutex.Unlock()
	q.begin(r)
}
