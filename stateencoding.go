package lstm

import (
	"encoding/binary"
	"hash/crc32"
	"math"
	"slices"

	"example.com/lstm/internal/errkind"
)

// The encoding of a state, little-endian:
//
//	4 bytes   "LSTM"
//	uint16    version of the encoding, 2
//	uint16    Contract
//	16 bytes  fingerprint of the network
//	uint32    number of layers L
//	uint32    input size
//	L ×       uint32 size of h, uint32 size of c
//	L ×       h, then c, float32 each
//	uint32    CRC-32 (IEEE) of all before
//
// Version 1, which is still read, had neither fingerprint nor input size, and a
// layer's input size and hidden size where the sizes of h and c are now.
const (
	stateMagic   = "LSTM"
	stateVersion = 2

	layerBytes    = 4 + 4 // what the header has for each layer
	checksumBytes = 4
)

// headerBytes is the length of the header before the layers' sizes, by version.
var headerBytes = [...]int{1: 4 + 2 + 2 + 4, 2: 4 + 2 + 2 + len(Fingerprint{}) + 4 + 4}

// MarshalBinary encodes s, so that a stream can go on in another process or on
// another machine: h and c with the network's sizes and [Fingerprint], the
// contract's number, and a checksum. The parameters of the network are not part
// of it. The error is nil if s is a State made by NewState.
func (s *State) MarshalBinary() ([]byte, error) {
	if err := s.check("MarshalBinary: s"); err != nil {
		return nil, err
	}
	return s.AppendBinary(make([]byte, 0, s.network.encodedSize()))
}

// AppendBinary appends what MarshalBinary returns to b.
func (s *State) AppendBinary(b []byte) ([]byte, error) {
	if err := s.check("AppendBinary: s"); err != nil {
		return b, err
	}
	n, start := s.network, len(b)
	b = n.appendHeader(slices.Grow(b, n.encodedSize()))
	for l := range n.layers {
		b = appendFloats(b, s.H(l))
		b = appendFloats(b, s.C(l))
	}
	return binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b[start:])), nil
}

func (n *Network) appendHeader(b []byte) []byte {
	fingerprint := n.Fingerprint()
	b = append(b, stateMagic...)
	b = binary.LittleEndian.AppendUint16(b, stateVersion)
	b = binary.LittleEndian.AppendUint16(b, Contract)
	b = append(b, fingerprint[:]...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(n.layers)))
	b = binary.LittleEndian.AppendUint32(b, uint32(n.stateSize.input))
	for i := range n.layers {
		for range 2 { // h and c
			b = binary.LittleEndian.AppendUint32(b, uint32(n.layers[i].hidden))
		}
	}
	return b
}

// encodedSize is the length of the encoding of a state of n.
func (n *Network) encodedSize() int {
	size := headerBytes[stateVersion] + layerBytes*len(n.layers) + checksumBytes
	for i := range n.layers {
		size += 4 * 2 * n.layers[i].hidden
	}
	return size
}

// UnmarshalBinary makes s the state that MarshalBinary has encoded. s has been
// made by [Network.NewState], and data comes from a state of a network with the
// same [Fingerprint]: as many layers of the same sizes, the same parameters, and
// the same [Contract]. The error says what differs ([ErrShape], [ErrWeights],
// [ErrContract]) or that the data is damaged; then s has not changed.
//
// Where a stream is meant to go on with other weights or under another contract,
// use [DecodeState] and [State.SetValues].
func (s *State) UnmarshalBinary(data []byte) error {
	if err := s.check("UnmarshalBinary: s"); err != nil {
		return err
	}
	e, err := parseState(data)
	if err != nil {
		return err
	}
	if err := s.network.checkEncoded(e); err != nil {
		return err
	}
	floats := e.floats
	for l := range s.network.layers {
		floats = takeFloats(s.H(l), floats)
		floats = takeFloats(s.C(l), floats)
	}
	return nil
}

// checkEncoded returns an error unless e is of a state of n.
func (n *Network) checkEncoded(e encodedState) error {
	if e.contract != Contract {
		return errkind.Errorf(ErrContract, "lstm: state: the state was computed under contract %d, want %d (DecodeState reads it as numbers)", e.contract, Contract)
	}
	if e.layers != len(n.layers) {
		return errkind.Errorf(ErrShape, "lstm: state: the state has %d layers, want %d", e.layers, len(n.layers))
	}
	if e.input != n.stateSize.input {
		return errkind.Errorf(ErrShape, "lstm: state: the state has input size %d, want %d", e.input, n.stateSize.input)
	}
	for l := range n.layers {
		want := n.layers[l].hidden
		if h, c := e.sizes(l); h != want || c != want {
			return errkind.Errorf(ErrShape, "lstm: state: layer %d has %d elements of h and %d of c, want %d", l, h, c, want)
		}
	}
	if e.fingerprint != n.Fingerprint() {
		return errkind.Errorf(ErrWeights, "lstm: state: the state was computed with the network of fingerprint %v, want %v (DecodeState reads it as numbers)",
			e.fingerprint, n.Fingerprint())
	}
	return nil
}

