package load

import (
	"context"
	"fmt"
	"strconv"

	"example.com/lstm/cmd/lstm-serve/internal/infer"
)

// Process is the server without its front ends, in this process.
type Process struct {
	server *infer.Server
	model  string
	input  string
	sizes  [2]int
}

// NewProcess has requests for a model of the server.
func NewProcess(server *infer.Server, model string) (*Process, error) {
	m, err := server.Metadata(model, "")
	if err != nil {
		return nil, err
	}
	p := &Process{server: server, model: model}
	var in, out [][]int64
	for _, t := range m.Inputs {
		in = append(in, t.Shape)
	}
	for _, t := range m.Outputs {
		out = append(out, t.Shape)
	}
	if p.sizes[0], p.sizes[1], err = sizes(in, out); err != nil {
		return nil, fmt.Errorf("model %q: %w", model, err)
	}
	p.input = m.Inputs[0].Name
	return p, nil
}

// Sizes are the model's.
func (p *Process) Sizes() (input, output int) { return p.sizes[0], p.sizes[1] }

// Connect does not connect anything.
func (p *Process) Connect(_ context.Context, answered func(*Request, Answer)) (Connection, error) {
	return &processConnection{target: p, answered: answered}, nil
}

type processConnection struct {
	target   *Process
	answered func(*Request, Answer)
}

// A processRequest is kept for the sequence's next.
type processRequest struct {
	infer.Request
	sequence uint64 // whose id is in the request
	done     func(*infer.Response, error)
}

func (c *processConnection) Send(r *Request) {
	p, _ := r.Kept.(*processRequest)
	if p == nil {
		p = c.newRequest(r)
		r.Kept = p
	}
	if p.sequence != r.Sequence {
		p.sequence, p.Sequence.ID = r.Sequence, strconv.FormatUint(r.Sequence, 10)
	}
	p.Sequence.Start, p.Sequence.End, p.Sequence.Step = r.Start, r.End, r.Step
	p.Inputs[0].Shape[0], p.Inputs[0].Data = int64(r.Steps), r.X
	c.target.server.Infer(context.Background(), &p.Request, p.done)
}

func (c *processConnection) newRequest(r *Request) *processRequest {
	p := &processRequest{}
	p.Model = c.target.model
	p.Inputs = []infer.Tensor{{Name: c.target.input, Datatype: infer.FP32, Shape: []int64{0, int64(c.target.sizes[0])}}}
	p.done = func(response *infer.Response, err error) {
		if err != nil {
			c.answered(r, Answer{Err: inError(err)})
			return
		}
		a := Answer{Step: response.Step}
		for _, t := range response.Outputs {
			a.Numbers += len(t.Data)
		}
		c.answered(r, a)
	}
	return p
}

func (c *processConnection) Close() error { return nil }
