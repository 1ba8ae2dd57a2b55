package grpcapi

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"

	"example.com/lstm/cmd/lstm-serve/internal/infer"
	"example.com/lstm/cmd/lstm-serve/internal/inferr"
)

// ErrorCode is the parameter of an error in a ModelStreamInfer that has the name of
// gRPC's code, such as "FailedPrecondition".
const ErrorCode = "error_code"

// The messages of a request that has been answered.
type (
	callAnswer   request // ModelInferResponse
	streamAnswer request // ModelStreamInferResponse, which may be an error
)

// encode returns the encoded message.
func (a *callAnswer) encode() []byte {
	var m answerMessage
	m.set((*request)(a))
	return m.append(make([]byte, 0, m.size()))
}

// encode returns the encoded message. One of an error says what it belongs to, the code,
// and the last step of the sequence, if it is known.
func (a *streamAnswer) encode() []byte {
	var m answerMessage
	m.set((*request)(a))
	size := m.size()
	b := make([]byte, 0, textSize(m.err)+messageSize(size))
	return m.append(appendHeader(appendText(b, 1, m.err), 2, size))
}

// An answerMessage is a ModelInferResponse.
type answerMessage struct {
	err                string
	model, version, id string
	parameters         [3]named
	count              int // of parameters
	outputs            []infer.Tensor
	raw                bool
}

func (m *answerMessage) set(r *request) {
	m.raw = r.raw
	if r.err != nil {
		m.model, m.version, m.id = r.Model, r.Version, r.ID
		e := inError(r.err)
		// An empty text is no error, and one that is no UTF-8 no message.
		m.err = validText(e.Message)
		if m.err == "" {
			m.err = e.Code.String()
		}
		m.add(ErrorCode, text(e.Code.String()))
		if r.hasID {
			m.add(infer.SequenceID, r.id)
		}
		if e.HasStep {
			m.add(infer.SequenceStep, integer(int64(e.Step)))
		}
		return
	}
	m.model, m.version, m.id, m.outputs = r.response.Model, r.response.Version, r.response.ID, r.response.Outputs
	if r.response.SequenceID != "" {
		m.add(infer.SequenceID, r.id)
		m.add(infer.SequenceStep, integer(int64(r.response.Step)))
		m.add(infer.SequenceStoredStep, integer(int64(r.response.StoredStep)))
	}
}

func (m *answerMessage) add(name string, p parameter) {
	m.parameters[m.count] = named{name, p}
	m.count++
}

func (m *answerMessage) size() int {
	size := textSize(m.model) + textSize(m.version) + textSize(m.id)
	for i := range m.parameters[:m.count] {
		size += messageSize(m.parameters[i].entrySize())
	}
	for i := range m.outputs {
		t := &m.outputs[i]
		size += messageSize(m.outputSize(t))
		if m.raw {
			size += messageSize(4 * len(t.Data))
		}
	}
	return size
}

func (m *answerMessage) append(b []byte) []byte {
	b = appendText(b, 1, m.model)
	b = appendText(b, 2, m.version)
	b = appendText(b, 3, m.id)
	for i := range m.parameters[:m.count] {
		b = m.parameters[i].appendEntry(appendHeader(b, 4, m.parameters[i].entrySize()))
	}
	for i := range m.outputs {
		t := &m.outputs[i]
		b = m.appendOutput(appendHeader(b, 5, m.outputSize(t)), t)
	}
	if m.raw {
		for i := range m.outputs {
			b = appendFloats(appendHeader(b, 6, 4*len(m.outputs[i].Data)), m.outputs[i].Data)
		}
	}
	return b
}

// outputSize is how long an InferOutputTensor is without its header.
func (m *answerMessage) outputSize(t *infer.Tensor) int {
	size := textSize(t.Name) + textSize(t.Datatype) + messageSize(shapeSize(t.Shape))
	if !m.raw {
		size += messageSize(contentsSize(t))
	}
	return size
}

func (m *answerMessage) appendOutput(b []byte, t *infer.Tensor) []byte {
	b = appendText(b, 1, t.Name)
	b = appendText(b, 2, t.Datatype)
	b = appendHeader(b, 3, shapeSize(t.Shape))
	for _, n := range t.Shape {
		b = protowire.AppendVarint(b, uint64(n))
	}
	if !m.raw {
		b = appendHeader(b, 5, contentsSize(t))
		b = appendFloats(appendHeader(b, fp32Contents, 4*len(t.Data)), t.Data)
	}
	return b
}

func shapeSize(shape []int64) int {
	size := 0
	for _, n := range shape {
		size += protowire.SizeVarint(uint64(n))
	}
	return size
}

func contentsSize(t *infer.Tensor) int { return messageSize(4 * len(t.Data)) }

func appendFloats(b []byte, x []float32) []byte {
	n := len(b)
	b = slices.Grow(b, 4*len(x))[:n+4*len(x)]
	to := b[n:]
	for ; len(x) > 0 && len(to) >= 4; x, to = x[1:], to[4:] {
		binary.LittleEndian.PutUint32(to, math.Float32bits(x[0]))
	}
	return b
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
