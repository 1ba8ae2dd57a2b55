package safetensors

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"
	"unicode/utf8"

	"example.com/lstm/internal/float16"
)

// Tensor is a named array, row-major, of Data in float32, or in binary16 if Half is
// set, or of Bytes. As binary16, numbers are rounded to nearest, ties to even.
type Tensor struct {
	Name  string
	Shape []int
	Data  []float32
	Half  bool
	Bytes []int8
}

// dtype is the element type, its size, and how many elements there are.
func (t *Tensor) dtype() (name string, size, elements int) {
	switch {
	case t.Bytes != nil:
		return Int8, 1, len(t.Bytes)
	case t.Half:
		return "F16", 2, len(t.Data)
	}
	return "F32", 4, len(t.Data)
}

// ElementSize is the bytes of an element.
func (t *Tensor) ElementSize() int {
	_, size, _ := t.dtype()
	return size
}

// append appends elements from i up to end.
func (t *Tensor) append(to []byte, i, end int) []byte {
	switch {
	case t.Bytes != nil:
		for _, x := range t.Bytes[i:end] {
			to = append(to, byte(x))
		}
	case t.Half:
		for _, x := range t.Data[i:end] {
			bits, _ := float16.Round(x)
			to = binary.LittleEndian.AppendUint16(to, bits)
		}
	default:
		for _, x := range t.Data[i:end] {
			to = binary.LittleEndian.AppendUint32(to, math.Float32bits(x))
		}
	}
	return to
}

// Write writes a file with the tensors in the order given. Their names
// must need no escapes in JSON.
func Write(w io.Writer, tensors []Tensor, metadata map[string]string) error {
	if len(tensors) > MaxTensors {
		return unsupported(fmt.Errorf("%d tensors, want at most %d in a file", len(tensors), MaxTensors))
	}
	if len(metadata) > MaxMetadata {
		return unsupported(fmt.Errorf("metadata has %d keys, want at most %d", len(metadata), MaxMetadata))
	}
	var header bytes.Buffer
	header.Write(make([]byte, 8)) // the length, once it is known
	separator := "{"
	if len(metadata) > 0 {
		for key, value := range metadata {
			if !utf8.ValidString(key) || !utf8.ValidString(value) {
				return fmt.Errorf("metadata %s: %s, want valid UTF-8", Quote(key), Quote(value))
			}
		}
		text, err := json.Marshal(metadata) // keys are sorted
		if err != nil {
			return fmt.Errorf("metadata: %w", err)
		}
		fmt.Fprintf(&header, `{%q:%s`, metadataKey, text)
		separator = ","
	}
	end := int64(0)
	for _, t := range tensors {
		begin := end
		dtype, size, elements := t.dtype()
		end += int64(size) * int64(elements)
		shape := strings.ReplaceAll(fmt.Sprint(t.Shape), " ", ",")
		fmt.Fprintf(&header, `%s%q:{"dtype":%q,"shape":%s,"data_offsets":[%d,%d]}`, separator, t.Name, dtype, shape, begin, end)
		separator = ","
	}
	header.WriteByte('}')
	for header.Len()%8 != 0 {
		header.WriteByte(' ')
	}
	length := header.Len() - 8
	if length > MaxHeader {
		return unsupported(fmt.Errorf("header with the metadata takes %d bytes, want at most %d", length, MaxHeader))
	}
	binary.LittleEndian.PutUint64(header.Bytes(), uint64(length))

	if _, err := w.Write(header.Bytes()); err != nil {
		return fmt.Errorf("header: %w", err)
	}
	buffer := make([]byte, 0, chunk)
	for _, t := range tensors {
		_, size, elements := t.dtype()
		for i := 0; i < elements; i += chunk / size {
			buffer = t.append(buffer[:0], i, min(i+chunk/size, elements))
			if _, err := w.Write(buffer); err != nil {
				return fmt.Errorf("tensor %s: %w", Quote(t.Name), err)
			}
		}
	}
	return nil
}
