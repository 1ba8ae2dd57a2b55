// Package stateformat is the encoding of a state, little-endian:
//
//	4 bytes   "LSTM"
//	uint16    version of the encoding, 2 or 3
//	uint16    number of the contract
//	16 bytes  fingerprint of the network
//	uint32    number of layers L
//	uint32    input size
//	L ×       uint32 size of h, uint32 size of c, and in version 3 uint32 format
//	L ×       h, then c, float32 each
//	uint32    CRC-32 (IEEE) of all before
//
// The format of a layer's weights is a number that is 0 for float32. Where all are 0,
// the version is 2, which older readers know.
//
// Version 1, which is still read, had neither fingerprint nor input size, and a
// layer's input size and hidden size where the sizes of h and c are now.
package stateformat

import (
	"encoding/binary"
	"hash/crc32"
	"math"

	"example.com/lstm/internal/errkind"
)

const (
	magic = "LSTM"

	plainVersion  = 2 // all formats are 0
	formatVersion = 3
	newestVersion = formatVersion

	checksumBytes = 4
)

// headerBytes is the length of the header before the layers' sizes, and layerBytes what
// it has for each layer, by version.
var (
	headerBytes = [...]int{1: 4 + 2 + 2 + 4, 2: 4 + 2 + 2 + 16 + 4 + 4, 3: 4 + 2 + 2 + 16 + 4 + 4}
	layerBytes  = [...]int{1: 4 + 4, 2: 4 + 4, 3: 4 + 4 + 4}
)

// A Header says whose state is encoded.
type Header struct {
	Contract    int
	Fingerprint [16]byte // zero where the encoding has none
	Layers      int
	InputSize   int
	Formats     bool // of some layer is not 0
}

func (h *Header) version() int {
	if h.Formats {
		return formatVersion
	}
	return plainVersion
}

// Size is the length of an encoding with that many floats in all h and c.
func (h *Header) Size(floats int) int {
	return headerBytes[h.version()] + layerBytes[h.version()]*h.Layers + 4*floats + checksumBytes
}

// A Writer appends an encoding to bytes: NewWriter, Layer for each, Floats
// with h and with c of each layer, Finish. It allocates nothing if there is room.
type Writer struct {
	bytes   []byte
	start   int // of the encoding
	formats bool
}

// NewWriter begins with the header.
func NewWriter(b []byte, h *Header) Writer {
	w := Writer{b, len(b), h.Formats}
	w.bytes = append(w.bytes, magic...)
	w.bytes = binary.LittleEndian.AppendUint16(w.bytes, uint16(h.version()))
	w.bytes = binary.LittleEndian.AppendUint16(w.bytes, uint16(h.Contract))
	w.bytes = append(w.bytes, h.Fingerprint[:]...)
	w.uint32(h.Layers)
	w.uint32(h.InputSize)
	return w
}

func (w *Writer) uint32(n int) { w.bytes = binary.LittleEndian.AppendUint32(w.bytes, uint32(n)) }

// Layer appends the numbers of elements of a layer's h and c, and its format.
func (w *Writer) Layer(h, c, format int) {
	w.uint32(h)
	w.uint32(c)
	if w.formats {
		w.uint32(format)
	}
}

// Floats appends h or c of a layer.
func (w *Writer) Floats(floats []float32) {
	for _, v := range floats {
		w.bytes = binary.LittleEndian.AppendUint32(w.bytes, math.Float32bits(v))
	}
}

// Finish appends the checksum and returns all.
func (w *Writer) Finish() []byte {
	return binary.LittleEndian.AppendUint32(w.bytes, crc32.ChecksumIEEE(w.bytes[w.start:]))
}

// An Encoding is the parts of one, which it does not copy.
type Encoding struct {
	Header

	version    int
	layerSizes []byte // of all layers
	floats     []byte // h and c that Take has not taken
}

