package sequences

import (
	"context"

	"google.golang.org/grpc/codes"

	"example.com/lstm/cmd/lstm-serve/internal/inferr"
)

// A Description says where a sequence is.
type Description struct {
	ID               string
	Step, StoredStep uint64 // as in an Answer
	Live             bool   // it is in memory
	Ended            bool   // only its last answer is kept
	Moved            bool   // it goes on elsewhere
}

// Describe says where a sequence is. It may read from the store.
func (s *Sequences) Describe(id string) (Description, error) {
	if err := checkID(id); err != nil {
		return Description{}, err
	}
	q := s.index.look(id)
	if q == nil {
		return s.describeStored(id)
	}
	d, known := q.describe(), q.phase != absent
	loading, unloadable := q.loading, q.unloadable
	q.mutex.Unlock()
	switch {
	case known:
		return d, nil
	case loading:
		return s.describeStored(id)
	case unloadable != nil:
		return Description{}, unloadable
	}
	return Description{}, errUnknown(id)
}

// describe needs the mutex.
func (q *sequence) describe() Description {
	return Description{ID: q.id, Step: q.step, StoredStep: q.storedStep, Live: q.phase == live, Ended: q.phase == ended, Moved: q.moved}
}

func (s *Sequences) describeStored(id string) (Description, error) {
	if s.keeper == nil {
		return Description{}, errUnknown(id)
	}
	data, err := s.options.Store.Get(id)
	if err != nil {
		return Description{}, inferr.Errorf(codes.Unavailable, "sequence %q cannot be loaded: %v", id, err)
	}
	if data == nil {
		return Description{}, errUnknown(id)
	}
	r, err := decodeRecord(data)
	if err != nil {
		return Description{}, inferr.Errorf(codes.DataLoss, "sequence %q: %v", id, err)
	}
	if s.hasExpired(r) {
		return Description{}, errUnknown(id)
	}
	return Description{ID: id, Step: r.step, StoredStep: r.step, Ended: r.ended, Moved: r.moved}, nil
}

// Remove ends a sequence between two of its requests. Requests that wait find that
// it does not exist.
func (s *Sequences) Remove(ctx context.Context, id string) error {
	if err := s.admit(); err != nil {
		return err
	}
	defer s.leave()
	q, failed := s.hold(ctx, id)
	if failed != nil {
		return failed
	}
	defer q.release()
	if q.phase == absent && q.unloadable == nil {
		return errUnknown(id)
	}
	if err := q.put(nil); err != nil {
		return err
	}
	q.mutex.Lock()
	q.vanish()
	q.mutex.Unlock()
	q.stored()
	q.account()
	s.counts.removed.Add(1)
	return nil
}
