package sequences

import (
	"context"
	"slices"

	"google.golang.org/grpc/codes"

	"example.com/lstm/cmd/lstm-serve/internal/inferr"
)

// A holder waits for a turn between two requests, to read a sequence or to change it.
type holder struct{ granted func() } // called once it has the turn; must not wait

// giveUp ends the wait of h, or its turn.
func (q *sequence) giveUp(h *holder, granted <-chan struct{}) {
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
}

// release ends the turn of a holder.
func (q *sequence) release() { q.take(q.endTurn()) }

// hold waits for a turn in the sequence of that id, which may be absent, unless ctx is done
// before, or the store cannot say what it is. The caller has the turn until it calls release.
func (s *Sequences) hold(ctx context.Context, id string) (*sequence, *inferr.Error) {
	if err := checkID(id); err != nil {
		return nil, err
	}
	q, created := s.find(id)
	if created && s.keeper == nil {
		q.mutex.Unlock()
		return q, nil
	}
	if !q.busy {
		q.busy = true
		q.mutex.Unlock()
		return q, nil
	}
	granted := make(chan struct{})
	h := &holder{granted: func() { close(granted) }}
	q.holders = append(q.holders, h)
	q.mutex.Unlock()
	if created {
		s.loader.add(q)
	}
	select {
	case <-granted:
	case <-ctx.Done():
		q.giveUp(h, granted)
		return nil, contextError(ctx)
	}
	if e := q.unloadable; e != nil && e.Code == codes.Unavailable {
		q.release()
		return nil, e
	}
	return q, nil
}

// holdExisting is hold, and an error if the sequence is absent.
func (s *Sequences) holdExisting(ctx context.Context, id string) (*sequence, *inferr.Error) {
	q, err := s.hold(ctx, id)
	if err != nil {
		return nil, err
	}
	switch {
	case q.unloadable != nil:
		err = q.unloadable
	case q.phase == absent:
		err = errUnknown(id)
	default:
		return q, nil
	}
	q.release()
	return nil, err
}