// Parse takes an encoding apart, and compares all that it claims with what there
// is. The error is errkind.ErrDamaged or errkind.ErrUnsupported.
func Parse(data []byte) (e Encoding, err error) {
	if n := min(len(data), len(magic)); string(data[:n]) != magic {
		return e, damaged("the data is not an encoded state: it begins with %q, want %q", data[:n], magic)
	}
	if len(data) < headerBytes[1] {
		return e, damaged("the encoding has %d bytes, want at least %d", len(data), headerBytes[1]+checksumBytes)
	}
	e.version = int(binary.LittleEndian.Uint16(data[4:]))
	e.Contract = int(binary.LittleEndian.Uint16(data[6:]))
	if e.version < 1 || e.version > newestVersion {
		return e, errkind.Errorf(errkind.ErrUnsupported, "lstm: state: the encoding has version %d, want 1 to %d", e.version, newestVersion)
	}
	header := headerBytes[e.version]
	if want := header + checksumBytes; len(data) < want {
		return e, damaged("the encoding has %d bytes, want at least %d", len(data), want)
	}
	numbers := data[8:]
	if e.version > 1 {
		numbers = numbers[copy(e.Fingerprint[:], numbers):]
	}
	layers, body := binary.LittleEndian.Uint32(numbers), data[header:len(data)-checksumBytes]
	if layers == 0 || uint64(layers) > uint64(len(body)/layerBytes[e.version]) {
		return e, damaged("the encoding has %d bytes, and %d layers by its header", len(data), layers)
	}
	e.Layers = int(layers)
	sizes := e.Layers * layerBytes[e.version]
	e.layerSizes, e.floats = body[:sizes], body[sizes:]
	e.Formats = e.version == formatVersion
	e.InputSize = int(binary.LittleEndian.Uint32(numbers[4:])) // in version 1 it is that of layer 0
	if err := e.checkSizes(len(data)); err != nil {
		return e, err
	}
	body, sum := data[:len(data)-checksumBytes], binary.LittleEndian.Uint32(data[len(data)-checksumBytes:])
	if got := crc32.ChecksumIEEE(body); got != sum {
		return e, damaged("the encoding is damaged: its checksum is %#08x, want %#08x", got, sum)
	}
	return e, nil
}

func damaged(format string, args ...any) error {
	return errkind.Errorf(errkind.ErrDamaged, "lstm: state: "+format, args...)
}

// checkSizes compares the sizes of the input and of the layers with one another
// and with the length of the encoding.
func (e *Encoding) checkSizes(length int) error {
	if e.InputSize < 1 {
		return damaged("the input size is %d, want at least 1", e.InputSize)
	}
	need := uint64(length - len(e.floats))
	below := uint64(e.InputSize)
	for l := range e.Layers {
		first, second := e.sizePair(l)
		if e.version == 1 {
			if first != below {
				return damaged("layer %d has input size %d, want %d", l, first, below)
			}
			first, below = second, second
		}
		if first == 0 || second == 0 {
			return damaged("layer %d has %d elements of h and %d of c, want at least 1", l, first, second)
		}
		if need += 4 * (first + second); need > uint64(length) {
			return damaged("the encoding has %d bytes, want at least %d by its header", length, need)
		}
	}
	if need != uint64(length) {
		return damaged("the encoding has %d bytes, want %d by its header", length, need)
	}
	return nil
}

// sizePair is what the header has for layer l.
func (e *Encoding) sizePair(l int) (first, second uint64) {
	pair := e.layerSizes[l*layerBytes[e.version]:]
	return uint64(binary.LittleEndian.Uint32(pair)), uint64(binary.LittleEndian.Uint32(pair[4:]))
}

// Sizes is the number of elements of h and of c of layer l.
func (e *Encoding) Sizes(l int) (h, c int) {
	first, second := e.sizePair(l)
	if e.version == 1 {
		first = second // one hidden size for both
	}
	return int(first), int(second)
}

// Format is that of layer l.
func (e *Encoding) Format(l int) int {
	if !e.Formats {
		return 0
	}
	return int(binary.LittleEndian.Uint32(e.layerSizes[l*layerBytes[e.version]+8:]))
}

// Floats is the number of elements of all h and c that Take has not taken.
func (e *Encoding) Floats() int { return len(e.floats) / 4 }

// Take reads as many of them as dst has: h of layer 0, c of layer 0, h of layer 1
// and so on.
func (e *Encoding) Take(dst []float32) {
	for i := range dst {
		dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(e.floats[4*i:]))
	}
	e.floats = e.floats[4*len(dst):]
}
