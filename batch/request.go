package batch

import (
	"context"
	"time"
)

// A request is what waits for its turn.
type request struct {
	next       *request // in the queue of its stream, or of the free ones
	stream     *Stream
	x, y       []float32
	wake       chan struct{} // gets an element when Step or Do may go on
	submission *submission   // what a Submit has more
	err        error         // what has become of it
	since      time.Duration // from when on it has waited, 0 if nobody asks
	kind       kind
	queued     bool // in the queue of its stream
}

type submission struct {
	ctx  context.Context // asked when it is the step's turn
	done func(error)
}

type kind uint8

const (
	stepping kind = iota
	submitted
	lending // a Do
)

// admit returns an error if no step of s may be taken.
func (w *worker) admit(s *Stream) error {
	if w.closed {
		w.counts.refused++
		return ErrClosed
	}
	if s.closed {
		w.counts.refused++
		return ErrStreamClosed
	}
	return w.admitMore()
}

// admitMore returns an error if nothing more may wait.
func (w *worker) admitMore() error {
	if w.waiting >= w.most {
		w.counts.full++
		return ErrQueueFull
	}
	return nil
}

// newRequest returns a request of s for which a goroutine will wait: its own, if
// that is not in use.
func (w *worker) newRequest(s *Stream, k kind) *request {
	r := &s.own
	if s.ownUsed.Load() {
		r = w.freeRequest()
	} else {
		s.ownUsed.Store(true)
	}
	r.stream, r.kind = s, k
	if r.wake == nil {
		r.wake = make(chan struct{}, 1)
	}
	return r
}

// newSubmission returns a request of s that is no stream's own, for recycle to take
// back.
func (w *worker) newSubmission(s *Stream, ctx context.Context, done func(error)) *request {
	r := w.freeRequest()
	r.stream, r.kind = s, submitted
	if r.submission == nil {
		r.submission = &submission{}
	}
	r.submission.ctx, r.submission.done = ctx, done
	return r
}

// freeRequest returns a request that is no stream's own, for recycle to take back.
func (w *worker) freeRequest() *request {
	r := w.free
	if r == nil {
		return &request{}
	}
	w.free, r.next = r.next, nil
	return r
}

func (w *worker) recycle(r *request) {
	if r.submission != nil {
		*r.submission = submission{}
	}
	*r = request{next: w.free, wake: r.wake, submission: r.submission}
	w.free = r
}

// enqueue puts r in the queue and unlocks the mutex.
func (w *worker) enqueue(r *request) {
	if w.counts.queued%sampleEvery == 0 {
		r.since = now()
	}
	w.counts.queued++
	s := r.stream
	s.requests.push(r)
	w.waiting++
	if !s.taken && !s.ready {
		w.queue.push(s)
	}
	// With busy set and the goroutine asleep, the caller of a Step will rouse it.
	signal := w.asleep && !w.busy && w.queue.n > 0 || w.gathering && w.queue.n >= w.options.BatchSize
	if signal {
		w.asleep, w.gathering = false, false
	}
	w.mutex.Unlock()
	if signal {
		w.signal()
	}
}

// await waits for the end of r, or of ctx if r has not begun. It locks the mutex if
// need be.
func (w *worker) await(ctx context.Context, r *request) error {
	if done := ctx.Done(); done == nil {
		<-r.wake
	} else {
		select {
		case <-r.wake:
		case <-done:
			if !w.cancel(ctx, r) {
				<-r.wake
			}
		}
	}
	err := r.err
	if s := r.stream; r == &s.own {
		r.x, r.y, r.err = nil, nil, nil
		s.ownUsed.Store(false)
		return err
	}
	w.mutex.Lock()
	w.recycle(r)
	w.mutex.Unlock()
	return err
}

// cancel takes r out of the queue, unless it has begun. It locks the mutex.
func (w *worker) cancel(ctx context.Context, r *request) bool {
	err := ctx.Err()
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if !r.queued {
		return false
	}
	r.stream.requests.remove(r)
	r.err = err
	w.waiting--
	w.cancelled.Add(1)
	if w.closed {
		w.rouse()
	}
	return true
}
