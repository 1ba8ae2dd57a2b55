package sequences

import (
	"encoding/binary"
	"math"

	"github.com/cespare/xxhash/v2"
	"google.golang.org/grpc/codes"

	"example.com/lstm/cmd/lstm-serve/internal/inferr"
)

// An answer is the last that a sequence has given, and to which request.
type answer struct {
	first   uint64 // number of the first step
	steps   int    // 0 if there is none
	hash    uint64 // of the input
	counted bool   // the client did count: others cannot repeat a request
	y       []float32
}

// hasNumbersOf reports whether r has the numbers of the request that was answered.
func (a *answer) hasNumbersOf(r *request) bool {
	return a.counted && r.step == a.first && r.steps == a.steps
}

// judge says what becomes of r, whose turn it is: an answer, an error, or steps have to be
// taken.
func (q *sequence) judge(r *request) (a Answer, steps bool, err *inferr.Error) {
	again := !q.moved && q.last.hasNumbersOf(r)
	if again && q.last.hash == r.hash {
		q.all.counts.repeated.Add(1)
		a = Answer{Y: q.last.y, Step: q.step, Repeated: true}
		q.mutex.Lock()
		a.StoredStep = q.storedStep
		q.mutex.Unlock()
		return a, false, nil
	}
	if e := q.unloadable; e != nil && !(r.start && e.Code != codes.Unavailable) {
		return Answer{}, false, e
	}
	if r.start {
		if !q.counted {
			if err := q.all.admitSequence(); err != nil {
				return Answer{}, false, err
			}
			q.counted, r.counted = true, true
		}
		return Answer{}, true, nil
	}
	switch {
	case q.moved:
		err = inferr.Errorf(codes.FailedPrecondition, "sequence %q has moved to another server", q.id).At(q.step)
	case again:
		err = inferr.Errorf(codes.InvalidArgument, "sequence %q: step %d was taken with another input, or did not end the sequence as it should now", q.id, r.step).At(q.step)
	case q.phase != live:
		err = errUnknown(q.id)
	case r.step != 0 && r.step != q.step+1:
		err = inferr.Errorf(codes.FailedPrecondition, "sequence %q: the request begins with step %d, want %d", q.id, r.step, q.step+1).At(q.step)
	case uint64(r.steps) >= mostSteps-q.step:
		err = inferr.Errorf(codes.FailedPrecondition, "sequence %q: it is at step %d, and no step has the number %d", q.id, q.step, uint64(mostSteps)).At(q.step)
	default:
		return Answer{}, true, nil
	}
	return Answer{}, false, err
}

func errUnknown(id string) *inferr.Error {
	return inferr.Errorf(codes.NotFound, "sequence %q does not exist: it has not been started, or has ended or expired", id).At(0)
}

// admitSequence counts a sequence that starts, unless there are too many.
func (s *Sequences) admitSequence() *inferr.Error {
	for s.counts.sequences.Add(1) > int64(s.options.MostSequences) {
		s.counts.sequences.Add(-1)
		if !s.forgetEnded() {
			select {
			case s.crowded <- struct{}{}:
			default:
			}
			return inferr.Errorf(codes.ResourceExhausted, "there are %d sequences, and no more may start", s.options.MostSequences)
		}
	}
	for s.isFull() {
		if s.forgetEnded() {
			continue
		}
		s.counts.sequences.Add(-1)
		return inferr.Errorf(codes.ResourceExhausted, "sequences occupy %d bytes of memory, and no more may start", s.options.LiveBytes)
	}
	return nil
}

// hashInput is the XXH64 of the bits of x, lowest bytes first, and of end as a byte: the
// same on all machines, since records have it.
func hashInput(x []float32, end bool) uint64 {
	var h xxhash.Digest
	h.Reset()
	var chunk [512]byte
	n := 0
	for _, v := range x {
		if n == len(chunk) {
			h.Write(chunk[:])
			n = 0
		}
		binary.LittleEndian.PutUint32(chunk[n:], math.Float32bits(v))
		n += 4
	}
	h.Write(chunk[:n])
	chunk[0] = 0
	if end {
		chunk[0] = 1
	}
	h.Write(chunk[:1])
	return h.Sum64()
}
