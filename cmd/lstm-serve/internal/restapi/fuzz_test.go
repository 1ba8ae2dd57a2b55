package restapi

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"example.com/lstm/cmd/lstm-serve/internal/infer"
)

// Texts are JSON to the reader if they are to encoding/json, but for what it bounds.
func FuzzReader(f *testing.F) {
	for text := range hostileBodies {
		if len(text) < 1000 {
			f.Add(text)
		}
	}
	f.Add(`[{"a":[1,-2.5e+3,"\u00e4\n",null,true,false]},[],{}]`)
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			return // decodeCall refuses it
		}
		r := reader{text: text}
		err := r.skip()
		if err == nil {
			err = r.end()
		}
		if err == nil {
			require.True(t, json.Valid([]byte(text)))
			return
		}
		if !json.Valid([]byte(text)) {
			return
		}
		for _, bound := range []string{"twice", "more than", "surrogate"} {
			if strings.Contains(err.Error(), bound) {
				return
			}
		}
		require.NoError(t, err)
	})
}

// What is decoded is what encoding/json decodes; and encoding it, as JSON and as bytes,
// and decoding it again gives the same.
func FuzzDecodeCall(f *testing.F) {
	for text := range hostileBodies {
		if len(text) < 1000 {
			f.Add([]byte(text), uint(len(text)))
		}
	}
	text := tensorText("[2,2]", "[[1,-0],[null,1e-45]]")
	f.Add([]byte(text), uint(len(text)))
	text = `{"id":"a","parameters":{"sequence_id":7,"sequence_start":true,"sequence_step":1,"binary_data_output":true},
		"inputs":[{"data":[0.1],"shape":[1],"datatype":"FP32","name":"input"}],"outputs":[{"name":"x","parameters":{"binary_data":false}}]}`
	f.Add([]byte(text), uint(len(text)))
	body, header := binaryBody(make([]byte, 16), "4", "12")
	f.Add(body, uint(header))
	f.Fuzz(func(t *testing.T, body []byte, header uint) {
		if header > uint(len(body)) {
			return // headerLength refuses it
		}
		c, err := decode(body, int(header))
		if err != nil {
			require.Nil(t, c)
			return
		}
		requireOracle(t, body[:header], c)
		for _, asBytes := range []bool{false, true} {
			again, err := decode(encodeCall(t, c, asBytes))
			require.NoError(t, err)
			requireSame(t, c, again)
		}
	})
}

func FuzzFloatText(f *testing.F) {
	for _, v := range awkwardFloats {
		f.Add(math.Float32bits(v))
	}
	f.Fuzz(func(t *testing.T, bits uint32) {
		v := math.Float32frombits(bits)
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			require.Equal(t, "null", string(appendFloat(nil, v)))
			return
		}
		requireText(t, v)
	})
}

// requireOracle compares names, shapes and data with what encoding/json reads.
func requireOracle(t *testing.T, text []byte, c *call) {
	t.Helper()
	var fields map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(text, &fields))
	var inputs []map[string]json.RawMessage
	if fields["inputs"] != nil {
		require.NoError(t, json.Unmarshal(fields["inputs"], &inputs))
	}
	require.Len(t, c.Inputs, len(inputs))
	for i, in := range inputs {
		require.Equal(t, stringOf(t, in["name"]), c.Inputs[i].Name)
		require.Equal(t, stringOf(t, in["datatype"]), c.Inputs[i].Datatype)
		if in["data"] != nil && c.Inputs[i].Datatype == infer.FP32 {
			requireBits(t, flattened(t, in["data"]), c.Inputs[i].Data)
		}
	}
}

func stringOf(t *testing.T, text json.RawMessage) (s string) {
	t.Helper()
	if text != nil {
		require.NoError(t, json.Unmarshal(text, &s))
	}
	return s
}

func flattened(t *testing.T, text json.RawMessage) []float32 {
	t.Helper()
	var list []json.RawMessage
	if string(text) == "null" {
		return []float32{float32(math.NaN())}
	}
	if text[0] != '[' {
		v, err := strconv.ParseFloat(string(text), 32)
		require.NoError(t, err)
		return []float32{float32(v)}
	}
	require.NoError(t, json.Unmarshal(text, &list))
	var flat []float32
	for _, element := range list {
		flat = append(flat, flattened(t, element)...)
	}
	return flat
}

// encodeCall encodes a request, its tensors as JSON or as bytes.
func encodeCall(t testing.TB, c *call, asBytes bool) (body []byte, header int) {
	type object = map[string]any
	request := object{"id": c.ID}
	parameters := object{"sequence_id": c.Sequence.ID, "sequence_start": c.Sequence.Start, "sequence_end": c.Sequence.End,
		"sequence_step": c.Sequence.Step, "binary_data_output": c.binary}
	if c.numericID {
		parameters["sequence_id"] = json.Number(c.Sequence.ID)
		if c.Sequence.ID == "" {
			parameters["sequence_id"] = 0
		}
	}
	request["parameters"] = parameters
	var raw []byte
	inputs := []object{}
	for _, in := range c.Inputs {
		o := object{"name": in.Name, "datatype": in.Datatype, "shape": in.Shape}
		if in.Shape == nil {
			delete(o, "shape")
		}
		if asBytes {
			o["parameters"] = object{"binary_data_size": 4 * len(in.Data)}
			for _, v := range in.Data {
				raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
			}
		} else {
			text := []byte("[")
			for i, v := range in.Data {
				if i > 0 {
					text = append(text, ',')
				}
				text = appendFloat(text, v)
			}
			o["data"] = json.RawMessage(append(text, ']'))
		}
		inputs = append(inputs, o)
	}
	request["inputs"] = inputs
	outputs := []object{}
	for _, name := range c.Outputs {
		o := object{"name": name}
		if b, says := c.outputBinary[name]; says {
			o["parameters"] = object{"binary_data": b}
		}
		outputs = append(outputs, o)
	}
	request["outputs"] = outputs
	body, err := json.Marshal(request)
	require.NoError(t, err)
	return append(body, raw...), len(body)
}

func requireSame(t *testing.T, want, got *call) {
	t.Helper()
	require.Equal(t, want.ID, got.ID)
	require.Equal(t, want.Sequence, got.Sequence)
	require.Equal(t, want.numericID, got.numericID)
	require.Equal(t, want.Outputs, got.Outputs)
	require.Equal(t, want.binary, got.binary)
	require.Equal(t, want.outputBinary, got.outputBinary)
	require.Len(t, got.Inputs, len(want.Inputs))
	for i, in := range want.Inputs {
		require.Equal(t, in.Name, got.Inputs[i].Name)
		require.Equal(t, in.Datatype, got.Inputs[i].Datatype)
		require.Equal(t, in.Shape, got.Inputs[i].Shape)
		for j, v := range in.Data {
			// Infinities come from bytes only, and are null in JSON.
			if math.IsInf(float64(v), 0) && got.Inputs[i].Data[j] != v {
				in.Data[j] = float32(math.NaN())
			}
		}
		requireBits(t, in.Data, got.Inputs[i].Data)
	}
}
