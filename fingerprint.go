package lstm

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"math"

	"example.com/lstm/internal/panel"
)

// A Fingerprint tells networks apart, see [Network.Fingerprint]. It is for logs
// and versions, and states carry it. Compare fingerprints with ==. The zero
// Fingerprint is that of no network.
type Fingerprint [16]byte

// String returns f as 32 hexadecimal digits.
func (f Fingerprint) String() string { return hex.EncodeToString(f[:]) }

// MarshalText returns what String does, so that f is readable in JSON. The error
// is always nil.
func (f Fingerprint) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (f *Fingerprint) UnmarshalText(text []byte) error {
	var decoded Fingerprint
	if len(text) != hex.EncodedLen(len(f)) {
		return fmt.Errorf("lstm: fingerprint %.40q has %d digits, want %d", text, len(text), hex.EncodedLen(len(f)))
	}
	if _, err := hex.Decode(decoded[:], text); err != nil {
		return fmt.Errorf("lstm: fingerprint %q: %w", text, err)
	}
	*f = decoded
	return nil
}

// Fingerprint returns a hash of all that n computes with: its sizes, its weights
// and biases as they are used, their format, and the [Contract]. Networks that
// agree in these have the same fingerprint, on every machine, and others have
// different ones. Metadata do not count. docs/state.md in the repository defines
// it.
//
// The first call reads all weights, and takes a little longer than [New] does; call
// it when a service starts. MarshalBinary and UnmarshalBinary of a state need it.
func (n *Network) Fingerprint() Fingerprint {
	must(n.checkMade("Fingerprint"))
	n.hashOnce.Do(func() {
		h := newWeightHash()
		n.hashSizes(h)
		for l := range n.layers {
			n.layers[l].hash(h)
		}
		if n.head != nil {
			n.head.hash(h, n.layers[len(n.layers)-1].hidden)
		}
		n.fingerprint = h.sum()
	})
	return n.fingerprint
}

func (n *Network) hashSizes(h *weightHash) {
	h.text(float32Weights.String())
	h.uint32(Contract)
	h.uint32(uint32(len(n.layers)))
	for l := range n.layers {
		h.uint32(uint32(n.layers[l].input))
		h.uint32(uint32(n.layers[l].hidden))
	}
	outputs := 0
	if n.head != nil {
		outputs = n.output
	}
	h.uint32(uint32(outputs))
}

// hash takes the matrix [1 + I + H, 4H] of the biases, the input weights and the
// recurrent weights, transposed. It is how panels have it but for their units
// being apart.
func (l *layer) hash(h *weightHash) {
	l.hashRow(h, l.bias.sums, l.bias.stride, 0)
	for row := range l.input + l.hidden {
		l.hashRow(h, l.panels.floats, l.panels.stride, row)
	}
}

// hashRow takes one row of all panels, gate by gate.
func (l *layer) hashRow(h *weightHash, panels []float32, stride, row int) {
	for g := range panel.Gates {
		for u := 0; u < l.hidden; u += panel.Units {
			units := min(panel.Units, l.hidden-u)
			width := panel.Width(units)
			h.floats(panels[u/panel.Units*stride+(row*panel.Gates+g)*width:][:units])
		}
	}
}

// hash takes the weights without what pads their rows, and the biases.
func (d *packedHead) hash(h *weightHash, inputs int) {
	row := len(d.weights) / len(d.bias)
	for o := range d.bias {
		h.floats(d.weights[o*row:][:inputs])
	}
	h.floats(d.bias)
}

// weightHash is SHA-256 of little-endian numbers. It hashes a buffer at a time:
// the hash is assembly, which must not run for long (see layer.go).
type weightHash struct {
	hash   hash.Hash
	buffer []byte
}

func newWeightHash() *weightHash {
	return &weightHash{hash: sha256.New(), buffer: make([]byte, 0, 1<<12)}
}

func (h *weightHash) text(s string) {
	h.uint32(uint32(len(s)))
	copy(h.next(len(s)), s)
}

func (h *weightHash) uint32(v uint32) { binary.LittleEndian.PutUint32(h.next(4), v) }

// floats takes the bits of each number. A NaN is one NaN: the sum of two biases
// may have any.
func (h *weightHash) floats(s []float32) {
	for len(s) > 0 {
		part := s[:min(len(s), cap(h.buffer)/4)]
		s = s[len(part):]
		bytes := h.next(4 * len(part))
		for i, v := range part {
			bits := math.Float32bits(v)
			if v != v {
				bits = 0x7fc00000
			}
			binary.LittleEndian.PutUint32(bytes[4*i:], bits)
		}
	}
}

// next returns the next n bytes of the buffer, for the caller to set.
func (h *weightHash) next(n int) []byte {
	if len(h.buffer)+n > cap(h.buffer) {
		h.flush()
	}
	h.buffer = h.buffer[:len(h.buffer)+n]
	return h.buffer[len(h.buffer)-n:]
}

func (h *weightHash) flush() {
	h.hash.Write(h.buffer)
	h.buffer = h.buffer[:0]
}

func (h *weightHash) sum() (f Fingerprint) {
	h.flush()
	copy(f[:], h.hash.Sum(nil))
	return f
}
