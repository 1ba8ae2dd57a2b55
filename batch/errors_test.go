package batch_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm"
	"example.com/lstm/batch"
	"example.com/lstm/internal/lstmtest"
)

// Steps that are errors leave the state as it is.
func TestErrors(t *testing.T) {
	n := newNetwork(t, 1, 2, 8)
	b := newBatcher(t, n, &batch.Options{Workers: 1})
	s := b.NewStream()
	xs := inputs(n, 1, 3)
	stepAll(t, n, s, xs)
	cancelled, cancel := context.WithCancel(background)
	cancel()
	x, y := make([]float32, 2), make([]float32, 2)
	for _, c := range []struct {
		ctx  context.Context
		x, y []float32
		kind error
		text string
	}{
		{background, nil, y, lstm.ErrShape, "x has length 0, want 2 (InputSize)"},
		{background, y[:1], y, lstm.ErrShape, "x has length 1, want 2 (InputSize)"},
		{background, x, make([]float32, 3), lstm.ErrShape, "y has length 3, want 2 (OutputSize)"},
		{background, x, make([]float32, 0), lstm.ErrShape, "y has length 0, want 2 (OutputSize)"},
		{cancelled, x, y, context.Canceled, "context canceled"},
	} {
		for name, err := range map[string]error{
			"Step":   s.Step(c.ctx, c.x, c.y),
			"Submit": s.Submit(c.ctx, c.x, c.y, func(error) { panic("not submitted") }),
		} {
			require.ErrorIs(t, err, c.kind, name)
			require.ErrorContains(t, err, c.text, name)
		}
	}
	require.EqualError(t, s.Submit(background, x, y, nil), "batch: Submit: done is nil")
	require.ErrorIs(t, s.Do(cancelled, nil), context.Canceled)
	requireState(t, n, s, xs, "after errors")
	require.NoError(t, s.Step(background, x, nil))

	stats := b.Stats()
	require.Equal(t, uint64(8), stats.Misshapen)
	require.Equal(t, uint64(2), stats.Cancelled)
}

func TestQueueFull(t *testing.T) {
	n := newNetwork(t, 1, 2, 8)
	b := newBatcher(t, n, &batch.Options{Workers: 1, QueueSize: 3})
	s, other := b.NewStream(), b.NewStream()
	release := hold(t, b)
	x := make([]float32, 2)
	var group sync.WaitGroup
	for range 3 {
		group.Add(1)
		require.NoError(t, s.Submit(background, x, nil, func(error) { group.Done() }))
	}
	require.ErrorIs(t, s.Submit(background, x, nil, func(error) {}), batch.ErrQueueFull)
	require.ErrorIs(t, other.Step(background, x, nil), batch.ErrQueueFull)
	require.ErrorIs(t, s.Do(background, nil), batch.ErrQueueFull)
	require.Equal(t, uint64(3), b.Stats().Full)
	release()
	group.Wait()
	requireState(t, n, s, [][]float32{x, x, x}, "after a full queue")
	requireState(t, n, other, nil, "after a full queue")
}

// A step that waits is not taken when its context is done, whatever its place in the
// queue of the stream.
func TestCancelWhileWaiting(t *testing.T) {
	n := newNetwork(t, 1, 2, 8)
	b := newBatcher(t, n, &batch.Options{Workers: 1})
	s := b.NewStream()
	xs := inputs(n, 1, 4)
	for cancelled := range xs {
		require.NoError(t, s.Do(background, func(_ *lstm.Network, state *lstm.State) error {
			state.Reset()
			return nil
		}))
		release := hold(t, b)
		ctx, cancel := context.WithCancel(background)
		errs := make(chan error, 1)
		var group sync.WaitGroup
		var want [][]float32
		for i, x := range xs {
			if i == cancelled {
				go func() { errs <- s.Step(ctx, x, nil) }()
				waitFor(b, i+1)
				continue
			}
			group.Add(1)
			want = append(want, x)
			require.NoError(t, s.Submit(background, x, nil, func(error) { group.Done() }))
		}
		cancel()
		require.ErrorIs(t, <-errs, context.Canceled)
		require.Equal(t, len(xs)-1, b.Stats().Waiting)
		release()
		group.Wait()
		requireState(t, n, s, want, "without the step that was cancelled")
	}

	release := hold(t, b)
	ctx, cancel := context.WithCancel(background)
	errs := make(chan error, 1)
	other := b.NewStream()
	go func() { errs <- other.Step(ctx, xs[0], nil) }()
	waitFor(b, 1)
	cancel()
	require.ErrorIs(t, <-errs, context.Canceled)
	release()
	requireState(t, n, other, nil, "whose only step was cancelled")
	require.NoError(t, other.Step(background, xs[0], nil))
}

