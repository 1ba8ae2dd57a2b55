package safetensors

import (
	"encoding/binary"
	"math"

	"example.com/lstm/internal/float16"
)

// Int8 is the element type of whole numbers of 8 bits, of which -128 is refused.
const Int8 = "I8"

// readable lists the types of numbers that stand for themselves, for messages.
const readable = "F32, F16, BF16 or F64"

// dtypes are the element types that can be read, by their names in a file.
var dtypes = map[string]struct {
	size    int
	float32 func(b []byte) float32
}{
	"F32":  {4, func(b []byte) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(b)) }},
	"F16":  {2, func(b []byte) float32 { return float16.Widen(binary.LittleEndian.Uint16(b)) }},
	"BF16": {2, func(b []byte) float32 { return math.Float32frombits(uint32(binary.LittleEndian.Uint16(b)) << 16) }},
	"F64":  {8, func(b []byte) float32 { return float32(float64At(b)) }},
	Int8:   {1, func(b []byte) float32 { return float32(int8(b[0])) }},
}

func float64At(b []byte) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(b)) }

// nonFinite is the error of element i, which is x as a float32 and begins b in
// the file.
func (e *Entry) nonFinite(i int, x float32, b []byte) error {
	index := e.index(i)
	if e.DType == "F64" {
		if v := float64At(b); !math.IsInf(v, 0) && !math.IsNaN(v) {
			return &FormatError{NonFinite, e.Errorf("element %v is %g, which is beyond float32", index, v)}
		}
	}
	return &FormatError{NonFinite, e.Errorf("element %v is %g, want finite numbers", index, x)}
}

// CheckFloats returns an error of kind [Unsupported] if the tensor's numbers do not
// stand for themselves, as those of [Int8] do not without a scale.
func (e *Entry) CheckFloats() error {
	if e.DType == Int8 {
		return unsupported(e.Errorf("dtype is %s, want %s", Quote(e.DType), readable))
	}
	return nil
}

// CheckFinite returns the error that [File.ReadData] returns for the first of the
// tensor's numbers that is NaN or infinite.
func (e *Entry) CheckFinite(data []float32) error {
	for i, x := range data {
		if x-x != 0 {
			return e.nonFinite(i, x, nil)
		}
	}
	return nil
}

// index returns the indices of element i, one for each dimension.
func (e *Entry) index(i int) []int {
	index := make([]int, len(e.Shape))
	for d := len(e.Shape) - 1; d >= 0; d-- {
		index[d] = i % e.Shape[d]
		i /= e.Shape[d]
	}
	return index
}
