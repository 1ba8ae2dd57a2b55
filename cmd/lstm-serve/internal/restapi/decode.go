package restapi

import (
	"encoding/binary"
	"errors"
	"math"
	"strconv"
	"unicode/utf8"

	"google.golang.org/grpc/codes"

	"example.com/lstm/cmd/lstm-serve/internal/infer"
	"example.com/lstm/cmd/lstm-serve/internal/inferr"
)

// mostTensors that a request may name; more than that would take more memory than text.
const mostTensors = 256

var errSurrogate = errors.New("half of a surrogate pair")

// A call is an inference request as it came over REST.
type call struct {
	infer.Request
	// numericID says that sequence_id was a number: so the answer has it as a number.
	numericID bool
	// binary is how outputs are to come, but for those that outputBinary names.
	binary       bool
	outputBinary map[string]bool
}

// isBinary returns whether the output is to come as bytes behind the JSON text.
func (c *call) isBinary(output string) bool {
	if b, ok := c.outputBinary[output]; ok {
		return b
	}
	return c.binary
}

// decodeCall decodes the body of an inference request, whose first header bytes are a
// JSON text, and the rest the bytes of its binary tensors. It keeps nothing of body.
// A JSON tensor may have mostElements. Whether model and tensors fit each other is for
// package infer to say. All errors have the code InvalidArgument.
func decodeCall(body []byte, header, mostElements int) (*call, error) {
	if !utf8.Valid(body[:header]) {
		return nil, inferr.Errorf(codes.InvalidArgument, "the JSON text is not UTF-8")
	}
	d := decoder{reader: reader{text: string(body[:header])}, rest: body[header:], mostElements: mostElements}
	if err := d.request(); err != nil {
		return nil, err
	}
	if err := d.end(); err != nil {
		return nil, err
	}
	for _, t := range d.binaries {
		if err := d.bytes(t); err != nil {
			return nil, err
		}
	}
	if len(d.rest) > 0 {
		return nil, inferr.Errorf(codes.InvalidArgument,
			"%d bytes are left behind the JSON text and the tensors, expected 0", len(d.rest))
	}
	return &d.call, nil
}

type decoder struct {
	reader
	call
	rest     []byte // what follows the JSON text
	binaries []binaryTensor

	mostElements int
	allocated    int // elements of all tensors so far
}

// A binaryTensor is an input that says that its data follow the JSON text.
type binaryTensor struct {
	input int
	size  uint64
}

func (d *decoder) request() error {
	return d.object("the request", func(key string) (err error) {
		switch key {
		case "id":
			d.ID, err = d.string("id")
		case "parameters":
			err = d.object("parameters", d.parameter)
		case "inputs":
			err = d.array("inputs", d.input)
		case "outputs":
			err = d.array("outputs", d.output)
		default:
			err = d.skip()
		}
		return err
	})
}

func (d *decoder) parameter(key string) error {
	switch key {
	case infer.SequenceID, infer.SequenceStart, infer.SequenceEnd, infer.SequenceStep:
		value, err := d.scalar(key)
		if err != nil {
			return err
		}
		if _, isText := value.(string); key == infer.SequenceID {
			d.numericID = !isText
		}
		return d.Sequence.SetParameter(key, value)
	case "binary_data_output":
		var err error
		d.binary, err = d.boolean(key)
		return err
	}
	return d.skip()
}

// scalar reads the value of a parameter, which is a uint64 or int64 where it can be.
func (d *decoder) scalar(what string) (any, error) {
	switch d.next() {
	case '"':
		return d.string(what)
	case 't', 'f':
		return d.boolean(what)
	}
	text, err := d.number(what + ", a string or true or false")
	if err != nil {
		return nil, err
	}
	if n, err := strconv.ParseUint(text, 10, 64); err == nil {
		return n, nil
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, nil
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil, d.errorf("%s is %s, which is outside of float64", what, clip(text, 32))
	}
	return n, nil
}

func (d *decoder) unsigned(what string) (uint64, error) {
	start := d.at
	text, err := d.number(what)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		d.at = start
		return 0, d.errorf("%s is %s, expected an integer from 0 to 2^64-1", what, clip(text, 32))
	}
	return n, nil
}

