package onnx

import (
	"encoding/binary"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"

	"example.com/lstm"
	"example.com/lstm/internal/lstmtest"
)

// network is a graph of one layer, whose W [1, 4, 1] and R [1, 4, 1] are those given.
func network(tensors ...message) *builder {
	b := build(17).input("x", "t", "n", 1)
	for _, m := range tensors {
		b.graph = b.graph.part(5, m)
	}
	return b.node("LSTM", list("x", "W", "R"), list("Y")).output("Y")
}

func tensorOf(name string, dataType int, dims ...int64) message {
	m := message(nil).text(8, name).number(2, dataType)
	for _, d := range dims {
		m = protowire.AppendVarint(protowire.AppendTag(m, 1, protowire.VarintType), uint64(d))
	}
	return m
}

var ones = encodeTensor("R", []float32{1, 1, 1, 1}, 1, 4, 1)

// Each type of floats, as raw data and listed.
func TestTensorTypes(t *testing.T) {
	packed := func(field protowire.Number, size int, bits ...uint64) func(message) message {
		return func(m message) message {
			var b []byte
			for _, v := range bits {
				switch size {
				case 0:
					b = protowire.AppendVarint(b, v)
				case 4:
					b = protowire.AppendFixed32(b, uint32(v))
				case 8:
					b = protowire.AppendFixed64(b, v)
				}
			}
			return m.part(field, b)
		}
	}
	raw := func(size int, bits ...uint64) func(message) message {
		return func(m message) message {
			var b []byte
			for _, v := range bits {
				b = append(b, binary.LittleEndian.AppendUint64(nil, v)[:size]...)
			}
			return m.part(9, b)
		}
	}
	for name, c := range map[string]struct {
		dataType int
		add      func(message) message
		want     []float32 // of i, o, f, c
	}{
		"float":                {typeFloat, packed(4, 4, 0x3f800000, 0xc0000000, 0x7f7fffff, 1), []float32{1, -2, math.MaxFloat32, math.SmallestNonzeroFloat32}},
		"float, not packed":    {typeFloat, func(m message) message { return m.float(4, 1).float(4, 2).float(4, 3).float(4, 4) }, []float32{1, 2, 3, 4}},
		"double":               {typeDouble, packed(10, 8, 0x3ff0000000000000, 0x3ff0000010000000, 0x3ff0000030000000, 0x8000000000000000), []float32{1, 1, 1 + 0x1p-22, float32(math.Copysign(0, -1))}},
		"raw double":           {typeDouble, raw(8, 0x3ff0000000000000, 0xc000000000000000, 0, 0x3fe0000000000000), []float32{1, -2, 0, 0.5}},
		"float16":              {typeFloat16, packed(5, 0, 0x3c00, 0xfbff, 0x0001, 0x83ff), []float32{1, -65504, 0x1p-24, -0x1.ff8p-15}},
		"raw float16":          {typeFloat16, raw(2, 0x3c00, 0x7bff, 0x0400, 0x8000), []float32{1, 65504, 0x1p-14, float32(math.Copysign(0, -1))}},
		"bfloat16":             {typeBFloat16, packed(5, 0, 0x3f80, 0xff7f, 0x0001, 0x4049), []float32{1, -0x1.fep127, 0x1p-133, 0x1.92p1}},
		"raw bfloat16":         {typeBFloat16, raw(2, 0x3f80, 0xbf80, 0, 0x4049), []float32{1, -1, 0, 0x1.92p1}},
		"raw float":            {typeFloat, raw(4, 0x3f800000, 0xc0000000, 0, 0x40400000), []float32{1, -2, 0, 3}},
		"float, in two pieces": {typeFloat, func(m message) message { return packed(4, 4, 0x3f800000)(m).float(4, 2).float(4, 3).float(4, 4) }, []float32{1, 2, 3, 4}},
	} {
		t.Run(name, func(t *testing.T) {
			m := network(c.add(tensorOf("W", c.dataType, 1, 4, 1)), ones).read(t)
			want := fromONNX(c.want)
			got := m.Layers[0].(*lstm.Weights).WeightIH
			for i := range want {
				require.Equal(t, math.Float32bits(want[i]), math.Float32bits(got[i]), "%d: %v, want %v", i, got, want)
			}
		})
	}
}

