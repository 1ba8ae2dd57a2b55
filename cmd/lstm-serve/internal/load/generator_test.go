package load

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"example.com/lstm/cmd/lstm-serve/internal/inferr"
)

func run(t *testing.T, f *fakeTarget, o Options, rate float64) *Result {
	g, err := New(t.Context(), f, o)
	require.NoError(t, err)
	r := g.Run(t.Context(), rate)
	require.NoError(t, g.Close())
	require.Equal(t, o.Lanes, f.closed)
	return r
}

func TestSequencesAreWhole(t *testing.T) {
	for _, rate := range []float64{20_000, 0} {
		f := &fakeTarget{}
		r := run(t, f, options(t), rate)
		require.Empty(t, r.Errors)
		require.Positive(t, r.Requests)
		next := make(map[uint64]uint64)
		for _, q := range f.requests {
			require.Len(t, q.X, q.Steps*fakeInput)
			require.Len(t, q.Raw, 4*q.Steps*fakeInput)
			require.Equal(t, next[q.Sequence] == 0, q.Start)
			require.Equal(t, next[q.Sequence]+1, q.Step)
			next[q.Sequence] += uint64(q.Steps)
			require.Equal(t, next[q.Sequence] == 5, q.End)
			require.LessOrEqual(t, next[q.Sequence], uint64(5))
		}
		require.Greater(t, len(next), 10)
	}
}

func TestStepsWithoutNumbers(t *testing.T) {
	f := &fakeTarget{answer: func(r *Request) (Answer, bool) { return Answer{Numbers: r.Steps * fakeOutput}, false }}
	o := options(t)
	o.Numbered = false
	require.Empty(t, run(t, f, o, 5000).Errors)
	for _, q := range f.requests {
		require.Zero(t, q.Step)
	}
}

// All requests that were due count with the time that they have waited, those before
// which others were stuck, too: what an open loop is for.
func TestLatencyIsFromWhenRequestsWereDue(t *testing.T) {
	o := options(t)
	o.Lanes, o.Sequences, o.InFlight, o.Constant = 1, 1, 1, true
	o.WarmUp, o.Time = 0, 100*time.Millisecond
	f := &fakeTarget{answer: func(r *Request) (Answer, bool) { return right(r), true }}
	g, err := New(t.Context(), f, o)
	require.NoError(t, err)
	// The only sequence waits for its first answer until after the end.
	time.AfterFunc(3*o.Time/2, f.release)
	r := g.Run(t.Context(), 1000)
	require.Len(t, f.requests, 1)
	require.EqualValues(t, 100, r.Requests)
	require.EqualValues(t, 99, r.Unsent)
	require.Zero(t, r.Had)
	require.GreaterOrEqual(t, r.Latency.Max, 0.1)
	require.GreaterOrEqual(t, r.Latency.P50, 0.049)
}

func TestWrongAnswersAreErrors(t *testing.T) {
	for name, change := range map[string]func(*Answer){
		"another step": func(a *Answer) { a.Step++ },
		"too short":    func(a *Answer) { a.Numbers-- },
	} {
		f := &fakeTarget{answer: func(r *Request) (Answer, bool) {
			a := right(r)
			change(&a)
			return a, false
		}}
		r := run(t, f, options(t), 5000)
		require.EqualValues(t, r.Requests, r.Failed(), name)
		require.Equal(t, "Internal", r.Errors[0].Code)
		require.Contains(t, r.Errors[0].Message, "want", name)
		for _, q := range f.requests {
			require.True(t, q.Start, "a sequence of which nothing is known ends")
		}
	}
}

func TestRequestsAreSentAgain(t *testing.T) {
	refused := make(map[uint64]bool)
	f := &fakeTarget{answer: func(r *Request) (Answer, bool) {
		if r.Start && !refused[r.Sequence] {
			refused[r.Sequence] = true
			return failure(inferr.Errorf(codes.Unavailable, "not now")), false
		}
		return right(r), false
	}}
	r := run(t, f, options(t), 2000)
	require.Empty(t, r.Errors)
	require.Positive(t, r.Retries)
	require.GreaterOrEqual(t, r.Latency.Max, retryEvery.Seconds())
	for i, q := range f.requests {
		if q.tried > 1 {
			require.True(t, refused[q.Sequence], i)
			require.EqualValues(t, 1, q.Step)
		}
	}
}

