package lstm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// container makes a file of a header and a data section, whatever they are.
func container(header, data string) []byte {
	file := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	file = append(file, header...)
	return append(file, data...)
}

// assertFileError demands what every error of a hostile file has: one "lstm: "
// in front, the fragment, and a length fit for a log.
func assertFileError(t *testing.T, err error, fragment string) {
	t.Helper()
	require.Error(t, err)
	assert.Contains(t, err.Error(), fragment)
	assert.True(t, strings.HasPrefix(err.Error(), "lstm: "), err.Error())
	assert.Equal(t, 1, strings.Count(err.Error(), "lstm: "), err.Error())
	assert.Less(t, len(err.Error()), 1000)
}

func TestReadTensorsHostile(t *testing.T) {
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
		{"length zero", length(0), "header length is 0, want 2 to 100000000"},
		{"length one", append(length(1), '{'), "header length is 1, want 2 to 100000000"},
		{"length over the limit", length(100_000_001), "header length is 100000001, want 2 to 100000000"},
		{"length negative as int64", length(1 << 63), "header length is 9223372036854775808, want 2 to"},
		{"length all ones", length(math.MaxUint64), "header length is 18446744073709551615, want 2 to"},
		{"zip archive", []byte("PK\x03\x04\x00\x00\x08\x08"), "this is no safetensors file"},
		{"header truncated", append(length(100_000_000), "{}"...), "header: read 2 of 100000000 bytes: unexpected EOF"},

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
		{"bytes behind the object", container(`{} x`, ""), `header: " x" follows the JSON object, want spaces`},
		{"zeros behind the object", container("{}\x00\x00", ""), `header: "\x00\x00" follows the JSON object, want spaces`},
		{"tabs behind the object", container("{}\t", ""), `header: "\t" follows the JSON object, want spaces`},
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
		{"shape bytes overflow", container(fmt.Sprintf(`{"a":{"dtype":"F16","shape":[%d],"data_offsets":[0,4]}}`, maxInt/4+1), "1234"), `more elements than can be addressed`},
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
		{"many dimensions", container(`{"a":{"dtype":"F32","shape":[2`+strings.Repeat(",1", 1<<14)+`],"data_offsets":[0,4]}}`, ""), `tensor "a": data_offsets [0 4] span 4 bytes, want 8 for F32 of shape [2 1 1`},
		{"many offsets", container(`{"a":{"dtype":"F32","shape":[],"data_offsets":[0`+strings.Repeat(",1", 1<<14)+`]}}`, ""), `tensor "a": data_offsets is [0 1 1`},
	} {
		t.Run(c.name, func(t *testing.T) {
			tensors, _, err := readTensors(bytes.NewReader(c.file))
			assertFileError(t, err, c.want)
			assert.Nil(t, tensors)

			_, err = ReadModel(bytes.NewReader(c.file))
			assert.Error(t, err)
		})
	}
}

