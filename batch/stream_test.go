package batch_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/lstm"
	"example.com/lstm/batch"
	"example.com/lstm/internal/lstmtest"
)

// While Do has a stream, its steps wait, and those of others do not.
func TestDo(t *testing.T) {
	n := newNetwork(t, 1, 2, 8)
	b := newBatcher(t, n, &batch.Options{Workers: 1})
	s, other := b.NewStream(), b.NewStream()
	xs := inputs(n, 1, 4)
	var order []string
	var group sync.WaitGroup
	submit := func(name string, x []float32) {
		group.Add(1)
		require.NoError(t, s.Submit(background, x, nil, func(err error) {
			require.NoError(t, err)
			order = append(order, name)
			group.Done()
		}))
	}
	do := func(name string, waiting int) {
		group.Go(func() {
			require.NoError(t, s.Do(background, func(n *lstm.Network, state *lstm.State) error {
				order = append(order, name)
				return nil
			}))
		})
		waitFor(b, waiting)
	}
	err := errors.New("mine")
	require.ErrorIs(t, s.Do(background, func(m *lstm.Network, state *lstm.State) error {
		require.Same(t, n, m)
		submit("first", xs[0])
		do("second", 2)
		do("third", 3)
		submit("fourth", xs[1])
		ctx, cancel := context.WithCancel(background)
		cancelled := make(chan error)
		go func() { cancelled <- s.Do(ctx, nil) }()
		waitFor(b, 5)
		cancel()
		require.ErrorIs(t, <-cancelled, context.Canceled)
		require.NoError(t, other.Step(background, xs[0], nil))
		return err
	}), err)
	group.Wait()
	require.Equal(t, []string{"first", "second", "third", "fourth"}, order)
	requireState(t, n, s, xs[:2], "after Do")
}

func TestDoPanics(t *testing.T) {
	n := newNetwork(t, 1, 2, 8)
	b := newBatcher(t, n, nil)
	s := b.NewStream()
	require.PanicsWithValue(t, "mine", func() {
		_ = s.Do(background, func(*lstm.Network, *lstm.State) error { panic("mine") })
	})
	require.NoError(t, s.Step(background, make([]float32, 2), nil))
}

// A callback may submit the next step.
func TestSubmitFromCallback(t *testing.T) {
	n := newNetwork(t, 1, 2, 8)
	b := newBatcher(t, n, nil)
	s := b.NewStream()
	xs := inputs(n, 1, 100)
	ended := make(chan error)
	i := 0
	var next func(error)
	next = func(err error) {
		if err != nil || i == len(xs) {
			ended <- err
			return
		}
		i++
		if err := s.Submit(background, xs[i-1], nil, next); err != nil {
			ended <- err
		}
	}
	next(nil)
	require.NoError(t, <-ended)
	requireState(t, n, s, xs, "submitted one by one")
}

// Under live streams the network is swapped: each takes some steps with the old one
// and then all with the new.
func TestSwap(t *testing.T) {
	const streams, steps = 20, 40
	before, after := newNetwork(t, 1, 3, 16), newNetwork(t, 2, 3, 16)
	for _, policy := range []batch.NonFinite{batch.KeepNonFinite, batch.UndoNonFinite} {
		b := newBatcher(t, before, &batch.Options{Workers: 2, NonFinite: policy})
		var group sync.WaitGroup
		var swapped atomic.Bool
		half := make(chan struct{}, streams)
		for i := range streams {
			s := b.NewStream()
			group.Go(func() {
				xs, latest := inputs(before, i, steps), steps
				var got [][]float32
				for j, x := range xs {
					if swapped.Load() {
						latest = min(latest, j)
					}
					got = append(got, stepAll(t, before, s, [][]float32{x})...)
					if j == steps/2 {
						half <- struct{}{}
					}
				}
				// With how many steps of the old network are these its outputs?
				for first := range latest + 1 {
					state := before.NewState()
					want := outputs(before, state, xs[:first])
					require.NoError(t, after.Adopt(state))
					want = append(want, outputs(after, state, xs[first:])...)
					if slices.EqualFunc(want, got, slices.Equal) {
						return
					}
				}
				t.Errorf("stream %d has not gone from one network to the other", i)
			})
		}
		<-half
		require.NoError(t, b.Swap(after))
		swapped.Store(true)
		group.Wait()
		require.Same(t, after, b.Network())
		require.NoError(t, b.NewStream().Do(background, func(n *lstm.Network, s *lstm.State) error {
			require.Same(t, after, n)
			require.True(t, after.Owns(s))
			return nil
		}))
	}
}

func TestSwapErrors(t *testing.T) {
	n := newNetwork(t, 1, 2, 8)
	b := newBatcher(t, n, nil)
	s := b.NewStream()
	require.EqualError(t, b.Swap(nil), "batch: Swap: n is nil")
	require.ErrorContains(t, b.Swap(&lstm.Network{}), "the Network is the zero Network")
	require.ErrorIs(t, b.Swap(newNetwork(t, 1, 2, 9)), lstm.ErrShape)
	other, err := lstm.New(lstm.RandomModel(1, 5, 2, 8))
	require.NoError(t, err)
	err = b.Swap(other)
	require.ErrorIs(t, err, lstm.ErrShape)
	require.EqualError(t, err, "batch: Swap: n has output size 5, want 2")
	require.Same(t, n, b.Network())
	xs := inputs(n, 1, 2)
	stepAll(t, n, s, xs)
	requireState(t, n, s, xs, "after errors")
}

