package grpcapi

import (
	"fmt"
	"io"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	"example.com/lstm/cmd/lstm-serve/internal/infer"
)

// modelStreamInfer answers the requests of a stream, as they are ready. Refused ones are
// answers, too, and the stream goes on. It has two goroutines, however many requests are
// on their way: one receives, and this one sends.
func (g *Server) modelStreamInfer(stream grpc.ServerStream) error {
	e := &exchange{
		stream:   stream,
		answers:  make(chan *request, g.options.MaxPending),
		received: make(chan error, 1),
		panicked: make(chan string, 1),
		total:    2 * int64(g.infer.Options().MaxElements),
	}
	e.room = semaphore.NewWeighted(e.total)
	if c := connectionOf(stream.Context()); c != nil {
		defer e.watch(g.options.WriteTimeout, func() { g.closeUnread(c) })()
	}
	go func() {
		defer func() {
			if what := recover(); what != nil {
				e.panicked <- fmt.Sprintf("%v\n%s", what, debug.Stack())
			}
		}()
		e.received <- e.receive(g.infer)
	}()
	return e.send(g.stopping)
}

// An exchange is a ModelStreamInfer.
type exchange struct {
	stream   grpc.ServerStream
	answers  chan *request // has room for all requests on their way, so that nobody who puts in an answer waits
	received chan error    // why receiving has ended
	panicked chan string   // or with what it has panicked, for send to do the same, where interceptors see it

	// room bounds the elements of requests on their way and of their answers, which
	// have total elements at most, and how many they are, since a small one takes the room
	// that each of MaxPending has.
	room  *semaphore.Weighted
	total int64

	mutex    sync.Mutex
	closed   bool // no more requests are accepted
	accepted int

	sending atomic.Bool
	sent    atomic.Int64
}

// receive accepts requests until there are no more.
func (e *exchange) receive(s *infer.Server) error {
	ctx := e.stream.Context()
	places := int64(cap(e.answers))
	least := (e.total + places - 1) / places
	for {
		r := newRequest()
		if err := e.stream.RecvMsg(r); err != nil {
			return err
		}
		r.answers = e.answers
		r.room = min(max(s.Elements(&r.Request), least), e.total)
		if err := e.room.Acquire(ctx, r.room); err != nil {
			return status.FromContextError(err).Err()
		}
		if !e.accept() {
			return errStopping
		}
		if r.wrong != nil {
			r.done(nil, r.wrong)
			continue
		}
		s.Infer(ctx, &r.Request, r.done)
	}
}

func (e *exchange) accept() bool {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if !e.closed {
		e.accepted++
	}
	return !e.closed
}

// close accepts no more requests, and returns how many there were.
func (e *exchange) close() int64 {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	e.closed = true
	return int64(e.accepted)
}

// send sends answers until all requests are answered and there are no more, or until the
// server is stopping and all that were accepted are answered.
func (e *exchange) send(stopping <-chan struct{}) error {
	received := e.received
	var end error // what the call ends with
	last := int64(-1)
	for e.sent.Load() != last {
		select {
		case r := <-e.answers:
			e.sending.Store(true)
			err := e.stream.SendMsg((*streamAnswer)(r))
			e.sending.Store(false)
			if err != nil {
				return err
			}
			e.sent.Add(1)
			e.room.Release(r.room)
			r.release()
		case err := <-received:
			if err != io.EOF && err != errStopping {
				return err
			}
			last, received = e.close(), nil
		case what := <-e.panicked:
			panic(what)
		case <-stopping:
			last, stopping, end = e.close(), nil, errStopping
		}
	}
	return end
}

// watch calls stuck if sending one answer takes longer than timeout, by at most half. It
// returns what ends this.
func (e *exchange) watch(timeout time.Duration, stuck func()) (end func()) {
	const looks = 2
	var timer *time.Timer
	var mutex sync.Mutex // timer is set
	var before int64
	seen := 0
	look := func() {
		mutex.Lock()
		defer mutex.Unlock()
		if e.stream.Context().Err() != nil {
			return
		}
		sent := e.sent.Load()
		if !e.sending.Load() || sent != before {
			before, seen = sent, 0
		} else if seen++; seen >= looks {
			stuck()
			return
		}
		timer.Reset(timeout / looks)
	}
	mutex.Lock()
	defer mutex.Unlock()
	timer = time.AfterFunc(timeout/looks, look)
	return func() { timer.Stop() }
}
