package load

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"google.golang.org/grpc/codes"

	"example.com/lstm/cmd/lstm-serve/internal/inferr"
)

const (
	// retryEvery is how long a request waits before it is sent again.
	retryEvery = 50 * time.Millisecond
	// lateTime is how long after the end requests are sent that were due before.
	lateTime = 100 * time.Millisecond
	// drainTime is how long answers are waited for after the end.
	drainTime = 10 * time.Second
)

// A lane is a connection, the sequences that use it, and the goroutine that sends their
// requests when they are due. A sequence has one request on its way at most; one that is
// due goes to the sequence that has been free for longest, and if there is none, waits
// for one, which its latency shows.
type lane struct {
	o          *Options
	connection Connection
	inputs     *inputs
	begin      time.Time // of the run
	waiting    waiter

	mutex     sync.Mutex
	change    sync.Cond // there is more in free or in retries
	sequences []Request
	free      queue
	retries   queue
	onWay     int
	inFlight  int // the most on their way, 0 for any number
	record    *record
	random    *rand.Rand
	lastID    uint64
}

func newLane(o *Options, in *inputs, sequences int, firstID uint64, random *rand.Rand) *lane {
	l := &lane{
		o: o, inputs: in, waiting: waiter{spin: o.Spin},
		sequences: make([]Request, sequences), free: newQueue(sequences), retries: newQueue(sequences),
		record: newRecord(), random: random, lastID: firstID,
	}
	l.change.L = &l.mutex
	for i := range l.sequences {
		l.sequences[i].Number = i
		l.free.push(&l.sequences[i])
	}
	return l
}

func (l *lane) now() time.Duration { return time.Since(l.begin) }

// run sends requests as the schedule says, which is nil for as many as inFlight allows
// on their way, until the record's end, and returns when they have been answered.
func (l *lane) run(ctx context.Context, s *schedule) {
	end := l.record.end
	for _, stop := range []func() bool{
		context.AfterFunc(ctx, l.wakeUp), time.AfterFunc(end-l.now(), l.wakeUp).Stop,
	} {
		defer stop()
	}
	var due time.Duration
	if s != nil {
		due = s.next()
	}
	for ctx.Err() == nil && due < end {
		now := l.now()
		if now >= end && (s == nil || now >= end+lateTime) {
			break
		}
		r, wait := l.next(now, due, s == nil, end)
		if r == nil && now >= end {
			break
		}
		switch {
		case r == nil:
			l.waiting.wait(l.begin, now+wait)
		case r.tried > 1:
			l.connection.Send(r)
		default:
			l.connection.Send(r)
			if s != nil {
				due = s.next()
			}
		}
	}
	now := l.now()
	l.mutex.Lock()
	l.record.end = min(end, now)
	for s != nil && due < l.record.end {
		l.record.neverSent(due, now)
		due = s.next()
	}
	l.mutex.Unlock()
	l.drain(ctx)
}

func (l *lane) wakeUp() {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.change.Broadcast()
}

// next returns the request that is to be sent now, or how long to wait for one.
func (l *lane) next(now, due time.Duration, closed bool, end time.Duration) (*Request, time.Duration) {
	const longestWait = 50 * time.Millisecond // after which the end of the context is seen
	l.mutex.Lock()
	defer l.mutex.Unlock()
	wait := longestWait
	if r := l.retries.first(); r != nil {
		if r.again <= now {
			l.retries.pop()
			r.tried++
			return r, 0
		}
		wait = min(wait, r.again-now)
	}
	if !closed && due > now {
		return nil, min(wait, due-now, end-now)
	}
	if now >= end && l.free.first() == nil {
		return nil, 0
	}
	if l.free.first() == nil || l.inFlight > 0 && l.onWay >= l.inFlight {
		if l.retries.first() != nil {
			return nil, min(wait, time.Millisecond)
		}
		l.change.Wait() // for an answer, or for the end
		return nil, 0
	}
	r := l.free.pop()
	l.onWay++
	r.onWay, r.given, r.tried, r.due = true, false, 1, due
	if closed {
		r.due = now
	}
	l.prepare(r)
	l.record.sent(r.due, now)
	return r, 0
}

