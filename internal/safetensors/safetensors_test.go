package safetensors

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/lstm/internal/float16"
)

// container makes a file of a header and a data section, whatever they are.
func container(header, data string) []byte {
	file := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	file = append(file, header...)
	return append(file, data...)
}

// readTensors reads a whole file.
func readTensors(r io.Reader) (map[string]Tensor, map[string]string, error) {
	f, err := Read(r)
	if err != nil {
		return nil, nil, err
	}
	data := make(map[string]*[]float32)
	err = f.ReadData(func(e *Entry) *[]float32 {
		if data[e.Name] == nil {
			data[e.Name] = new([]float32)
		}
		return data[e.Name]
	}, false)
	if err != nil {
		return nil, nil, err
	}
	tensors := make(map[string]Tensor)
	for _, e := range f.Entries {
		tensors[e.Name] = Tensor{Name: e.Name, Shape: e.Shape, Data: *data[e.Name]}
	}
	return tensors, f.Metadata, nil
}

// assertFormatError demands what every error of a hostile file has: the kind,
// the fragment, and a length fit for a log.
func assertFormatError(t *testing.T, err error, kind Kind, fragment string) {
	t.Helper()
	require.Error(t, err)
	assert.Contains(t, err.Error(), fragment)
	assert.Less(t, len(err.Error()), 1000)
	var format *FormatError
	require.ErrorAs(t, err, &format)
	assert.Equal(t, kind, format.Kind)
}