// Idle streams are closed, and their state is still there.
func TestIdle(t *testing.T) {
	n := newNetwork(t, 1, 2, 8)
	idle := make(chan *batch.Stream)
	b := newBatcher(t, n, &batch.Options{Workers: 1, IdleTime: time.Nanosecond, OnIdle: func(s *batch.Stream) { idle <- s }})
	streams := map[*batch.Stream]bool{}
	for range 10 {
		state := n.NewState()
		outputs(n, state, inputs(n, 1, 3))
		s, err := b.NewStreamFrom(state)
		require.NoError(t, err)
		streams[s] = true
	}
	for range 10 {
		s := <-idle
		require.True(t, streams[s])
		delete(streams, s)
		require.ErrorIs(t, s.Step(background, make([]float32, 2), nil), batch.ErrStreamClosed)
		requireState(t, n, s, inputs(n, 1, 3), "idle")
	}
	stats := b.Stats()
	require.Zero(t, stats.Streams)
	require.Equal(t, uint64(10), stats.IdleClosed)
}

// Close waits for OnIdle.
func TestCloseWaitsForOnIdle(t *testing.T) {
	n := newNetwork(t, 1, 2, 8)
	idle, ended := make(chan *batch.Stream), false
	b := newBatcher(t, n, &batch.Options{Workers: 1, IdleTime: time.Nanosecond, OnIdle: func(s *batch.Stream) {
		idle <- s
		for !errors.Is(s.Step(background, make([]float32, 2), nil), batch.ErrClosed) {
			// until Close has begun
		}
		ended = true
	}})
	b.NewStream()
	<-idle
	b.Close()
	require.True(t, ended)
}

func TestAllocations(t *testing.T) {
	n := newNetwork(t, 1, 2, 8)
	x, y := make([]float32, 2), make([]float32, 2)
	ctx, cancel := context.WithCancel(background)
	defer cancel()
	for _, o := range []*batch.Options{
		{Workers: 1},
		{Workers: 1, NonFinite: batch.UndoNonFinite, IdleTime: time.Hour},
		{Workers: 1, Wait: time.Nanosecond},
	} {
		b := newBatcher(t, n, o)
		s := b.NewStream()
		require.Zero(t, testing.AllocsPerRun(1000, func() { _ = s.Step(ctx, x, y) }), "Step, %+v", o)

		ended := make(chan error, 4)
		done := func(err error) { ended <- err }
		require.Zero(t, testing.AllocsPerRun(1000, func() {
			for range cap(ended) {
				_ = s.Submit(ctx, x, y, done)
			}
			for range cap(ended) {
				<-ended
			}
		}), "Submit, %+v", o)

		const streams = 20
		begin := make(chan struct{})
		for range streams {
			s, x, y := b.NewStream(), slices.Clone(x), slices.Clone(y)
			go func() {
				for range begin {
					ended <- s.Step(ctx, x, y)
				}
			}()
		}
		require.Zero(t, testing.AllocsPerRun(200, func() {
			for range streams {
				begin <- struct{}{}
			}
			for range streams {
				<-ended
			}
		}), "many Steps, %+v", o)
		close(begin)
	}
	n2 := newNetwork(t, 2, 2, 8)
	b := newBatcher(t, n, &batch.Options{Workers: 1})
	s := b.NewStream()
	require.NoError(t, b.Swap(n2))
	require.NoError(t, s.Step(background, x, y))
	want := make([]float32, 2)
	state := n2.NewState()
	n2.Step(state, x, want)
	lstmtest.RequireBits(t, want, y, "after Swap")
}

// A stream whose only waiting step is cancelled is still known to its worker, which
// takes no step of it while it is lent or taken by another.
func TestLentAfterCancel(t *testing.T) {
	n := newNetwork(t, 1, 2, 8)
	b := newBatcher(t, n, &batch.Options{Workers: 1, BatchSize: 1})
	s, other := b.NewStream(), b.NewStream()
	xs := inputs(n, 1, 3)
	ended := make(chan error, 3)
	release := hold(t, b)
	ctx, cancel := context.WithCancel(background)
	go func() { ended <- s.Step(ctx, xs[0], nil) }()
	waitFor(b, 1)
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)

	require.NoError(t, s.Do(background, func(_ *lstm.Network, state *lstm.State) error {
		before := lstmtest.Values(state, n.Layers())
		for _, x := range xs {
			require.NoError(t, s.Submit(background, x, nil, func(err error) { ended <- err }))
		}
		release()
		for range 3 {
			require.NoError(t, other.Step(background, xs[0], nil))
		}
		require.Empty(t, ended)
		lstmtest.RequireValues(t, before, state, "while it is lent")
		return nil
	}))
	for range xs {
		require.NoError(t, <-ended)
	}
	requireState(t, n, s, xs, "after all")
}
