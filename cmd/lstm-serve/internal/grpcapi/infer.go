package grpcapi

import (
	"context"
	"strconv"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"example.com/lstm/cmd/lstm-serve/internal/infer"
	"example.com/lstm/cmd/lstm-serve/internal/inference"
)

// StepTrailer is the trailer of a ModelInfer that was refused which has the number of the
// last step of the sequence.
const StepTrailer = "sequence-step"

// ModelInfer answers one request. A request that has been accepted is taken, even if the
// call ends before it is answered.
func (g *Server) ModelInfer(ctx context.Context, m *inference.ModelInferRequest) (*inference.ModelInferResponse, error) {
	r := &request{}
	if err := r.take(m); err != nil {
		return nil, toStatus(err)
	}
	answers := make(chan answer, 1)
	g.infer.Infer(ctx, &r.Request, func(response *infer.Response, err error) { answers <- answer{r, response, err} })
	select {
	case a := <-answers:
		if a.err == nil {
			return r.answer(a.response), nil
		}
		if e := inError(a.err); e.HasStep {
			_ = grpc.SetTrailer(ctx, metadata.Pairs(StepTrailer, strconv.FormatUint(e.Step, 10)))
		}
		return nil, toStatus(a.err)
	case <-ctx.Done():
		return nil, status.FromContextError(ctx.Err()).Err()
	}
}

// An answer is what has become of a request.
type answer struct {
	request  *request
	response *infer.Response
	err      error
}

func (a answer) message() *inference.ModelStreamInferResponse {
	if a.err != nil {
		return a.request.refusal(a.err)
	}
	return &inference.ModelStreamInferResponse{InferResponse: a.request.answer(a.response)}
}
