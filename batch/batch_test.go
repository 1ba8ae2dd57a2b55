package batch_test

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/lstm"
	"example.com/lstm/batch"
	"example.com/lstm/internal/lstmtest"
)

var background = context.Background()

func newNetwork(t testing.TB, seed uint64, sizes ...int) *lstm.Network {
	t.Helper()
	n, err := lstm.New(lstm.RandomModel(seed, 2, sizes...))
	require.NoError(t, err)
	return n
}

func newBatcher(t testing.TB, n *lstm.Network, o *batch.Options) *batch.Batcher {
	t.Helper()
	b, err := batch.New(n, o)
	require.NoError(t, err)
	t.Cleanup(b.Close)
	return b
}

// inputs are those of one stream, the same for the same number.
func inputs(n *lstm.Network, stream, steps int) (xs [][]float32) {
	r := lstmtest.NewRand(stream)
	for range steps {
		xs = append(xs, lstmtest.Normals(r, n.InputSize(), 1))
	}
	return xs
}

// outputs are what they give, one step after another.
func outputs(n *lstm.Network, s *lstm.State, xs [][]float32) (ys [][]float32) {
	for _, x := range xs {
		y := make([]float32, n.OutputSize())
		n.Step(s, x, y)
		ys = append(ys, y)
	}
	return ys
}

func requireOutputs(t testing.TB, want, got [][]float32, what string) {
	t.Helper()
	require.Len(t, got, len(want))
	for i := range want {
		lstmtest.RequireBits(t, want[i], got[i], "%s, step %d", what, i)
	}
}

// requireState fails unless the state of s is what the steps xs leave behind.
func requireState(t testing.TB, n *lstm.Network, s *batch.Stream, xs [][]float32, what string) {
	t.Helper()
	want := n.NewState()
	outputs(n, want, xs)
	require.NoError(t, s.Do(background, func(_ *lstm.Network, got *lstm.State) error {
		lstmtest.RequireValues(t, lstmtest.Values(want, n.Layers()), got, "%s", what)
		return nil
	}))
}

// hold keeps the only worker of b busy until the function is called that it returns.
func hold(t testing.TB, b *batch.Batcher) (release func()) {
	t.Helper()
	held, released := make(chan struct{}), make(chan struct{})
	require.NoError(t, b.NewStream().Submit(background, make([]float32, b.Network().InputSize()), nil, func(error) {
		close(held)
		<-released
	}))
	<-held
	release = sync.OnceFunc(func() { close(released) })
	t.Cleanup(release)
	return release
}

// waitFor waits until so many steps wait.
func waitFor(b *batch.Batcher, waiting int) {
	for b.Stats().Waiting != waiting {
		runtime.Gosched()
	}
}

// Whatever the batches are, the bits are those of one step after another.
func TestOneAnswer(t *testing.T) {
	const streams, steps = 40, 30
	n := newNetwork(t, 1, 3, 20, 12)
	var want [][][]float32
	for i := range streams {
		want = append(want, outputs(n, n.NewState(), inputs(n, i, steps)))
	}
	for _, o := range []*batch.Options{
		nil,
		{Workers: 1},
		{Workers: 3, BatchSize: 1, QueueSize: math.MaxInt},
		{Workers: 2, BatchSize: 3, NonFinite: batch.UndoNonFinite},
		{Workers: 2, BatchSize: 100, NonFinite: batch.ResetNonFinite, IdleTime: time.Hour},
		{Workers: 2, BatchSize: 6, Wait: time.Microsecond},
	} {
		b := newBatcher(t, n, o)
		var group sync.WaitGroup
		for i := range streams {
			s := b.NewStream()
			group.Go(func() {
				var got [][]float32
				switch i % 3 {
				case 0:
					got = stepAll(t, n, s, inputs(n, i, steps))
				case 1:
					got = submitAll(t, n, s, inputs(n, i, steps))
				case 2:
					got = mixed(t, n, s, inputs(n, i, steps))
				}
				requireOutputs(t, want[i], got, fmt.Sprintf("%+v, stream %d", o, i))
			})
		}
		group.Wait()
		stats := b.Stats()
		require.Equal(t, streams, stats.Streams)
		require.Zero(t, stats.Waiting)
		total := uint64(0)
		for i, count := range stats.Sizes {
			total += uint64(i+1) * count
		}
		require.Equal(t, stats.Steps, total)
	}
}

