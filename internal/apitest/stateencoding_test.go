package apitest

import (
	"encoding"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm"
	"example.com/lstm/internal/lstmtest"
)

var (
	_ encoding.BinaryMarshaler   = (*lstm.State)(nil)
	_ encoding.BinaryAppender    = (*lstm.State)(nil)
	_ encoding.BinaryUnmarshaler = (*lstm.State)(nil)
)

func TestMarshalGoesOn(t *testing.T) {
	for i, shape := range lstmtest.Shapes {
		change := variants[i%len(variants)].change
		n := newVariant(t, change, 1, shape.Outputs, shape.Sizes...)
		for steps := range 4 {
			s := n.NewState()
			advance(n, s, 1, steps)
			data, err := s.MarshalBinary()
			require.NoError(t, err)
			require.Equal(t, len(data), cap(data))

			// The same network made again, as another process has it.
			again := newVariant(t, change, 1, shape.Outputs, shape.Sizes...)
			restored := again.NewState()
			advance(again, restored, 2, 1)
			require.NoError(t, restored.UnmarshalBinary(data))
			lstmtest.RequireValues(t, lstmtest.Values(s, n.Layers()), restored, "%v", shape)

			appended, err := restored.AppendBinary([]byte("before"))
			require.NoError(t, err)
			require.Equal(t, "before"+string(data), string(appended))
			requireSameFuture(t, n, s, again, restored, "%v", shape)
		}
	}
}

// NaN with their payload, infinities and zeros of both signs survive.
func TestMarshalKeepsEveryBit(t *testing.T) {
	n := newNetwork(t, 0, 3, len(lstmtest.Awkward))
	s := n.NewState()
	copy(s.H(0), lstmtest.Awkward)
	copy(s.C(0), lstmtest.Awkward)
	s.C(0)[0] = math.Float32frombits(0xffc12345)
	data, err := s.MarshalBinary()
	require.NoError(t, err)
	restored := n.NewState()
	require.NoError(t, restored.UnmarshalBinary(data))
	for i := range lstmtest.Awkward {
		require.Equal(t, math.Float32bits(s.H(0)[i]), math.Float32bits(restored.H(0)[i]))
		require.Equal(t, math.Float32bits(s.C(0)[i]), math.Float32bits(restored.C(0)[i]))
	}
}

// encode is the encoding of some values in a version, from its description.
func encode(version int, v *lstm.StateValues) []byte {
	order := binary.LittleEndian
	b := order.AppendUint16([]byte("LSTM"), uint16(version))
	b = order.AppendUint16(b, uint16(v.Contract))
	if version == 2 {
		b = append(b, v.Fingerprint[:]...)
	}
	b = order.AppendUint32(b, uint32(len(v.H)))
	if version == 2 {
		b = order.AppendUint32(b, uint32(v.InputSize))
	}
	input := v.InputSize
	for l := range v.H {
		first := len(v.H[l])
		if version == 1 {
			first, input = input, len(v.H[l])
		}
		b = order.AppendUint32(b, uint32(first))
		b = order.AppendUint32(b, uint32(len(v.C[l])))
	}
	for l := range v.H {
		for _, f := range slices.Concat(v.H[l], v.C[l]) {
			b = order.AppendUint32(b, math.Float32bits(f))
		}
	}
	return order.AppendUint32(b, crc32.ChecksumIEEE(b))
}

// someValues are those of a state of a network with sizes 3, 2, 1.
func someValues() *lstm.StateValues {
	return &lstm.StateValues{
		Contract:    lstm.Contract,
		Fingerprint: lstm.Fingerprint{1, 2, 15: 16},
		InputSize:   3,
		H:           [][]float32{{1, -2}, {lstmtest.Inf}},
		C:           [][]float32{{0.5, 0x1p-149}, {lstmtest.NegativeZero}},
	}
}

