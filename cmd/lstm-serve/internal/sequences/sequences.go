// Package sequences keeps the sequences of a model: where each stream of data is, what
// it has answered last, and what of it is stored.
//
// # Turns
//
// Requests of a sequence have their turn one after another, in the order in which they
// have come, and all that is asked of a request is asked when its turn comes: so it
// does not matter what becomes of the sequence while a request waits. Whoever has
// the turn, a request or somebody who has to read or to change the sequence between two
// requests, owns all of it. While it is being loaded, the turn is the loader's.
package sequences

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"

	"example.com/lstm"
	"example.com/lstm/batch"
	"example.com/lstm/cmd/lstm-serve/internal/inferr"
)

// Sequences are those of one model. Any number of goroutines may use them.
type Sequences struct {
	options Options
	batcher *batch.Batcher
	index   index
	pool    sync.Pool // of *request
	started time.Time

	waiting  atomic.Int64 // requests that have been accepted and not answered
	closed   atomic.Bool
	drained  chan struct{} // gets an element when closed, and waiting has become 0
	stop     chan struct{} // closed when closed
	stopping sync.Once
	running  sync.WaitGroup
	keeper   *keeper // nil without a store
	keeping  sync.WaitGroup
	loader   loader
	ended    endedSequences
	evicting sync.Mutex    // held by whoever makes room
	crowded  chan struct{} // gets an element when no sequence may start

	stateBytes int64 // of a sequence that is live, without its last answer
	counts     counts
}

// New makes Sequences for the network n. They run goroutines until Close. o may be nil.
// The error names the option that makes no sense.
func New(n *lstm.Network, o *Options) (*Sequences, error) {
	options, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	batcher, err := batch.New(n, &batch.Options{
		Workers: options.Workers, BatchSize: options.BatchSize, Wait: options.Wait,
		QueueSize: unlimited, // each sequence has at most one step in it
	})
	if err != nil {
		return nil, err
	}
	n.Fingerprint() // so that no request waits for it
	s := &Sequences{
		options: options,
		batcher: batcher,
		started: time.Now(),
		drained: make(chan struct{}, 1),
		stop:    make(chan struct{}),
		crowded: make(chan struct{}, 1),

		stateBytes: int64(n.NewState().MemorySize()) + sequenceBytes,
	}
	s.index.init()
	s.loader.all = s
	if options.Store != nil {
		if err := s.count(); err != nil {
			batcher.Close()
			return nil, err
		}
		s.keeper = &keeper{all: s, store: options.Store, wake: make(chan struct{}, 1), stop: make(chan struct{})}
		s.keeping.Go(s.keeper.run)
	}
	s.running.Go(s.sweepUntilClosed)
	return s, nil
}

// unlimited is a length of a queue that is never reached.
const unlimited = 1 << 30

// Network returns the network with which the next steps are taken.
func (s *Sequences) Network() *lstm.Network { return s.batcher.Network() }

// Swap puts n in the place of the network: all sequences go on with it, where they are.
// The error says that it cannot adopt their states, or that its output has another size.
func (s *Sequences) Swap(n *lstm.Network) error {
	if n == nil {
		return errors.New("sequences: Swap: n is nil")
	}
	n.Fingerprint()
	return s.batcher.Swap(n)
}

// Ready returns why requests cannot be served as they should, nil if they can.
func (s *Sequences) Ready() error {
	if s.closed.Load() {
		return errClosed()
	}
	if s.keeper != nil {
		return s.keeper.ready()
	}
	return nil
}

// Close refuses requests that come from now on, waits until all that have been accepted
// are answered, stores what is not stored, and ends. It returns the error of ctx if it is
// done before; then what is left goes on behind Close. Another error says that storing has
// failed. More calls wait as the first does. Callbacks must not call it.
func (s *Sequences) Close(ctx context.Context) error {
	s.closed.Store(true)
	if s.waiting.Load() == 0 {
		s.signalDrained()
	}
	for told := false; !told || s.waiting.Load() > 0; told = true { // who tells may have looked before the last came
		select {
		case <-s.drained:
		case <-ctx.Done():
			return fmt.Errorf("sequences: Close: %w, while %d requests have no answer", context.Cause(ctx), s.waiting.Load())
		}
	}
	s.signalDrained() // for the next call
	ended := make(chan struct{})
	go func() {
		s.stopping.Do(s.end)
		close(ended)
	}()
	select {
	case <-ended:
		return s.unsaved()
	case <-ctx.Done():
		return fmt.Errorf("sequences: Close: %w", context.Cause(ctx))
	}
}

// end ends what runs, when all requests have been answered.
func (s *Sequences) end() {
	close(s.stop)
	s.running.Wait()
	if s.keeper != nil {
		close(s.keeper.stop)
		s.keeping.Wait()
	}
	s.batcher.Close()
}

// unsaved returns an error if there are sequences that are not stored as they should.
func (s *Sequences) unsaved() error {
	k := s.keeper
	if k == nil {
		return nil
	}
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if k.failing.is() && len(k.dirty) > 0 {
		return fmt.Errorf("sequences: Close: %d sequences are not stored as they were last: %w", len(k.dirty), k.failing.err)
	}
	return nil
}

func (s *Sequences) signalDrained() {
	select {
	case s.drained <- struct{}{}:
	default:
	}
}

// now is a time that only grows, whatever becomes of the clock.
func (s *Sequences) now() time.Duration { return time.Since(s.started) }

func errClosed() *inferr.Error {
	return inferr.Errorf(codes.Unavailable, "the server is shutting down")
}
