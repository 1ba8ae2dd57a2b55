package sequences

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"example.com/lstm"
	"example.com/lstm/internal/lstmtest"
)

// Every way of cutting steps into requests gives the bits of Network.Step.
func TestBits(t *testing.T) {
	n := newNetwork(t, 1, 3, 8, 5)
	s := newSequences(t, n, nil)
	const steps = 6
	x := inputs(n, 1, steps)
	want := outputs(n, x)
	for cuts := range 1 << (steps - 1) {
		for _, counted := range []bool{false, true} {
			id := fmt.Sprint(cuts, counted)
			var got []float32
			for from, to := 0, 1; to <= steps; to++ {
				if to < steps && cuts>>(to-1)&1 == 0 {
					continue
				}
				r := Request{ID: id, Start: from == 0, End: to == steps, X: part(x, 3, from, to)}
				if counted {
					r.Step = uint64(from + 1)
				}
				a, err := s.Infer(background, r)
				require.NoError(t, err)
				require.EqualValues(t, to, a.Step)
				require.Zero(t, a.StoredStep)
				require.False(t, a.Repeated)
				got = append(got, a.Y...)
				from = to
			}
			lstmtest.RequireBits(t, want, got, "cuts %b", cuts)
			_, err := s.Infer(background, Request{ID: id, X: x})
			requireStep(t, codes.NotFound, 0, err)
		}
	}
	stats := s.Stats()
	require.EqualValues(t, 64*steps, stats.Batch.Steps)
	require.EqualValues(t, 64, stats.Started)
	require.EqualValues(t, 64, stats.Ended)
	require.EqualValues(t, 64, stats.Refused[codes.NotFound])
	require.Equal(t, 32, stats.Sequences, "those that were counted are kept")
	require.Zero(t, stats.Batch.Streams)
	require.Zero(t, stats.Live)
}

func TestNumbers(t *testing.T) {
	n := newNetwork(t, 1, 2, 4)
	s := newSequences(t, n, nil)
	x := inputs(n, 1, 9)
	want := outputs(n, x)
	infer := func(step uint64, x []float32) (Answer, error) {
		return s.Infer(background, Request{ID: "a", Step: step, X: x})
	}
	_, err := infer(1, part(x, 2, 0, 1))
	requireStep(t, codes.NotFound, 0, err)
	_, err = s.Infer(background, Request{ID: "a", Start: true, Step: 2, X: x})
	requireCode(t, codes.InvalidArgument, err)

	first := Request{ID: "a", Start: true, Step: 1, X: part(x, 2, 0, 2)}
	for i := range 3 {
		a, err := s.Infer(background, first)
		require.NoError(t, err)
		require.Equal(t, i > 0, a.Repeated)
		require.EqualValues(t, 2, a.Step)
		lstmtest.RequireBits(t, part(want, 2, 0, 2), a.Y, "start")
	}
	for _, wrong := range []uint64{2, 4, 1 << 63, 1<<64 - 1} {
		_, err = infer(wrong, part(x, 2, 2, 3))
		requireStep(t, codes.FailedPrecondition, 2, err)
	}
	_, err = infer(1, part(x, 2, 2, 3))
	requireStep(t, codes.FailedPrecondition, 2, err)
	_, err = infer(1, part(x, 2, 1, 3))
	requireStep(t, codes.InvalidArgument, 2, err)

	for i := range 2 {
		a, err := infer(3, part(x, 2, 2, 5))
		require.NoError(t, err)
		require.Equal(t, i > 0, a.Repeated)
		lstmtest.RequireBits(t, part(want, 2, 2, 5), a.Y, "three steps")
	}
	a, err := infer(0, part(x, 2, 5, 6))
	require.NoError(t, err)
	require.EqualValues(t, 6, a.Step)
	_, err = infer(6, part(x, 2, 5, 6))
	requireStep(t, codes.FailedPrecondition, 6, err)

	end := Request{ID: "a", Step: 7, End: true, X: part(x, 2, 6, 9)}
	for i := range 2 {
		a, err := s.Infer(background, end)
		require.NoError(t, err)
		require.Equal(t, i > 0, a.Repeated)
		require.EqualValues(t, 9, a.Step)
		lstmtest.RequireBits(t, part(want, 2, 6, 9), a.Y, "end")
	}
	end.End = false
	_, err = s.Infer(background, end)
	requireStep(t, codes.InvalidArgument, 9, err)
	_, err = infer(10, part(x, 2, 0, 1))
	requireStep(t, codes.NotFound, 0, err)

	a, err = s.Infer(background, first)
	require.NoError(t, err)
	require.False(t, a.Repeated)
	lstmtest.RequireBits(t, part(want, 2, 0, 2), a.Y, "started again")
}

