package load

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/lstm/cmd/lstm-serve/internal/inferr"
)

const fakeInput, fakeOutput = 3, 2

// A fakeTarget answers with what answer says; nil is the right answer at once.
type fakeTarget struct {
	answer func(*Request) (a Answer, later bool)

	mutex    sync.Mutex
	requests []Request
	closed   int
	held     []func() // answers that come later
}

func (*fakeTarget) Sizes() (input, output int) { return fakeInput, fakeOutput }

func (f *fakeTarget) Connect(_ context.Context, answered func(*Request, Answer)) (Connection, error) {
	return &fakeConnection{f, answered}, nil
}

type fakeConnection struct {
	target   *fakeTarget
	answered func(*Request, Answer)
}

func (c *fakeConnection) Send(r *Request) {
	f := c.target
	f.mutex.Lock()
	f.requests = append(f.requests, *r)
	a, later := right(r), false
	if f.answer != nil {
		a, later = f.answer(r)
	}
	if later {
		f.held = append(f.held, func() { c.answered(r, a) })
	}
	f.mutex.Unlock()
	if !later {
		c.answered(r, a)
	}
}

func (c *fakeConnection) Close() error { c.target.closed++; return nil }

// release gives the answers that were held.
func (f *fakeTarget) release() {
	f.mutex.Lock()
	held := f.held
	f.held = nil
	f.mutex.Unlock()
	for _, answer := range held {
		answer()
	}
}

func right(r *Request) Answer {
	return Answer{Step: r.Step + uint64(r.Steps) - 1, Numbers: r.Steps * fakeOutput}
}

func failure(code *inferr.Error) Answer { return Answer{Err: code} }

func distribution(t *testing.T, text string) *Distribution {
	d, err := ParseDistribution(text)
	require.NoError(t, err)
	return d
}

func options(t *testing.T) Options {
	return Options{
		Sequences: 10, Lanes: 2, InFlight: 4, Numbered: true,
		Lengths: distribution(t, "5"), Steps: distribution(t, "1,3:0.5"),
		WarmUp: 10 * time.Millisecond, Time: 50 * time.Millisecond, Retry: time.Second, Seed: 1,
	}
}
