package page

import (
	"bytes"
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"example.com/lstm"
	"example.com/lstm/cmd/lstm-serve/internal/infer"
	"example.com/lstm/cmd/lstm-serve/internal/inferr"
	"example.com/lstm/cmd/lstm-serve/internal/latency"
	"example.com/lstm/cmd/lstm/seattle"
)

// A fakeServer has the weather model, and one sequence.
type fakeServer struct {
	net *lstm.Network

	mutex    sync.Mutex
	now      snapshot
	latency  latency.Histogram
	state    *lstm.State
	step     uint64
	problem  error // of the next requests
	requests []*infer.Request
	held     chan struct{} // answers wait for it to be closed, if it is not nil
}

func newFakeServer(t *testing.T) *fakeServer {
	net, err := lstm.Read(bytes.NewReader(seattle.Model))
	require.NoError(t, err)
	return &fakeServer{net: net, state: net.NewState(), now: snapshot{models: []model{{
		Name: "seattle", Version: "1", Inputs: 4, Outputs: 1, Hidden: []int{32}, Ready: true, BatchSizes: make([]uint64, 8),
	}}}}
}

func (f *fakeServer) snapshot() snapshot {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	s := f.now
	s.latency = f.latency.Counts()
	s.models = append([]model{}, s.models...)
	for i := range s.models {
		s.models[i].BatchSizes = append([]uint64{}, s.models[i].BatchSizes...)
	}
	return s
}

func (f *fakeServer) fail(err error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.problem = err
}

func (f *fakeServer) asked() []*infer.Request {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return append([]*infer.Request(nil), f.requests...)
}

func (f *fakeServer) Infer(_ context.Context, r *infer.Request, done func(*infer.Response, error)) {
	f.mutex.Lock()
	f.requests = append(f.requests, r)
	held := f.held
	f.mutex.Unlock()
	go func() {
		if held != nil {
			<-held
		}
		done(f.answer(r))
	}()
}

// hold holds answers back until goOn.
func (f *fakeServer) hold() { f.held = make(chan struct{}) }
func (f *fakeServer) goOn() { close(f.held) }

func (f *fakeServer) answer(r *infer.Request) (*infer.Response, error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if f.problem != nil {
		return nil, f.problem
	}
	if r.Sequence.Start {
		f.state.Reset()
		f.step = 0
	}
	if r.Sequence.Step != f.step+1 {
		return nil, inferr.Errorf(codes.FailedPrecondition, "step %d, want %d", r.Sequence.Step, f.step+1).At(f.step)
	}
	in := r.Inputs[0]
	steps := in.Shape[0]
	y := make([]float32, steps)
	f.net.Forward(f.state, in.Data, y)
	f.step += uint64(steps)
	m := &f.now.models[0]
	m.Steps += uint64(steps)
	m.Live = 1
	m.BatchSizes[0] += uint64(steps)
	f.now.requests++
	f.latency.Add(20 * time.Microsecond)
	return &infer.Response{Model: r.Model, Outputs: []infer.Tensor{{Name: "output", Shape: []int64{steps, 1}, Data: y}}, Step: f.step}, nil
}
