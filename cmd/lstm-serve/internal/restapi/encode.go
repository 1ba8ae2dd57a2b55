package restapi

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"strconv"

	"example.com/lstm/cmd/lstm-serve/internal/infer"
)

// appendAnswer appends the answer to c: a JSON text, and behind it the bytes of the
// outputs that are to come so, lowest byte first. It returns how long the text is; equal
// to what was appended if there are no such outputs.
func appendAnswer(b []byte, c *call, r *infer.Response) (body []byte, header int) {
	start := len(b)
	b = append(b, `{"model_name":`...)
	b = appendString(b, r.Model)
	b = append(b, `,"model_version":`...)
	b = appendString(b, r.Version)
	if r.ID != "" {
		b = append(b, `,"id":`...)
		b = appendString(b, r.ID)
	}
	if r.SequenceID != "" {
		b = append(b, `,"parameters":{"sequence_id":`...)
		if c.numericID {
			b = append(b, r.SequenceID...)
		} else {
			b = appendString(b, r.SequenceID)
		}
		b = append(b, `,"sequence_step":`...)
		b = strconv.AppendUint(b, r.Step, 10)
		b = append(b, `,"sequence_stored_step":`...)
		b = strconv.AppendUint(b, r.StoredStep, 10)
		b = append(b, '}')
	}
	b = append(b, `,"outputs":[`...)
	for i := range r.Outputs {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendTensor(b, &r.Outputs[i], c.isBinary(r.Outputs[i].Name))
	}
	b = append(b, "]}"...)
	header = len(b) - start
	for _, t := range r.Outputs {
		if c.isBinary(t.Name) {
			for _, v := range t.Data {
				b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
			}
		}
	}
	return b, header
}

func appendTensor(b []byte, t *infer.Tensor, isBinary bool) []byte {
	b = append(b, `{"name":`...)
	b = appendString(b, t.Name)
	b = append(b, `,"datatype":`...)
	b = appendString(b, t.Datatype)
	b = append(b, `,"shape":[`...)
	for i, n := range t.Shape {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, n, 10)
	}
	b = append(b, ']')
	if isBinary {
		b = append(b, `,"parameters":{"binary_data_size":`...)
		b = strconv.AppendInt(b, 4*int64(len(t.Data)), 10)
		return append(b, "}}"...)
	}
	b = append(b, `,"data":[`...)
	for i, v := range t.Data {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendFloat(b, v)
	}
	return append(b, "]}"...)
}

// appendString appends s as a JSON string.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			quoted, err := json.Marshal(s)
			if err != nil {
				panic(err) // strings always can
			}
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}
