package grpcapi

import (
	"encoding/binary"
	"math"
	"slices"
	"sync"
	"unicode/utf8"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protowire"

	"example.com/lstm/cmd/lstm-serve/internal/infer"
	"example.com/lstm/cmd/lstm-serve/internal/inferr"
)

// A request is a ModelInferRequest, decoded to what package infer wants of it, and what
// has become of it. The generated type has memory for everything that a message may
// have, in many pieces; it takes six times as long, and a hostile message of 1 MiB can
// make it 59 MiB.
type request struct {
	infer.Request
	wrong error     // why the message, though it can be decoded, is none of a request
	raw   bool      // tensors come and go as bytes
	id    parameter // of the sequence, as the client has sent it, if hasID is set
	hasID bool

	input [1]infer.Tensor // memory for Inputs
	shape [mostDimensions]int64
	data  []float32

	// What becomes of it: Infer calls done, which sets response or err and sends the request
	// to answers.
	response *infer.Response
	err      error
	answers  chan<- *request
	done     func(*infer.Response, error)
	room     int64 // how much of its exchange's it takes
	held     *held // of its connection's, if the answer is that of a call, and large
	own      chan *request
}

const (
	mostDimensions = 8    // of a tensor that is looked at further
	mostOutputs    = 1000 // names of wanted outputs
	mostKept       = 4096 // elements of which the memory is kept for the next request
)

var requests = sync.Pool{New: func() any {
	r := &request{own: make(chan *request, 1)}
	r.done = func(response *infer.Response, err error) {
		r.response, r.err = response, err
		r.answers <- r
	}
	return r
}}

// newRequest returns a request to decode a message into.
func newRequest() *request { return requests.Get().(*request) }

// release gives a request back that nobody uses any more.
func (r *request) release() {
	r.response, r.err, r.answers, r.held = nil, nil, nil, nil
	requests.Put(r)
}

// decode makes r of a message. The error is that of a message that cannot be decoded.
func (r *request) decode(b []byte) error {
	m := message{request: r}
	r.reset()
	if err := m.decode(b); err != nil {
		return err
	}
	r.wrong = m.finish()
	return nil
}

// reset forgets a request, but for memory and names that the next may have, too.
func (r *request) reset() {
	r.Request = infer.Request{Model: r.Model, Version: r.Version, ID: r.ID, Outputs: r.Outputs[:0]}
	r.wrong, r.raw, r.hasID = nil, false, false
	r.input[0] = infer.Tensor{Name: r.input[0].Name, Datatype: r.input[0].Datatype, Shape: r.shape[:0]}
	if cap(r.data) > mostKept {
		r.data = nil
	}
	r.data = r.data[:0]
}

// A message is what is found in an encoded ModelInferRequest. Of inputs only the first is
// looked at, since one is wanted.
type message struct {
	*request
	model, version, idText   []byte
	parameters               [4]parameter
	given                    [4]bool
	inputs, outputs          int
	raws, dimensions         int
	firstRaw                 []byte
	hasContents              bool
	otherContents            protowire.Number // one that is no fp32_contents, 0 if there is none
	inputName, inputDatatype []byte
}

// parameterNames are those of parameters, in their order.
var parameterNames = [4]string{infer.SequenceID, infer.SequenceStart, infer.SequenceEnd, infer.SequenceStep}

func (m *message) decode(b []byte) error {
	for len(b) > 0 {
		f, rest, err := nextField(b)
		if err != nil {
			return err
		}
		b = rest
		if f.kind != protowire.BytesType {
			continue
		}
		switch f.number {
		case 1:
			m.model = f.bytes
		case 2:
			m.version = f.bytes
		case 3:
			m.idText = f.bytes
		case 4:
			err = m.decodeParameter(f.bytes)
		case 5:
			if m.inputs++; m.inputs == 1 {
				err = m.decodeInput(f.bytes)
			}
		case 6:
			if m.outputs++; m.outputs <= mostOutputs {
				err = m.decodeOutput(f.bytes)
			}
		case 7:
			if m.raws++; m.raws == 1 {
				m.firstRaw = f.bytes
			}
		}
		if err != nil {
			return err
		}
	}
	for _, s := range [...]struct {
		is *string
		of []byte
	}{{&m.Model, m.model}, {&m.Version, m.version}, {&m.ID, m.idText}, {&m.input[0].Name, m.inputName}, {&m.input[0].Datatype, m.inputDatatype}} {
		if err := setText(s.is, s.of); err != nil {
			return err
		}
	}
	return nil
}

func (m *message) decodeParameter(b []byte) error {
	name, value, err := decodeEntry(b)
	if err != nil {
		return err
	}
	for i, known := range parameterNames {
		if string(name) == known {
			m.given[i], m.parameters[i] = true, parameter{}
			return m.parameters[i].decode(value)
		}
	}
	if !utf8.Valid(name) {
		return errUTF8
	}
	return nil
}

func (m *message) decodeOutput(b []byte) error {
	var name []byte
	for len(b) > 0 {
		f, rest, err := nextField(b)
		if err != nil {
			return err
		}
		b = rest
		if f.number == 1 && f.kind == protowire.BytesType {
			name = f.bytes
		}
	}
	if n := len(m.Outputs); n < cap(m.Outputs) { // where the last request may have had the same
		m.Outputs = m.Outputs[:n+1]
	} else {
		m.Outputs = append(m.Outputs, "")
	}
	return setText(&m.Outputs[len(m.Outputs)-1], name)
}

