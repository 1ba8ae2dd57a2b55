package restapi

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"example.com/lstm/cmd/lstm-serve/internal/infer"
	"example.com/lstm/cmd/lstm-serve/internal/inferr"
)

// decode decodes a request whose tensors have at most 1<<20 elements.
func decode(body []byte, header int) (*call, error) { return decodeCall(body, header, 1<<20) }

func decodeText(text string) (*call, error) { return decode([]byte(text), len(text)) }

// withParameters is a request that has some, and else nothing.
func withParameters(parameters string) string { return `{"parameters":{` + parameters + `}}` }

func TestDecodeWholeRequest(t *testing.T) {
	c, err := decodeText(` { "unknown" : [ { } , [ ] , -1.5e-3 , "\"" , null , true ] ,
		"outputs":[{"name":"b","parameters":{"binary_data":true,"x":1}},{"name":"a\u00e4","parameters":{"binary_data":false}},{"name":"c"}],
		"inputs":[{"data":[1,[ ]],"datatype":"INT64","name":"other","shape":[2]},
			{"data":[[1,-0],[null,1e-45]],"name":"input","datatype":"FP32","shape":[2,2],"parameters":{}}],
		"parameters":{"sequence_id":18446744073709551615,"sequence_start":true,"sequence_end":false,"sequence_step":9007199254740993,
			"binary_data_output":true,"priority":0,"timeout":{"a":{}}},
		"id":"\ud83d\ude00" }`)
	require.NoError(t, err)
	requireBits(t, []float32{1, float32(math.Copysign(0, -1)), float32(math.NaN()), 1e-45}, c.Inputs[1].Data)
	c.Inputs[1].Data = nil
	require.Equal(t, &call{
		Request: infer.Request{
			ID:       "😀",
			Sequence: infer.Sequence{ID: "18446744073709551615", Start: true, Step: 9007199254740993},
			Inputs: []infer.Tensor{
				{Name: "other", Datatype: "INT64", Shape: []int64{2}},
				{Name: "input", Datatype: "FP32", Shape: []int64{2, 2}},
			},
			Outputs: []string{"b", "aä", "c"},
		},
		numericID:    true,
		binary:       true,
		outputBinary: map[string]bool{"b": true, "aä": false},
	}, c)
	require.True(t, c.isBinary("b"))
	require.False(t, c.isBinary("aä"))
	require.True(t, c.isBinary("c"))
}

func TestDecodeSequenceID(t *testing.T) {
	for text, want := range map[string]string{
		`5`: "5", `"5"`: "5", `18446744073709551615`: "18446744073709551615", `-1`: "18446744073709551615",
		`-9223372036854775808`: "9223372036854775808", `9007199254740993`: "9007199254740993",
		`0`: "", `-0`: "", `""`: "", `"a\/b"`: "a/b", `"\u0000"`: "\x00",
	} {
		c, err := decodeText(withParameters(`"sequence_id":` + text))
		require.NoError(t, err, text)
		require.Equal(t, want, c.Sequence.ID, text)
		require.Equal(t, text[0] != '"', c.numericID, text)
	}
}

