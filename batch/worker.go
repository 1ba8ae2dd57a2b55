package batch

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"example.com/lstm"
)

// A worker takes the steps of the streams that are assigned to it. Whoever has set
// busy does: the worker's goroutine, with batches, or the caller of a Step that finds
// nobody else there.
//
// Methods need the mutex to be held, except those whose comments say that they lock
// it.
type worker struct {
	mutex   sync.Mutex
	options *Options
	network *lstm.Network
	running *sync.WaitGroup

	inputSize, outputSize int

	queue     streams // whose next steps can be in a batch
	waiting   int     // requests in the queues of all streams
	most      int     // of them
	free      *request
	busy      bool // steps are being taken
	closed    bool
	asleep    bool // the goroutine waits for wake, until there is something to do,
	gathering bool // or until there is enough for a whole batch
	wake      chan struct{}
	alone     uint64 // batches of one step since the last with more
	batch     batch  // of whoever has set busy
	idle      idleStreams
	counts    counts

	// Counted without the mutex.
	misshapen, cancelled atomic.Uint64

	_ [64]byte // so that what follows in memory shares no cache line
}

// After more batches of one step than aloneAfter, a worker expects no company for the
// next, and leaves steps to those who call Step. Every lookEvery batches it looks
// whether there is company, which callers cannot see when they share a processor: each
// would have ended before the next begins.
const (
	aloneAfter = 8
	lookEvery  = 256
)

func newWorker(n *lstm.Network, o *Options, running *sync.WaitGroup) *worker {
	w := &worker{
		options: o,
		network: n,
		running: running,

		inputSize: n.InputSize(), outputSize: n.OutputSize(),

		most:  (o.QueueSize-1)/o.Workers + 1,
		wake:  make(chan struct{}, 1),
		alone: aloneAfter + 1,
		batch: newBatch(o),
	}
	w.counts.sizes = make([]uint64, o.BatchSize)
	return w
}

// start starts what runs until close. It locks the mutex.
func (w *worker) start() {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.running.Go(w.serve)
	if w.options.IdleTime > 0 {
		w.idle.timer = time.AfterFunc(w.options.IdleTime, w.closeIdle)
	}
}

// serve is the worker's goroutine. It locks the mutex.
func (w *worker) serve() {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	gathered := false
	for {
		if !gathered && w.expectsMore() {
			w.gather()
			gathered = true
			continue
		}
		gathered = false
		if w.busy || w.queue.n == 0 {
			if w.closed && w.waiting == 0 && !w.busy {
				return
			}
			w.sleep()
			continue
		}
		w.takeBatch()
		w.mutex.Unlock()
		w.batch.run(w)
		w.mutex.Lock()
		w.countBatch()
		w.mutex.Unlock()
		w.batch.answer()
		w.mutex.Lock()
		w.endBatch()
	}
}

// expectsMore reports whether others should have their turn before the next batch,
// which it may have steps of. It lets those run whom the last batch has woken even if
// there are enough steps without them: their memory is in the caches now.
func (w *worker) expectsMore() bool {
	full := w.queue.n >= w.options.BatchSize
	switch {
	case w.closed:
		return false
	case w.options.Wait > 0:
		return w.queue.n > 0 && !full
	case full:
		return w.batch.woken > 0
	}
	return w.hasCompany()
}

// hasCompany reports whether the next batch is likely to have more steps than one. If
// the last had not, it says so only now and then.
func (w *worker) hasCompany() bool { return w.alone <= aloneAfter || w.alone%lookEvery == 0 }

// gather lets others bring their steps: those who could run on this processor, or
// whoever comes within the time of Options.Wait.
func (w *worker) gather() {
	if w.options.Wait == 0 {
		w.mutex.Unlock()
		runtime.Gosched()
		w.mutex.Lock()
		return
	}
	w.gathering = true
	w.mutex.Unlock()
	w.batch.timer.Reset(w.options.Wait)
	select {
	case <-w.wake:
		w.batch.timer.Stop()
	case <-w.batch.timer.C:
	}
	w.mutex.Lock()
	w.gathering = false
}

