// Package fingerprint hashes numbers, the same on every machine.
package fingerprint

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"math"
)

// A Hash is SHA-256 of little-endian numbers, cut to 16 bytes. It hashes a buffer
// at a time: SHA-256 is assembly, which must not run for long (see docs/calls.md).
type Hash struct {
	hash   hash.Hash
	buffer []byte
}

// New begins a hash.
func New() *Hash {
	return &Hash{hash: sha256.New(), buffer: make([]byte, 0, 1<<12)}
}

// Text takes the length of s and s, which is short.
func (h *Hash) Text(s string) {
	h.Uint32(uint32(len(s)))
	copy(h.next(len(s)), s)
}

// Uint32 takes a number.
func (h *Hash) Uint32(v uint32) { binary.LittleEndian.PutUint32(h.next(4), v) }

// Floats takes the bits of each number. A NaN is one NaN: the sum of two biases
// may have any.
func (h *Hash) Floats(s []float32) {
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
func (h *Hash) next(n int) []byte {
	if len(h.buffer)+n > cap(h.buffer) {
		h.flush()
	}
	h.buffer = h.buffer[:len(h.buffer)+n]
	return h.buffer[len(h.buffer)-n:]
}

func (h *Hash) flush() {
	h.hash.Write(h.buffer)
	h.buffer = h.buffer[:0]
}

// Sum ends the hash.
func (h *Hash) Sum() (f [16]byte) {
	h.flush()
	copy(f[:], h.hash.Sum(nil))
	return f
}
