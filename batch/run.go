package batch

import (
	"time"

	"example.com/lstm"
)

// A batch is steps of different streams that are taken together. It is kept for the
// next.
type batch struct {
	network   *lstm.Network
	requests  []*request
	streams   []*Stream  // theirs; requests are not touched after they have been answered,
	submitted []*request // except these, which were submitted

	// What of it can be taken, and how.
	taken  []*request
	states []*lstm.State
	xs, ys [][]float32

	nonFinite  NonFinite
	spares     []*lstm.State // copies of states, for UndoNonFinite
	timer      *time.Timer   // for Options.Wait
	begin, end time.Duration
	steps      int // that were taken,
	notFinite  int // and how many of them had such results
	sampled    int // of those that had waited
	waited     time.Duration
	woken      int // goroutines, by the last batch
}

func newBatch(o *Options) batch {
	size := o.BatchSize
	b := batch{
		requests: make([]*request, 0, size), streams: make([]*Stream, 0, size), submitted: make([]*request, 0, size),
		taken: make([]*request, 0, size), states: make([]*lstm.State, 0, size),
		xs: make([][]float32, 0, size), ys: make([][]float32, 0, size),
		nonFinite: o.NonFinite,
	}
	if o.NonFinite == UndoNonFinite {
		b.spares = make([]*lstm.State, size)
	}
	if o.Wait > 0 {
		b.timer = time.NewTimer(o.Wait)
		b.timer.Stop()
	}
	return b
}

// clear makes b an empty batch, which keeps nothing from the garbage collector.
func (b *batch) clear() {
	clear(b.requests)
	clear(b.streams)
	clear(b.submitted)
	clear(b.taken)
	clear(b.states)
	clear(b.xs)
	clear(b.ys)
	b.requests, b.streams, b.submitted, b.taken = b.requests[:0], b.streams[:0], b.submitted[:0], b.taken[:0]
	b.states, b.xs, b.ys = b.states[:0], b.xs[:0], b.ys[:0]
	b.steps, b.notFinite, b.sampled, b.waited = 0, 0, 0, 0
}

// run takes the steps.
func (b *batch) run(w *worker) {
	b.begin = now()
	for _, r := range b.requests {
		if r.since != 0 {
			b.sampled++
			b.waited += b.begin - r.since
			r.since = 0
		}
		if r.kind == submitted {
			b.submitted = append(b.submitted, r)
			if r.err = r.submission.ctx.Err(); r.err != nil {
				w.cancelled.Add(1)
				continue
			}
		}
		if r.err = b.prepare(r.stream.state, len(b.taken)); r.err != nil {
			continue
		}
		b.taken = append(b.taken, r)
		b.states = append(b.states, r.stream.state)
		b.xs = append(b.xs, r.x)
		b.ys = append(b.ys, r.y)
	}
	b.steps = len(b.taken)
	if b.steps == 1 {
		b.network.Step(b.states[0], b.xs[0], b.ys[0])
	} else {
		b.network.StepBatch(b.states, b.xs, b.ys)
	}
	if b.nonFinite != KeepNonFinite {
		for i, r := range b.taken {
			if r.err = b.judge(b.states[i], i, r.y); r.err != nil {
				b.notFinite++
			}
		}
	}
	b.end = now()
}

// answer wakes who waits and calls back.
func (b *batch) answer() {
	for _, r := range b.requests {
		if r.kind == stepping {
			r.wake <- struct{}{}
		}
	}
	for _, r := range b.submitted {
		r.submission.done(r.err)
	}
}

// step takes a step of s alone.
func (b *batch) step(s *Stream, x, y []float32) error {
	if err := b.prepare(s.state, 0); err != nil {
		return err
	}
	b.network.Step(s.state, x, y)
	if b.nonFinite != KeepNonFinite {
		return b.judge(s.state, 0, y)
	}
	return nil
}

// prepare makes the state of a stream one of the network, and keeps a copy of it,
// number i, if need be. An error says that it cannot be.
func (b *batch) prepare(state *lstm.State, i int) error {
	if !b.network.Owns(state) {
		if err := b.network.Adopt(state); err != nil {
			return err
		}
	}
	if b.nonFinite != UndoNonFinite {
		return nil
	}
	if b.spares[i] == nil {
		b.spares[i] = b.network.NewState()
	}
	if !b.network.Owns(b.spares[i]) {
		if err := b.network.Adopt(b.spares[i]); err != nil {
			return err
		}
	}
	b.spares[i].CopyFrom(state)
	return nil
}

// judge looks at what a step has left behind, and does what Options.NonFinite says.
func (b *batch) judge(state *lstm.State, i int, y []float32) error {
	if finite(y) && state.Finite() {
		return nil
	}
	switch b.nonFinite {
	case ResetNonFinite:
		state.Reset()
	case UndoNonFinite:
		state.CopyFrom(b.spares[i])
	}
	return ErrNonFinite
}

func finite(floats []float32) bool {
	for _, v := range floats {
		if v-v != 0 {
			return false
		}
	}
	return true
}
