package sequences

import (
	"context"
)

// A Description says where a sequence is.
type Description struct {
	ID               string
	Step, StoredStep uint64 // as in an Answer
	Live             bool   // it is in memory
	Ended            bool   // only its last answer is kept
	Moved            bool   // it goes on elsewhere
}

// Describe says where a sequence is.
func (s *Sequences) Describe(id string) (Description, error) {
	if err := checkID(id); err != nil {
		return Description{}, err
	}
	q := s.index.look(id)
	if q == nil {
		return Description{}, errUnknown(id)
	}
	defer q.mutex.Unlock()
	if q.phase == absent {
		return Description{}, errUnknown(id)
	}
	return q.describe(), nil
}

// describe needs the mutex or the turn.
func (q *sequence) describe() Description {
	return Description{ID: q.id, Step: q.step, Live: q.phase == live, Ended: q.phase == ended, Moved: q.moved}
}

// Remove ends a sequence between two of its requests. Requests that wait find that
// it does not exist.
func (s *Sequences) Remove(ctx context.Context, id string) error {
	q, err := s.holdExisting(ctx, id)
	if err != nil {
		return err
	}
	defer q.release()
	q.mutex.Lock()
	q.vanish()
	q.mutex.Unlock()
	q.account()
	s.counts.removed.Add(1)
	return nil
}