// The encoding is fixed, on every machine and for every version to come.
func TestEncoding(t *testing.T) {
	n := newNetwork(t, 0, 3, 2, 1)
	v := someValues()
	v.Fingerprint = n.Fingerprint()
	s := n.NewState()
	require.NoError(t, s.SetValues(v))
	data, err := s.MarshalBinary()
	require.NoError(t, err)

	fingerprint := n.Fingerprint()
	want := []byte("LSTM" + "\x02\x00" + string([]byte{lstm.Contract, 0}) + string(fingerprint[:]) + "\x02\x00\x00\x00" + "\x03\x00\x00\x00" +
		"\x02\x00\x00\x00" + "\x02\x00\x00\x00" + "\x01\x00\x00\x00" + "\x01\x00\x00\x00" +
		"\x00\x00\x80\x3f" + "\x00\x00\x00\xc0" + "\x00\x00\x00\x3f" + "\x01\x00\x00\x00" +
		"\x00\x00\x80\x7f" + "\x00\x00\x00\x80")
	want = binary.LittleEndian.AppendUint32(want, crc32.ChecksumIEEE(want))
	require.Equal(t, want, data)
	require.Equal(t, want, encode(2, v))
}

// The elements of a projected h are counted by themselves.
func TestEncodingOfProjection(t *testing.T) {
	v := someValues()
	v.C[0] = append(v.C[0], 3)
	n := newVariant(t, func(m *lstm.Model) { project(m, 0, 2) }, 1, 0, 3, 3, 1)
	v.Fingerprint = n.Fingerprint()
	s := n.NewState()
	require.NoError(t, s.SetValues(v))
	data, err := s.MarshalBinary()
	require.NoError(t, err)
	require.Equal(t, encode(2, v), data)
	got, err := lstm.DecodeState(data)
	require.NoError(t, err)
	require.Equal(t, v, got)

	other := newVariant(t, func(m *lstm.Model) { project(m, 0, 1) }, 1, 0, 3, 3, 1).NewState()
	err = other.UnmarshalBinary(data)
	require.EqualError(t, err, "lstm: state: layer 0 has 2 elements of h and 3 of c, want 1 and 3")
	require.ErrorIs(t, err, lstm.ErrShape)
	err = other.SetValues(got)
	require.EqualError(t, err, "lstm: SetValues: layer 0 of v has 2 elements of H and 3 of C, want 1 and 3")
	require.ErrorIs(t, err, lstm.ErrShape)
}

// The encoding of contract 1, as the first version of the package wrote it.
func TestEncodingVersion1(t *testing.T) {
	data := []byte("LSTM" + "\x01\x00" + "\x01\x00" + "\x02\x00\x00\x00" +
		"\x03\x00\x00\x00" + "\x02\x00\x00\x00" + "\x02\x00\x00\x00" + "\x01\x00\x00\x00" +
		"\x00\x00\x80\x3f" + "\x00\x00\x00\xc0" + "\x00\x00\x00\x3f" + "\x01\x00\x00\x00" +
		"\x00\x00\x80\x7f" + "\x00\x00\x00\x80")
	data = binary.LittleEndian.AppendUint32(data, crc32.ChecksumIEEE(data))
	want := someValues()
	want.Contract, want.Fingerprint = 1, lstm.Fingerprint{}
	require.Equal(t, encode(1, want), data)

	got, err := lstm.DecodeState(data)
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.Error(t, newNetwork(t, 0, 3, 2, 1).NewState().UnmarshalBinary(data))
}

// A fleet takes its streams over: from an older contract or encoding, or with
// other weights, where UnmarshalBinary refuses to.
func TestTakingOver(t *testing.T) {
	n := newNetwork(t, 2, 3, 2, 1)
	for _, c := range []struct {
		name    string
		version int
		spoil   func(v *lstm.StateValues)
		want    error
	}{
		{"other weights", 2, func(v *lstm.StateValues) { v.Fingerprint[5]++ }, lstm.ErrWeights},
		{"unknown weights", 1, func(v *lstm.StateValues) { v.Fingerprint = lstm.Fingerprint{} }, lstm.ErrWeights},
		{"older contract", 2, func(v *lstm.StateValues) { v.Contract = lstm.Contract - 1 }, lstm.ErrContract},
		{"older contract and encoding", 1, func(v *lstm.StateValues) { v.Contract, v.Fingerprint = lstm.Contract-1, lstm.Fingerprint{} }, lstm.ErrContract},
		{"newer contract", 2, func(v *lstm.StateValues) { v.Contract = lstm.Contract + 1 }, lstm.ErrContract},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := someValues()
			v.Fingerprint = n.Fingerprint()
			c.spoil(v)
			data := encode(c.version, v)

			s := n.NewState()
			advance(n, s, 1, 2)
			before := lstmtest.Values(s, n.Layers())
			require.ErrorIs(t, s.UnmarshalBinary(data), c.want)
			lstmtest.RequireValues(t, before, s, "after an error")

			got, err := lstm.DecodeState(data)
			require.NoError(t, err)
			require.Equal(t, v, got)
			require.NoError(t, s.SetValues(got))
			lstmtest.RequireValues(t, [][]float32{v.H[0], v.C[0], v.H[1], v.C[1]}, s, "taken over")
			got.H[0][0]++ // of no consequence
			require.Equal(t, v.H[0], s.H(0))
		})
	}
}

