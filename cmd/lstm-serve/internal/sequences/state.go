package sequences

import (
	"context"
	"errors"

	"example.com/lstm"
	"example.com/lstm/batch"
)

// record is what q is now, and when it was used last. The caller has the turn. The error
// is one of the batcher.
func (q *sequence) record() (*record, error) {
	r := &record{
		id:    q.id,
		ended: q.phase == ended,
		moved: q.moved,
		used:  q.all.options.wall().Add(-q.idleFor()),
		step:  q.step,
		last:  q.last,
	}
	if q.stream == nil {
		return r, nil
	}
	err := q.stream.Do(context.Background(), func(_ *lstm.Network, state *lstm.State) (err error) {
		r.state, err = state.MarshalBinary()
		return err
	})
	return r, err
}

// setRecord makes q what r says, with the stream that decode has made of it. The caller
// has the turn, and q has been counted.
func (q *sequence) setRecord(r *record, stream *batch.Stream) {
	q.mutex.Lock()
	q.phase, q.moved, q.step, q.last, q.unloadable = live, r.moved, r.step, r.last, nil
	q.life++
	if r.ended {
		q.phase = ended
	}
	if len(q.last.y) != q.last.steps*q.all.Network().OutputSize() {
		q.last = answer{} // of a network with another output
	}
	q.setStream(stream)
	q.mutex.Unlock()
	q.account()
}

// decode returns a stream that goes on where r is, nil if r has ended. The state has to be
// one of the network, but for its parameters and their format if it may be adopted.
func (s *Sequences) decode(r *record, mayAdopt bool) (stream *batch.Stream, adopted bool, err error) {
	if r.ended {
		return nil, false, nil
	}
	stream = s.batcher.NewStream()
	err = stream.Do(context.Background(), func(_ *lstm.Network, state *lstm.State) error {
		err := state.UnmarshalBinary(r.state)
		if !mayAdopt || !errors.Is(err, lstm.ErrWeights) && !errors.Is(err, lstm.ErrContract) {
			return err
		}
		adopted = true
		values, err := lstm.DecodeState(r.state)
		if err != nil {
			return err
		}
		return state.SetValues(values)
	})
	if err != nil {
		stream.Close()
		return nil, false, err
	}
	return stream, adopted, nil
}