// manyKeys are keys of a JSON object with equal values.
func manyKeys(n int, value string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"%x":%s`, i, value)
	}
	return b.String()[1:]
}

func TestReadHostile(t *testing.T) {
	const ok = `{"dtype":"F32","shape":[1],"data_offsets":[0,4]}`
	length := func(n uint64) []byte { return binary.LittleEndian.AppendUint64(nil, n) }
	long := strings.Repeat("x", 1<<20)

	for _, c := range []struct {
		name string
		file []byte
		want string
	}{
		{"empty file", nil, "header length: read 0 of 8 bytes: unexpected EOF"},
		{"short length", []byte{1, 2, 3}, "header length: read 3 of 8 bytes: unexpected EOF"},
		{"length zero", length(0), "header length is 0, want 2 to 16777216"},
		{"length one", append(length(1), '{'), "header length is 1, want 2 to 16777216"},
		{"length over the limit", length(100_000_001), "header length is 100000001, want 2 to 16777216"},
		{"length negative as int64", length(1 << 63), "header length is 9223372036854775808, want 2 to"},
		{"length all ones", length(math.MaxUint64), "header length is 18446744073709551615, want 2 to"},
		{"header truncated", append(length(MaxHeader), "{}"...), "header: read 2 of 16777216 bytes: unexpected EOF"},

		{"no brace", container(` {}`, ""), `header begins with ' ', want '{'`},
		{"array", container(`[]`, ""), `header begins with '[', want '{'`},
		{"invalid UTF-8 in a name", container("{\"a\xff\":"+ok+"}", "1234"), "header is not valid UTF-8"},
		{"invalid UTF-8 in metadata", container("{\"__metadata__\":{\"a\":\"\xc0\x80\"}}", ""), "header is not valid UTF-8"},
		{"high surrogate alone", container(`{"\ud800":`+ok+`}`, "1234"), `\ud800 at byte 2 is half a character`},
		{"low surrogate alone", container(`{"\uDC00":`+ok+`}`, "1234"), `\uDC00 at byte 2 is half a character`},
		{"two high surrogates", container(`{"\\\ud800\ud800":`+ok+`}`, "1234"), `\ud800 at byte 4 is half a character`},
		{"surrogate at the end", container(`{"\ud800`, ""), `\ud800 at byte 2 is half a character`},
		{"JSON ends early", container(`{"a":`, ""), "the JSON text ends in the middle"},
		{"JSON ends in a string", container(`{"a`, ""), "header: the JSON text ends in the middle"},
		{"JSON ends in an array", container(`{"a":{"shape":[1,`, ""), `tensor "a": shape: the JSON text ends in the middle`},
		{"JSON without a colon", container(`{"a" {}}`, ""), `tensor "a": byte`},
		{"comma too many", container(`{"a":`+ok+`,}`, "1234"), "header: byte"},
		{"comma too many in an array", container(`{"a":{"dtype":"F32","shape":[1,],"data_offsets":[0,4]}}`, "1234"), `tensor "a": shape: byte`},
		{"name without quotes", container(`{a:1}`, ""), "header: byte"},
		{"control character", container("{\"a\n\":1}", ""), "header: byte"},
		{"bytes after the object", container(`{} x`, ""), `header: " x" follows the JSON object, want spaces`},
		{"zeros after the object", container("{}\x00\x00", ""), `header: "\x00\x00" follows the JSON object, want spaces`},
		{"tabs after the object", container("{}\t", ""), `header: "\t" follows the JSON object, want spaces`},
		{"second object", container(`{}{}`, ""), `header: "{}" follows the JSON object`},
		{"deep nesting", container(`{"a":`+strings.Repeat("[", 1<<20), ""), `tensor "a" is [, want an object`},
		{"deep nesting of objects", container(`{"a":`+strings.Repeat(`{"dtype":`, 1<<18), ""), `tensor "a": dtype is {, want a string`},

		{"tensor twice", container(`{"a":`+ok+`,"a":`+ok+`}`, "1234"), `header: key "a" occurs twice`},
		{"tensor twice, escaped", container(`{"a":`+ok+`,"\u0061":`+ok+`}`, "1234"), `header: key "a" occurs twice`},
		{"field twice", container(`{"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, "1234"), `tensor "a": key "dtype" occurs twice`},
		{"metadata twice", container(`{"__metadata__":{},"__metadata__":{}}`, ""), `header: key "__metadata__" occurs twice`},
		{"metadata key twice", container(`{"__metadata__":{"k":"1","k":"2"}}`, ""), `__metadata__: key "k" occurs twice`},
		{"metadata no object", container(`{"__metadata__":"x"}`, ""), `__metadata__ is "x", want an object`},
		{"metadata null", container(`{"__metadata__":null}`, ""), `__metadata__ is null, want an object`},
		{"metadata number", container(`{"__metadata__":{"k":1}}`, ""), `__metadata__: "k" is 1, want a string`},
		{"metadata null value", container(`{"__metadata__":{"k":null}}`, ""), `__metadata__: "k" is null, want a string`},
		{"metadata nested", container(`{"__metadata__":{"k":{}}}`, ""), `__metadata__: "k" is {, want a string`},

		{"entry no object", container(`{"a":true}`, ""), `tensor "a" is true, want an object`},
		{"entry empty", container(`{"a":{}}`, ""), `tensor "a": field "dtype" is missing`},
		{"no dtype", container(`{"a":{"shape":[1],"data_offsets":[0,4]}}`, "1234"), `tensor "a": field "dtype" is missing`},
		{"no shape", container(`{"a":{"dtype":"F32","data_offsets":[0,4]}}`, "1234"), `tensor "a": field "shape" is missing`},
		{"no offsets", container(`{"a":{"dtype":"F32","shape":[1]}}`, "1234"), `tensor "a": field "data_offsets" is missing`},
		{"field unknown", container(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"device":"cpu"}}`, "1234"), `tensor "a": field "device" is unknown`},
		{"field in another case", container(`{"a":{"Dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, "1234"), `tensor "a": field "Dtype" is unknown`},

		{"dtype number", container(`{"a":{"dtype":32,"shape":[1],"data_offsets":[0,4]}}`, "1234"), `tensor "a": dtype is 32, want a string`},
		{"dtype empty", container(`{"a":{"dtype":"","shape":[1],"data_offsets":[0,4]}}`, "1234"), `tensor "a": dtype is "", want F32, F16, BF16 or F64`},
		{"dtype in another case", container(`{"a":{"dtype":"f32","shape":[1],"data_offsets":[0,4]}}`, "1234"), `tensor "a": dtype is "f32", want F32, F16, BF16 or F64`},
		{"dtype I64", container(`{"a":{"dtype":"I64","shape":[],"data_offsets":[0,8]}}`, "12345678"), `tensor "a": dtype is "I64", want F32, F16, BF16 or F64`},
		{"dtype BOOL", container(`{"a":{"dtype":"BOOL","shape":[3],"data_offsets":[0,3]}}`, "123"), `tensor "a": dtype is "BOOL", want F32, F16, BF16 or F64`},
		{"dtype F8", container(`{"a":{"dtype":"F8_E4M3","shape":[3],"data_offsets":[0,3]}}`, "123"), `tensor "a": dtype is "F8_E4M3", want F32, F16, BF16 or F64`},

		{"shape number", container(`{"a":{"dtype":"F32","shape":1,"data_offsets":[0,4]}}`, "1234"), `tensor "a": shape is 1, want an array`},
		{"shape object", container(`{"a":{"dtype":"F32","shape":{},"data_offsets":[0,4]}}`, "1234"), `tensor "a": shape is {, want an array`},
		{"shape negative", container(`{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}`, "1234"), `tensor "a": shape holds -1, want whole numbers from 0 to`},
		{"shape minus zero", container(`{"a":{"dtype":"F32","shape":[-0],"data_offsets":[0,0]}}`, ""), `tensor "a": shape holds -0, want whole numbers`},
		{"shape fraction", container(`{"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}}`, "1234"), `tensor "a": shape holds 1.0, want whole numbers`},
		{"shape exponent", container(`{"a":{"dtype":"F32","shape":[1e0],"data_offsets":[0,4]}}`, "1234"), `tensor "a": shape holds 1e0, want whole numbers`},
		{"shape string", container(`{"a":{"dtype":"F32","shape":["1"],"data_offsets":[0,4]}}`, "1234"), `tensor "a": shape holds "1", want whole numbers`},
		{"shape null", container(`{"a":{"dtype":"F32","shape":[null],"data_offsets":[0,4]}}`, "1234"), `tensor "a": shape holds null, want whole numbers`},
		{"shape nested", container(`{"a":{"dtype":"F32","shape":[[1]],"data_offsets":[0,4]}}`, "1234"), `tensor "a": shape holds [, want whole numbers`},
		{"shape 2^63", container(`{"a":{"dtype":"F32","shape":[9223372036854775808],"data_offsets":[0,4]}}`, "1234"), `tensor "a": shape holds 9223372036854775808, want whole numbers`},
		{"shape of a million digits", container(`{"a":{"dtype":"F32","shape":[1`+strings.Repeat("0", 1<<20)+`],"data_offsets":[0,4]}}`, "1234"), `tensor "a": shape holds 1000`},
		{"shape product overflows", container(`{"a":{"dtype":"F32","shape":[2147483647,2147483647,4],"data_offsets":[0,4]}}`, "1234"), `tensor "a": shape is [2147483647 2147483647 4], more elements than can be addressed`},
		{"shape product wraps to 1", container(`{"a":{"dtype":"F32","shape":[1908874353,2147483647,1073741823,1073741823],"data_offsets":[0,4]}}`, "1234"), `more elements than can be addressed`},
		{"shape bytes overflow", container(fmt.Sprintf(`{"a":{"dtype":"F16","shape":[%d],"data_offsets":[0,4]}}`, math.MaxInt/4+1), "1234"), `more elements than can be addressed`},
		{"shape of other size", container(`{"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,20]}}`, strings.Repeat("x", 20)), `tensor "a": data_offsets [0 20] span 20 bytes, want 24 for F32 of shape [2 3]`},
		{"shape of zero with data", container(`{"a":{"dtype":"F32","shape":[0,3],"data_offsets":[0,4]}}`, "1234"), `tensor "a": data_offsets [0 4] span 4 bytes, want 0 for F32 of shape [0 3]`},
		{"scalar with two elements", container(`{"a":{"dtype":"F16","shape":[],"data_offsets":[0,4]}}`, "1234"), `tensor "a": data_offsets [0 4] span 4 bytes, want 2 for F16 of shape []`},

		{"offsets of one number", container(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[4]}}`, "1234"), `tensor "a": data_offsets is [4], want [begin end]`},
		{"offsets of three numbers", container(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}}`, "1234"), `tensor "a": data_offsets is [0 4 8], want [begin end]`},
		{"offsets reversed", container(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}`, "1234"), `tensor "a": data_offsets is [4 0], want [begin end] with begin ≤ end`},
		{"offsets reversed, unknown dtype", container(`{"a":{"dtype":"I64","shape":[1],"data_offsets":[8,0]}}`, "12345678"), `tensor "a": data_offsets is [8 0], want [begin end] with begin ≤ end`},
		{"offsets negative", container(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}}`, "1234"), `tensor "a": data_offsets holds -4, want whole numbers`},
		{"offsets huge", container(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,99999999999999999999]}}`, "1234"), `tensor "a": data_offsets holds 99999999999999999999, want whole numbers`},
		{"hole in front", container(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, "12345678"), `tensor "a": data begins at byte 4, want 0: no tensor owns the bytes between`},
		{"hole between", container(`{"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]},"a":`+ok+`}`, "123456781234"), `tensor "b": data begins at byte 8, want 4`},
		{"overlap", container(`{"b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]},"a":`+ok+`}`, "123456"), `tensor "b": data begins at byte 2, want 4: it overlaps tensor "a"`},
		{"same bytes twice", container(`{"b":`+ok+`,"a":`+ok+`}`, "1234"), `tensor "b": data begins at byte 0, want 4: it overlaps tensor "a"`},
		{"empty tensor inside another", container(`{"b":{"dtype":"F32","shape":[0],"data_offsets":[2,2]},"a":`+ok+`}`, "1234"), `tensor "b": data begins at byte 2, want 4: it overlaps tensor "a"`},

		{"data missing", container(`{"a":`+ok+`}`, ""), `tensor "a": read 0 of 4 bytes: unexpected EOF`},
		{"data truncated", container(`{"a":`+ok+`}`, "123"), `tensor "a": read 3 of 4 bytes: unexpected EOF`},
		{"data too long", container(`{"a":`+ok+`}`, "12345"), "bytes follow the last tensor, want the end of the file"},
		{"data without tensors", container(`{}`, "1"), "bytes follow the last tensor"},
		{"long name", container(`{"`+long+`":{}}`, ""), `x…": field "dtype" is missing`},
		{"long dtype", container(`{"a":{"dtype":"`+long+`","shape":[0],"data_offsets":[0,0]}}`, ""), `tensor "a": dtype is "xxx`},
		{"dimensions over the limit", container(`{"a":{"dtype":"F32","shape":[2`+strings.Repeat(",1", MaxDimensions)+`],"data_offsets":[0,8]}}`, "12345678"), `tensor "a": shape holds more than 16 numbers`},
		{"many offsets", container(`{"a":{"dtype":"F32","shape":[],"data_offsets":[0`+strings.Repeat(",1", 1<<14)+`]}}`, ""), `tensor "a": data_offsets holds more than 16 numbers`},
		{"tensors over the limit", container(`{`+manyKeys(MaxTensors+1, `{"dtype":"F32","shape":[0],"data_offsets":[0,0]}`)+`}`, ""), "header has more than 10000 tensors"},
		{"metadata over the limit", container(`{"__metadata__":{`+manyKeys(MaxMetadata+1, `""`)+`}}`, ""), "__metadata__ has more than 10000 keys"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tensors, _, err := readTensors(bytes.NewReader(c.file))
			kind := Damaged
			if strings.Contains(c.want, ": dtype is \"") || strings.Contains(c.want, "more than") {
				kind = Unsupported
			}
			assertFormatError(t, err, kind, c.want)
			assert.Nil(t, tensors)
		})
	}
}

func TestReadTensors(t *testing.T) {
	data := string(binary.LittleEndian.AppendUint32(nil, math.Float32bits(1.5)))
	for _, c := range []struct {
		name     string
		file     []byte
		tensors  map[string]Tensor
		metadata map[string]string
	}{
		{"nothing", container(`{}`, ""), map[string]Tensor{}, nil},
		{"padded", container(`{}      `, ""), map[string]Tensor{}, nil},
		{"empty metadata", container(`{"__metadata__":{}}`, ""), map[string]Tensor{}, nil},
		{"metadata", container(`{"__metadata__":{"":"","a\/\u0000\ud83d\ude00":"\\ud800"}}`, ""), map[string]Tensor{},
			map[string]string{"": "", "a/\x00😀": `\ud800`}},
		{"scalar", container(`{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}`, data),
			map[string]Tensor{"a": {Name: "a", Shape: []int{}, Data: []float32{1.5}}}, nil},
		{"empty tensors", container(`{"a":{"dtype":"F32","shape":[3,0],"data_offsets":[0,0]},"b":{"data_offsets":[4,4],"shape":[0],"dtype":"F64"},
			"c" : {"dtype":"F32","shape":[1,1,1],"data_offsets":[0,4]}}`, data),
			map[string]Tensor{"a": {Name: "a", Shape: []int{3, 0}, Data: []float32{}}, "b": {Name: "b", Shape: []int{0}, Data: []float32{}}, "c": {Name: "c", Shape: []int{1, 1, 1}, Data: []float32{1.5}}}, nil},
		{"as many dimensions as may be", container(`{"a":{"dtype":"F32","shape":[1`+strings.Repeat(",1", MaxDimensions-1)+`],"data_offsets":[0,4]}}`, data),
			map[string]Tensor{"a": {Name: "a", Shape: slices.Repeat([]int{1}, MaxDimensions), Data: []float32{1.5}}}, nil},
		{"empty name", container(`{"":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, data),
			map[string]Tensor{"": {Name: "", Shape: []int{1}, Data: []float32{1.5}}}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			tensors, metadata, err := readTensors(bytes.NewReader(c.file))
			require.NoError(t, err)
			assert.Equal(t, c.tensors, tensors)
			assert.Equal(t, c.metadata, metadata)
		})
	}
}

// readOne reads a file with one tensor of the given dtype.
func readOne(t *testing.T, dtype string, elements int, data []byte) []float32 {
	t.Helper()
	header := fmt.Sprintf(`{"a":{"dtype":%q,"shape":[%d],"data_offsets":[0,%d]}}`, dtype, elements, len(data))
	tensors, _, err := readTensors(bytes.NewReader(container(header, string(data))))
	require.NoError(t, err)
	return tensors["a"].Data
}

// assertSame compares float32s by their bits, but a NaN is a NaN.
func assertSame(t *testing.T, want, got float32, of any) bool {
	t.Helper()
	if want != want {
		return assert.True(t, got != got, "%x: want NaN, got %x", of, got)
	}
	return assert.Equal(t, math.Float32bits(want), math.Float32bits(got), "%x: want %x, got %x", of, want, got)
}

func TestReadF16(t *testing.T) {
	var data []byte
	for bits := range 1 << 16 {
		data = binary.LittleEndian.AppendUint16(data, uint16(bits))
	}
	got := readOne(t, "F16", 1<<16, data)
	require.Len(t, got, 1<<16)
	for bits := range 1 << 16 {
		sign := 1 - 2*float64(bits>>15)
		exponent, fraction := bits>>10&31, bits&1023
		var want float64
		switch {
		case exponent == 31 && fraction != 0:
			want = math.NaN()
		case exponent == 31:
			want = sign * math.Inf(1)
		case exponent == 0:
			want = math.Copysign(math.Ldexp(float64(fraction)/1024, -14), sign)
		default:
			want = sign * math.Ldexp(1+float64(fraction)/1024, exponent-15)
		}
		if !assertSame(t, float32(want), got[bits], bits) {
			return
		}
	}
}

func TestReadBF16(t *testing.T) {
	var data []byte
	for bits := range 1 << 16 {
		data = binary.LittleEndian.AppendUint16(data, uint16(bits))
	}
	for bits, got := range readOne(t, "BF16", 1<<16, data) {
		// All fields of a BF16 are those of a float32, with a shorter fraction.
		sign := 1 - 2*float64(bits>>15)
		exponent, fraction := bits>>7&255, bits&127
		var want float64
		switch {
		case exponent == 255 && fraction != 0:
			want = math.NaN()
		case exponent == 255:
			want = sign * math.Inf(1)
		case exponent == 0:
			want = math.Copysign(math.Ldexp(float64(fraction)/128, -126), sign)
		default:
			want = sign * math.Ldexp(1+float64(fraction)/128, exponent-127)
		}
		if !assertSame(t, float32(want), got, bits) {
			return
		}
	}
}

func TestReadF32(t *testing.T) {
	bits := []uint32{0, 1 << 31, 1, 0x007fffff, 0x00800000, 0x3f800000, 0x3f800001, 0x7f7fffff, 0xff7fffff, 0x7f800000, 0xff800000, 0x12345678}
	var data []byte
	for _, b := range append(bits, 0x7fc00000, 0xffc12345) {
		data = binary.LittleEndian.AppendUint32(data, b)
	}
	got := readOne(t, "F32", len(bits)+2, data)
	for i, b := range bits {
		assertSame(t, math.Float32frombits(b), got[i], b)
	}
	for _, x := range got[len(bits):] {
		assert.True(t, x != x)
	}
}

func TestReadF64(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	minusZero := float32(math.Copysign(0, -1))
	cases := []struct {
		in   float64
		want float32
	}{
		{0, 0}, {math.Copysign(0, -1), minusZero}, {1, 1}, {-1.5, -1.5},
		{math.Inf(1), inf}, {math.Inf(-1), -inf}, {math.NaN(), nan},
		{0x1.000001p0, 1},                       // halfway, to even: down
		{0x1.000003p0, 0x1.000004p0},            // halfway, to even: up
		{0x1.0000010000001p0, 0x1.000002p0},     // just above halfway
		{0x1.000000fffffffp0, 1},                // just below halfway
		{-0x1.000003p0, -0x1.000004p0},          //
		{0x1.fffffefffffffp127, 0x1.fffffep127}, // just below the halfway to overflow
		{0x1.ffffffp127, inf},                   // halfway to 2^128
		{1e300, inf}, {-1e300, -inf},            //
		{0x1p-149, 0x1p-149},               // the least subnormal
		{0x1p-150, 0},                      // half of it, to even
		{0x1.0000000000001p-150, 0x1p-149}, //
		{0x1.8p-149, 0x1p-148},             // one and a half, to even
		{0x1.4p-148, 0x1p-148},             // two and a half, to even
		{0x1.ffffffp-127, 0x1p-126},        // halfway from subnormal to normal
		{0x1p-1074, 0}, {-0x1p-1074, minusZero},
	}
	var data []byte
	for _, c := range cases {
		data = binary.LittleEndian.AppendUint64(data, math.Float64bits(c.in))
	}
	got := readOne(t, "F64", len(cases), data)
	require.Len(t, got, len(cases))
	for i, c := range cases {
		assertSame(t, c.want, got[i], c.in)
	}
}

// TestReadLarge crosses the chunks in which data are read and the steps
// in which a tensor's memory grows, with readers of every temper.
func TestReadLarge(t *testing.T) {
	for _, n := range []int{chunk/4 - 1, chunk / 4, chunk/4 + 1, chunk, 3*chunk + 5} {
		want := Tensor{Name: "a", Shape: []int{n}, Data: make([]float32, n)}
		for i := range want.Data {
			want.Data[i] = float32(i)
		}
		small := Tensor{Name: "b", Shape: []int{}, Data: []float32{-1}}
		var file bytes.Buffer
		require.NoError(t, Write(&file, []Tensor{want, small}, nil))
		for name, r := range map[string]io.Reader{
			"whole":    bytes.NewReader(file.Bytes()),
			"one byte": iotest.OneByteReader(bytes.NewReader(file.Bytes())),
			"half":     iotest.HalfReader(bytes.NewReader(file.Bytes())),
			"data EOF": iotest.DataErrReader(bytes.NewReader(file.Bytes())),
		} {
			got, _, err := readTensors(r)
			require.NoError(t, err, name)
			require.Equal(t, map[string]Tensor{"a": want, "b": small}, got, name)
			assert.Equal(t, n, cap(got["a"].Data), "memory beyond the tensor")
		}
	}
}

// allocated returns the bytes that f allocates, in all.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// What is built of a header stays a small multiple of its bytes, whatever they
// say. Without limits the first three take 38 to 82 times as much.
func TestHeaderTakesLittle(t *testing.T) {
	const size = MaxHeader / 2
	ones := strings.Repeat("1,", size/2/8-100)
	var shapes []string
	for i := range 8 {
		shapes = append(shapes, fmt.Sprintf(`"%d":{"dtype":"F32","data_offsets":[0,0],"shape":[%s0]}`, i, ones))
	}
	for name, header := range map[string]string{
		"metadata": `{"__metadata__":{` + manyKeys(size/10, `""`) + `}}`,
		"tensors":  `{` + manyKeys(size/56, `{"dtype":"F32","shape":[0],"data_offsets":[0,0]}`) + `}`,
		"shapes":   `{` + strings.Join(shapes, ",") + `}`,
		"spaces":   `{}` + strings.Repeat(" ", size),
		"name":     `{"` + strings.Repeat("x", size) + `":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}`,
	} {
		t.Run(name, func(t *testing.T) {
			file := container(header, "")
			require.Greater(t, len(file), size*4/5)
			used := allocated(func() { Read(bytes.NewReader(file)) })
			assert.Less(t, used, uint64(16*len(file)))
		})
	}
}

func TestHeaderLimits(t *testing.T) {
	tensors := make([]Tensor, MaxTensors+1)
	for i := range tensors {
		tensors[i] = Tensor{Name: fmt.Sprint(i), Shape: []int{1}, Data: []float32{1}}
	}
	metadata := make(map[string]string)
	for i := range MaxMetadata {
		metadata[fmt.Sprint(i)] = "x"
	}
	var file bytes.Buffer
	require.NoError(t, Write(&file, tensors[:MaxTensors], metadata))
	got, gotMetadata, err := readTensors(bytes.NewReader(file.Bytes()))
	require.NoError(t, err)
	require.Len(t, got, MaxTensors)
	require.Equal(t, metadata, gotMetadata)

	file.Reset()
	assertFormatError(t, Write(&file, tensors, nil), Unsupported, "10001 tensors, want at most 10000")
	metadata["one more"] = ""
	assertFormatError(t, Write(&file, nil, metadata), Unsupported, "metadata has 10001 keys, want at most 10000")
	assertFormatError(t, Write(&file, nil, map[string]string{"k": strings.Repeat("x", MaxHeader)}), Unsupported, "bytes, want at most 16777216")
	assert.Zero(t, file.Len(), "bytes written")
}

// Files of other kinds are called by their names.
func TestForeignFiles(t *testing.T) {
	for _, c := range []struct{ name, start, want string }{
		{"torch.save", "PK\x03\x04\x00\x00\x08\x08\x00\x00\x00\x00\x00\x00", "this is a zip archive, as torch.save"},
		{"zip of eight bytes", "PK\x03\x04\x14\x00\x00\x00", "this is a zip archive"},
		{"torch.save of old", "\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", "this is a pickle"},
		{"pickle", "\x80\x04\x95\x1b\x00\x00\x00\x00\x00\x00\x00}\x94", "this is a pickle"},
		{"HTML", "<!DOCTYPE html>\n<html>", "this is HTML or XML"},
		{"HTML after a line", "\n\n<html lang=", "this is HTML or XML"},
		{"git-lfs", "version https://git-lfs.github.com/spec/v1\noid sha256:", "this is a git-lfs pointer"},
		{"HDF5", "\x89HDF\r\n\x1a\n\x00\x00\x00\x00\x00\x08\x08\x00", "this is an HDF5 file"},
		{"ONNX of PyTorch", "\x08\x08\x12\x07pytorch\x1a\x052.1.0:\xd4\x03", "this is an ONNX model"},
		{"NumPy", "\x93NUMPY\x01\x00v\x00{'descr'", "this is an array of NumPy's"},
		{"JSON", `{"lstm": [1, 2]}`, "this is JSON text"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Read(strings.NewReader(c.start))
			assertFormatError(t, err, Unsupported, c.want)
		})
	}

	// A header may be as long as such a start says, if it is there.
	for length := range 1 << 16 {
		start := binary.LittleEndian.AppendUint64(nil, uint64(length))
		_, err := Read(bytes.NewReader(append(start, "{}"...)))
		if err != nil {
			require.NotContains(t, err.Error(), "this is a", length)
		}
	}
}

func TestReadSkips(t *testing.T) {
	tensors := []Tensor{{Name: "a", Shape: []int{2}, Data: []float32{1, 2}}, {Name: "b", Shape: []int{3 * chunk}, Data: make([]float32, 3*chunk)}, {Name: "c", Shape: []int{1}, Data: []float32{3}}}
	var file bytes.Buffer
	require.NoError(t, Write(&file, tensors, nil))
	// What is passed over may be of any type.
	text := bytes.Replace(file.Bytes(), []byte(`"b":{"dtype":"F32"`), []byte(`"b":{"dtype":"C32"`), 1)
	read := func(file []byte) (a, c []float32, err error) {
		f, err := Read(bytes.NewReader(file))
		require.NoError(t, err)
		err = f.ReadData(func(e *Entry) *[]float32 { return map[string]*[]float32{"a": &a, "c": &c}[e.Name] }, true)
		return a, c, err
	}
	var a, c []float32
	used := allocated(func() {
		var err error
		a, c, err = read(text)
		require.NoError(t, err)
	})
	assert.Equal(t, tensors[0].Data, a)
	assert.Equal(t, tensors[2].Data, c)
	assert.Less(t, used, uint64(3*chunk), "memory for what was passed over")

	_, _, err := read(text[:len(text)-5])
	assertFormatError(t, err, Damaged, fmt.Sprintf(`tensor "b": read %d of %d bytes: unexpected EOF`, 12*chunk-1, 12*chunk))
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

func TestReadRefusesNonFinite(t *testing.T) {
	for _, c := range []struct {
		dtype string
		bytes string
		want  string
	}{
		{"F32", "\x00\x00\xc0\x7f", "element [1 1 0] is NaN, want finite numbers"},
		{"F32", "\x00\x00\x80\xff", "element [1 1 0] is -Inf, want finite numbers"},
		{"F16", "\x00\x7c", "element [1 1 0] is +Inf, want finite numbers"},
		{"BF16", "\xff\xff", "element [1 1 0] is NaN, want finite numbers"},
		{"F64", "\x00\x00\x00\x00\x00\x00\xf0\x7f", "element [1 1 0] is +Inf, want finite numbers"},
		{"F64", "\x00\x00\x00\x00\x00\x00\xf8\x7f", "element [1 1 0] is NaN, want finite numbers"},
		{"F64", string(binary.LittleEndian.AppendUint64(nil, math.Float64bits(-1e300))), "element [1 1 0] is -1e+300, which is beyond float32"},
	} {
		size := len(c.bytes)
		data := strings.Repeat("\x00", 5*size) + c.bytes + strings.Repeat("\x00", 2*size)
		header := fmt.Sprintf(`{"a":{"dtype":%q,"shape":[2,4,1],"data_offsets":[0,%d]}}`, c.dtype, len(data))
		read := func(finite bool) (a []float32, err error) {
			f, err := Read(bytes.NewReader(container(header, data)))
			require.NoError(t, err)
			err = f.ReadData(func(*Entry) *[]float32 { return &a }, finite)
			return a, err
		}
		_, err := read(true)
		assertFormatError(t, err, NonFinite, `tensor "a": `+c.want)
		a, err := read(false)
		require.NoError(t, err)
		require.Len(t, a, 8)
		assert.True(t, a[5]-a[5] != 0)
	}
}

func TestReadInt8(t *testing.T) {
	all := make([]byte, 255)
	want := make([]float32, len(all))
	for i := range all {
		all[i], want[i] = byte(i-127), float32(i-127)
	}
	require.Equal(t, want, readOne(t, "I8", len(all), all))

	var a []float32
	f, err := Read(bytes.NewReader(container(`{"a":{"dtype":"I8","shape":[2,2],"data_offsets":[0,4]}}`, "\x7f\x00\x80\x81")))
	require.NoError(t, err)
	assertFormatError(t, f.Entries[0].CheckFloats(), Unsupported, `tensor "a": dtype is "I8", want F32, F16, BF16 or F64`)
	err = f.ReadData(func(*Entry) *[]float32 { return &a }, false)
	assertFormatError(t, err, Unsupported, `tensor "a": element [1 0] is -128, want -127 to 127`)
	require.Nil(t, a)
}

// Tensors of every type that is written are read back, in chunks that do not divide
// them.
func TestWriteTypes(t *testing.T) {
	const n = chunk + 3
	floats, halves, bytes8 := make([]float32, n), make([]float32, n), make([]int8, n)
	whole := make([]float32, n)
	for i := range n {
		floats[i], halves[i] = 1/float32(i+1), float16.Widen(uint16(i%0x7c00))
		bytes8[i] = int8(i*37%255 - 127)
		whole[i] = float32(bytes8[i])
	}
	var file bytes.Buffer
	require.NoError(t, Write(&file, []Tensor{
		{Name: "f32", Shape: []int{n}, Data: floats},
		{Name: "i8", Shape: []int{n, 1}, Bytes: bytes8},
		{Name: "f16", Shape: []int{n}, Data: halves, Half: true},
		{Name: "rounded", Shape: []int{n}, Data: floats, Half: true},
		{Name: "nothing", Shape: []int{0}, Bytes: []int8{}},
	}, nil))
	f, err := Read(bytes.NewReader(file.Bytes()))
	require.NoError(t, err)
	var types []string
	for _, e := range f.Entries {
		types = append(types, e.DType)
	}
	require.Equal(t, []string{"F32", "I8", "F16", "F16", "I8"}, types)
	require.Less(t, file.Len(), (4+1+2+2)*n+1000)
	tensors, _, err := readTensors(&file)
	require.NoError(t, err)
	require.Equal(t, floats, tensors["f32"].Data)
	require.Equal(t, whole, tensors["i8"].Data)
	require.Equal(t, halves, tensors["f16"].Data)
	for i, x := range floats {
		bits, _ := float16.Round(x)
		require.Equal(t, float16.Widen(bits), tensors["rounded"].Data[i], i)
	}
	require.Empty(t, tensors["nothing"].Data)
}

// The index in the file's shape is right for every element.
func TestIndex(t *testing.T) {
	e := Entry{Shape: []int{2, 3, 4}}
	for i := range 24 {
		x := e.index(i)
		require.Equal(t, i, (x[0]*3+x[1])*4+x[2])
	}
}

func TestReaderErrorsAreNotTheFiles(t *testing.T) {
	var file bytes.Buffer
	require.NoError(t, Write(&file, []Tensor{{Name: "a", Shape: []int{2}, Data: []float32{1, 2}}}, map[string]string{"k": "v"}))
	broken := errors.New("disk on fire")
	for n := range file.Len() + 1 {
		_, _, err := readTensors(io.MultiReader(bytes.NewReader(file.Bytes()[:n]), iotest.ErrReader(broken)))
		require.ErrorIs(t, err, broken, "after %d bytes", n)
		require.NotErrorAs(t, err, new(*FormatError))
	}
	for n := range file.Len() {
		_, _, err := readTensors(bytes.NewReader(file.Bytes()[:n]))
		require.ErrorIs(t, err, io.ErrUnexpectedEOF, "%d bytes", n)
		assertFormatError(t, err, Damaged, "unexpected EOF")
	}
}