// encodedState is the parts of an encoding, which it does not copy.
type encodedState struct {
	version     int
	contract    int
	fingerprint Fingerprint // zero in version 1
	layers      int
	input       int
	layerSizes  []byte // layers × layerBytes
	floats      []byte // all h and c
}

// parseState takes an encoding apart, and compares all that it claims with what
// there is.
func parseState(data []byte) (e encodedState, err error) {
	if n := min(len(data), len(stateMagic)); string(data[:n]) != stateMagic {
		return e, errkind.Errorf(ErrDamaged, "lstm: state: the data is not an encoded state: it begins with %q, want %q", data[:n], stateMagic)
	}
	if len(data) < headerBytes[1] {
		return e, errkind.Errorf(ErrDamaged, "lstm: state: the encoding has %d bytes, want at least %d", len(data), headerBytes[1]+checksumBytes)
	}
	e.version = int(binary.LittleEndian.Uint16(data[4:]))
	e.contract = int(binary.LittleEndian.Uint16(data[6:]))
	if e.version < 1 || e.version > stateVersion {
		return e, errkind.Errorf(ErrUnsupported, "lstm: state: the encoding has version %d, want 1 to %d", e.version, stateVersion)
	}
	header := headerBytes[e.version]
	if want := header + checksumBytes; len(data) < want {
		return e, errkind.Errorf(ErrDamaged, "lstm: state: the encoding has %d bytes, want at least %d", len(data), want)
	}
	numbers := data[8:]
	if e.version > 1 {
		numbers = numbers[copy(e.fingerprint[:], numbers):]
	}
	layers, body := binary.LittleEndian.Uint32(numbers), data[header:len(data)-checksumBytes]
	if layers == 0 || uint64(layers) > uint64(len(body)/layerBytes) {
		return e, errkind.Errorf(ErrDamaged, "lstm: state: the encoding has %d bytes, and %d layers by its header", len(data), layers)
	}
	e.layers = int(layers)
	e.layerSizes, e.floats = body[:e.layers*layerBytes], body[e.layers*layerBytes:]
	e.input = int(binary.LittleEndian.Uint32(numbers[4:])) // in version 1 it is that of layer 0
	if err := e.checkSizes(len(data)); err != nil {
		return e, err
	}
	body, sum := data[:len(data)-checksumBytes], binary.LittleEndian.Uint32(data[len(data)-checksumBytes:])
	if got := crc32.ChecksumIEEE(body); got != sum {
		return e, errkind.Errorf(ErrDamaged, "lstm: state: the encoding is damaged: its checksum is %#08x, want %#08x", got, sum)
	}
	return e, nil
}

// checkSizes compares the sizes of the input and of the layers with one another
// and with the length of the encoding.
func (e *encodedState) checkSizes(length int) error {
	if e.input < 1 {
		return errkind.Errorf(ErrDamaged, "lstm: state: the input size is %d, want at least 1", e.input)
	}
	need := uint64(length - len(e.floats))
	below := uint64(e.input)
	for l := range e.layers {
		first, second := e.sizePair(l)
		if e.version == 1 {
			if first != below {
				return errkind.Errorf(ErrDamaged, "lstm: state: layer %d has input size %d, want %d", l, first, below)
			}
			first, below = second, second
		}
		if first == 0 || second == 0 {
			return errkind.Errorf(ErrDamaged, "lstm: state: layer %d has %d elements of h and %d of c, want at least 1", l, first, second)
		}
		if need += 4 * (first + second); need > uint64(length) {
			return errkind.Errorf(ErrDamaged, "lstm: state: the encoding has %d bytes, want at least %d by its header", length, need)
		}
	}
	if need != uint64(length) {
		return errkind.Errorf(ErrDamaged, "lstm: state: the encoding has %d bytes, want %d by its header", length, need)
	}
	return nil
}

// sizePair is what the header has for layer l.
func (e *encodedState) sizePair(l int) (first, second uint64) {
	pair := e.layerSizes[l*layerBytes:]
	return uint64(binary.LittleEndian.Uint32(pair)), uint64(binary.LittleEndian.Uint32(pair[4:]))
}

// sizes is the number of elements of h and of c of layer l.
func (e *encodedState) sizes(l int) (h, c int) {
	first, second := e.sizePair(l)
	if e.version == 1 {
		first = second // one hidden size for both
	}
	return int(first), int(second)
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