func TestReadTensors(t *testing.T) {
	data := string(binary.LittleEndian.AppendUint32(nil, math.Float32bits(1.5)))
	for _, c := range []struct {
		name     string
		file     []byte
		tensors  map[string]tensor
		metadata map[string]string
	}{
		{"nothing", container(`{}`, ""), map[string]tensor{}, nil},
		{"padded", container(`{}      `, ""), map[string]tensor{}, nil},
		{"empty metadata", container(`{"__metadata__":{}}`, ""), map[string]tensor{}, nil},
		{"metadata", container(`{"__metadata__":{"":"","a\/\u0000\ud83d\ude00":"\\ud800"}}`, ""), map[string]tensor{},
			map[string]string{"": "", "a/\x00😀": `\ud800`}},
		{"scalar", container(`{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}`, data),
			map[string]tensor{"a": {"a", []int{}, []float32{1.5}}}, nil},
		{"empty tensors", container(`{"a":{"dtype":"F32","shape":[3,0],"data_offsets":[0,0]},"b":{"data_offsets":[4,4],"shape":[0],"dtype":"F64"},
			"c" : {"dtype":"F32","shape":[1,1,1],"data_offsets":[0,4]}}`, data),
			map[string]tensor{"a": {"a", []int{3, 0}, []float32{}}, "b": {"b", []int{0}, []float32{}}, "c": {"c", []int{1, 1, 1}, []float32{1.5}}}, nil},
		{"empty name", container(`{"":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, data),
			map[string]tensor{"": {"", []int{1}, []float32{1.5}}}, nil},
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
	return tensors["a"].data
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

// TestReadTensorsLarge crosses the chunks in which data are read and the steps
// in which a tensor's memory grows, with readers of every temper.
func TestReadTensorsLarge(t *testing.T) {
	for _, n := range []int{fileChunk/4 - 1, fileChunk / 4, fileChunk/4 + 1, fileChunk, 3*fileChunk + 5} {
		want := tensor{"a", []int{n}, make([]float32, n)}
		for i := range want.data {
			want.data[i] = float32(i)
		}
		small := tensor{"b", []int{}, []float32{-1}}
		var file bytes.Buffer
		require.NoError(t, writeTensors(&file, []tensor{want, small}, nil))
		for name, r := range map[string]io.Reader{
			"whole":    bytes.NewReader(file.Bytes()),
			"one byte": iotest.OneByteReader(bytes.NewReader(file.Bytes())),
			"half":     iotest.HalfReader(bytes.NewReader(file.Bytes())),
			"data EOF": iotest.DataErrReader(bytes.NewReader(file.Bytes())),
		} {
			got, _, err := readTensors(r)
			require.NoError(t, err, name)
			require.Equal(t, map[string]tensor{"a": want, "b": small}, got, name)
			assert.Equal(t, n, cap(got["a"].data), "memory beyond the tensor")
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

func TestReadClaimsAllocateNothing(t *testing.T) {
	header := `{"weight_hh_l0":{"dtype":"F32","shape":[1048576,262144],"data_offsets":[0,1099511627776]},` +
		`"weight_ih_l0":{"dtype":"F16","shape":[1048576,262144],"data_offsets":[1099511627776,1649267441664]}}`
	length := func(n uint64) []byte { return binary.LittleEndian.AppendUint64(nil, n) }
	for name, file := range map[string][]byte{
		"data":           container(header, "1234"),
		"data, some":     container(header, strings.Repeat("x", 10_000)),
		"header":         append(length(100_000_000), `{"a":`...),
		"header, larger": append(length(1<<40), `{"a":`...),
	} {
		t.Run(name, func(t *testing.T) {
			bytesUsed := allocated(func() {
				_, err := ReadModel(bytes.NewReader(file))
				assert.Error(t, err)
			})
			assert.Less(t, bytesUsed, uint64(1<<20))
		})
	}
}

func TestReaderErrorsAreWrapped(t *testing.T) {
	file := exampleFile(t)
	broken := errors.New("disk on fire")
	for n := range len(file) + 1 {
		_, err := ReadModel(io.MultiReader(bytes.NewReader(file[:n]), iotest.ErrReader(broken)))
		require.ErrorIs(t, err, broken, "after %d bytes", n)
		require.NotErrorIs(t, err, io.ErrUnexpectedEOF)
		assertFileError(t, err, "disk on fire")
	}
}

func TestTruncationIsFound(t *testing.T) {
	file := exampleFile(t)
	for n := range len(file) {
		_, err := ReadModel(bytes.NewReader(file[:n]))
		require.ErrorIs(t, err, io.ErrUnexpectedEOF, "%d of %d bytes", n, len(file))
		assertFileError(t, err, "unexpected EOF")
	}
	// A header that lacks its end is wrong, not truncated.
	_, err := ReadModel(bytes.NewReader(container(`{"a":`, "")))
	assert.NotErrorIs(t, err, io.ErrUnexpectedEOF)
}