// input reads an element of inputs.
func (d *decoder) input() error {
	if len(d.Inputs) == mostTensors {
		return d.errorf("more than %d inputs", mostTensors)
	}
	var t infer.Tensor
	var data numbers
	var dataErr error
	var hasData, hasSize bool
	var size uint64
	err := d.object("an input", func(key string) (err error) {
		switch key {
		case "name":
			t.Name, err = d.string(key)
		case "datatype":
			t.Datatype, err = d.string(key)
		case "shape":
			t.Shape, err = d.shape()
		case "data":
			hasData = true
			start := d.at
			// For all inputs together no more than the text has room for.
			room := max(int64(len(d.text)/2-d.allocated), 0)
			data, dataErr = d.numbers(min(elements(t.Shape), room), d.mostElements)
			d.allocated += cap(data.data)
			if dataErr != nil {
				// Other datatypes have other data; infer says that they are not wanted.
				d.at = start
				err = d.skip()
			}
		case "parameters":
			err = d.object("parameters of an input", func(key string) (err error) {
				switch key {
				case "binary_data_size":
					hasSize = true
					size, err = d.unsigned(key)
				case "shared_memory_region":
					err = d.errorf("%s is not supported", key)
				default:
					err = d.skip()
				}
				return err
			})
		default:
			err = d.skip()
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case hasData && hasSize:
		return d.errorf("input %q has both data and binary_data_size", clip(t.Name, 64))
	case hasSize:
		d.binaries = append(d.binaries, binaryTensor{len(d.Inputs), size})
	case t.Datatype != infer.FP32: // for infer to refuse
	case !hasData:
		return d.errorf("input %q has neither data nor binary_data_size", clip(t.Name, 64))
	case dataErr != nil:
		return dataErr
	default:
		// Behind a list without inner lists, any shape of as many elements is meant.
		if len(data.lengths) > 1 && !sameShape(data.lengths, t.Shape) {
			return d.errorf("input %q has data of shape %v, expected %v as its shape says, or a flat list",
				clip(t.Name, 64), data.lengths, t.Shape)
		}
		t.Data = data.data
	}
	d.Inputs = append(d.Inputs, t)
	return nil
}

func (d *decoder) shape() ([]int64, error) {
	shape := make([]int64, 0, 3)
	err := d.array("shape", func() error {
		if len(shape) == mostDimensions {
			return d.errorf("shape has more than %d dimensions", mostDimensions)
		}
		start := d.at
		text, err := d.number("a dimension of shape")
		if err != nil {
			return err
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 {
			d.at = start
			return d.errorf("shape has a dimension %s, expected an integer from 0 to 2^63-1", clip(text, 32))
		}
		shape = append(shape, n)
		return nil
	})
	return shape, err
}

// elements returns how many of them a shape has, 0 if it is unknown or too large.
func elements(shape []int64) int64 {
	n := int64(1)
	for _, s := range shape {
		if s == 0 || n > math.MaxInt32/s {
			return 0
		}
		n *= s
	}
	return n
}

func sameShape(lengths []int, shape []int64) bool {
	if len(lengths) != len(shape) {
		return false
	}
	for i, n := range lengths {
		if int64(n) != shape[i] {
			return false
		}
	}
	return true
}

// output reads an element of outputs.
func (d *decoder) output() error {
	if len(d.Outputs) == mostTensors {
		return d.errorf("more than %d outputs", mostTensors)
	}
	var name string
	var isBinary, says bool
	err := d.object("an output", func(key string) (err error) {
		switch key {
		case "name":
			name, err = d.string(key)
		case "parameters":
			err = d.object("parameters of an output", func(key string) (err error) {
				switch key {
				case "binary_data":
					says = true
					isBinary, err = d.boolean(key)
				case "classification", "shared_memory_region":
					err = d.errorf("%s is not supported", key)
				default:
					err = d.skip()
				}
				return err
			})
		default:
			err = d.skip()
		}
		return err
	})
	if err != nil {
		return err
	}
	if says {
		if d.outputBinary == nil {
			d.outputBinary = map[string]bool{}
		}
		d.outputBinary[name] = isBinary
	}
	d.Outputs = append(d.Outputs, name)
	return nil
}

// bytes takes the data of an input from what follows the JSON text.
func (d *decoder) bytes(b binaryTensor) error {
	t := &d.Inputs[b.input]
	if b.size > uint64(len(d.rest)) {
		return inferr.Errorf(codes.InvalidArgument, "input %q has binary_data_size %d, but %d bytes are left in the body",
			clip(t.Name, 64), b.size, len(d.rest))
	}
	data := d.rest[:b.size]
	d.rest = d.rest[b.size:]
	if t.Datatype != infer.FP32 {
		return nil
	}
	if len(data)%4 != 0 {
		return inferr.Errorf(codes.InvalidArgument, "input %q has binary_data_size %d, expected a multiple of 4",
			clip(t.Name, 64), b.size)
	}
	t.Data = make([]float32, len(data)/4)
	for i := range t.Data {
		t.Data[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
	}
	return nil
}

// headerLength is what the header field Inference-Header-Content-Length says about
// a body: how many bytes of it are the JSON text. Without the field all are.
func headerLength(field string, body []byte) (int, error) {
	if field == "" {
		return len(body), nil
	}
	n, err := strconv.ParseUint(field, 10, 64)
	if err != nil || n > uint64(len(body)) {
		return 0, inferr.Errorf(codes.InvalidArgument, "%s is %q, expected an integer from 0 to %d, the length of the body",
			headerLengthField, clip(field, 32), len(body))
	}
	if n == 0 {
		return 0, inferr.Errorf(codes.InvalidArgument, "%s is 0: a body of bytes only is not supported", headerLengthField)
	}
	return int(n), nil
}

const headerLengthField = "Inference-Header-Content-Length"