func stepAll(t testing.TB, n *lstm.Network, s *batch.Stream, xs [][]float32) (ys [][]float32) {
	ctx, cancel := context.WithCancel(background)
	defer cancel()
	for i, x := range xs {
		y := make([]float32, n.OutputSize())
		if i%2 == 0 {
			require.NoError(t, s.Step(background, x, y))
		} else {
			require.NoError(t, s.Step(ctx, x, y))
		}
		ys = append(ys, y)
	}
	return ys
}

// submitAll has all steps on their way at the same time.
func submitAll(t testing.TB, n *lstm.Network, s *batch.Stream, xs [][]float32) (ys [][]float32) {
	var order []int
	var group sync.WaitGroup
	for i, x := range xs {
		y := make([]float32, n.OutputSize())
		ys = append(ys, y)
		group.Add(1)
		require.NoError(t, s.Submit(background, x, y, func(err error) {
			defer group.Done()
			if err == nil {
				order = append(order, i)
			}
		}))
	}
	group.Wait()
	require.True(t, slices.IsSorted(order), "the callbacks are not in the order of the steps")
	require.Len(t, order, len(xs))
	return ys
}

// mixed takes every third step with each of Submit, Step and Do.
func mixed(t testing.TB, n *lstm.Network, s *batch.Stream, xs [][]float32) (ys [][]float32) {
	for i, x := range xs {
		y := make([]float32, n.OutputSize())
		ys = append(ys, y)
		switch i % 3 {
		case 0:
			require.NoError(t, s.Submit(background, x, y, func(error) {}))
		case 1:
			require.NoError(t, s.Step(background, x, y))
		case 2:
			require.NoError(t, s.Do(background, func(n *lstm.Network, state *lstm.State) error {
				n.Step(state, x, y)
				return nil
			}))
		}
	}
	require.NoError(t, s.Do(background, func(*lstm.Network, *lstm.State) error { return nil }))
	return ys
}

// Several goroutines may step one stream: each step is taken once.
func TestStreamOfManyGoroutines(t *testing.T) {
	const goroutines, steps = 16, 50
	n := newNetwork(t, 1, 1, 4)
	b := newBatcher(t, n, nil)
	s := b.NewStream()
	var group sync.WaitGroup
	for range goroutines {
		group.Go(func() {
			y := make([]float32, n.OutputSize())
			for range steps {
				require.NoError(t, s.Step(background, []float32{1}, y))
			}
		})
	}
	group.Wait()
	requireState(t, n, s, slices.Repeat([][]float32{{1}}, goroutines*steps), "after all")
}

func TestNewStreamFrom(t *testing.T) {
	n := newNetwork(t, 1, 2, 8)
	b := newBatcher(t, n, nil)
	xs := inputs(n, 1, 5)
	state := n.NewState()
	outputs(n, state, xs)
	s, err := b.NewStreamFrom(state)
	require.NoError(t, err)
	state.Reset() // it was a copy that s has
	requireState(t, n, s, xs, "a stream from a state")

	for _, state := range []*lstm.State{nil, {}, newNetwork(t, 2, 2, 8).NewState()} {
		_, err := b.NewStreamFrom(state)
		require.ErrorContains(t, err, "NewStreamFrom: state is nil, or not one of the Batcher's network")
	}
}