func TestNotSentAgain(t *testing.T) {
	answer := func(code codes.Code) func(*Request) (Answer, bool) {
		return func(*Request) (Answer, bool) { return failure(inferr.Errorf(code, "no")), false }
	}
	o := options(t)
	for name, c := range map[string]struct {
		code     codes.Code
		retry    time.Duration
		numbered bool
	}{
		"of no use":       {codes.InvalidArgument, time.Second, true},
		"not numbered":    {codes.Unavailable, time.Second, false},
		"not long enough": {codes.Unavailable, 0, true},
	} {
		o.Retry, o.Numbered = c.retry, c.numbered
		r := run(t, &fakeTarget{answer: answer(c.code)}, o, 2000)
		require.Zero(t, r.Retries, name)
		require.Equal(t, []ErrorCount{{c.code.String(), uint64(r.Requests), "no"}}, r.Errors, name)
	}
}

func TestGreatestRateKeepsSoManyOnTheirWay(t *testing.T) {
	o := options(t)
	f := &fakeTarget{answer: func(r *Request) (Answer, bool) { return right(r), true }}
	g, err := New(t.Context(), f, o)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	most := 0
	done := make(chan *Result)
	go func() { done <- g.Run(ctx, 0) }()
	for served := 0; served < 20; {
		f.mutex.Lock()
		n := len(f.held)
		f.mutex.Unlock()
		most = max(most, n)
		if n == o.InFlight {
			served += n
			f.release()
		}
	}
	cancel()
	f.release()
	for {
		select {
		case r := <-done:
			require.Zero(t, r.Failed())
			require.Equal(t, o.InFlight, most)
			return
		default:
			f.release()
		}
	}
}

func TestInterruptedRunSaysWhatThereIs(t *testing.T) {
	o := options(t)
	o.WarmUp, o.Time = 0, time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	g, err := New(ctx, &fakeTarget{}, o)
	require.NoError(t, err)
	time.AfterFunc(100*time.Millisecond, cancel)
	r := g.Run(ctx, 1000)
	require.Positive(t, r.Requests)
	require.Positive(t, r.Had)
	require.Less(t, r.Seconds, 60.0)
}

func TestOptionsThatMakeNoSense(t *testing.T) {
	for message, change := range map[string]func(*Options){
		"0 connections":                  func(o *Options) { o.Lanes = 0 },
		"1 sequences over 2 connections": func(o *Options) { o.Sequences = 1 },
		"1 requests on their way":        func(o *Options) { o.InFlight = 1 },
		"a warm-up of -1ns":              func(o *Options) { o.WarmUp = -1 },
		"a period of 0s":                 func(o *Options) { o.Time = 0 },
		"sending again for -1ns":         func(o *Options) { o.Retry = -1 },
		"no lengths of sequences":        func(o *Options) { o.Lengths = nil },
	} {
		o := options(t)
		change(&o)
		_, err := New(t.Context(), &fakeTarget{}, o)
		require.ErrorContains(t, err, message)
	}
}

// Nothing is allocated for a request, so that the generator does not make work for the
// collector of the process that it measures.
func TestNothingIsAllocated(t *testing.T) {
	o := options(t)
	o.Lanes = 1
	o.Lengths = distribution(t, "1000000000")
	in := newInputs(fakeInput, 3, newRandom(1, 1))
	l := newLane(&o, in, 10, 0, newRandom(1, 2))
	o.outputSize = fakeOutput
	l.begin = time.Now()
	l.record.reset(0, time.Hour)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		r, _ := l.next(l.now(), 0, false, time.Hour)
		l.answered(r, right(r))
	}))
}
