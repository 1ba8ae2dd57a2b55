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
	// reads [h of layer l-1; h of layer l] from the buffer that the layer below
	// has just written to, and writes its h to the other.
	buffers [2][]float32
	cells   []float32 // c of layer 0, c of layer 1, …, each padded to whole panels
	turned  int       // the buffer that layer 0 reads
	batched int       // 1 + its index in the batch being checked, else 0
}

// place is where the vectors of one layer are in a State.
type place struct {
	odd     int // 1 for every other layer, which reads the other buffer
	x       int // [x; h] begins here in a buffer,
	h, end  int // h here, and here both end
	c, cEnd int // c, padded to whole panels, among the cells
}

// stateSize is the number of floats of a State.
type stateSize struct {
	input  int // of x
	buffer int // of a buffer, with zeros behind the last h for the head
	cells  int // of all cells
}

// placeLayers gives every layer its place.
func placeLayers(layers []layer) stateSize {
	size := stateSize{input: layers[0].input, buffer: layers[0].input}
	for i := range layers {
		l := &layers[i]
		l.place = place{
			odd:  i % 2,
			x:    size.buffer - l.input,
			h:    size.buffer,
			end:  size.buffer + l.hidden,
			c:    size.cells,
			cEnd: size.cells + panel.PaddedUnits(l.hidden),
		}
		size.buffer = l.place.end
		size.cells = roundUp(l.place.cEnd, alignmentFloats)
	}
	top := layers[len(layers)-1].hidden
	size.buffer += roundUp(top, contract.HeadSums) - top
	return size
}

// NewState returns a state of zeros, the beginning of a stream.
func (n *Network) NewState() *State {
	size := &n.stateSize
	// The hidden states begin at a cache line, whatever the input size.
	lead := roundUp(size.input, alignmentFloats) - size.input
	each := roundUp(lead+size.buffer, alignmentFloats)
	all := alignedFloats(2*each + size.cells)
	return &State{
		network: n,
		buffers: [2][]float32{
			all[lead:][:size.buffer:size.buffer],
			all[each+lead:][:size.buffer:size.buffer],
		},
		cells: all[2*each:],
	}
}

// input is where the input of the next step goes.
func (s *State) input() []float32 { return s.old(&s.network.layers[0])[:s.network.stateSize.input] }

// old is the buffer that a layer reads in the next step, next the one that it
// writes.
func (s *State) old(l *layer) []float32  { return s.buffers[(s.turned^l.place.odd)&1] }
func (s *State) next(l *layer) []float32 { return s.buffers[(s.turned^l.place.odd^1)&1] }

// concat is what a layer reads in the next step: [x; h], x being the new h of
// the layer below.
func (s *State) concat(l *layer) []float32 { return s.old(l)[l.place.x:l.place.end] }

// hidden is h of a layer, nextHidden where the next step writes it.
func (s *State) hidden(l *layer) []float32     { return s.old(l)[l.place.h:l.place.end] }
func (s *State) nextHidden(l *layer) []float32 { return s.next(l)[l.place.h:l.place.end] }

// paddedHidden is h of the last layer and the zeros behind it.
func (s *State) paddedHidden(l *layer) []float32 { return s.old(l)[l.place.h:] }

// cell is c of a layer, padded to whole panels.
func (s *State) cell(l *layer) []float32 { return s.cells[l.place.c:l.place.cEnd] }

// turn ends a step.
func (s *State) turn() { s.turned ^= 1 }

// H returns the hidden state of a layer, HiddenSize elements, layer 0 being the
// one that reads the input. The slice is the state's own memory: writing to it
// sets the state, and the next step that uses the state moves h elsewhere, so
// call H again. H panics if there is no such layer.
func (s *State) H(layer int) []float32 {
	s.network.checkLayer("H", layer)
	h := s.hidden(&s.network.layers[layer])
	return h[:len(h):len(h)]
}

// C returns the cell state of a layer, HiddenSize elements. The slice is the
// state's own memory: writing to it sets the state. C panics if there is no
// such layer.
func (s *State) C(layer int) []float32 {
	s.network.checkLayer("C", layer)
	l := &s.network.layers[layer]
	return s.cell(l)[:l.hidden:l.hidden]
}

// Reset makes s the beginning of a stream: every h and c is zero.
func (s *State) Reset() {
	for i := range s.network.layers {
		clear(s.hidden(&s.network.layers[i]))
	}
	clear(s.cells)
}

// ClearTiny sets to zero what is nearer to zero than 2^-64 in h and c, and
// leaves everything else, NaN too, as it is.
//
// It is for networks without biases. With inputs of zero their state decays, by
// half a step or so, through the subnormal numbers, with which Intel's processors
// multiply 50 times more slowly than with others. Calling ClearTiny every 32
// steps, or whenever inputs fall silent, keeps a state away from there. It is a
// change of the state like any other: to get the same bits elsewhere, call it
// after the same steps.
func (s *State) ClearTiny() {
	for i := range s.network.layers {
		clearTiny(s.hidden(&s.network.layers[i]))
	}
	clearTiny(s.cells)
}

func clearTiny(floats []float32) {
	for i, v := range floats {
		if -0x1p-64 < v && v < 0x1p-64 {
			floats[i] = 0
		}
	}
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
	for i := range s.network.layers {
		l := &s.network.layers[i]
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
