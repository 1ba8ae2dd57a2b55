package lstm

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"slices"
)

// The encoding of a state, little-endian:
//
//	4 bytes   "LSTM"
//	uint16    version of the encoding
//	uint16    Contract
//	uint32    number of layers L
//	L ×       uint32 input size, uint32 hidden size
//	L ×       h, then c, float32 each
//	uint32    CRC-32 (IEEE) of all before
const (
	stateMagic       = "LSTM"
	stateVersion     = 1
	stateFixedHeader = len(stateMagic) + 2 + 2 + 4 // what comes before the layers' sizes
)

// MarshalBinary encodes s, so that a stream can go on in another process or on
// another machine: little-endian, with the network's sizes and the contract's
// number, and a checksum. The parameters of the network are not part of it.
// The error is nil if s is a State made by NewState.
func (s *State) MarshalBinary() ([]byte, error) {
	if err := s.check("MarshalBinary: s"); err != nil {
		return nil, err
	}
	return s.AppendBinary(make([]byte, 0, s.encodedSize()))
}

// AppendBinary appends what MarshalBinary returns to b.
func (s *State) AppendBinary(b []byte) ([]byte, error) {
	if err := s.check("AppendBinary: s"); err != nil {
		return b, err
	}
	start := len(b)
	b = s.appendHeader(slices.Grow(b, s.encodedSize()))
	for l := range s.network.layers {
		b = appendFloats(b, s.H(l))
		b = appendFloats(b, s.C(l))
	}
	return binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b[start:])), nil
}

func (s *State) appendHeader(b []byte) []byte {
	layers := s.network.layers
	b = append(b, stateMagic...)
	b = binary.LittleEndian.AppendUint16(b, stateVersion)
	b = binary.LittleEndian.AppendUint16(b, Contract)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(layers)))
	for i := range layers {
		b = binary.LittleEndian.AppendUint32(b, uint32(layers[i].input))
		b = binary.LittleEndian.AppendUint32(b, uint32(layers[i].hidden))
	}
	return b
}

func (s *State) headerSize() int { return stateFixedHeader + (4+4)*len(s.network.layers) }

func (s *State) encodedSize() int {
	size := s.headerSize() + 4 // the checksum
	for i := range s.network.layers {
		size += 4 * 2 * s.network.layers[i].hidden
	}
	return size
}

// UnmarshalBinary makes s the state that MarshalBinary has encoded. s has been
// made by [Network.NewState], and data comes from a state of a network with as
// many layers of the same sizes, computed under the same [Contract]; that its
// parameters were the same as well is for the caller to know. The error says
// what differs or that the data is damaged; then s has not changed.
func (s *State) UnmarshalBinary(data []byte) error {
	if err := s.check("UnmarshalBinary: s"); err != nil {
		return err
	}
	if err := s.checkEncoding(data); err != nil {
		return err
	}
	data = data[s.headerSize():]
	for l := range s.network.layers {
		data = takeFloats(s.H(l), data)
		data = takeFloats(s.C(l), data)
	}
	return nil
}

// checkEncoding compares data with what a state of this network looks like.
func (s *State) checkEncoding(data []byte) error {
	layers := s.network.layers
	if n := min(len(data), len(stateMagic)); string(data[:n]) != stateMagic {
		return fmt.Errorf("lstm: state: the data is not an encoded state: it begins with %q, want %q", data[:n], stateMagic)
	}
	if len(data) < stateFixedHeader {
		return errEncodedSize(len(data), s.encodedSize())
	}
	if v := binary.LittleEndian.Uint16(data[4:]); v != stateVersion {
		return fmt.Errorf("lstm: state: the encoding has version %d, want %d", v, stateVersion)
	}
	if v := binary.LittleEndian.Uint16(data[6:]); v != Contract {
		return fmt.Errorf("lstm: state: the state was computed under contract %d, want %d", v, Contract)
	}
	if v := binary.LittleEndian.Uint32(data[8:]); uint64(v) != uint64(len(layers)) {
		return fmt.Errorf("lstm: state: the state has %d layers, want %d", v, len(layers))
	}
	// The sizes before the length: they explain a wrong length.
	sizes := data[stateFixedHeader:]
	for l := range layers {
		if len(sizes) < 8 {
			return errEncodedSize(len(data), s.encodedSize())
		}
		in, hidden := binary.LittleEndian.Uint32(sizes), binary.LittleEndian.Uint32(sizes[4:])
		if uint64(in) != uint64(layers[l].input) || uint64(hidden) != uint64(layers[l].hidden) {
			return fmt.Errorf("lstm: state: layer %d has input size %d and hidden size %d, want %d and %d",
				l, in, hidden, layers[l].input, layers[l].hidden)
		}
		sizes = sizes[8:]
	}
	if len(data) != s.encodedSize() {
		return errEncodedSize(len(data), s.encodedSize())
	}
	body, sum := data[:len(data)-4], binary.LittleEndian.Uint32(data[len(data)-4:])
	if got := crc32.ChecksumIEEE(body); got != sum {
		return fmt.Errorf("lstm: state: the encoding is damaged: its checksum is %#08x, want %#08x", got, sum)
	}
	return nil
}

func errEncodedSize(got, want int) error {
	return fmt.Errorf("lstm: state: the encoding has %d bytes, want %d", got, want)
}

func appendFloats(b []byte, floats []float32) []byte {
	for _, v := range floats {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

func takeFloats(dst []float32, data []byte) (rest []byte) {
	for i := range dst {
		dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
	}
	return data[4*len(dst):]
}