// Whatever is cancelled when, steps that end with nil have been taken, and no others.
func TestCancelAnyTime(t *testing.T) {
	const goroutines, steps = 12, 100
	n := newNetwork(t, 1, 1, 4)
	b := newBatcher(t, n, &batch.Options{Workers: 2, QueueSize: 12})
	var streams [3]*batch.Stream
	var taken [3]atomic.Int64
	for i := range streams {
		streams[i] = b.NewStream()
	}
	var group sync.WaitGroup
	for g := range goroutines {
		group.Go(func() {
			r := lstmtest.NewRand(g)
			for range steps {
				i := r.IntN(len(streams))
				s, x := streams[i], []float32{1}
				ctx, cancel := context.WithCancel(background)
				if r.IntN(2) == 0 {
					go cancel()
				}
				count := func(err error) {
					if err == nil {
						taken[i].Add(1)
					} else if !errors.Is(err, context.Canceled) && !errors.Is(err, batch.ErrQueueFull) {
						t.Error(err)
					}
				}
				switch r.IntN(3) {
				case 0:
					count(s.Step(ctx, x, nil))
				case 1:
					if err := s.Submit(ctx, x, nil, count); err != nil {
						count(err)
					}
				case 2:
					count(s.Do(ctx, func(n *lstm.Network, state *lstm.State) error {
						n.Step(state, x, nil)
						return nil
					}))
				}
				cancel()
			}
		})
	}
	group.Wait()
	b.Close()
	for i, s := range streams {
		requireState(t, n, s, slices.Repeat([][]float32{{1}}, int(taken[i].Load())), fmt.Sprintf("stream %d", i))
	}
}

// Close takes the steps that wait.
func TestClose(t *testing.T) {
	n := newNetwork(t, 1, 2, 8)
	b := newBatcher(t, n, &batch.Options{Workers: 1})
	s, other := b.NewStream(), b.NewStream()
	xs := inputs(n, 1, 3)
	release := hold(t, b)
	errs := make(chan error, len(xs)+1)
	for _, x := range xs {
		require.NoError(t, s.Submit(background, x, nil, func(err error) { errs <- err }))
	}
	go func() { errs <- other.Step(background, xs[0], nil) }()
	waitFor(b, len(xs)+1)

	closed := make(chan struct{})
	go func() {
		b.Close()
		close(closed)
	}()
	for !errors.Is(b.NewStream().Submit(background, xs[0], nil, func(error) {}), batch.ErrClosed) {
		// until Close has begun
	}
	require.ErrorIs(t, s.Step(background, xs[0], nil), batch.ErrClosed)
	release()
	<-closed
	for range len(xs) + 1 {
		require.NoError(t, <-errs)
	}
	b.Close()
	requireState(t, n, s, xs, "after Close")
	requireState(t, n, other, xs[:1], "after Close")
	require.ErrorIs(t, s.Step(background, xs[0], nil), batch.ErrClosed)
}

// A closed Batcher ends although a stream is lent, and the steps that wait for the
// stream are taken first.
func TestCloseWhileLent(t *testing.T) {
	n := newNetwork(t, 1, 2, 8)
	b := newBatcher(t, n, &batch.Options{Workers: 1})
	s := b.NewStream()
	x := make([]float32, 2)
	closed, submitted := make(chan struct{}), make(chan error, 1)
	require.NoError(t, s.Do(background, func(*lstm.Network, *lstm.State) error {
		require.NoError(t, s.Submit(background, x, nil, func(err error) { submitted <- err }))
		go func() {
			b.Close()
			close(closed)
		}()
		for !errors.Is(s.Submit(background, x, nil, func(error) {}), batch.ErrClosed) {
			waitFor(b, b.Stats().Waiting)
		}
		return nil
	}))
	<-closed
	require.NoError(t, <-submitted)
}

func TestStreamClose(t *testing.T) {
	n := newNetwork(t, 1, 2, 8)
	b := newBatcher(t, n, nil)
	s := b.NewStream()
	xs := inputs(n, 1, 2)
	stepAll(t, n, s, xs)
	s.Close()
	s.Close()
	require.ErrorIs(t, s.Step(background, xs[0], nil), batch.ErrStreamClosed)
	require.ErrorIs(t, s.Submit(background, xs[0], nil, func(error) {}), batch.ErrStreamClosed)
	requireState(t, n, s, xs, "after Close")
	stats := b.Stats()
	require.Zero(t, stats.Streams)
	require.Equal(t, uint64(2), stats.Refused)
}

// What a step that is not finite leaves behind, alone, in a batch, and with and
// without y.
func TestNonFinite(t *testing.T) {
	n := newNetwork(t, 1, 2, 8)
	xs := inputs(n, 1, 3)
	bad := []float32{lstmtest.NaN, 0}
	for _, c := range []struct {
		policy batch.NonFinite
		err    error
		left   [][]float32
	}{
		{batch.KeepNonFinite, nil, append(inputs(n, 1, 3), bad)},
		{batch.ReportNonFinite, batch.ErrNonFinite, append(inputs(n, 1, 3), bad)},
		{batch.ResetNonFinite, batch.ErrNonFinite, nil},
		{batch.UndoNonFinite, batch.ErrNonFinite, xs},
	} {
		for _, y := range [][]float32{nil, make([]float32, n.OutputSize())} {
			b := newBatcher(t, n, &batch.Options{Workers: 1, NonFinite: c.policy})
			alone, s, good := b.NewStream(), b.NewStream(), b.NewStream()
			stepAll(t, n, alone, xs)
			require.ErrorIs(t, alone.Step(background, bad, y), c.err)
			requireState(t, n, alone, c.left, "alone")

			stepAll(t, n, s, xs)
			release := hold(t, b)
			errs := make(chan error, 2)
			require.NoError(t, good.Submit(background, xs[0], nil, func(err error) { errs <- err }))
			require.NoError(t, s.Submit(background, bad, y, func(err error) { errs <- err }))
			release()
			require.NoError(t, <-errs)
			require.ErrorIs(t, <-errs, c.err)
			requireState(t, n, s, c.left, "in a batch")
			requireState(t, n, good, xs[:1], "in the same batch")
			if c.err != nil {
				require.Equal(t, uint64(2), b.Stats().NonFinite)
			}
		}
	}
}