func TestTensorRefusals(t *testing.T) {
	listed := []float32{1, 2, 3, 4}
	bad := func(v float32) message { return encodeTensor("W", []float32{1, v, 3, 4}, 1, 4, 1) }
	nan, inf := float32(math.NaN()), float32(math.Inf(-1))
	for words, c := range map[string]struct {
		tensor message
		kind   error
	}{
		`tensor "W": element 1 is NaN`:                                             {bad(nan), lstm.ErrDamaged},
		`tensor "W": element 1 is -Inf`:                                            {bad(inf), lstm.ErrDamaged},
		`tensor "W": it has the shape [1 4 1], and 3 elements`:                     {encodeTensor("W", listed[:3], 1, 4, 1), lstm.ErrDamaged},
		`tensor "W": it has the shape [1 4 1], and 0 elements`:                     {tensorOf("W", typeFloat, 1, 4, 1), lstm.ErrDamaged},
		`tensor "W": it has the dimension -1`:                                      {tensorOf("W", typeFloat, 1, -1), lstm.ErrDamaged},
		`it has the shape [4611686018427387904 4], and 0 elements`:                 {tensorOf("W", typeFloat, 1<<62, 4), lstm.ErrDamaged},
		`tensor "W": its data_type is 8`:                                           {tensorOf("W", 8, 1), lstm.ErrUnsupported},
		`tensor "W": it has more than 16 dimensions`:                               {tensorOf("W", typeFloat, make([]int64, 17)...), lstm.ErrUnsupported},
		`tensor "W": it is a segment`:                                              {tensorOf("W", typeFloat, 1).part(3, nil), lstm.ErrUnsupported},
		`tensor "W": its data_location is 2`:                                       {tensorOf("W", typeFloat, 1).number(14, 2), lstm.ErrUnsupported},
		`tensor "W": it is truncated`:                                              {tensorOf("W", typeFloat, 1).part(4, []byte{1, 2, 3}), lstm.ErrDamaged},
		`W is integers of the shape [4] and R floats of the shape [1 4 1]`:         {encodeTensor("W", []int64{1, 2, 3, 4}, 4), lstm.ErrShape},
		`W is floats of the shape [1 4] and R floats of the shape [1 4 1]`:         {encodeTensor("W", listed, 1, 4), lstm.ErrShape},
		`W: floats of the shape [1 5 1], want floats of the shape [1 4 1]`:         {encodeTensor("W", make([]float32, 5), 1, 5, 1), lstm.ErrShape},
		`node "Y" (LSTM): data have 1 features on axis 2, want 4`:                  {encodeTensor("W", listed, 1, 1, 4), lstm.ErrShape},
		`tensor "W": its data are in the file "w": onnx.Open reads such files`:     {externalTensor("w", 0, 16), lstm.ErrUnsupported},
		`W floats of the shape [1 4 0] and R floats of the shape [1 4 1], want [D`: {encodeTensor("W", []float32{}, 1, 4, 0), lstm.ErrShape},
	} {
		network(c.tensor, ones).refuse(t, c.kind, words)
	}
	network(bad(nan), ones).read(t, WithNonFinite())
}

// externalTensor is W in a file.
func externalTensor(location string, offset, length int) message {
	m := tensorOf("W", typeFloat, 1, 4, 1).number(14, 1)
	for _, e := range [][2]string{{"location", location}, {"offset", strconv.Itoa(offset)}, {"length", strconv.Itoa(length)}} {
		m = m.part(13, message(nil).text(1, e[0]).text(2, e[1]))
	}
	return m
}

