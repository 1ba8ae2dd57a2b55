package load

import (
	"context"
	"errors"
	"sync/atomic"

	"google.golang.org/grpc/codes"

	"example.com/lstm/batch"
	"example.com/lstm/cmd/lstm-serve/internal/inferr"
)

// Direct is package batch, in this process.
type Direct struct{ Batcher *batch.Batcher }

// Sizes are the network's.
func (d *Direct) Sizes() (input, output int) {
	n := d.Batcher.Network()
	return n.InputSize(), n.OutputSize()
}

// Connect does not connect anything.
func (d *Direct) Connect(_ context.Context, answered func(*Request, Answer)) (Connection, error) {
	return &directConnection{target: d, answered: answered}, nil
}

type directConnection struct {
	target   *Direct
	answered func(*Request, Answer)
}

// A directStream is a sequence.
type directStream struct {
	stream  *batch.Stream
	y       []float32
	request *Request
	left    atomic.Int64 // steps that are on their way
	failed  atomic.Pointer[inferr.Error]
	done    func(error)
}

func (c *directConnection) Send(r *Request) {
	s, _ := r.Kept.(*directStream)
	if s == nil {
		s = &directStream{request: r}
		s.done = func(err error) { c.stepped(s, err) }
		r.Kept = s
	}
	if r.Start {
		s.stream = c.target.Batcher.NewStream()
	}
	input, output := c.target.Sizes()
	if n := r.Steps * output; n > len(s.y) {
		s.y = make([]float32, n)
	}
	s.failed.Store(nil)
	s.left.Store(int64(r.Steps))
	xs := r.X // r may be answered, and the next, before the loop has ended
	for i := range r.Steps {
		x, y := xs[i*input:(i+1)*input], s.y[i*output:(i+1)*output]
		if err := s.stream.Submit(context.Background(), x, y, s.done); err != nil {
			s.done(err)
		}
	}
}

// stepped ends a step, and with the last the request.
func (c *directConnection) stepped(s *directStream, err error) {
	if err != nil {
		code := codes.Internal
		if errors.Is(err, batch.ErrQueueFull) {
			code = codes.ResourceExhausted
		}
		s.failed.Store(inferr.Errorf(code, "%v", err))
	}
	if s.left.Add(-1) > 0 {
		return
	}
	r := s.request
	_, output := c.target.Sizes()
	c.answered(r, Answer{Numbers: r.Steps * output, Err: s.failed.Load()})
}

func (c *directConnection) Close() error { return nil }