// A start on a sequence that is there starts over.
func TestStartOver(t *testing.T) {
	n := newNetwork(t, 1, 2, 4)
	s := newSequences(t, n, nil)
	x := inputs(n, 1, 3)
	for range 3 {
		a, err := s.Infer(background, Request{ID: "a", Start: true, X: x})
		require.NoError(t, err)
		require.EqualValues(t, 3, a.Step)
		lstmtest.RequireBits(t, outputs(n, x), a.Y, "started over")
	}
	require.Equal(t, 1, s.Stats().Sequences)
	require.Equal(t, 1, s.Stats().Live)
}

// Requests wait for those before them, repeated ones and starts included.
func TestOrder(t *testing.T) {
	n := newNetwork(t, 1, 2, 4)
	s := newSequences(t, n, &Options{Workers: 1})
	x := inputs(n, 1, 100)
	want := outputs(n, x)
	var steps []uint64
	var got []float32
	var group sync.WaitGroup
	submit := func(r Request, repeated bool) {
		group.Add(1)
		r.ID = "a"
		s.Submit(background, r, func(a Answer, err error) {
			defer group.Done()
			if !(err == nil && a.Repeated == repeated) {
				t.Errorf("step %d: %v, repeated %v", r.Step, err, a.Repeated)
			}
			steps = append(steps, a.Step)
			if !repeated {
				got = append(got, a.Y...)
			}
		})
	}
	submit(Request{Start: true, Step: 1, X: part(x, 2, 0, 50)}, false)
	submit(Request{Start: true, Step: 1, X: part(x, 2, 0, 50)}, true)
	submit(Request{Step: 51, X: part(x, 2, 50, 60)}, false)
	submit(Request{X: part(x, 2, 60, 100)}, false)
	submit(Request{Start: true, Step: 1, X: part(x, 2, 0, 1)}, false)
	group.Wait()
	require.Equal(t, []uint64{50, 50, 60, 100, 1}, steps)
	lstmtest.RequireBits(t, append(want, part(want, 2, 0, 1)...), got, "all")
}

func TestMalformed(t *testing.T) {
	n := newNetwork(t, 1, 2, 4)
	s := newSequences(t, n, nil)
	for name, r := range map[string]Request{
		"no id":        {Start: true, X: make([]float32, 2)},
		"long id":      {Start: true, ID: string(make([]byte, 257)), X: make([]float32, 2)},
		"broken id":    {Start: true, ID: "\xff", X: make([]float32, 2)},
		"no steps":     {Start: true, ID: "a"},
		"half a step":  {Start: true, ID: "a", X: make([]float32, 3)},
		"second start": {Start: true, ID: "a", Step: 2, X: make([]float32, 2)},
	} {
		_, err := s.Infer(background, r)
		requireCode(t, codes.InvalidArgument, err)
		require.Zero(t, s.Stats().Sequences, name)
	}
	cancelled, cancel := context.WithCancel(background)
	cancel()
	_, err := s.Infer(cancelled, Request{Start: true, ID: "a", X: make([]float32, 2)})
	requireCode(t, codes.Canceled, err)
	late, cancel := context.WithTimeout(background, -1)
	defer cancel()
	_, err = s.Infer(late, Request{Start: true, ID: "a", X: make([]float32, 2)})
	requireCode(t, codes.DeadlineExceeded, err)
	require.Zero(t, s.Stats().Batch.Steps)
	require.Equal(t, uint64(6), s.Stats().Refused[codes.InvalidArgument])
}