func TestDecodeStateIsIndependent(t *testing.T) {
	for _, shape := range lstmtest.Shapes {
		n := newNetwork(t, shape.Outputs, shape.Sizes...)
		s := n.NewState()
		advance(n, s, 1, 3)
		data, err := s.MarshalBinary()
		require.NoError(t, err)
		v, err := lstm.DecodeState(data)
		require.NoError(t, err)
		require.Equal(t, lstm.Contract, v.Contract)
		require.Equal(t, n.Fingerprint(), v.Fingerprint)
		require.Equal(t, n.InputSize(), v.InputSize)
		for l := range n.Layers() {
			lstmtest.RequireBits(t, s.H(l), v.H[l], "%v h", shape)
			lstmtest.RequireBits(t, s.C(l), v.C[l], "%v c", shape)
			// Appending to one never reaches the next.
			require.Equal(t, len(v.H[l]), cap(v.H[l]))
			require.Equal(t, len(v.C[l]), cap(v.C[l]))
		}
		clear(data)
		lstmtest.RequireBits(t, s.H(0), v.H[0], "%v after the data was cleared", shape)
	}
}

func TestSetValuesErrors(t *testing.T) {
	n := newNetwork(t, 0, 3, 2, 1)
	s := n.NewState()
	for _, c := range []struct {
		spoil func(v *lstm.StateValues)
		want  string
	}{
		{func(v *lstm.StateValues) { v.H = v.H[:1] }, "lstm: SetValues: v has H of 1 layers and C of 2, want 2"},
		{func(v *lstm.StateValues) { v.C = nil }, "lstm: SetValues: v has H of 2 layers and C of 0, want 2"},
		{func(v *lstm.StateValues) { v.H[0] = v.H[0][:1] }, "lstm: SetValues: layer 0 of v has 1 elements of H and 2 of C, want 2 and 2"},
		{func(v *lstm.StateValues) { v.C[1] = make([]float32, 7) }, "lstm: SetValues: layer 1 of v has 1 elements of H and 7 of C, want 1 and 1"},
	} {
		v := someValues()
		c.spoil(v)
		err := s.SetValues(v)
		require.EqualError(t, err, c.want)
		require.ErrorIs(t, err, lstm.ErrShape)
		lstmtest.RequireValues(t, lstmtest.Values(n.NewState(), n.Layers()), s, "after an error")
	}
	require.EqualError(t, s.SetValues(nil), "lstm: SetValues: v is nil")
}

// edited is data with some bytes replaced and the checksum made good again.
func edited(data []byte, at int, bytes ...byte) []byte {
	body := slices.Clone(data[:len(data)-4])
	copy(body[at:], bytes)
	return binary.LittleEndian.AppendUint32(body, crc32.ChecksumIEEE(body))
}

