package batch

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"example.com/lstm"
)

// A Stream is a stream of data and its state. [Batcher.NewStream] makes one. Any
// number of goroutines may use it at the same time; its steps are taken one after
// another, in the order of the calls.
//
// A Stream needs no Close. One that nobody holds any longer is left to the garbage
// collector, unless there is an [Options].IdleTime, until which the Batcher holds it.
type Stream struct {
	worker *worker
	state  *lstm.State // belongs to whoever has set taken

	// All that follows is guarded by the worker's mutex.
	requests  requests // that wait
	nextReady *Stream  // in the worker's queue
	ready     bool     // in the worker's queue
	taken     bool     // a step is being taken, or the stream is lent
	closed    bool
	listed    bool        // among the idleStreams
	ownUsed   atomic.Bool // reset without the mutex
	own       request     // for a Step or a Do that is the only one of the stream

	stepped       time.Duration // when the last step ended
	before, after *Stream       // among the idleStreams
}

// Step advances the stream by one step with the input x, and writes the output to
// y, as [lstm.Network.Step] does. It returns when that is done: alone at once,
// otherwise with a batch of other streams' steps.
//
// x has InputSize elements and y OutputSize; y may be nil if the output is not wanted.
// They belong to Step until it returns, and may overlap.
//
// An error of ctx is returned if the step has not begun when ctx is done, and then
// it is not taken; one that has begun is finished, and Step returns nil. The other
// errors are [lstm.ErrShape], [ErrQueueFull], [ErrStreamClosed] and [ErrClosed], with
// which state and y are as before, and [ErrNonFinite].
func (s *Stream) Step(ctx context.Context, x, y []float32) error {
	w := s.worker
	if err := s.check(ctx, "Step", x, y); err != nil {
		return err
	}
	w.mutex.Lock()
	if err := w.admit(s); err != nil {
		w.mutex.Unlock()
		return err
	}
	if w.mayStep(s) {
		return w.step(s, x, y)
	}
	r := w.newRequest(s, stepping)
	r.x, r.y = x, y
	w.enqueue(r)
	return w.await(ctx, r)
}

// Submit is a Step that does not wait: it returns when the step is in the queue, and
// done is called when it has ended, with the error that Step would return. Several
// steps of a stream may be on their way at the same time. If Submit itself returns an
// error, done is not called.
//
// x and y belong to the Batcher until done is called. ctx is asked when it is the
// step's turn: if it is done by then, the step is not taken. done runs on the worker's
// goroutine, after the batch, and holds up the worker's next one: it should be short. It
// may Submit the next step; it must not wait for a Step or a Do. The calls for a stream
// come in the order of its steps.
//
// A done that is a new closure each time is an allocation, which Submit itself has not.
func (s *Stream) Submit(ctx context.Context, x, y []float32, done func(error)) error {
	w := s.worker
	if done == nil {
		return errors.New("batch: Submit: done is nil")
	}
	if err := s.check(ctx, "Submit", x, y); err != nil {
		return err
	}
	w.mutex.Lock()
	if err := w.admit(s); err != nil {
		w.mutex.Unlock()
		return err
	}
	r := w.newSubmission(s, ctx, done)
	r.x, r.y = x, y
	w.enqueue(r)
	return nil
}

// Do calls f, on the caller's goroutine, with the state of the stream when the steps
// before have ended, and the network that it is a state of. Steps that come later wait
// until f returns, and those of other streams do not. So f may take its time: read the
// state, set it, Reset it, encode it, or take many steps with Forward. It must not keep
// the state, nor wait for a step of the same stream or for the Batcher's Close.
//
// Do returns the error of f; or that of ctx, if it is done before it is f's turn, or
// ErrQueueFull: then f has not been called. Do works with closed streams, and streams
// of closed Batchers, too.
func (s *Stream) Do(ctx context.Context, f func(*lstm.Network, *lstm.State) error) error {
	w := s.worker
	if err := ctx.Err(); err != nil {
		return err
	}
	w.mutex.Lock()
	if s.taken || s.requests.first != nil {
		if err := w.admitMore(); err != nil {
			w.mutex.Unlock()
			return err
		}
		r := w.newRequest(s, lending)
		w.enqueue(r)
		if err := w.await(ctx, r); err != nil {
			return err
		}
		w.mutex.Lock()
	}
	s.taken = true
	n := w.network
	w.mutex.Unlock()
	defer func() {
		w.mutex.Lock()
		w.endTurn(s, now())
		w.mutex.Unlock()
	}()
	if !n.Owns(s.state) {
		if err := n.Adopt(s.state); err != nil {
			return err
		}
	}
	return f(n, s.state)
}

// Close closes the stream: steps that come later are an ErrStreamClosed, those that
// wait are taken. More calls do nothing.
func (s *Stream) Close() {
	w := s.worker
	w.mutex.Lock()
	w.closeStream(s)
	w.mutex.Unlock()
}

// check returns an error if a step cannot be taken, whatever its worker does.
func (s *Stream) check(ctx context.Context, method string, x, y []float32) error {
	if err := s.worker.checkLengths(method, x, y); err != nil {
		s.worker.misshapen.Add(1)
		return err
	}
	if err := ctx.Err(); err != nil {
		s.worker.cancelled.Add(1)
		return err
	}
	return nil
}