// Each hostile body, and a part of what is said of it.
var hostileBodies = map[string]string{
	``:         "the text ends",
	`[]`:       "expected the request, an object",
	`{}x`:      "expected the end of the text",
	`{}{}`:     "expected the end of the text",
	`{"a":1,}`: "expected a key",
	`{"a" 1}`:  `expected \":\"`,
	`{"a":}`:   "expected a value",
	`{"a":01}`: "must not begin with a 0",
	`{"a":1.}`: "digit behind the point", `{"a":1e}`: "digit in the exponent", `{"a":-}`: "digit behind the sign",
	`{"a":+1}`: "expected a value", `{"a":.5}`: "expected a value", `{"a":NaN}`: "expected a value", `{"a":nul}`: "expected a value",
	`{"a":tru`: "expected a value", `{"a`: "has no end", `{"a\`: "has no end", "{\"a\n\":1}": "control character",
	`{"a":"\x"}`: "invalid character", `{"a":"\ud800"}`: "surrogate", `{"id":"\ud800\ud800"}`: "surrogate",
	"{\"id\":\"\xff\"}":                                                    "not UTF-8",
	"\xef\xbb\xbf{}":                                                       "expected the request, an object",
	`{"id":5}`:                                                             "expected id, a string",
	`{"id":"a","id":"a"}`:                                                  "twice",
	`{"id":"a","i\u0064":"b"}`:                                             "twice",
	`{"inputs":[],"inputs":[]}`:                                            "twice",
	`{"inputs":{}}`:                                                        "expected inputs, an array",
	`{"inputs":[[]]}`:                                                      "expected an input, an object",
	`{"inputs":[{"name":"a","name":"a"}]}`:                                 "twice",
	withParameters(`"sequence_id":1e3`):                                    "want an integer",
	withParameters(`"sequence_id":5.0`):                                    "want an integer",
	withParameters(`"sequence_id":true`):                                   "want an integer",
	withParameters(`"sequence_id":null`):                                   "expected sequence_id",
	withParameters(`"sequence_id":1e400`):                                  "outside of float64",
	withParameters(`"sequence_start":1`):                                   "want a bool",
	withParameters(`"sequence_step":-1`):                                   "want an integer",
	withParameters(`"sequence_step":"1"`):                                  "want an integer",
	withParameters(`"binary_data_output":1`):                               "true or false",
	withParameters(`"sequence_id":18446744073709551616`):                   "want an integer",
	withParameters(`"sequence_id":-9223372036854775809`):                   "want an integer",
	withParameters(`"sequence_id":1,"sequence_id":1`):                      "twice",
	`{"a":` + strings.Repeat("[", 1e6):                                     "in one another",
	`{"a":` + strings.Repeat(`{"a":`, 1e6):                                 "in one another",
	`{"inputs":[` + strings.Repeat(`{},`, 300) + `{}]}`:                    "more than 256 inputs",
	`{"outputs":[` + strings.Repeat(`{},`, 300) + `{}]}`:                   "more than 256 outputs",
	manyKeys(100):                                                          "more than 64 keys",
	`{"outputs":[{"name":"a","parameters":{"classification":2}}]}`:         "classification is not supported",
	`{"outputs":[{"name":"a","parameters":{"shared_memory_region":"x"}}]}`: "shared_memory_region is not supported",
	`{"inputs":[{"name":"a","parameters":{"shared_memory_region":"x"}}]}`:  "shared_memory_region is not supported",

	`{"inputs":[{"shape":[1,`:                                    "expected a dimension of shape",
	`{"inputs":[{"parameters":{"x":1}`:                           `expected`,
	tensorText(`[1.5]`, `[0]`):                                   "shape has a dimension 1.5",
	tensorText(`[-1]`, `[0]`):                                    "shape has a dimension -1",
	tensorText(`[9223372036854775808]`, `[0]`):                   "shape has a dimension 9223372036854775808",
	tensorText(`[1,1,1,1,1,1,1,1,1]`, `[0]`):                     "more than 8 dimensions",
	tensorText(`[1]`, `[1e400]`):                                 "1e400 is outside of FP32",
	tensorText(`[1]`, `[-3.4028236e38]`):                         "-3.4028236e38 is outside of FP32",
	tensorText(`[1]`, `[1`+strings.Repeat("0", 1e5)+`]`):         "outside of FP32",
	tensorText(`[1]`, `["1"]`):                                   "expected an element of data, a number",
	tensorText(`[1]`, `[true]`):                                  "expected an element of data, a number",
	tensorText(`[1]`, `[0x1]`):                                   "expected",
	tensorText(`[1]`, `[1_0]`):                                   "expected",
	tensorText(`[1]`, `[,1]`):                                    "expected",
	tensorText(`[1]`, `[1,]`):                                    "expected",
	tensorText(`[1]`, `[[1]`):                                    "expected",
	tensorText(`[1]`, `1`):                                       "expected data, an array",
	tensorText(`[1]`, `null`):                                    "expected data, an array",
	tensorText(`[1]`, `{"0":1}`):                                 "expected data, an array",
	tensorText(`[2,2]`, `[[1,2],[3]]`):                           "length 1 beside one of length 2",
	tensorText(`[2,2]`, `[[1,2],3,4]`):                           "expected an array",
	tensorText(`[2,2]`, `[1,2,[3,4]]`):                           "an array where it had numbers",
	tensorText(`[2,2]`, `[[1,[2]],[3,4]]`):                       "an array where it had numbers",
	tensorText(`[2,1]`, `[[1,2]]`):                               "data of shape [1 2], expected [2 1]",
	tensorText(`[2]`, `[[1,2]]`):                                 "data of shape [1 2], expected [2]",
	tensorText(`[0]`, `[[[]],[]]`):                               "length 0 beside one of length 1",
	tensorText(`[1]`, strings.Repeat("[", 1e6)):                  "in one another",
	tensorText(`[1]`, strings.Repeat("[", 9)+"1"+"]]]]]]]]]"):    "more than 8 arrays",
	`{"inputs":[{"name":"a","datatype":"FP32","shape":[1]}]}`:    "neither data nor binary_data_size",
	tensorText(`[1],"parameters":{"binary_data_size":4}`, `[1]`): "both data and binary_data_size",
}

func tensorText(shape, data string) string {
	return `{"inputs":[{"name":"input","datatype":"FP32","shape":` + shape + `,"data":` + data + `}]}`
}

func manyKeys(n int) string {
	var b strings.Builder
	b.WriteString("{")
	for i := range n {
		fmt.Fprintf(&b, `"%d":0,`, i)
	}
	return b.String()
}

func TestDecodeHostile(t *testing.T) {
	for text, want := range hostileBodies {
		_, err := decodeText(text)
		require.Error(t, err, clip(text, 100))
		require.Contains(t, strconv.Quote(err.Error()), want, clip(text, 100))
		require.Less(t, len(err.Error()), 500)
		var e *inferr.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, codes.InvalidArgument, e.Code)
	}
}

// A binaryBody is a JSON text whose inputs say how long they are, and bytes behind it.
func binaryBody(bytes []byte, sizes ...string) (body []byte, header int) {
	text := `{"inputs":[`
	for i, size := range sizes {
		if i > 0 {
			text += ","
		}
		text += `{"name":"in` + strconv.Itoa(i) + `","datatype":"FP32","shape":[1],"parameters":{"binary_data_size":` + size + `}}`
	}
	text += "]}"
	return append([]byte(text), bytes...), len(text)
}

func TestDecodeBinary(t *testing.T) {
	bits := []uint32{0x7fc12345, 0xff800001, 0x80000000, 1}
	var bytes []byte
	for _, b := range bits {
		bytes = binary.LittleEndian.AppendUint32(bytes, b)
	}
	c, err := decode(binaryBody(bytes, "4", "0", "12"))
	require.NoError(t, err)
	var got []uint32
	for _, in := range c.Inputs {
		for _, v := range in.Data {
			got = append(got, math.Float32bits(v))
		}
	}
	require.Equal(t, bits, got)
	require.Equal(t, []int{1, 0, 3}, []int{len(c.Inputs[0].Data), len(c.Inputs[1].Data), len(c.Inputs[2].Data)})

	for want, sizes := range map[string][]string{
		"12 bytes are left behind": {"4"},
		"multiple of 4":            {"3", "13"},
		`"in0" has binary_data_size 20, but 16 bytes are left`:   {"20"},
		`"in1" has binary_data_size 12, but 8 bytes are left`:    {"8", "12"},
		"binary_data_size 18446744073709551612, but 8 bytes":     {"8", "18446744073709551612"},
		"binary_data_size is 18446744073709551616, expected":     {"18446744073709551616"},
		"binary_data_size is -4, expected an integer from 0":     {"-4"},
		"binary_data_size is 4.0, expected an integer from 0":    {"4.0"},
		"expected binary_data_size, a number":                    {`"4"`},
		`"in2" has binary_data_size 1, but 0 bytes are left`:     {"8", "8", "1"},
		`"in0" has binary_data_size 9223372036854775808, but 16`: {"9223372036854775808", "9223372036854775808"},
	} {
		_, err := decode(binaryBody(bytes, sizes...))
		require.ErrorContains(t, err, want)
	}
}

func TestHeaderLength(t *testing.T) {
	body := make([]byte, 10)
	for field, want := range map[string]int{"": 10, "1": 1, "10": 10} {
		n, err := headerLength(field, body)
		require.NoError(t, err)
		require.Equal(t, want, n)
	}
	for _, field := range []string{"11", "-1", "0", "1.0", "x", "18446744073709551615", "18446744073709551626", " 1"} {
		_, err := headerLength(field, body)
		require.Error(t, err, field)
	}
}

// Nested or flat, the numbers are the same.
func TestDecodeNesting(t *testing.T) {
	for data, shape := range map[string]string{
		"[1,2,3,4]": "[2,2]", "[[1,2],[3,4]]": "[2,2]", "[[[1,2,3,4]]]": "[1,1,4]", "[[[1],[2]],[[3],[4]]]": "[2,2,1]",
		" [ [ 1 , 2 ] ,\n[ 3 , 4 ] ] ": "[2,2]",
	} {
		for _, text := range []string{
			tensorText(shape, data),
			`{"inputs":[{"data":` + data + `,"name":"input","shape":` + shape + `,"datatype":"FP32"}]}`,
		} {
			c, err := decodeText(text)
			require.NoError(t, err, text)
			require.Equal(t, []float32{1, 2, 3, 4}, c.Inputs[0].Data)
		}
	}
	for data, shape := range map[string]string{"[]": "[0]", "[[],[]]": "[2,0]"} {
		c, err := decodeText(tensorText(shape, data))
		require.NoError(t, err, data)
		require.Empty(t, c.Inputs[0].Data)
	}
}

// A shape that says more than the text has room for takes no memory.
func TestDecodeAllocatesWhatTheTextHas(t *testing.T) {
	c, err := decodeText(tensorText("[2147483647]", "[1]"))
	require.NoError(t, err)
	require.LessOrEqual(t, cap(c.Inputs[0].Data), 4)
}

// Many inputs that say that they are large take no more than one does.
func TestDecodeAllocatesForTheTextOnce(t *testing.T) {
	one := `,{"name":"input","datatype":"FP32","shape":[1048576],"data":[1]}`
	text := `{"inputs":[` + strings.Repeat(one, mostTensors)[1:] + `]` + strings.Repeat(" ", 1<<20) + `}`
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := decodeText(text)
	runtime.ReadMemStats(&after)
	require.NoError(t, err)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(8*len(text)))
}

func TestDecodeMostElements(t *testing.T) {
	text := tensorText("[2,2]", "[[1,2],[3,4]]")
	c, err := decodeCall([]byte(text), len(text), 4)
	require.NoError(t, err)
	require.Equal(t, []float32{1, 2, 3, 4}, c.Inputs[0].Data)
	_, err = decodeCall([]byte(text), len(text), 3)
	require.ErrorContains(t, err, "data has more than 3 numbers")
}

var awkwardFloats = []float32{
	0, float32(math.Copysign(0, -1)), 1, 0.1, 1.0 / 3, 16777216, 1e6, 1e20, 1e21, 1e-5, math.MaxFloat32, -math.MaxFloat32,
	math.SmallestNonzeroFloat32, 0x1p-126, 0x1.fffffcp-127, 7.038531e-26, 0.1 + 0x1p-27, 3.4028234e38, 9007199.254740993,
}

func TestFloatText(t *testing.T) {
	for _, v := range awkwardFloats {
		requireText(t, v)
	}
	for _, v := range []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))} {
		require.Equal(t, "null", string(appendFloat(nil, v)))
	}
	require.Equal(t, "0.1", string(appendFloat(nil, 0.1)))
}

// requireText requires that v is the same to the bit, however a client reads its text.
func requireText(t *testing.T, v float32) {
	t.Helper()
	text := appendFloat(nil, v)
	require.True(t, json.Valid(text), "%s", text)
	narrow, err := strconv.ParseFloat(string(text), 32)
	require.NoError(t, err)
	wide, err := strconv.ParseFloat(string(text), 64)
	require.NoError(t, err)
	r := reader{text: "[" + string(text) + "]"}
	n, err := r.numbers(0, 1)
	require.NoError(t, err)
	requireBits(t, []float32{v, v, v}, []float32{float32(narrow), float32(wide), n.data[0]})
}

// requireBits compares numbers bit by bit, but for NaN, of which JSON has one.
func requireBits(t testing.TB, want, got []float32) {
	t.Helper()
	require.Len(t, got, len(want))
	for i, v := range want {
		if v != v && got[i] != got[i] {
			continue
		}
		require.Equal(t, math.Float32bits(v), math.Float32bits(got[i]), "element %d: %v and %v", i, v, got[i])
	}
}