func TestExternalData(t *testing.T) {
	outside, folder := t.TempDir(), t.TempDir()
	data := make([]byte, 20)
	for i, v := range []float32{9, 1, 2, 3, 4} {
		binary.LittleEndian.PutUint32(data[4*i:], math.Float32bits(v))
	}
	write := func(path string) { require.NoError(t, os.WriteFile(path, data, 0o666)) }
	write(filepath.Join(outside, "secret"))
	write(filepath.Join(folder, "weights"))
	require.NoError(t, os.Mkdir(filepath.Join(folder, "inner"), 0o777))
	write(filepath.Join(folder, "inner", "weights"))
	open := func(tensor message) (*lstm.Model, error) {
		path := filepath.Join(folder, "model.onnx")
		require.NoError(t, os.WriteFile(path, network(tensor, ones).file(), 0o666))
		return Open(path)
	}
	for _, location := range []string{"weights", "./weights", "inner/weights"} {
		m, err := open(externalTensor(location, 4, 16))
		require.NoError(t, err)
		require.Equal(t, []float32{1, 3, 4, 2}, m.Layers[0].(*lstm.Weights).WeightIH)
	}
	links := map[string]string{"link": filepath.Join(outside, "secret"), "linked/secret": outside, "inside": "weights"}
	if runtime.GOOS != "windows" {
		require.NoError(t, os.Symlink(links["link"], filepath.Join(folder, "link")))
		require.NoError(t, os.Symlink(outside, filepath.Join(folder, "linked")))
		require.NoError(t, os.Symlink("weights", filepath.Join(folder, "inside")))
		_, err := open(externalTensor("inside", 4, 16))
		require.NoError(t, err)
		for _, location := range []string{"link", "linked/secret"} {
			_, err := open(externalTensor(location, 4, 16))
			require.ErrorContains(t, err, "escapes")
		}
	}
	back, err := filepath.Rel(folder, filepath.Join(outside, "secret"))
	require.NoError(t, err)
	for _, location := range []string{back, filepath.Join(outside, "secret"), "inner/../weights", "", `inner\weights`, "weights\x00"} {
		_, err := open(externalTensor(location, 4, 16))
		require.Error(t, err, location)
		require.ErrorContains(t, err, `tensor "W": its data`, location)
	}
	for words, tensor := range map[string]message{
		"which is no regular file":                                       externalTensor("inner", 0, 16),
		`its data are the 16 bytes of "weights" from 5 on`:               externalTensor("weights", 5, 16),
		`its data are the 16 bytes of "weights" from 9223372036854775`:   externalTensor("weights", math.MaxInt, 16),
		`length of its data in "weights" is 15, want 16`:                 externalTensor("weights", 0, 15),
		`offset of its data in "weights" is "-4", want a number`:         externalTensor("weights", -4, 16),
		`it has the shape [1073741824 1073741824 1073741824]`:            tensorOf("W", typeFloat, 1<<30, 1<<30, 1<<30).number(14, 1),
		`its data are the 4611686018427387904 bytes of "weights" from 0`: tensorOf("W", typeFloat, 1<<60).number(14, 1).part(13, message(nil).text(1, "location").text(2, "weights")),
	} {
		_, err := open(tensor)
		require.ErrorContains(t, err, words)
	}
	_, err = open(externalTensor("none", 0, 16))
	require.ErrorIs(t, err, fs.ErrNotExist)

	m := network(externalTensor("w", 4, 16), ones).read(t, WithFolder(fstest.MapFS{"w": {Data: data}}))
	require.Equal(t, []float32{1, 3, 4, 2}, m.Layers[0].(*lstm.Weights).WeightIH)
}