// A request of which the answer is given before the next allocates that only.
func TestAllocs(t *testing.T) {
	n := newNetwork(t, 1, 2, 4)
	for _, o := range []*Options{{}, {Store: newMemoryStore(), CheckpointInterval: time.Hour}} {
		s := newSequences(t, n, o)
		x := inputs(n, 1, 3)
		answered := make(chan struct{}, 1)
		step := uint64(1)
		done := func(a Answer, err error) {
			step = a.Step + 1
			answered <- struct{}{}
		}
		perRequest := testing.AllocsPerRun(1000, func() {
			s.Submit(background, Request{ID: "a", Start: step == 1, Step: step, X: x}, done)
			<-answered
		})
		require.Less(t, perRequest, 2.0)
	}
}

func TestClose(t *testing.T) {
	n := newNetwork(t, 1, 2, 4)
	s, err := New(n, nil)
	require.NoError(t, err)
	require.NoError(t, s.Ready())
	x := inputs(n, 1, 1000)
	var answered atomic.Int32
	s.Submit(background, Request{ID: "a", Start: true, X: x}, func(a Answer, err error) { answered.Add(1) })
	q, failed := s.hold(background, "b")
	require.Nil(t, failed)
	s.Submit(background, Request{ID: "b", Start: true, X: x}, func(a Answer, err error) { answered.Add(1) })
	short, cancel := context.WithTimeout(background, 0)
	defer cancel()
	require.ErrorIs(t, s.Close(short), context.DeadlineExceeded)
	_, err = s.Infer(background, Request{ID: "a", X: x})
	requireCode(t, codes.Unavailable, err)
	require.Error(t, s.Ready())
	q.release()
	require.NoError(t, s.Close(background))
	require.EqualValues(t, 2, answered.Load())
	require.NoError(t, s.Close(background))
}

func TestSwap(t *testing.T) {
	n, other := newNetwork(t, 1, 2, 4), newNetwork(t, 2, 2, 4)
	s := newSequences(t, n, nil)
	x := inputs(n, 1, 2)
	want := make([]float32, n.OutputSize())
	state := n.NewState()
	n.Step(state, part(x, 2, 0, 1), nil)
	require.NoError(t, other.Adopt(state))
	other.Step(state, part(x, 2, 1, 2), want)

	_, err := s.Infer(background, Request{ID: "a", Start: true, X: part(x, 2, 0, 1)})
	require.NoError(t, err)
	require.ErrorIs(t, s.Swap(newNetwork(t, 1, 3, 4)), lstm.ErrShape)
	require.Error(t, s.Swap(nil))
	require.Same(t, n, s.Network())
	require.NoError(t, s.Swap(other))
	require.Same(t, other, s.Network())
	a, err := s.Infer(background, Request{ID: "a", X: part(x, 2, 1, 2)})
	require.NoError(t, err)
	lstmtest.RequireBits(t, want, a.Y, "after Swap")
}

// Many goroutines use few sequences, and each step is taken once.
func TestManyGoroutines(t *testing.T) {
	n := newNetwork(t, 1, 2, 4)
	s := newSequences(t, n, nil)
	const goroutines, rounds, ids = 8, 200, 3
	x := inputs(n, 1, 2)
	var group sync.WaitGroup
	for i := range ids {
		_, err := s.Infer(background, Request{ID: fmt.Sprint(i), Start: true, X: x})
		require.NoError(t, err)
	}
	for g := range goroutines {
		group.Go(func() {
			for i := range rounds {
				if _, err := s.Infer(background, Request{ID: fmt.Sprint((g + i) % ids), X: x}); err != nil {
					t.Error(err)
				}
				s.Infer(background, Request{ID: "removed", Start: i%2 == 0, X: x})
				s.Remove(background, "removed")
				s.Describe("removed")
			}
		})
	}
	group.Wait()
	total := uint64(0)
	for i := range ids {
		d, err := s.Describe(fmt.Sprint(i))
		require.NoError(t, err)
		total += d.Step
	}
	require.EqualValues(t, 2*(ids+goroutines*rounds), total)
}

func TestOptions(t *testing.T) {
	n := newNetwork(t, 1, 2, 4)
	for _, o := range []Options{{Workers: -1}, {MostWaiting: -1}, {MostSequences: -1}, {LiveBytes: -1}, {IdleTime: -1}, {ExpireTime: -1}} {
		_, err := New(n, &o)
		require.ErrorContains(t, err, "-1")
	}
	_, err := New(nil, nil)
	require.Error(t, err)
}
