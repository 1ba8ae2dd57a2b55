package sequences

import (
	"context"

	"google.golang.org/grpc/codes"

	"example.com/lstm/cmd/lstm-serve/internal/inferr"
)

// Export returns the record of a sequence between two requests, for the Import of another
// process. With release the sequence moves: requests that wait or come later are refused,
// until it is imported or starts again. It can be exported again all the same, for who has
// not got the record.
func (s *Sequences) Export(ctx context.Context, id string, release bool) ([]byte, error) {
	if err := s.admit(); err != nil {
		return nil, err
	}
	defer s.leave()
	q, failed := s.holdExisting(ctx, id)
	if failed != nil {
		return nil, failed
	}
	defer q.release()
	r, err := q.record()
	if err != nil {
		return nil, errRecord(id, err)
	}
	moved := r.moved
	r.moved = false
	exported := r.append(make([]byte, 0, r.size()))
	if release && !moved {
		r.moved = true
		if err := q.put(r); err != nil {
			return nil, err
		}
		q.mutex.Lock()
		q.moved = true
		q.mutex.Unlock()
		q.stored()
		s.counts.released.Add(1)
	}
	s.counts.exported.Add(1)
	return exported, nil
}

// Import takes in a sequence that has been exported, and which goes on here with the same
// bits: the network has to be the same. It replaces a sequence of the same id, unless
// that is further on.
func (s *Sequences) Import(ctx context.Context, id string, data []byte) (Description, error) {
	r, err := decodeRecord(data)
	if err != nil {
		return Description{}, inferr.Errorf(codes.InvalidArgument, "%v", err)
	}
	if r.id != id {
		return Description{}, inferr.Errorf(codes.InvalidArgument, "the record is of sequence %q, want %q", r.id, id)
	}
	r.moved = false
	r.used = s.options.wall()
	if err := s.admit(); err != nil {
		return Description{}, err
	}
	defer s.leave()
	stream, _, err := s.decode(r, false)
	if err != nil {
		return Description{}, inferr.Errorf(codes.FailedPrecondition, "the state of the record: %v", err)
	}
	used := stream == nil
	defer func() {
		if !used {
			stream.Close()
		}
	}()
	q, failed := s.hold(ctx, id)
	if failed != nil {
		return Description{}, failed
	}
	defer q.release()
	if q.step > r.step {
		return Description{}, inferr.Errorf(codes.AlreadyExists, "sequence %q is here at step %d, later than step %d of the record", id, q.step, r.step).At(q.step)
	}
	counted := q.counted
	if !counted {
		// What a failed attempt leaves behind is not counted, so there is only one.
		if s.keeper != nil && s.keeper.fails() {
			return Description{}, inferr.Errorf(codes.Unavailable, "no sequence is imported while storing fails")
		}
		if err := s.admitSequence(); err != nil {
			return Description{}, err
		}
	}
	if err := q.put(r); err != nil {
		if !counted {
			s.counts.sequences.Add(-1)
		}
		return Description{}, err
	}
	q.counted = true
	q.setRecord(r, stream)
	used = true
	q.stored()
	s.counts.imported.Add(1)
	q.mutex.Lock()
	defer q.mutex.Unlock()
	return q.describe(), nil
}

func errRecord(id string, err error) *inferr.Error {
	return inferr.Errorf(codes.Internal, "sequence %q: its state cannot be read: %v", id, err)
}
