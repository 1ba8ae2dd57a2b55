package grpcapi

import (
	"encoding/binary"
	"errors"
	"math"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"example.com/lstm/cmd/lstm-serve/internal/infer"
	"example.com/lstm/cmd/lstm-serve/internal/inference"
	"example.com/lstm/cmd/lstm-serve/internal/inferr"
)

// A request is a message as package infer has it, and what the answer repeats of it.
type request struct {
	infer.Request
	raw bool                      // tensors as bytes
	id  *inference.InferParameter // of the sequence, as the client has sent it
	// room is how much of its exchange's it takes.
	room int64
}

// take makes r of a message. r has what the answer repeats even if there is an error.
func (r *request) take(m *inference.ModelInferRequest) error {
	r.Model, r.Version, r.ID = m.ModelName, m.ModelVersion, m.Id
	r.raw = len(m.RawInputContents) > 0
	r.id = m.Parameters[infer.SequenceID]
	for _, name := range [...]string{infer.SequenceID, infer.SequenceStart, infer.SequenceEnd, infer.SequenceStep} {
		if p, ok := m.Parameters[name]; ok {
			if err := r.Sequence.SetParameter(name, parameterValue(p)); err != nil {
				return err
			}
		}
	}
	if r.raw && len(m.RawInputContents) != len(m.Inputs) {
		return inferr.Errorf(codes.InvalidArgument, "there are %d raw_input_contents, want one for each input, %d", len(m.RawInputContents), len(m.Inputs))
	}
	r.Inputs = make([]infer.Tensor, len(m.Inputs))
	for i, in := range m.Inputs {
		t := &r.Inputs[i]
		t.Name, t.Datatype, t.Shape = in.GetName(), in.GetDatatype(), in.GetShape()
		if t.Datatype != infer.FP32 {
			continue // which is refused, whatever its contents
		}
		var err error
		if r.raw {
			t.Data, err = rawContents(in, m.RawInputContents[i])
		} else {
			t.Data, err = typedContents(in)
		}
		if err != nil {
			return err
		}
	}
	for _, out := range m.Outputs {
		r.Outputs = append(r.Outputs, out.GetName())
	}
	return nil
}

func parameterValue(p *inference.InferParameter) any {
	switch v := p.GetParameterChoice().(type) {
	case *inference.InferParameter_BoolParam:
		return v.BoolParam
	case *inference.InferParameter_Int64Param:
		return v.Int64Param
	case *inference.InferParameter_StringParam:
		return v.StringParam
	case *inference.InferParameter_DoubleParam:
		return v.DoubleParam
	case *inference.InferParameter_Uint64Param:
		return v.Uint64Param
	}
	return nil
}

func rawContents(in *inference.ModelInferRequest_InferInputTensor, raw []byte) ([]float32, error) {
	if in.GetContents() != nil {
		return nil, inferr.Errorf(codes.InvalidArgument, "input %.100q has contents beside raw_input_contents, want one of them", in.GetName())
	}
	if len(raw)%4 != 0 {
		return nil, inferr.Errorf(codes.InvalidArgument, "the raw_input_contents of input %.100q have %d bytes, want 4 for each element", in.GetName(), len(raw))
	}
	data := make([]float32, len(raw)/4)
	for i := range data {
		data[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	return data, nil
}

func typedContents(in *inference.ModelInferRequest_InferInputTensor) ([]float32, error) {
	c := in.GetContents()
	for _, other := range [...]struct {
		name string
		n    int
	}{
		{"bool_contents", len(c.GetBoolContents())}, {"int_contents", len(c.GetIntContents())}, {"int64_contents", len(c.GetInt64Contents())},
		{"uint_contents", len(c.GetUintContents())}, {"uint64_contents", len(c.GetUint64Contents())},
		{"fp64_contents", len(c.GetFp64Contents())}, {"bytes_contents", len(c.GetBytesContents())},
	} {
		if other.n > 0 {
			return nil, inferr.Errorf(codes.InvalidArgument, "input %.100q of datatype %s has %s, want fp32_contents", in.GetName(), infer.FP32, other.name)
		}
	}
	return c.GetFp32Contents(), nil
}

// answer makes the message of a response to r.
func (r *request) answer(response *infer.Response) *inference.ModelInferResponse {
	m := &inference.ModelInferResponse{ModelName: response.Model, ModelVersion: response.Version, Id: response.ID,
		Outputs: make([]*inference.ModelInferResponse_InferOutputTensor, len(response.Outputs))}
	if response.SequenceID != "" {
		m.Parameters = map[string]*inference.InferParameter{
			infer.SequenceID:         r.id,
			infer.SequenceStep:       stepParameter(response.Step),
			infer.SequenceStoredStep: stepParameter(response.StoredStep),
		}
	}
	for i, t := range response.Outputs {
		out := &inference.ModelInferResponse_InferOutputTensor{Name: t.Name, Datatype: t.Datatype, Shape: t.Shape}
		if r.raw {
			raw := make([]byte, 0, 4*len(t.Data))
			for _, v := range t.Data {
				raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
			}
			m.RawOutputContents = append(m.RawOutputContents, raw)
		} else {
			out.Contents = &inference.InferTensorContents{Fp32Contents: t.Data}
		}
		m.Outputs[i] = out
	}
	return m
}

func stepParameter(step uint64) *inference.InferParameter {
	return &inference.InferParameter{ParameterChoice: &inference.InferParameter_Int64Param{Int64Param: int64(step)}}
}

// ErrorCode is the parameter of an error in a ModelStreamInfer that has the name of
// gRPC's code, such as "FailedPrecondition".
const ErrorCode = "error_code"

// refusal makes the message of an error in a stream: what it belongs to, the code, and
// the last step of the sequence, if it is known.
func (r *request) refusal(err error) *inference.ModelStreamInferResponse {
	e := inError(err)
	m := &inference.ModelInferResponse{ModelName: r.Model, ModelVersion: r.Version, Id: r.ID, Parameters: map[string]*inference.InferParameter{
		ErrorCode: {ParameterChoice: &inference.InferParameter_StringParam{StringParam: e.Code.String()}}}}
	if r.id != nil {
		m.Parameters[infer.SequenceID] = r.id
	}
	if e.HasStep {
		m.Parameters[infer.SequenceStep] = stepParameter(e.Step)
	}
	return &inference.ModelStreamInferResponse{ErrorMessage: e.Message, InferResponse: m}
}

func inError(err error) *inferr.Error {
	var e *inferr.Error
	if errors.As(err, &e) {
		return e
	}
	return inferr.Errorf(codes.Internal, "%v", err)
}

// toStatus makes the error of a call of err, which may be nil.
func toStatus(err error) error {
	if err == nil {
		return nil
	}
	e := inError(err)
	return status.Error(e.Code, e.Message)
}
