package lstm

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"slices"

	"example.com/lstm/internal/contract"
	"example.com/lstm/internal/panel"
)

// A State is what one stream has left behind in a [Network]: the hidden state
// h and the cell state c of every layer. [Network.NewState] makes one; it works
// with that network only.
//
// A State belongs to one call at a time. Different states are independent. The
// zero State belongs to no network and is of no use.
type State struct {
	network *Network
	// Two buffers of [x; h of layer 0; h of layer 1; …], so that a step can
	// read the old h and write the new, and no vector is ever moved: layer l
	// reads [h of layer l-1; h of layer l] from the buffer turned ^ l&1, where
	// the layer below has just written, and writes its h to the other.
	buffers [2][]float32
	cells   []float32 // c of layer 0, c of layer 1, …, each padded to whole panels
	turned  int       // the buffer that layer 0 reads
	batched int       // 1 + its index in the batch being checked, else 0
}

// stateShape says where things are in a State.
type stateShape struct {
	hidden []int // where h of each layer begins in a buffer; x begins at 0
	cells  []int // where c of each layer begins
	buffer int   // floats of a buffer, with zeros behind the last h for the head
	total  int   // floats of all cells
}

func shapeOf(layers []layer) stateShape {
	var s stateShape
	s.buffer = layers[0].input
	for i := range layers {
		s.hidden = append(s.hidden, s.buffer)
		s.cells = append(s.cells, s.total)
		s.buffer += layers[i].hidden
		s.total += roundUp(panel.PaddedUnits(layers[i].hidden), alignmentFloats)
	}
	top := layers[len(layers)-1].hidden
	s.buffer += roundUp(top, contract.HeadSums) - top
	return s
}

// NewState returns a state of zeros, the beginning of a stream.
func (n *Network) NewState() *State {
	shape := &n.stateShape
	// The hidden states begin at a cache line, whatever the input size.
	lead := roundUp(shape.hidden[0], alignmentFloats) - shape.hidden[0]
	each := roundUp(lead+shape.buffer, alignmentFloats)
	all := alignedFloats(2*each + shape.total)
	return &State{
		network: n,
		buffers: [2][]float32{
			all[lead:][:shape.buffer:shape.buffer],
			all[each+lead:][:shape.buffer:shape.buffer],
		},
		cells: all[2*each:],
	}
}

// concat is what layer l reads in the next step: [x; h], x being the new h of
// the layer below.
func (s *State) concat(l int) []float32 {
	shape := &s.network.stateShape
	layer := &s.network.layers[l]
	h := shape.hidden[l]
	return s.buffers[s.turned^l&1][h-layer.input : h+layer.hidden]
}

// input is where the input of the next step goes.
func (s *State) input() []float32 {
	return s.buffers[s.turned][:s.network.layers[0].input]
}

// hidden is h of layer l.
func (s *State) hidden(l int) []float32 {
	h := s.network.stateShape.hidden[l]
	return s.buffers[s.turned^l&1][h:][:s.network.layers[l].hidden]
}

// nextHidden is where layer l writes its h in the next step.
func (s *State) nextHidden(l int) []float32 {
	h := s.network.stateShape.hidden[l]
	return s.buffers[s.turned^l&1^1][h:][:s.network.layers[l].hidden]
}

// paddedTop is h of the last layer and the zeros behind it.
func (s *State) paddedTop() []float32 {
	l := len(s.network.layers) - 1
	return s.buffers[s.turned^l&1][s.network.stateShape.hidden[l]:]
}

// cell is c of layer l, padded to whole panels.
func (s *State) cell(l int) []float32 {
	return s.cells[s.network.stateShape.cells[l]:][:panel.PaddedUnits(s.network.layers[l].hidden)]
}

// turn ends a step.
func (s *State) turn() { s.turned ^= 1 }

// H returns the hidden state of a layer, HiddenSize elements, layer 0 being the
// one that reads the input. The slice is the state's own memory: writing to it
// sets the state, and the next step that uses the state moves h elsewhere, so
// call H again. H panics if there is no such layer.
func (s *State) H(layer int) []float32 {
	s.network.checkLayer("H", layer)
	h := s.hidden(layer)
	return h[:len(h):len(h)]
}

// C returns the cell state of a layer, HiddenSize elements. The slice is the
// state's own memory: writing to it sets the state. C panics if there is no
// such layer.
func (s *State) C(layer int) []float32 {
	s.network.checkLayer("C", layer)
	n := s.network.layers[layer].hidden
	return s.cell(layer)[:n:n]
}

// Reset makes s the beginning of a stream: every h and c is zero.
func (s *State) Reset() {
	for l := range s.network.layers {
		clear(s.hidden(l))
	}
	clear(s.cells)
}

// Clone returns a copy of s that is independent of it.
func (s *State) Clone() *State {
	clone := s.network.NewState()
	clone.CopyFrom(s)
	return clone
}

// CopyFrom makes s equal to t. It panics if they are states of different
// networks.
func (s *State) CopyFrom(t *State) {
	s.network.checkState("CopyFrom: t", t)
	for l := range s.network.layers {
		copy(s.hidden(l), t.hidden(l))
	}
	copy(s.cells, t.cells)
}

// Bytes returns the memory that s occupies beside the struct itself.
func (s *State) Bytes() int {
	return 4 * (cap(s.buffers[0]) + cap(s.buffers[1]) + cap(s.cells))
}

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
// The error is always nil.
func (s *State) MarshalBinary() ([]byte, error) {
	return s.AppendBinary(make([]byte, 0, s.encodedSize()))
}

// AppendBinary appends what MarshalBinary returns to b.
func (s *State) AppendBinary(b []byte) ([]byte, error) {
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
	if s.network == nil {
		return fmt.Errorf("lstm: state: UnmarshalBinary needs a state made by Network.NewState")
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
