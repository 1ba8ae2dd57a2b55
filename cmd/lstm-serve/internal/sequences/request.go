package sequences

import (
	"context"
	"errors"
	"unicode/utf8"

	"google.golang.org/grpc/codes"

	"example.com/lstm/batch"
	"example.com/lstm/cmd/lstm-serve/internal/inferr"
)

// MostIDBytes is how long the id of a sequence may be.
const MostIDBytes = 256

// A Request is for one step of a sequence, or for several.
type Request struct {
	ID    string // valid UTF-8, 1 to MostIDBytes bytes
	Start bool   // the sequence starts, or starts over, with the first step
	End   bool   // the sequence ends after the last step
	// Step is the number of the first step, counted from 1 at the start, and 0 if the
	// client does not count. A request with the Step of the last one, as many steps and
	// the same X gets the same answer again.
	Step uint64
	X    []float32 // [T, InputSize], T ≥ 1
}

// An Answer is what the steps of a Request have put out.
type Answer struct {
	Y          []float32 // [T, OutputSize], only to be read
	Step       uint64    // number of the last step
	StoredStep uint64    // number of the last step that is stored, 0 if there is none
	Repeated   bool      // the answer was given before
}

// Submit takes the steps of r, after those of the requests of the same sequence that have
// come before, and calls done once, when they have ended. A request that has been
// accepted is taken whole, whatever becomes of ctx. Errors are [inferr.Error], with the
// step of the sequence where that helps, and leave everything as it was.
//
// r.X must not be changed until done is called. done may be called before Submit
// returns, and otherwise runs on a goroutine that takes the steps of others: it must be
// short and must not wait for anything. It may Submit the next request. The calls of a
// sequence come one after another, in the order of the requests.
func (s *Sequences) Submit(ctx context.Context, r Request, done func(Answer, error)) {
	if err := s.check(ctx, &r); err != nil {
		s.refuse(err, done)
		return
	}
	if err := s.admit(); err != nil {
		s.refuse(err, done)
		return
	}
	s.queue(s.newRequest(&r, done), r.ID)
}

// Infer is a Submit that waits for the answer. If ctx is done before, it returns that as
// an error, and the steps may be taken all the same: r.X must not be changed then.
func (s *Sequences) Infer(ctx context.Context, r Request) (Answer, error) {
	type result struct {
		answer Answer
		err    error
	}
	results := make(chan result, 1)
	s.Submit(ctx, r, func(a Answer, err error) { results <- result{a, err} })
	select {
	case r := <-results:
		return r.answer, r.err
	case <-ctx.Done():
		return Answer{}, contextError(ctx)
	}
}

// check returns an error if r cannot be taken in any sequence.
func (s *Sequences) check(ctx context.Context, r *Request) *inferr.Error {
	if err := checkID(r.ID); err != nil {
		return err
	}
	if inputs := s.Network().InputSize(); len(r.X) == 0 || len(r.X)%inputs != 0 {
		return inferr.Errorf(codes.InvalidArgument, "the input has %d elements, want a multiple of %d, and more than 0", len(r.X), inputs)
	}
	if r.Start && r.Step > 1 {
		return inferr.Errorf(codes.InvalidArgument, "the first step of a sequence has the number %d, want 1, or none", r.Step)
	}
	if ctx.Err() != nil {
		return contextError(ctx)
	}
	return nil
}

func checkID(id string) *inferr.Error {
	if id == "" || len(id) > MostIDBytes {
		return inferr.Errorf(codes.InvalidArgument, "the id of the sequence has %d bytes, want 1 to %d", len(id), MostIDBytes)
	}
	if !utf8.ValidString(id) {
		return inferr.Errorf(codes.InvalidArgument, "the id of the sequence, %q, is not valid UTF-8", id)
	}
	return nil
}

func contextError(ctx context.Context) *inferr.Error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return inferr.Errorf(codes.DeadlineExceeded, "the time for the request is over")
	}
	return inferr.Errorf(codes.Canceled, "the request was cancelled")
}

// admit counts a request, unless there are too many.
func (s *Sequences) admit() *inferr.Error {
	if s.closed.Load() {
		return errClosed()
	}
	waiting := s.waiting.Add(1)
	if s.closed.Load() {
		s.leave()
		return errClosed()
	}
	if waiting > int64(s.options.MostWaiting) {
		s.leave()
		return inferr.Errorf(codes.ResourceExhausted, "%d requests are waiting, and no more may", s.options.MostWaiting)
	}
	return nil
}

// leave ends what admit has begun.
func (s *Sequences) leave() {
	if s.waiting.Add(-1) == 0 && s.closed.Load() {
		s.signalDrained()
	}
}

// refuse answers a request that was not admitted.
func (s *Sequences) refuse(err *inferr.Error, done func(Answer, error)) {
	s.counts.refuse(err)
	done(Answer{}, err)
}

// A request is what waits for its turn in a sequence.
type request struct {
	next       *request
	sequence   *sequence
	start, end bool
	counted    bool // it has counted the sequence
	step       uint64
	x, y       []float32
	hash       uint64 // of x and end, if the client counts
	steps      int
	taken      int
	base       uint64 // number of the step before the first
	stream     *batch.Stream
	done       func(Answer, error)
	answer     Answer // that waits until it is stored,
	failed     *inferr.Error
	version    uint64      // of which version of the sequence it is,
	capture    uint64      // and with which capture of it the wait ends, if that fails
	stepped    func(error) // hasStepped, once for all requests that this struct has been
}

func (s *Sequences) newRequest(r *Request, done func(Answer, error)) *request {
	q, _ := s.pool.Get().(*request)
	if q == nil {
		q = &request{}
		q.stepped = q.hasStepped
	}
	q.start, q.end, q.step, q.x, q.done = r.Start, r.End, r.Step, r.X, done
	q.steps = len(r.X) / s.Network().InputSize()
	if q.step != 0 {
		q.hash = hashInput(r.X, r.End)
	}
	return q
}

// answer calls back, after which r must not be used.
func (s *Sequences) answer(r *request, a Answer, err *inferr.Error) {
	done := r.done
	*r = request{stepped: r.stepped}
	s.pool.Put(r)
	if err != nil {
		s.refuse(err, done)
	} else {
		done(a, nil)
	}
	s.leave()
}

// run takes the steps of r, whose turn it is.
func (r *request) run() {
	if err := r.submit(); err != nil {
		r.sequence.finish(r, err)
	}
}

// submit hands the next step to the batcher.
func (r *request) submit() error {
	i, o := len(r.x)/r.steps, len(r.y)/r.steps
	return r.stream.Submit(context.Background(), r.x[r.taken*i:][:i:i], r.y[r.taken*o:][:o:o], r.stepped)
}

// hasStepped is called when a step has ended.
func (r *request) hasStepped(err error) {
	if err == nil {
		r.taken++
		if r.taken < r.steps {
			err = r.submit()
			if err == nil {
				return
			}
		}
	}
	r.sequence.finish(r, err)
}

// requests are a queue.
type requests struct{ first, last *request }

func (q *requests) push(r *request) {
	if q.last == nil {
		q.first = r
	} else {
		q.last.next = r
	}
	q.last = r
}

// pop returns nil if there are none.
func (q *requests) pop() *request {
	r := q.first
	if r == nil {
		return nil
	}
	q.first = r.next
	if q.first == nil {
		q.last = nil
	}
	r.next = nil
	return r
}
