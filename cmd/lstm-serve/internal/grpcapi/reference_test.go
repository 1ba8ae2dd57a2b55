package grpcapi

import (
	"encoding/binary"
	"math"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protowire"

	"example.com/lstm/cmd/lstm-serve/internal/infer"
	"example.com/lstm/cmd/lstm-serve/internal/inference"
	"example.com/lstm/cmd/lstm-serve/internal/inferr"
)

// A reference is what a request is, made of the generated message.
type reference struct {
	infer.Request
	raw bool
	id  *inference.InferParameter
}

func (r *reference) take(m *inference.ModelInferRequest) error {
	r.Model, r.Version, r.ID = m.ModelName, m.ModelVersion, m.Id
	r.raw = len(m.RawInputContents) > 0
	r.id = m.Parameters[infer.SequenceID]
	for _, name := range parameterNames {
		if p, ok := m.Parameters[name]; ok {
			if err := r.Sequence.SetParameter(name, referenceValue(p)); err != nil {
				return err
			}
		}
	}
	if r.raw && len(m.RawInputContents) != len(m.Inputs) {
		return inferr.Errorf(codes.InvalidArgument, "raw_input_contents")
	}
	for i, in := range m.Inputs {
		t := infer.Tensor{Name: in.GetName(), Datatype: in.GetDatatype(), Shape: in.GetShape()}
		if t.Datatype == infer.FP32 {
			var err error
			if r.raw {
				t.Data, err = referenceRaw(in, m.RawInputContents[i])
			} else {
				t.Data, err = referenceTyped(in)
			}
			if err != nil {
				return err
			}
		}
		r.Inputs = append(r.Inputs, t)
	}
	for _, out := range m.Outputs {
		r.Outputs = append(r.Outputs, out.GetName())
	}
	return nil
}

func referenceValue(p *inference.InferParameter) any {
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

func referenceRaw(in *inference.ModelInferRequest_InferInputTensor, raw []byte) (data []float32, err error) {
	if in.GetContents() != nil || len(raw)%4 != 0 {
		return nil, inferr.Errorf(codes.InvalidArgument, "raw_input_contents")
	}
	for ; len(raw) > 0; raw = raw[4:] {
		data = append(data, math.Float32frombits(binary.LittleEndian.Uint32(raw)))
	}
	return data, nil
}

func referenceTyped(in *inference.ModelInferRequest_InferInputTensor) ([]float32, error) {
	c := in.GetContents()
	if len(c.GetBoolContents())+len(c.GetIntContents())+len(c.GetInt64Contents())+len(c.GetUintContents())+len(c.GetUint64Contents())+
		len(c.GetFp64Contents())+len(c.GetBytesContents()) > 0 {
		return nil, inferr.Errorf(codes.InvalidArgument, "other contents")
	}
	return c.GetFp32Contents(), nil
}

// answer is what answers become, as a generated message.
func (r *reference) answer(response *infer.Response) *inference.ModelInferResponse {
	m := &inference.ModelInferResponse{ModelName: response.Model, ModelVersion: response.Version, Id: response.ID}
	if response.SequenceID != "" {
		m.Parameters = map[string]*inference.InferParameter{
			infer.SequenceID:         r.id,
			infer.SequenceStep:       referenceStep(response.Step),
			infer.SequenceStoredStep: referenceStep(response.StoredStep),
		}
	}
	for _, t := range response.Outputs {
		out := &inference.ModelInferResponse_InferOutputTensor{Name: t.Name, Datatype: t.Datatype, Shape: t.Shape}
		if r.raw {
			var raw []byte
			for _, v := range t.Data {
				raw = protowire.AppendFixed32(raw, math.Float32bits(v))
			}
			m.RawOutputContents = append(m.RawOutputContents, raw)
		} else {
			out.Contents = &inference.InferTensorContents{Fp32Contents: t.Data}
		}
		m.Outputs = append(m.Outputs, out)
	}
	return m
}

func (r *reference) refusal(e *inferr.Error) *inference.ModelStreamInferResponse {
	m := &inference.ModelInferResponse{ModelName: r.Model, ModelVersion: r.Version, Id: r.ID, Parameters: map[string]*inference.InferParameter{
		ErrorCode: {ParameterChoice: &inference.InferParameter_StringParam{StringParam: e.Code.String()}}}}
	if r.id != nil {
		m.Parameters[infer.SequenceID] = r.id
	}
	if e.HasStep {
		m.Parameters[infer.SequenceStep] = referenceStep(e.Step)
	}
	return &inference.ModelStreamInferResponse{ErrorMessage: e.Message, InferResponse: m}
}

func referenceStep(step uint64) *inference.InferParameter {
	return &inference.InferParameter{ParameterChoice: &inference.InferParameter_Int64Param{Int64Param: int64(step)}}
}