func TestNewErrors(t *testing.T) {
	n := newNetwork(t, 1, 2, 8)
	for _, c := range []struct {
		n    *lstm.Network
		o    *batch.Options
		want string
	}{
		{nil, nil, "batch: New: n is nil or the zero Network, want one made by package lstm"},
		{&lstm.Network{}, nil, "batch: New: n is nil or the zero Network, want one made by package lstm"},
		{n, &batch.Options{Workers: -1}, "batch: Options.Workers is -1, want at least 0"},
		{n, &batch.Options{BatchSize: -2}, "batch: Options.BatchSize is -2, want at least 0"},
		{n, &batch.Options{QueueSize: -3}, "batch: Options.QueueSize is -3, want at least 0"},
		{n, &batch.Options{Wait: -1}, "batch: Options.Wait is -1ns, want at least 0"},
		{n, &batch.Options{IdleTime: -1}, "batch: Options.IdleTime is -1ns, want at least 0"},
		{n, &batch.Options{NonFinite: 4}, "batch: Options.NonFinite is 4, want KeepNonFinite to UndoNonFinite"},
	} {
		_, err := batch.New(c.n, c.o)
		require.EqualError(t, err, c.want)
	}
}

// A step of a stream whose owner has ruined its state is an error, and the others of
// its batch do not notice.
func TestBadRequestInABatch(t *testing.T) {
	n := newNetwork(t, 1, 2, 8)
	b := newBatcher(t, n, &batch.Options{Workers: 1})
	xs := inputs(n, 1, 1)
	cancelled, cancel := context.WithCancel(background)
	var streams []*batch.Stream
	for range 4 {
		streams = append(streams, b.NewStream())
	}
	require.NoError(t, streams[1].Do(background, func(_ *lstm.Network, s *lstm.State) error {
		*s = lstm.State{}
		return nil
	}))
	release := hold(t, b)
	errs := make([]error, len(streams))
	var group sync.WaitGroup
	for i, s := range streams {
		ctx := background
		if i == 2 {
			ctx = cancelled
		}
		group.Add(1)
		require.NoError(t, s.Submit(ctx, xs[0], nil, func(err error) {
			errs[i] = err
			group.Done()
		}))
	}
	cancel()
	release()
	group.Wait()
	require.NoError(t, errs[0])
	require.ErrorContains(t, errs[1], "Adopt")
	require.ErrorIs(t, errs[2], context.Canceled)
	require.NoError(t, errs[3])
	for _, i := range []int{0, 3} {
		requireState(t, n, streams[i], xs, "in a batch with bad requests")
	}
	requireState(t, n, streams[2], nil, "a step that was cancelled")
	stats := b.Stats()
	require.Equal(t, uint64(1), stats.Cancelled)
	require.Equal(t, uint64(1), stats.Sizes[1], "a batch of the two good ones")
}

// With Options.Wait a batch is filled.
func TestWait(t *testing.T) {
	n := newNetwork(t, 1, 2, 8)
	b := newBatcher(t, n, &batch.Options{Workers: 1, BatchSize: 3, Wait: time.Hour})
	var group sync.WaitGroup
	for i := range 6 {
		s := b.NewStream()
		group.Go(func() {
			require.NoError(t, s.Step(background, make([]float32, 2), nil), i)
		})
	}
	group.Wait()
	require.Equal(t, []uint64{0, 0, 2}, b.Stats().Sizes)

	group.Add(1)
	require.NoError(t, b.NewStream().Submit(background, make([]float32, 2), nil, func(error) { group.Done() }))
	b.Close() // does not wait for others
	group.Wait()
	require.Equal(t, []uint64{1, 0, 2}, b.Stats().Sizes)
}

func TestWaitIsOver(t *testing.T) {
	n := newNetwork(t, 1, 2, 8)
	b := newBatcher(t, n, &batch.Options{Workers: 1, BatchSize: 3, Wait: time.Nanosecond})
	require.NoError(t, b.NewStream().Step(background, make([]float32, 2), nil))
	require.Equal(t, []uint64{1, 0, 0}, b.Stats().Sizes)
}
