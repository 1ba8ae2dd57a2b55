package lstm

import (
	"encoding"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	_ encoding.BinaryMarshaler   = (*State)(nil)
	_ encoding.BinaryAppender    = (*State)(nil)
	_ encoding.BinaryUnmarshaler = (*State)(nil)
)

func TestMarshalGoesOn(t *testing.T) {
	for _, shape := range shapes {
		n := newNetwork(t, shape.outputs, shape.sizes...)
		for steps := range 4 {
			s := n.NewState()
			advance(n, s, 1, steps)
			data, err := s.MarshalBinary()
			require.NoError(t, err)
			require.Equal(t, len(data), cap(data))

			// The same network made again, as another process has it.
			again := newNetwork(t, shape.outputs, shape.sizes...)
			restored := again.NewState()
			advance(again, restored, 2, 1)
			require.NoError(t, restored.UnmarshalBinary(data))
			requireValues(t, values(s), restored, "%v", shape)

			appended, err := restored.AppendBinary([]byte("before"))
			require.NoError(t, err)
			require.Equal(t, "before"+string(data), string(appended))
			requireSameFuture(t, s, restored, "%v", shape)
		}
	}
}

// NaN with their payload, infinities and zeros of both signs survive.
func TestMarshalKeepsEveryBit(t *testing.T) {
	n := newNetwork(t, 0, 3, len(awkward))
	s := n.NewState()
	copy(s.H(0), awkward)
	copy(s.C(0), awkward)
	s.C(0)[0] = math.Float32frombits(0xffc12345)
	data, err := s.MarshalBinary()
	require.NoError(t, err)
	restored := n.NewState()
	require.NoError(t, restored.UnmarshalBinary(data))
	for i := range awkward {
		require.Equal(t, math.Float32bits(s.H(0)[i]), math.Float32bits(restored.H(0)[i]))
		require.Equal(t, math.Float32bits(s.C(0)[i]), math.Float32bits(restored.C(0)[i]))
	}
}

// The encoding is fixed, on every machine and for every version to come.
func TestEncoding(t *testing.T) {
	n := newNetwork(t, 0, 3, 2, 1)
	s := n.NewState()
	copy(s.H(0), []float32{1, -2})
	copy(s.C(0), []float32{0.5, 0x1p-149})
	copy(s.H(1), []float32{inf})
	copy(s.C(1), []float32{negativeZero})
	data, err := s.MarshalBinary()
	require.NoError(t, err)
	want := []byte("LSTM" + "\x01\x00" + "\x02\x00" + "\x02\x00\x00\x00" +
		"\x03\x00\x00\x00" + "\x02\x00\x00\x00" + "\x02\x00\x00\x00" + "\x01\x00\x00\x00" +
		"\x00\x00\x80\x3f" + "\x00\x00\x00\xc0" + "\x00\x00\x00\x3f" + "\x01\x00\x00\x00" +
		"\x00\x00\x80\x7f" + "\x00\x00\x00\x80")
	want = binary.LittleEndian.AppendUint32(want, crc32.ChecksumIEEE(want))
	require.Equal(t, want, data)
}

func TestUnmarshalErrors(t *testing.T) {
	n := newNetwork(t, 0, 3, 2, 5)
	source := n.NewState()
	advance(n, source, 1, 3)
	valid, err := source.MarshalBinary()
	require.NoError(t, err)

	s := n.NewState()
	advance(n, s, 2, 4)
	before := values(s)
	requireError := func(t *testing.T, data []byte, want string) {
		t.Helper()
		require.EqualError(t, s.UnmarshalBinary(data), want)
		requireValues(t, before, s, "after an error")
	}
	// edited is the valid encoding with some bytes replaced, and the checksum
	// made good again.
	edited := func(at int, bytes ...byte) []byte {
		data := append([]byte(nil), valid...)
		copy(data[at:], bytes)
		sum := crc32.ChecksumIEEE(data[:len(data)-4])
		return binary.LittleEndian.AppendUint32(data[:len(data)-4], sum)
	}

	t.Run("contents", func(t *testing.T) {
		for _, c := range []struct {
			data []byte
			want string
		}{
			{nil, `lstm: state: the data is not an encoded state: it begins with "", want "LSTM"`},
			{[]byte("LS"), `lstm: state: the data is not an encoded state: it begins with "LS", want "LSTM"`},
			{[]byte("LSTM"), "lstm: state: the encoding has 4 bytes, want 88"},
			{edited(0, 'l'), `lstm: state: the data is not an encoded state: it begins with "lSTM", want "LSTM"`},
			{edited(0, 0xff, 0), `lstm: state: the data is not an encoded state: it begins with "\xff\x00TM", want "LSTM"`},
			{edited(4, 2), "lstm: state: the encoding has version 2, want 1"},
			{edited(4, 1, 1), "lstm: state: the encoding has version 257, want 1"},
			{edited(6, 9), "lstm: state: the state was computed under contract 9, want 2"},
			{edited(8, 1), "lstm: state: the state has 1 layers, want 2"},
			{edited(8, 255, 255, 255, 255), "lstm: state: the state has 4294967295 layers, want 2"},
			{edited(12, 4), "lstm: state: layer 0 has input size 4 and hidden size 2, want 3 and 2"},
			{edited(16, 0), "lstm: state: layer 0 has input size 3 and hidden size 0, want 3 and 2"},
			{edited(20, 2, 0, 0, 128), "lstm: state: layer 1 has input size 2147483650 and hidden size 5, want 2 and 5"},
			{edited(24, 255, 255, 255, 255), "lstm: state: layer 1 has input size 2 and hidden size 4294967295, want 2 and 5"},
			{append(edited(0), 0), "lstm: state: the encoding has 89 bytes, want 88"},
		} {
			requireError(t, c.data, c.want)
		}
	})

	t.Run("another shape", func(t *testing.T) {
		data, err := newNetwork(t, 0, 3, 2, 6).NewState().MarshalBinary()
		require.NoError(t, err)
		requireError(t, data, "lstm: state: layer 1 has input size 2 and hidden size 6, want 2 and 5")
	})

	t.Run("truncated", func(t *testing.T) {
		for length := len(stateMagic); length < len(valid); length++ {
			requireError(t, valid[:length], fmt.Sprintf("lstm: state: the encoding has %d bytes, want 88", length))
		}
	})

	// Any one bit.
	t.Run("damaged", func(t *testing.T) {
		for bit := range 8 * len(valid) {
			data := append([]byte(nil), valid...)
			data[bit/8] ^= 1 << (bit % 8)
			require.Error(t, s.UnmarshalBinary(data), "bit %d", bit)
			requireValues(t, before, s, "bit %d", bit)
		}
		data := append([]byte(nil), valid...)
		copy(data[len(data)-4:], "\x04\x03\x02\x01")
		requireError(t, data, fmt.Sprintf("lstm: state: the encoding is damaged: its checksum is %#08x, want 0x01020304",
			crc32.ChecksumIEEE(valid[:len(valid)-4])))
	})

	require.NoError(t, s.UnmarshalBinary(edited(0)))
	requireValues(t, values(source), s, "a valid encoding after all")
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
		before := values(s)
		if err := s.UnmarshalBinary(data); err != nil {
			requireValues(t, before, s, "after %v", err)
			return
		}
		again, err := s.MarshalBinary()
		require.NoError(t, err)
		require.Equal(t, data, again)
	})
}