// Weights of 8 bits become (q - zero point) · scale, for each direction or each row.
func TestDynamicQuantizeLSTM(t *testing.T) {
	r := random(8)
	const I, H = 3, 5
	bytes := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.IntN(256))
		}
		return b
	}
	w, rr := bytes(I*4*H), bytes(H*4*H)
	dequantized := func(q []byte, n int, number func(byte) float32, scale func(row int) float32, zero float32) []float32 {
		rows := make([]float32, 0, len(q))
		for row := range 4 * H {
			for k := range n {
				rows = append(rows, float32((number(q[k*4*H+row])-zero)*scale(row)))
			}
		}
		return fromONNX(rows)
	}
	unsigned := func(b byte) float32 { return float32(b) }
	signed := func(b byte) float32 { return float32(int8(b)) }
	scales := make([]float32, 4*H)
	for i := range scales {
		scales[i] = 0.001 * float32(i+1)
	}
	inputs := list("x", "W", "R", "", "", "", "", "", "ws", "wz", "rs", "rz")
	read := func(b *builder) *lstm.Weights {
		m := b.nodeOf(microsoft, "DynamicQuantizeLSTM", inputs, list("Y"), "hidden_size", H).output("Y").read(t)
		return m.Layers[0].(*lstm.Weights)
	}
	got := read(build(14).input("x", "t", "n", I).bytes("W", typeUint8, w, 1, I, 4*H).bytes("R", typeUint8, rr, 1, H, 4*H).
		floats("ws", []float32{0.003}, 1).bytes("wz", typeUint8, []byte{131}, 1).floats("rs", []float32{0.004}, 1).bytes("rz", typeUint8, []byte{120}, 1))
	require.Equal(t, dequantized(w, I, unsigned, func(int) float32 { return 0.003 }, 131), got.WeightIH)
	require.Equal(t, dequantized(rr, H, unsigned, func(int) float32 { return 0.004 }, 120), got.WeightHH)

	zeros := make([]byte, 4*H)
	got = read(build(14).input("x", "t", "n", I).bytes("W", typeInt8, w, 1, I, 4*H).bytes("R", typeInt8, rr, 1, H, 4*H).
		floats("ws", scales, 1, 4*H).bytes("wz", typeInt8, zeros, 1, 4*H).floats("rs", scales, 1, 4*H).bytes("rz", typeInt8, zeros, 1, 4*H))
	require.Equal(t, dequantized(w, I, signed, func(i int) float32 { return scales[i] }, 0), got.WeightIH)
	require.Equal(t, dequantized(rr, H, signed, func(i int) float32 { return scales[i] }, 0), got.WeightHH)

	wrong := build(14).input("x", "t", "n", I).bytes("W", typeUint8, w, 1, I, 4*H).bytes("R", typeUint8, rr, 1, H, 4*H).
		floats("ws", scales, 1, 4*H).bytes("wz", typeUint8, []byte{131}, 1).floats("rs", scales[:3], 3).bytes("rz", typeUint8, []byte{120}, 1)
	wrong.nodeOf(microsoft, "DynamicQuantizeLSTM", inputs, list("Y")).output("Y").refuse(t, lstm.ErrShape, "scales or zero points are floats of the shape [3]")

	// The same by nodes: of the whole tensor, and of an axis.
	dequantize := build(14).input("x", "t", "n", I).bytes("W8", typeUint8, w, 1, 4*H, I).floats("ws", []float32{0.003}).bytes("wz", typeUint8, []byte{131}).
		bytes("R8", typeInt8, rr, 1, 4*H, H).floats("rs", scales, 4*H).
		node("DequantizeLinear", list("W8", "ws", "wz"), list("W")).node("DequantizeLinear", list("R8", "rs"), list("R"), "axis", 1).
		node("LSTM", list("x", "W", "R"), list("Y")).output("Y").read(t).Layers[0].(*lstm.Weights)
	require.Equal(t, float32((float32(w[0])-131)*0.003), dequantize.WeightIH[0])
	require.Equal(t, float32(float32(int8(rr[H]))*scales[1]), dequantize.WeightHH[H])
}

