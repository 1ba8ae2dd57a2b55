// Package batch takes the steps of thousands of streams through one network, in
// batches, inside a service: it does more in the same time than a goroutine for each
// stream that calls [lstm.Network.Step], because a batch reads each weight once
// for several streams.
//
// # Use
//
// A [Batcher] has a network and some workers, a [Stream] the state of one stream of
// data. Any goroutine steps any stream:
//
//	b, err := batch.New(net, nil)
//	if err != nil {
//		return err
//	}
//	defer b.Close()
//	s := b.NewStream()
//	y := make([]float32, net.OutputSize())
//	for x := range inputs {
//		if err := s.Step(ctx, x, y); err != nil {
//			return err
//		}
//		use(y)
//	}
//
// Thousands of streams need no goroutine each: [Stream.Submit] calls back when a step
// has ended, and any number of steps may be on their way. It costs less than Step where
// many goroutines wait, see docs/batch.md in the repository.
//
// # What is promised
//
//   - The bits are those of [lstm.Network.Step], whatever the batches are.
//   - The steps of a stream are taken in the order of the calls, each once.
//   - Nothing waits for a timer: a worker that has ended a batch takes what has come
//     meanwhile, of each stream one step, as the next. A Step that is alone runs on
//     its caller's goroutine.
//   - What is wrong with a step is an error of that step and of no other, and leaves
//     its state as it was.
//   - Nothing is allocated, but when a stream waits for the first time, or more steps
//     wait than ever before.
//
// The workers, one for each processor, are goroutines that Close ends. Streams are
// assigned to them in turn and stay there.
package batch

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"example.com/lstm"
	"example.com/lstm/internal/errkind"
)

// A Batcher takes the steps of many streams through one network. [New] makes one.
// Any number of goroutines may use it at the same time.
type Batcher struct {
	options  Options
	workers  []*worker
	opened   atomic.Uint64 // streams, which says whose turn it is to get the next
	running  sync.WaitGroup
	swapping sync.Mutex // so that all workers end with the same network
	network  atomic.Pointer[lstm.Network]
}

// New makes a Batcher for the network n and starts its workers, which run until
// Close. o may be nil. The error names the option that makes no sense.
func New(n *lstm.Network, o *Options) (*Batcher, error) {
	if n == nil || n.Layers() == 0 {
		return nil, errors.New("batch: New: n is nil or the zero Network, want one made by package lstm")
	}
	options, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	b := &Batcher{options: options}
	b.network.Store(n)
	for range options.Workers {
		w := newWorker(n, &b.options, &b.running)
		b.workers = append(b.workers, w)
		w.start()
	}
	return b, nil
}

// NewStream returns a new stream, at its beginning.
func (b *Batcher) NewStream() *Stream { return b.newStream(b.Network().NewState()) }

// NewStreamFrom returns a new stream that goes on where state is, of which it makes
// a copy. The error says that state is not one of the network that b has now.
func (b *Batcher) NewStreamFrom(state *lstm.State) (*Stream, error) {
	n := b.Network()
	if !n.Owns(state) {
		return nil, errors.New("batch: NewStreamFrom: state is nil, or not one of the Batcher's network")
	}
	return b.newStream(state.Clone()), nil
}

func (b *Batcher) newStream(state *lstm.State) *Stream {
	w := b.workers[(b.opened.Add(1)-1)%uint64(len(b.workers))]
	s := &Stream{worker: w, state: state}
	w.open(s)
	return s
}

// Network returns the network with which the next steps are taken.
func (b *Batcher) Network() *lstm.Network { return b.network.Load() }

// Swap puts n in the place of the network, for all streams, which go on with
// their states: every step that begins after Swap has returned is taken with n, those
// before with one or the other, and each stream's in this order. Nothing waits for
// Swap. n must be a network that can adopt the states of the other (see
// [lstm.Network.Adopt]), with an output of the same size; else the error is an
// [lstm.ErrShape], and nothing has changed.
func (b *Batcher) Swap(n *lstm.Network) error {
	if n == nil {
		return errors.New("batch: Swap: n is nil")
	}
	b.swapping.Lock()
	defer b.swapping.Unlock()
	if err := n.Adopt(b.Network().NewState()); err != nil {
		return err
	}
	if got, want := n.OutputSize(), b.Network().OutputSize(); got != want {
		return errkind.Errorf(lstm.ErrShape, "batch: Swap: n has output size %d, want %d", got, want)
	}
	b.network.Store(n)
	for _, w := range b.workers {
		w.swap(n)
	}
	return nil
}

// Close takes the steps that wait, and returns when the last has ended and the workers
// have, too. Steps that come later are an ErrClosed. [Stream.Do] goes on to work, so
// that a service can store its streams after it has closed the Batcher. More calls
// of Close do the same. Callbacks must not call it.
func (b *Batcher) Close() {
	for _, w := range b.workers {
		w.close()
	}
	b.running.Wait()
}

// now is a time that only grows.
func now() time.Duration { return time.Since(started) }

var started = time.Now()
