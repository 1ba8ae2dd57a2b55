package onnx

import (
	"encoding/binary"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// message is an encoded message of protocol buffers. Its methods add a field.
type message []byte

func (m message) text(field protowire.Number, s string) message {
	return protowire.AppendString(protowire.AppendTag(m, field, protowire.BytesType), s)
}

func (m message) number(field protowire.Number, n int) message {
	return protowire.AppendVarint(protowire.AppendTag(m, field, protowire.VarintType), uint64(n))
}

func (m message) float(field protowire.Number, v float32) message {
	return protowire.AppendFixed32(protowire.AppendTag(m, field, protowire.Fixed32Type), math.Float32bits(v))
}

func (m message) part(field protowire.Number, part []byte) message {
	return protowire.AppendBytes(protowire.AppendTag(m, field, protowire.BytesType), part)
}

// The types of attributes.
const (
	attributeFloat   = 1
	attributeInt     = 2
	attributeString  = 3
	attributeFloats  = 6
	attributeInts    = 7
	attributeStrings = 8
)

// encodeAttribute makes an AttributeProto of a value of one of these types.
func encodeAttribute(name string, value any) message {
	m := message(nil).text(1, name)
	switch v := value.(type) {
	case float32:
		return m.float(2, v).number(20, attributeFloat)
	case int:
		return m.number(3, v).number(20, attributeInt)
	case string:
		return m.text(4, v).number(20, attributeString)
	case []float32:
		for _, x := range v {
			m = m.float(7, x)
		}
		return m.number(20, attributeFloats)
	case []int:
		for _, n := range v {
			m = m.number(8, n)
		}
		return m.number(20, attributeInts)
	case []string:
		for _, s := range v {
			m = m.text(9, s)
		}
		return m.number(20, attributeStrings)
	}
	panic("onnx: no attribute has this type")
}

// encodeTensor makes a TensorProto of float32s or int64s.
func encodeTensor[T float32 | int64](name string, values []T, dims ...int) message {
	m := message(nil)
	for _, d := range dims {
		m = m.number(1, d)
	}
	dataType, raw := typeFloat, []byte(nil)
	switch values := any(values).(type) {
	case []float32:
		raw = make([]byte, 0, 4*len(values))
		for _, v := range values {
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
		}
	case []int64:
		dataType = typeInt64
		for _, v := range values {
			raw = binary.LittleEndian.AppendUint64(raw, uint64(v))
		}
	}
	return m.number(2, dataType).text(8, name).part(9, raw)
}

// encodeValue makes a ValueInfoProto of floats. A dimension is a size or a name.
func encodeValue(name string, dims ...any) message {
	shape := message(nil)
	for _, d := range dims {
		switch d := d.(type) {
		case int:
			shape = shape.part(1, message(nil).number(1, d))
		case string:
			shape = shape.part(1, message(nil).text(2, d))
		}
	}
	tensor := message(nil).number(1, typeFloat).part(2, shape)
	return message(nil).text(1, name).part(2, message(nil).part(1, tensor))
}
