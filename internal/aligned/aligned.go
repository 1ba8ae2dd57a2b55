// Package aligned makes slices of floats that begin at a cache line, and knows
// beforehand whether there is room for them.
package aligned

import (
	"unsafe"

	"example.com/lstm/internal/sizes"
)

// Bytes is the alignment, that of a cache line and of the widest vector, and
// Floats the same in float32.
const (
	Bytes  = 64
	Floats = Bytes / 4
)

// New returns n zeros that begin at a multiple of Bytes.
func New(n int) []float32 {
	s := make([]float32, n+Floats-1)
	off := int(-uintptr(unsafe.Pointer(unsafe.SliceData(s))) % Bytes / 4)
	return s[off:][:n:n]
}

// Room is a number of bytes that are left, for slices that [New] will make.
type Room int

// Take takes the room of one that has as many floats as the product of dims says,
// and reports whether there was enough.
func (r *Room) Take(dims ...int) bool {
	floats, fits := sizes.Product(dims...)
	bytes, fit := sizes.Product(floats, 4)
	if !fits || !fit || bytes > int(*r)-Bytes {
		return false
	}
	*r -= Room(bytes + Bytes)
	return true
}