func TestUnmarshalErrors(t *testing.T) {
	n := newNetwork(t, 0, 3, 2, 5)
	source := n.NewState()
	advance(n, source, 1, 3)
	valid, err := source.MarshalBinary()
	require.NoError(t, err)
	require.Len(t, valid, 108)
	v, err := lstm.DecodeState(valid)
	require.NoError(t, err)
	first := encode(1, v) // 88 bytes
	long := binary.LittleEndian.AppendUint32(slices.Concat(valid[:104], []byte{0}), crc32.ChecksumIEEE(append(valid[:104:104], 0)))

	s := n.NewState()
	advance(n, s, 2, 4)
	before := lstmtest.Values(s, n.Layers())
	requireError := func(t *testing.T, data []byte, kind error, want string) {
		t.Helper()
		err := s.UnmarshalBinary(data)
		require.EqualError(t, err, "lstm: state: "+want)
		require.ErrorIs(t, err, kind)
		lstmtest.RequireValues(t, before, s, "after an error")
		if kind == lstm.ErrDamaged || kind == lstm.ErrUnsupported { // no network is needed to see it
			v, err := lstm.DecodeState(data)
			require.EqualError(t, err, "lstm: state: "+want)
			require.Nil(t, v)
		}
	}
	other := n.Fingerprint()
	other[0] ^= 1

	t.Run("contents", func(t *testing.T) {
		for _, c := range []struct {
			data []byte
			kind error
			want string
		}{
			{nil, lstm.ErrDamaged, `the data is not an encoded state: it begins with "", want "LSTM"`},
			{[]byte("LS"), lstm.ErrDamaged, `the data is not an encoded state: it begins with "LS", want "LSTM"`},
			{[]byte("LSTM"), lstm.ErrDamaged, "the encoding has 4 bytes, want at least 16"},
			{valid[:12], lstm.ErrDamaged, "the encoding has 12 bytes, want at least 36"},
			{edited(valid, 0, 'l'), lstm.ErrDamaged, `the data is not an encoded state: it begins with "lSTM", want "LSTM"`},
			{edited(valid, 0, 0xff, 0), lstm.ErrDamaged, `the data is not an encoded state: it begins with "\xff\x00TM", want "LSTM"`},
			{edited(valid, 4, 0), lstm.ErrUnsupported, "the encoding has version 0, want 1 to 3"},
			{edited(valid, 4, 4), lstm.ErrUnsupported, "the encoding has version 4, want 1 to 3"},
			{edited(valid, 4, 1, 1), lstm.ErrUnsupported, "the encoding has version 257, want 1 to 3"},
			{edited(valid, 6, 9), lstm.ErrContract, fmt.Sprintf("the state was computed under contract 9, want %d (DecodeState reads it as numbers)", lstm.Contract)},
			{edited(valid, 8, other[0]), lstm.ErrWeights,
				fmt.Sprintf("the state was computed with the network of fingerprint %v, want %v (DecodeState reads it as numbers)", other, n.Fingerprint())},
			{first, lstm.ErrWeights,
				fmt.Sprintf("the state was computed with the network of fingerprint %v, want %v (DecodeState reads it as numbers)", lstm.Fingerprint{}, n.Fingerprint())},
			{edited(valid, 24, 0), lstm.ErrDamaged, "the encoding has 108 bytes, and 0 layers by its header"},
			{edited(valid, 24, 1), lstm.ErrDamaged, "the encoding has 108 bytes, want 60 by its header"},
			{edited(valid, 24, 255, 255, 255, 255), lstm.ErrDamaged, "the encoding has 108 bytes, and 4294967295 layers by its header"},
			{edited(valid, 28, 4), lstm.ErrShape, "the state has input size 4, want 3"},
			{edited(valid, 28, 0), lstm.ErrDamaged, "the input size is 0, want at least 1"},
			{edited(valid, 32, 0), lstm.ErrDamaged, "layer 0 has 0 elements of h and 2 of c, want at least 1"},
			{edited(valid, 32, 1, 0, 0, 0, 3), lstm.ErrShape, "layer 0 has 1 elements of h and 3 of c, want 2 and 2"},
			{edited(valid, 40, 5, 0, 0, 128), lstm.ErrDamaged, "the encoding has 108 bytes, want at least 8589934700 by its header"},
			{edited(valid, 40, 6), lstm.ErrDamaged, "the encoding has 108 bytes, want at least 112 by its header"},
			{edited(valid, 40, 4), lstm.ErrDamaged, "the encoding has 108 bytes, want 104 by its header"},
			{long, lstm.ErrDamaged, "the encoding has 109 bytes, want 108 by its header"},
			{edited(first, 12, 4), lstm.ErrShape, "the state has input size 4, want 3"},
			{edited(first, 20, 3), lstm.ErrDamaged, "layer 1 has input size 3, want 2"},
			{edited(first, 24, 255, 255, 255, 255), lstm.ErrDamaged, "the encoding has 88 bytes, want at least 34359738408 by its header"},
		} {
			requireError(t, c.data, c.kind, c.want)
		}
	})

	t.Run("another shape", func(t *testing.T) {
		for _, c := range []struct {
			sizes []int
			want  string
		}{
			{[]int{3, 2, 6}, "layer 1 has 6 elements of h and 6 of c, want 5 and 5"},
			{[]int{3, 2}, "the state has 1 layers, want 2"},
			{[]int{4, 2, 5}, "the state has input size 4, want 3"},
		} {
			data, err := newNetwork(t, 0, c.sizes...).NewState().MarshalBinary()
			require.NoError(t, err)
			requireError(t, data, lstm.ErrShape, c.want)
		}
	})

	t.Run("truncated", func(t *testing.T) {
		for _, data := range [][]byte{valid, first} {
			for length := range data {
				err := s.UnmarshalBinary(data[:length])
				require.ErrorIs(t, err, lstm.ErrDamaged, "%d bytes", length)
				lstmtest.RequireValues(t, before, s, "%d bytes", length)
			}
		}
		requireError(t, valid[:107], lstm.ErrDamaged, "the encoding has 107 bytes, want at least 108 by its header")
	})

	// Any one bit.
	t.Run("damaged", func(t *testing.T) {
		for bit := range 8 * len(valid) {
			data := slices.Clone(valid)
			data[bit/8] ^= 1 << (bit % 8)
			require.Error(t, s.UnmarshalBinary(data), "bit %d", bit)
			lstmtest.RequireValues(t, before, s, "bit %d", bit)
			_, err := lstm.DecodeState(data)
			require.Error(t, err, "bit %d", bit)
		}
		data := slices.Clone(valid)
		copy(data[len(data)-4:], "\x04\x03\x02\x01")
		requireError(t, data, lstm.ErrDamaged, fmt.Sprintf("the encoding is damaged: its checksum is %#08x, want 0x01020304",
			crc32.ChecksumIEEE(valid[:len(valid)-4])))
	})

	require.NoError(t, s.UnmarshalBinary(edited(valid, 0)))
	lstmtest.RequireValues(t, lstmtest.Values(source, n.Layers()), s, "a valid encoding after all")
}