func (m *message) decodeInput(b []byte) error {
	for len(b) > 0 {
		f, rest, err := nextField(b)
		if err != nil {
			return err
		}
		b = rest
		switch {
		case f.number == 3 && f.kind == protowire.VarintType:
			m.addDimension(f.value)
		case f.kind != protowire.BytesType:
		case f.number == 1:
			m.inputName = f.bytes
		case f.number == 2:
			m.inputDatatype = f.bytes
		case f.number == 3:
			for packed := f.bytes; len(packed) > 0; {
				v, n := protowire.ConsumeVarint(packed)
				if n < 0 {
					return protowire.ParseError(n)
				}
				m.addDimension(v)
				packed = packed[n:]
			}
		case f.number == 5:
			m.hasContents = true
			if err := m.decodeContents(f.bytes); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *message) addDimension(v uint64) {
	if m.dimensions < mostDimensions {
		m.shape[m.dimensions] = int64(v)
	}
	m.dimensions++
}

// contentsNames are those of the fields of InferTensorContents.
var contentsNames = [...]string{1: "bool_contents", 2: "int_contents", 3: "int64_contents", 4: "uint_contents", 5: "uint64_contents",
	6: "fp32_contents", 7: "fp64_contents", 8: "bytes_contents"}

const fp32Contents = 6

func (m *message) decodeContents(b []byte) error {
	for len(b) > 0 {
		f, rest, err := nextField(b)
		if err != nil {
			return err
		}
		b = rest
		switch {
		case f.number == fp32Contents && f.kind == protowire.Fixed32Type:
			m.data = append(m.data, math.Float32frombits(uint32(f.value)))
		case f.number == fp32Contents && f.kind == protowire.BytesType:
			if len(f.bytes)%4 != 0 {
				return protowire.ParseError(-1)
			}
			m.addData(f.bytes)
		case f.number < protowire.Number(len(contentsNames)) && hasElements(&f):
			m.otherContents = f.number
		}
	}
	return nil
}

// hasElements reports whether a field of contents that are not fp32_contents has any.
func hasElements(f *field) bool {
	switch f.number {
	case 7:
		return f.kind == protowire.Fixed64Type || f.kind == protowire.BytesType && len(f.bytes) > 0
	case 8:
		return f.kind == protowire.BytesType
	}
	return f.number != fp32Contents && (f.kind == protowire.VarintType || f.kind == protowire.BytesType && len(f.bytes) > 0)
}

// addData adds elements, four bytes each, the lowest first.
func (m *message) addData(b []byte) {
	n := len(m.data)
	m.data = slices.Grow(m.data, len(b)/4)[:n+len(b)/4]
	for to := m.data[n:]; len(to) > 0 && len(b) >= 4; to, b = to[1:], b[4:] {
		to[0] = math.Float32frombits(binary.LittleEndian.Uint32(b))
	}
}

// finish completes the request, and returns what is wrong with it.
func (m *message) finish() error {
	r := m.request
	r.raw = m.raws > 0
	r.id, r.hasID = m.parameters[0], m.given[0]
	for i, name := range parameterNames {
		if m.given[i] {
			if err := m.parameters[i].set(&r.Sequence, name); err != nil {
				return err
			}
		}
	}
	if m.inputs != 1 {
		return infer.WrongInputs(m.inputs)
	}
	if m.outputs > mostOutputs {
		return inferr.Errorf(codes.InvalidArgument, "there are %d wanted outputs, want at most %d", m.outputs, mostOutputs)
	}
	in := &r.input[0]
	if m.dimensions > mostDimensions {
		return inferr.Errorf(codes.InvalidArgument, "input %.100q has %d dimensions, want 1 to 3", in.Name, m.dimensions)
	}
	r.Inputs = r.input[:]
	in.Shape = r.shape[:m.dimensions]
	if in.Datatype != infer.FP32 {
		return nil // which is refused, whatever its contents
	}
	if err := m.takeContents(in.Name); err != nil {
		return err
	}
	in.Data = r.data
	return nil
}

// takeContents sees to it that the contents of the input are in data.
func (m *message) takeContents(name string) error {
	switch {
	case m.raws > 1:
		return inferr.Errorf(codes.InvalidArgument, "there are %d raw_input_contents, want one for each input, 1", m.raws)
	case m.raws == 1 && m.hasContents:
		return inferr.Errorf(codes.InvalidArgument, "input %.100q has contents beside raw_input_contents, want one of them", name)
	case m.raws == 1 && len(m.firstRaw)%4 != 0:
		return inferr.Errorf(codes.InvalidArgument, "the raw_input_contents of input %.100q have %d bytes, want 4 for each element", name, len(m.firstRaw))
	case m.raws == 1:
		m.addData(m.firstRaw)
	case m.otherContents != 0:
		return inferr.Errorf(codes.InvalidArgument, "input %.100q of datatype %s has %s, want fp32_contents", name, infer.FP32, contentsNames[m.otherContents])
	}
	return nil
}