// prepare makes r the next request of its sequence, or of a new one if the last has
// ended.
func (l *lane) prepare(r *Request) {
	r.Start = r.left == 0
	if r.Start {
		l.lastID++
		r.Sequence, r.last, r.left = l.lastID, 0, l.o.Lengths.draw(l.random)
	}
	r.Steps = min(l.o.Steps.draw(l.random), r.left)
	r.End = r.Steps == r.left
	r.Step = 0
	if l.o.Numbered {
		r.Step = r.last + 1
	}
	r.last += uint64(r.Steps)
	l.inputs.fill(r, l.random)
}

// answered ends a request. It locks the mutex.
func (l *lane) answered(r *Request, a Answer) {
	now := l.now()
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if a.Err == nil {
		a.Err = l.check(r, a)
	}
	switch {
	case r.given:
		r.left = 0
	case a.Err == nil:
		r.left -= r.Steps
		l.record.answered(r.due, now, r.Steps)
	case l.mayRetry(r, now, a.Err):
		l.record.retried(r.due)
		r.again = now + retryEvery
		l.retries.push(r)
		l.change.Signal()
		return
	default:
		r.left = 0 // what the server has of it is not known
		l.record.failed(r.due, now, a.Err.Code.String(), a.Err.Message)
	}
	r.onWay = false
	l.onWay--
	l.free.push(r)
	l.change.Signal()
}

// wrongAnswer is the code of answers that are not to the request.
const wrongAnswer = codes.Internal

func (l *lane) check(r *Request, a Answer) *inferr.Error {
	if want := r.Steps * l.o.outputSize; a.Numbers != want {
		return inferr.Errorf(wrongAnswer, "the answer to %d steps has %d numbers, want %d", r.Steps, a.Numbers, want)
	}
	if a.Step != 0 && a.Step != r.last {
		return inferr.Errorf(wrongAnswer, "the answer of sequence %d has step %d, want %d", r.Sequence, a.Step, r.last)
	}
	return nil
}

// mayRetry reports whether sending r again does no harm and is of use.
func (l *lane) mayRetry(r *Request, now time.Duration, err *inferr.Error) bool {
	if r.Step == 0 || now-r.due > l.o.Retry {
		return false
	}
	return err.Code == codes.Unavailable || err.Code == codes.ResourceExhausted
}

// drain waits for the answers that are on their way, and gives up what has none. It
// locks the mutex.
func (l *lane) drain(ctx context.Context) {
	limit := drainTime
	if ctx.Err() != nil {
		limit = time.Second
	}
	for end := l.now() + limit; ; {
		now := l.now()
		l.mutex.Lock()
		over := l.onWay == 0
		if !over && now >= end {
			l.giveUp(now)
			over = true
		}
		var r *Request
		if first := l.retries.first(); !over && first != nil && first.again <= now {
			r = l.retries.pop()
			r.tried++
		}
		l.mutex.Unlock()
		if over {
			return
		}
		if r != nil {
			l.connection.Send(r)
		} else {
			time.Sleep(time.Millisecond)
		}
	}
}

// giveUp counts all requests that are on their way as errors.
func (l *lane) giveUp(now time.Duration) {
	for l.retries.first() != nil {
		r := l.retries.pop()
		r.onWay, r.left = false, 0
		l.onWay--
		l.record.failed(r.due, now, codes.Unavailable.String(), "still to be sent again at the end")
		l.free.push(r)
	}
	for i := range l.sequences {
		if r := &l.sequences[i]; r.onWay && !r.given {
			r.given = true
			l.record.failed(r.due, now, codes.DeadlineExceeded.String(), fmt.Sprintf("no answer within %v of the end", drainTime))
		}
	}
}