// Whatever the data, UnmarshalBinary takes it as a whole or leaves the state
// alone; and what it takes is what MarshalBinary writes.
func FuzzUnmarshalState(f *testing.F) {
	n := newNetwork(f, 0, 2, 3, 1)
	for steps := range 3 {
		s := n.NewState()
		advance(n, s, 1, steps)
		data, err := s.MarshalBinary()
		require.NoError(f, err)
		f.Add(data)
		f.Add(data[:len(data)-1])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s := n.NewState()
		advance(n, s, 2, 1)
		before := lstmtest.Values(s, n.Layers())
		if err := s.UnmarshalBinary(data); err != nil {
			lstmtest.RequireValues(t, before, s, "after %v", err)
			return
		}
		again, err := s.MarshalBinary()
		require.NoError(t, err)
		require.Equal(t, data, again)
	})
}

// What DecodeState takes encodes to the same bytes again. The checksum of the data
// is made good first, which a fuzzer would hardly do.
func FuzzDecodeState(f *testing.F) {
	v := someValues()
	for version := 1; version <= 2; version++ {
		data := encode(version, v)
		f.Add(data)
		f.Add(data[:len(data)-1])
		f.Add(edited(data, 8, 255, 255, 255, 255))
		f.Add(edited(data, 24, 255, 255, 255, 255))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) >= 4 {
			data = edited(data, 0)
		}
		v, err := lstm.DecodeState(data)
		if err != nil {
			return
		}
		again := encode(int(data[4]), v)
		require.Equal(t, data, again)
	})
}
