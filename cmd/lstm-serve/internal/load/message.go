package load

import (
	"errors"
	"strconv"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"example.com/lstm/cmd/lstm-serve/internal/inference"
	"example.com/lstm/cmd/lstm-serve/internal/inferr"
)

// A message is a request as gRPC sends it. A sequence keeps one, of which only some
// values change from request to request.
type message struct {
	request    *inference.ModelInferRequest
	sequence   *inference.InferParameter_Uint64Param
	start, end *inference.InferParameter_BoolParam
	step       *inference.InferParameter_Int64Param
}

// messageOf returns the message of the sequence of r, as r has it.
func (g *GRPC) messageOf(r *Request) *inference.ModelInferRequest {
	m, _ := r.Kept.(*message)
	if m == nil {
		m = g.newMessage(r.Number)
		r.Kept = m
	}
	m.sequence.Uint64Param = r.Sequence
	m.start.BoolParam, m.end.BoolParam = r.Start, r.End
	m.step.Int64Param = int64(r.Step)
	m.request.Inputs[0].Shape[0] = int64(r.Steps)
	m.request.RawInputContents[0] = r.Raw
	return m.request
}

func (g *GRPC) newMessage(number int) *message {
	m := &message{
		sequence: &inference.InferParameter_Uint64Param{},
		start:    &inference.InferParameter_BoolParam{}, end: &inference.InferParameter_BoolParam{},
		step: &inference.InferParameter_Int64Param{},
	}
	m.request = &inference.ModelInferRequest{
		ModelName: g.Model,
		Id:        strconv.Itoa(number),
		Parameters: map[string]*inference.InferParameter{
			"sequence_id":    {ParameterChoice: m.sequence},
			"sequence_start": {ParameterChoice: m.start},
			"sequence_end":   {ParameterChoice: m.end},
			"sequence_step":  {ParameterChoice: m.step},
		},
		Inputs: []*inference.ModelInferRequest_InferInputTensor{{
			Name: g.model.input, Datatype: "FP32", Shape: []int64{0, int64(g.model.inputs)},
		}},
		RawInputContents: make([][]byte, 1),
	}
	return m
}

// answerOf reads an answer.
func answerOf(m *inference.ModelInferResponse) Answer {
	a := Answer{Step: stepOf(m)}
	for _, raw := range m.GetRawOutputContents() {
		a.Numbers += len(raw) / 4
	}
	for _, t := range m.GetOutputs() {
		a.Numbers += len(t.GetContents().GetFp32Contents())
	}
	return a
}

func stepOf(m *inference.ModelInferResponse) uint64 {
	p := m.GetParameters()["sequence_step"]
	return max(uint64(p.GetInt64Param()), p.GetUint64Param())
}

// errorOf is an error of a call.
func errorOf(err error) *inferr.Error {
	s := status.Convert(err)
	return inferr.Errorf(s.Code(), "%s", s.Message())
}

// inError returns the error of a part of the server, all of whose errors are of that
// type.
func inError(err error) *inferr.Error {
	var e *inferr.Error
	if errors.As(err, &e) {
		return e
	}
	return inferr.Errorf(codes.Internal, "%v", err)
}