// quantizedFile is a graph of a DynamicQuantizeLSTM in both directions, of weights
// from -1 to 1.
func quantizedFile() []byte {
	r := random(16)
	const I, H = 3, 5
	bytes := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.IntN(256))
		}
		return b
	}
	scales := []float32{1. / 128, 1. / 100}
	return build(14).input("x", "t", "n", I).bytes("W", typeUint8, bytes(2*I*4*H), 2, I, 4*H).bytes("R", typeUint8, bytes(2*H*4*H), 2, H, 4*H).
		floats("ws", scales, 2).bytes("wz", typeUint8, []byte{128, 120}, 2).floats("rs", scales, 2).bytes("rz", typeUint8, []byte{128, 130}, 2).
		floats("B", lstmtest.Normals(r, 2*8*H, 0.2), 2, 8*H).
		nodeOf(microsoft, "DynamicQuantizeLSTM", list("x", "W", "R", "B", "", "", "", "", "ws", "wz", "rs", "rz"), list("Y"), "hidden_size", H, "direction", "bidirectional").
		node("Transpose", list("Y"), list("sides"), "perm", []int{0, 2, 1, 3}).integers("shape", 0, 0, -1).
		node("Reshape", list("sides", "shape"), list("y")).output("y").file()
}

// quantizedTextFile is a graph of rows of an embedding, a layer and a linear layer, all
// as ONNX Runtime's dynamic quantization makes them.
func quantizedTextFile() []byte {
	r := random(17)
	const V, I, H, O = 7, 4, 5, 3
	bytes := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.IntN(256))
		}
		return b
	}
	return build(14).integerInput("ids", "t", "n").bytes("rows8", typeUint8, bytes(V*I), V, I).floats("es", []float32{1. / 90}).bytes("ez", typeUint8, []byte{127}).
		node("Gather", list("rows8", "ids"), list("chosen8")).node("DequantizeLinear", list("chosen8", "es", "ez"), list("x")).
		bytes("W", typeInt8, bytes(I*4*H), 1, I, 4*H).bytes("R", typeInt8, bytes(H*4*H), 1, H, 4*H).
		floats("ws", []float32{1. / 128}, 1).bytes("wz", typeInt8, []byte{0}, 1).floats("rs", []float32{1. / 150}, 1).bytes("rz", typeInt8, []byte{0}, 1).
		nodeOf(microsoft, "DynamicQuantizeLSTM", list("x", "W", "R", "", "", "", "", "", "ws", "wz", "rs", "rz"), list("Y"), "hidden_size", H).
		integers("one", 1).node("Squeeze", list("Y", "one"), list("h")).
		bytes("M8", typeUint8, bytes(H*O), H, O).floats("ms", []float32{1. / 100}).bytes("mz", typeUint8, []byte{125}).floats("bias", lstmtest.Normals(r, O, 0.3), O).
		node("DynamicQuantizeLinear", list("h"), list("h8", "hs", "hz")).
		node("MatMulInteger", list("h8", "M8", "hz", "mz"), list("product32")).node("Cast", list("product32"), list("product"), "to", typeFloat).
		node("Mul", list("hs", "ms"), list("scale")).node("Mul", list("product", "scale"), list("scaled")).
		node("Add", list("scaled", "bias"), list("y")).output("y").file()
}

func TestQuantizedGoldens(t *testing.T) {
	for name, file := range map[string][]byte{"both": quantizedFile(), "text": quantizedTextFile()} {
		path := filepath.Join("testdata", "quantized", name+".onnx")
		if *update {
			require.NoError(t, os.WriteFile(path, file, 0o666))
		}
		want, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, want, file)
	}
	if *update {
		return
	}
	for _, c := range goldenCases(t, "quantized") {
		m, err := Open(c.path)
		require.NoError(t, err)
		c.check(t, m, 0.03)
	}
}
