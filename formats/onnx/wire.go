package onnx

import (
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// A protoField is a field of an encoded message. What it holds depends on its type: a varint or
// fixed32 or fixed64 is in number, anything else in bytes, which are not copied.
type protoField struct {
	id     protowire.Number
	kind   protowire.Type
	number uint64
	bytes  []byte
}

// errWire: the bytes are no message of protocol buffers.
var errWire = damaged("it is truncated, or no ONNX file")

// eachField calls f for each field of a message, in their order.
func eachField(message []byte, f func(protoField) error) error {
	for len(message) > 0 {
		id, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return errWire
		}
		message = message[n:]
		next := protoField{id: id, kind: kind}
		switch kind {
		case protowire.VarintType:
			next.number, n = protowire.ConsumeVarint(message)
		case protowire.Fixed32Type:
			var v uint32
			v, n = protowire.ConsumeFixed32(message)
			next.number = uint64(v)
		case protowire.Fixed64Type:
			next.number, n = protowire.ConsumeFixed64(message)
		case protowire.BytesType:
			next.bytes, n = protowire.ConsumeBytes(message)
		default: // groups, which ONNX has none of
			return errWire
		}
		if n < 0 {
			return errWire
		}
		message = message[n:]
		if err := f(next); err != nil {
			return err
		}
	}
	return nil
}

// text returns a field that is a string.
func (f protoField) text() (string, error) {
	if f.kind != protowire.BytesType {
		return "", errWire
	}
	if !utf8.Valid(f.bytes) {
		return "", damaged("it has a text that is not valid UTF-8")
	}
	return string(f.bytes), nil
}

// message returns a field that is a message.
func (f protoField) message() ([]byte, error) {
	if f.kind != protowire.BytesType {
		return nil, errWire
	}
	return f.bytes, nil
}

// integer returns a field that is an integer.
func (f protoField) integer() (int64, error) {
	if f.kind != protowire.VarintType {
		return 0, errWire
	}
	return int64(f.number), nil
}

// integers calls each for the numbers of a field of repeated integers, of which it
// has one, or all of them packed.
func (f protoField) integers(each func(int64) error) error {
	if f.kind != protowire.BytesType {
		n, err := f.integer()
		if err != nil {
			return err
		}
		return each(n)
	}
	for b := f.bytes; len(b) > 0; {
		v, n := protowire.ConsumeVarint(b)
		if n < 0 {
			return errWire
		}
		b = b[n:]
		if err := each(int64(v)); err != nil {
			return err
		}
	}
	return nil
}

// fixed calls each for the numbers of a field of repeated numbers of so many bytes,
// of which it has one, or all of them packed.
func (f protoField) fixed(size int, each func(uint64) error) error {
	single := protowire.Fixed32Type
	if size == 8 {
		single = protowire.Fixed64Type
	}
	switch {
	case f.kind == single:
		return each(f.number)
	case f.kind != protowire.BytesType || len(f.bytes)%size != 0:
		return errWire
	}
	for b := f.bytes; len(b) > 0; b = b[size:] {
		var v uint64
		if size == 8 {
			v, _ = protowire.ConsumeFixed64(b)
		} else {
			w, _ := protowire.ConsumeFixed32(b)
			v = uint64(w)
		}
		if err := each(v); err != nil {
			return err
		}
	}
	return nil
}
