package infer

import (
	"context"
	"errors"
	"runtime"
	"time"

	"google.golang.org/grpc/codes"

	"example.com/lstm"
	"example.com/lstm/cmd/lstm-serve/internal/inferr"
	"example.com/lstm/cmd/lstm-serve/internal/repository"
	"example.com/lstm/cmd/lstm-serve/internal/sequences"
)

// Options are limits of a Server. The zero value, and a nil pointer, stand for the
// defaults.
type Options struct {
	MaxSteps    int // of a request, those of all its sequences together; default 10,000
	MaxElements int // of a tensor, of input or output; default 4,194,304, which are 16 MiB
}

// A Server answers requests. Any number of goroutines may use it.
type Server struct {
	models  *repository.Repository
	options Options
	// A request without sequence has an element here while it is computed: more of them
	// than processors would be no faster, only all late.
	computing chan struct{}
	counts    counts
}

// New makes a Server of the models of a repository.
func New(models *repository.Repository, o *Options) *Server {
	s := &Server{models: models, computing: make(chan struct{}, runtime.GOMAXPROCS(0))}
	if o != nil {
		s.options = *o
	}
	if s.options.MaxSteps == 0 {
		s.options.MaxSteps = 10_000
	}
	if s.options.MaxElements == 0 {
		s.options.MaxElements = 4 << 20
	}
	return s
}

// Part returns a Server that is s, the bound of how much is computed at a time included,
// but has Stats of its own, for the requests of one protocol. s counts them, too.
func (s *Server) Part() *Server {
	return &Server{models: s.models, options: s.options, computing: s.computing, counts: counts{whole: &s.counts}}
}

// Options returns the options of s, with defaults in place.
func (s *Server) Options() Options { return s.options }

// Infer answers r by calling done once, with a response or with an error, which is always
// an *inferr.Error. done may be called before Infer returns, or later on another
// goroutine, which it must not hold up. r and its tensors must not change until then, and
// the tensors of the response are only to be read.
//
// A request with a sequence takes its steps behind those that came before, and Infer does
// not wait for it. One without is computed by the caller, as soon as a processor is free.
// If ctx ends before a request has begun, or while one without sequence is computed, its
// error comes back; a sequence's request that has been accepted is taken whole.
func (s *Server) Infer(ctx context.Context, r *Request, done func(*Response, error)) {
	c := &call{server: s, request: r, done: done, began: time.Now()}
	err := c.check()
	if err == nil {
		err = contextError(ctx)
	}
	if err != nil {
		c.refuse(err)
		return
	}
	if r.Sequence.ID == "" {
		y, err := s.computeWhole(ctx, c)
		if err != nil {
			c.refuse(err)
			return
		}
		c.answer(y)
		return
	}
	c.model.Stream.Submit(ctx, sequences.Request{
		ID: r.Sequence.ID, Start: r.Sequence.Start, End: r.Sequence.End, Step: r.Sequence.Step, X: c.x,
	}, c.hasStepped)
}

// A call is a request that is being answered.
type call struct {
	server  *Server
	request *Request
	done    func(*Response, error)
	began   time.Time

	model   *repository.Model
	outputs []lstm.HeadOutput // the wanted ones
	x       []float32
	shape   [3]int64 // of the input; elements before rank
	rank    int
	steps   int // of each sequence
	batch   int // sequences
	size    int // of the output of a step

	response     Response
	output       [1]Tensor // memory for what most responses have
	outputShapes [3]int64
}

// check finds the model, and checks the request.
func (c *call) check() (err error) {
	r := c.request
	if c.model, err = c.server.models.Model(r.Model, r.Version); err != nil {
		return err
	}
	if err := r.Sequence.check(); err != nil {
		return err
	}
	if r.Sequence.ID != "" && c.model.Stream == nil {
		return inferr.Errorf(codes.InvalidArgument,
			"model %q reads whole sequences only, want a request without %s", c.model.Name, SequenceID)
	}
	network := c.model.Network()
	if err := c.takeInput(r, network.InputSize()); err != nil {
		return err
	}
	c.size = network.OutputSize()
	if err := c.server.checkLimits(c); err != nil {
		return err
	}
	c.outputs, err = wanted(c.model.Outputs(network), r.Outputs)
	return err
}

// hasStepped is called when the steps of the request have been taken.
func (c *call) hasStepped(a sequences.Answer, err error) {
	if err != nil {
		c.refuse(inError(err))
		return
	}
	c.response.SequenceID, c.response.Step, c.response.StoredStep = c.request.Sequence.ID, a.Step, a.StoredStep
	c.answer(a.Y)
}

func (c *call) refuse(err error) {
	c.server.counts.add(c.began, err)
	c.done(nil, err)
}

// answer answers with the output y, [steps of all sequences, size].
func (c *call) answer(y []float32) {
	r := &c.response
	r.Model, r.Version, r.ID = c.model.Name, c.model.Version, c.request.ID
	r.Outputs = c.output[:0]
	shapes := c.outputShapes[:0]
	for _, o := range c.outputs {
		shapes = append(append(shapes, c.shape[:c.rank-1]...), int64(o.Size))
		r.Outputs = append(r.Outputs, Tensor{Name: o.Name, Datatype: FP32,
			Shape: shapes[len(shapes)-c.rank:], Data: columns(y, c.size, o.Offset, o.Size)})
	}
	c.server.counts.add(c.began, nil)
	c.done(r, nil)
}

// contextError returns the error of a context that has ended.
func contextError(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return inError(err)
	}
	return nil
}

// inError returns err as an *inferr.Error.
func inError(err error) *inferr.Error {
	var e *inferr.Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, context.Canceled):
		return inferr.Errorf(codes.Canceled, "the request was cancelled before it was answered")
	case errors.Is(err, context.DeadlineExceeded):
		return inferr.Errorf(codes.DeadlineExceeded, "the time for the request was over before it was answered")
	}
	return inferr.Errorf(codes.Internal, "%v", err)
}
