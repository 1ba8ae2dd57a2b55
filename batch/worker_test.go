package batch

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/lstm"
)

func newWorkerOf(t *testing.T, o *Options) (*Batcher, *worker) {
	t.Helper()
	n, err := lstm.New(lstm.RandomModel(1, 0, 1, 4))
	require.NoError(t, err)
	b, err := New(n, o)
	require.NoError(t, err)
	t.Cleanup(b.Close)
	return b, b.workers[0]
}

// locked does something in the place of a worker.
func (w *worker) locked(f func()) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	f()
}

// settled waits until the worker's goroutine waits, too. It wakes callers before it lets
// others take steps.
func (w *worker) settled() {
	for settled := false; !settled; runtime.Gosched() {
		w.locked(func() { settled = w.asleep && !w.busy })
	}
}

// A context that is done while a step is being taken does not end the step.
func TestBegunStepIsFinished(t *testing.T) {
	b, w := newWorkerOf(t, &Options{Workers: 1})
	s := b.NewStream()
	w.locked(func() { w.busy = true }) // so that the step waits
	ctx, cancel := context.WithCancel(context.Background())
	err := make(chan error, 1)
	y := make([]float32, 4)
	go func() { err <- s.Step(ctx, []float32{1}, y) }()
	for b.Stats().Waiting == 0 {
		runtime.Gosched()
	}
	w.locked(w.takeBatch)
	cancel()
	w.mutex.Lock()
	require.False(t, w.batch.requests[0].queued)
	w.mutex.Unlock()
	w.batch.run(w)
	w.batch.answer()
	w.locked(w.endBatch)
	require.NoError(t, <-err)
	require.NotZero(t, y[0])
}

// A cancelled step that has begun is not taken out of the queue.
func TestCancelOfBegunStep(t *testing.T) {
	b, w := newWorkerOf(t, &Options{Workers: 1})
	s := b.NewStream()
	w.locked(func() { w.busy = true })
	w.mutex.Lock()
	r := w.newRequest(s, stepping)
	r.x = []float32{1}
	w.enqueue(r)
	w.locked(w.takeBatch)
	require.False(t, w.cancel(context.Background(), r))
	w.batch.run(w)
	w.batch.answer()
	w.locked(w.endBatch)
	require.NoError(t, w.await(context.Background(), r))
}

// A step that is alone runs on its caller's goroutine; when others come with it, it
// does not, until the next have been alone for a while.
func TestAlone(t *testing.T) {
	b, w := newWorkerOf(t, &Options{Workers: 1, BatchSize: 2})
	ctx, s, other := context.Background(), b.NewStream(), b.NewStream()
	step := func(s *Stream) { require.NoError(t, s.Step(ctx, []float32{1}, nil)) }
	settledStep := func() {
		w.settled()
		step(s)
	}
	for range 10 {
		settledStep()
	}
	require.Equal(t, uint64(10), b.Stats().Alone)

	w.locked(func() { w.busy = true }) // as if another were taking its step
	var group sync.WaitGroup
	group.Go(func() { step(s) })
	group.Go(func() { step(other) })
	for b.Stats().Waiting < 2 {
		runtime.Gosched()
	}
	w.locked(func() {
		w.busy = false
		w.rouse()
	})
	group.Wait()
	w.settled()
	require.Equal(t, uint64(1), b.Stats().Sizes[1])
	for range aloneAfter + 1 {
		settledStep()
	}
	require.Equal(t, uint64(10), b.Stats().Alone)
	for range lookEvery {
		settledStep()
	}
	require.Equal(t, uint64(10+lookEvery-1), b.Stats().Alone, "one of them has looked for company")
}

// Which streams are idle, at what time.
func TestTakeIdle(t *testing.T) {
	b, w := newWorkerOf(t, &Options{Workers: 1, IdleTime: 1000 * time.Hour})
	var all []*Stream
	for range 4 {
		all = append(all, b.NewStream())
	}
	w.mutex.Lock()
	defer w.mutex.Unlock()
	idle := w.options.IdleTime
	for i, s := range all {
		w.idle.touch(s, time.Duration(i))
	}
	require.Empty(t, w.takeIdle(idle-1))
	require.Equal(t, time.Duration(1)+idle/16, w.untilIdle(idle-1))
	require.Equal(t, all[:1], w.takeIdle(idle))
	all[1].taken = true // a step is being taken
	require.Equal(t, all[2:3], w.takeIdle(idle+2))
	all[1].taken = false
	require.Equal(t, idle+1, w.untilIdle(2), "the fourth is next")
	w.closeStream(all[3])
	require.Equal(t, idle, w.untilIdle(idle+2), "now the second is")
	require.Equal(t, all[1:2], w.takeIdle(2*idle+2))
	require.Nil(t, w.idle.first)
	require.Nil(t, w.idle.last)
	require.Equal(t, idle, w.untilIdle(0))
	require.Equal(t, 0, w.counts.streams)
}

// A queue of requests, of which any can be taken out.
func TestRequests(t *testing.T) {
	for removed := range 3 {
		var q requests
		all := []*request{{}, {}, {}}
		for _, r := range all {
			q.push(r)
		}
		q.remove(all[removed])
		require.False(t, all[removed].queued)
		q.push(all[removed])
		for i, r := range all {
			if i != removed {
				require.Same(t, r, q.pop())
			}
		}
		require.Same(t, all[removed], q.pop())
		require.Nil(t, q.pop())
		require.Equal(t, requests{}, q)
	}
}
