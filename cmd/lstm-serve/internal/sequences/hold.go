package sequences

import (
	"context"
	"slices"

	"example.com/lstm/cmd/lstm-serve/internal/inferr"
)

// A holder waits for a turn between two requests, to read a sequence or to change it.
type holder struct{ granted func() } // called once it has the turn; must not wait

// holdLocked waits for a turn and unlocks the mutex. The caller has the turn until it
// calls release, unless ctx is done before.
func (q *sequence) holdLocked(ctx context.Context) *inferr.Error {
	if !q.busy {
		q.busy = true
		q.mutex.Unlock()
		return nil
	}
	granted := make(chan struct{})
	h := &holder{granted: func() { close(granted) }}
	q.holders = append(q.holders, h)
	q.mutex.Unlock()
	select {
	case <-granted:
		return nil
	case <-ctx.Done():
	}
	q.mutex.Lock()
	i := slices.Index(q.holders, h)
	if i >= 0 {
		q.holders = slices.Delete(q.holders, i, i+1)
	}
	q.mutex.Unlock()
	if i < 0 {
		<-granted
		q.release()
	}
	return contextError(ctx)
}

// release ends the turn of a holder.
func (q *sequence) release() { q.take(q.endTurn()) }

// hold waits for a turn in the sequence of that id, which may be absent.
func (s *Sequences) hold(ctx context.Context, id string) (*sequence, *inferr.Error) {
	if err := checkID(id); err != nil {
		return nil, err
	}
	q, created := s.find(id)
	if created {
		q.mutex.Unlock()
		return q, nil
	}
	if err := q.holdLocked(ctx); err != nil {
		return nil, err
	}
	return q, nil
}

// holdExisting is hold, and an error if the sequence is absent.
func (s *Sequences) holdExisting(ctx context.Context, id string) (*sequence, *inferr.Error) {
	q, err := s.hold(ctx, id)
	if err != nil {
		return nil, err
	}
	if q.phase == absent {
		q.release()
		return nil, errUnknown(id)
	}
	return q, nil
}
