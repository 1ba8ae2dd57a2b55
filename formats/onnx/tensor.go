package onnx

import (
	"fmt"
	"math"

	"example.com/lstm/internal/sizes"
)

// The types of tensors.
const (
	typeFloat    = 1
	typeUint8    = 2
	typeInt8     = 3
	typeInt32    = 6
	typeInt64    = 7
	typeBool     = 9
	typeFloat16  = 10
	typeDouble   = 11
	typeBFloat16 = 16
)

// tensorTypes says of the types that are read what they are called, how many bytes
// of raw data an element has, and which field has the elements otherwise.
var tensorTypes = map[int32]struct {
	name  string
	bytes int
	field int
}{
	typeFloat: {"float", 4, 4}, typeUint8: {"uint8", 1, 5}, typeInt8: {"int8", 1, 5}, typeInt32: {"int32", 4, 5}, typeInt64: {"int64", 8, 7},
	typeBool: {"bool", 1, 5}, typeFloat16: {"float16", 2, 5}, typeDouble: {"double", 8, 10}, typeBFloat16: {"bfloat16", 2, 5},
}

func isFloatType(t int32) bool {
	return t == typeFloat || t == typeFloat16 || t == typeDouble || t == typeBFloat16
}

// tensor is a TensorProto.
type tensor struct {
	name     string
	dataType int32
	shape    []dim
	raw      []byte
	hasRaw   bool
	external map[string]string // nil for none
	listed   []uint64          // the bits of what is not raw
}

// parseTensor reads a TensorProto, without external data.
func parseTensor(data []byte) (*tensor, error) {
	t := &tensor{}
	entries := map[string]string{}
	location := int64(0)
	err := eachField(data, func(field protoField) (err error) {
		switch field.id {
		case 1:
			err = field.integers(func(n int64) error {
				if len(t.shape) == maxDims {
					return unsupported("it has more than %d dimensions", maxDims)
				}
				if n < 0 {
					return damaged("it has the dimension %d, want at least 0", n)
				}
				t.shape = append(t.shape, number(n))
				return nil
			})
		case 2:
			var n int64
			n, err = field.integer()
			t.dataType = int32(n)
		case 3:
			err = unsupported("it is a segment of a tensor")
		case 8:
			t.name, err = field.text()
		case 9:
			t.hasRaw = true
			t.raw, err = field.message()
		case 13:
			var key, value string
			if len(entries) == maxDims {
				return unsupported("it has more than %d entries of external data", maxDims)
			}
			key, value, err = parseEntry(field)
			entries[key] = value
		case 14:
			location, err = field.integer()
		}
		return err
	})
	if err != nil {
		return t, err
	}
	if location == 1 {
		t.external = entries
	} else if location != 0 {
		return t, unsupported("its data_location is %d, want 0 or 1", location)
	}
	known, ok := tensorTypes[t.dataType]
	if !ok {
		return t, unsupported("its data_type is %d, want one of float, double, float16, bfloat16, int8, uint8, int32, int64 and bool", t.dataType)
	}
	if t.hasRaw || t.external != nil {
		return t, nil
	}
	// The elements are in one of the fields of repeated numbers.
	add := func(v uint64) error { t.listed = append(t.listed, v); return nil }
	err = eachField(data, func(field protoField) error {
		if int(field.id) != known.field {
			return nil
		}
		switch known.field {
		case 4:
			return field.fixed(4, add)
		case 10:
			return field.fixed(8, add)
		}
		return field.integers(func(n int64) error { return add(uint64(n)) })
	})
	return t, err
}

// constant makes a constant of t, whose raw data are there if they were external.
// What is not finite is an error unless nonFinite is set.
func (t *tensor) constant(b *budget, nonFinite bool) (*constant, error) {
	known := tensorTypes[t.dataType]
	want, ok := elements(t.shape)
	got := len(t.listed)
	if t.hasRaw {
		got = len(t.raw) / known.bytes
	}
	if !ok || want.plus != int64(got) || t.hasRaw && len(t.raw)%known.bytes != 0 {
		return nil, damaged("it has the shape %s, and %d elements", describeShape(t.shape), got)
	}
	if err := b.take(got); err != nil {
		return nil, err
	}
	element := func(i int) uint64 {
		if !t.hasRaw {
			return t.listed[i]
		}
		v := uint64(0)
		for k, c := range t.raw[i*known.bytes:][:known.bytes] {
			v |= uint64(c) << (8 * k)
		}
		return v
	}
	switch t.dataType {
	case typeInt32, typeInt64, typeBool:
		if got > maxInts {
			return nil, unsupported("it has %d integers, want at most %d", got, maxInts)
		}
		dims := make([]dim, got)
		for i := range dims {
			dims[i] = number(signExtended(element(i), t.dataType))
		}
		return newDims(t.shape, dims), nil
	}
	floats := make([]float32, got)
	for i := range floats {
		v := toFloat(element(i), t.dataType)
		if !nonFinite && (math.IsNaN(float64(v)) || math.IsInf(float64(v), 0)) {
			return nil, damaged("element %d is %v as a float32, want a finite number; onnx.WithNonFinite() takes such numbers as they are", i, v)
		}
		floats[i] = v
	}
	c := newFloats(t.shape, floats)
	c.bits8 = !isFloatType(t.dataType)
	return c, nil
}

// maxInts is how many integers a constant may have: they are sizes and indices, for
// each of which 40 bytes are taken.
const maxInts = 10_000

func signExtended(v uint64, dataType int32) int64 {
	switch dataType {
	case typeInt32:
		return int64(int32(v))
	case typeBool:
		if v != 0 {
			return 1
		}
		return 0
	}
	return int64(v)
}

// toFloat returns the number that the bits of an element are, rounded to nearest.
func toFloat(bits uint64, dataType int32) float32 {
	switch dataType {
	case typeFloat:
		return math.Float32frombits(uint32(bits))
	case typeDouble:
		return float32(math.Float64frombits(bits))
	case typeBFloat16:
		return math.Float32frombits(uint32(bits) << 16)
	case typeFloat16:
		return halfToFloat(uint16(bits))
	case typeInt8:
		return float32(int8(bits))
	}
	return float32(uint8(bits))
}

func halfToFloat(h uint16) float32 {
	sign := float32(1)
	if h&0x8000 != 0 {
		sign = -1
	}
	exponent, fraction := int(h>>10&31), float64(h&0x3ff)
	switch exponent {
	case 0:
		return float32(math.Copysign(math.Ldexp(fraction, -24), float64(sign)))
	case 31:
		if fraction != 0 {
			return float32(math.NaN())
		}
		return sign * float32(math.Inf(1))
	}
	return sign * float32(math.Ldexp(1024+fraction, exponent-25))
}

// decode makes a constant of a TensorProto.
func (e *evaluator) decode(data []byte) (*constant, error) {
	t, err := parseTensor(data)
	if err != nil {
		return nil, nameTensor(t, err)
	}
	if t.external != nil {
		n, ok := elements(t.shape)
		bytes, fits := sizes.Product(int(n.plus), tensorTypes[t.dataType].bytes)
		if !ok || !fits || int64(int(n.plus)) != n.plus {
			return nil, nameTensor(t, damaged("it has the shape %s, whose elements do not fit a memory", describeShape(t.shape)))
		}
		if t.raw, err = e.external.read(t.external, bytes, e.budget); err != nil {
			return nil, nameTensor(t, err)
		}
		t.hasRaw = true
	}
	c, err := t.constant(e.budget, e.options.nonFinite)
	return c, nameTensor(t, err)
}

func nameTensor(t *tensor, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("tensor %.80q: %w", t.name, err)
}
