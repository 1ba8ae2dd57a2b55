package safetensors

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// Tensor is a named array of float32, row-major.
type Tensor struct {
	Name  string
	Shape []int
	Data  []float32
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
		end += 4 * int64(len(t.Data))
		shape := strings.ReplaceAll(fmt.Sprint(t.Shape), " ", ",")
		fmt.Fprintf(&header, `%s%q:{"dtype":"F32","shape":%s,"data_offsets":[%d,%d]}`, separator, t.Name, shape, begin, end)
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
		for part := range slices.Chunk(t.Data, chunk/4) {
			buffer = buffer[:0]
			for _, x := range part {
				buffer = binary.LittleEndian.AppendUint32(buffer, math.Float32bits(x))
			}
			if _, err := w.Write(buffer); err != nil {
				return fmt.Errorf("tensor %s: %w", Quote(t.Name), err)
			}
		}
	}
	return nil
}