func (w *worker) sleep() {
	w.asleep = true
	w.mutex.Unlock()
	<-w.wake
	w.mutex.Lock()
	w.asleep = false
}

// rouse wakes the goroutine, if it waits.
func (w *worker) rouse() {
	if w.asleep || w.gathering {
		w.asleep, w.gathering = false, false
		w.signal()
	}
}

// signal makes the goroutine's wait end, once asleep or gathering has been reset.
func (w *worker) signal() {
	select {
	case w.wake <- struct{}{}:
	default: // it ends anyway
	}
}

// takeBatch begins a batch of what is next.
func (w *worker) takeBatch() {
	w.busy = true
	b := &w.batch
	b.network = w.network
	for len(b.requests) < w.options.BatchSize && w.queue.n > 0 {
		s := w.queue.pop()
		switch r := s.requests.first; {
		case r == nil || s.taken: // what made the stream ready has been cancelled
		case r.kind == lending:
			w.lend(s)
		default:
			s.requests.pop()
			w.waiting--
			s.taken = true
			b.requests = append(b.requests, r)
			b.streams = append(b.streams, s)
		}
	}
}

// countBatch counts the steps of the batch, before it is answered: whoever has an
// answer finds it in Stats.
func (w *worker) countBatch() {
	if len(w.batch.streams) > 0 {
		w.counts.addBatch(&w.batch)
	}
}

// endBatch ends what takeBatch has begun.
func (w *worker) endBatch() {
	w.busy = false
	b := &w.batch
	switch len(b.streams) {
	case 0:
		return
	case 1:
		w.alone++
	default:
		w.alone = 0
	}
	b.woken = len(b.streams) - len(b.submitted)
	for _, s := range b.streams {
		w.endTurn(s, b.end)
	}
	for _, r := range b.submitted {
		w.recycle(r)
	}
	b.clear()
}

// mayStep reports whether the caller of a Step of s may take it itself.
func (w *worker) mayStep(s *Stream) bool {
	return !w.busy && w.waiting == 0 && !s.taken && !w.hasCompany() && w.options.Wait == 0
}

// step takes a step on the goroutine of who has called Step, and unlocks the mutex.
func (w *worker) step(s *Stream, x, y []float32) error {
	w.busy, s.taken = true, true
	timed := w.counts.alone%sampleEvery == 0
	w.batch.network = w.network
	w.mutex.Unlock()

	var begin, end time.Duration
	if timed {
		begin = now()
	}
	err := w.batch.step(s, x, y)
	if timed || w.idle.timer != nil {
		end = now()
	}

	w.mutex.Lock()
	w.busy = false
	w.alone++
	w.counts.addAlone(err)
	if timed {
		w.counts.computing += sampleEvery * (end - begin)
	}
	w.endTurn(s, end)
	if w.queue.n > 0 {
		w.alone = 0
		w.rouse()
	} else if w.closed {
		w.rouse()
	}
	w.mutex.Unlock()
	return err
}

// endTurn ends a step or a Do of s, at that time. What waits for s is next; another Do
// goes on at once, since it needs no worker.
func (w *worker) endTurn(s *Stream, now time.Duration) {
	s.taken = false
	if w.idle.timer != nil {
		w.idle.touch(s, now)
	}
	switch r := s.requests.first; {
	case r == nil:
	case r.kind == lending:
		w.lend(s)
	default:
		if !s.ready {
			w.queue.push(s)
		}
		if !w.busy {
			w.rouse()
		}
	}
}

// lend gives s to the Do that is first in its queue.
func (w *worker) lend(s *Stream) {
	r := s.requests.pop()
	w.waiting--
	s.taken = true
	r.wake <- struct{}{}
}

// swap locks the mutex.
func (w *worker) swap(n *lstm.Network) {
	w.mutex.Lock()
	w.network = n
	w.mutex.Unlock()
}

// close locks the mutex.
func (w *worker) close() {
	w.mutex.Lock()
	w.closed = true
	w.idle.stop()
	w.rouse()
	w.mutex.Unlock()
}
