// Package guard provides memory for tests that ends where no memory is, so that
// a load or a store one element too far is a fault and not a lucky guess.
//
// Where the operating system offers it (Linux, macOS), the floats of a [Buffer]
// lie between two pages that nobody may touch. Elsewhere there are only floats
// on both sides that belong to no slice, which a test compares afterwards: that
// shows wrong stores, but not wrong loads.
package guard

import "math"

// A Buffer is memory for float32 slices. Its whole content begins as
// [Sentinel].
type Buffer struct {
	floats      []float32 // all that may be touched
	margin      int       // floats at each end of them that no slice has
	releaseFunc func()
}

// Sentinel fills a new buffer: a NaN, so that a load of it shows in the result,
// with a payload that no operation makes.
var Sentinel = math.Float32frombits(0x7fc5a5a5)

// First returns the first n floats, which begin right after an unreadable page.
func (b *Buffer) First(n int) []float32 { return b.At(0, n) }

// Last returns the last n floats, which end at an unreadable page.
func (b *Buffer) Last(n int) []float32 { return b.At(b.Len()-n, n) }

// At returns n floats from the i-th on.
func (b *Buffer) At(i, n int) []float32 {
	end := len(b.floats) - b.margin
	usable := b.floats[b.margin:end:end]
	return usable[i : i+n : i+n]
}

// Len returns the number of floats that slices of b can have.
func (b *Buffer) Len() int { return len(b.floats) - 2*b.margin }

// Fill makes the floats from one to before the other sentinels again, as far
// as there are any.
func (b *Buffer) Fill(from, to int) {
	floats, _ := b.around(from, to)
	for i := range floats {
		floats[i] = Sentinel
	}
}

// Intact reports whether the floats from one to before the other are still
// sentinels, as far as there are any, and if not, which the first is that has
// changed.
func (b *Buffer) Intact(from, to int) (changed int, ok bool) {
	floats, first := b.around(from, to)
	for i, v := range floats {
		if math.Float32bits(v) != math.Float32bits(Sentinel) {
			return first + i, false
		}
	}
	return 0, true
}

// around returns those floats, margins included, that exist, and which the
// first is.
func (b *Buffer) around(from, to int) (floats []float32, first int) {
	first = max(from, -b.margin)
	to = min(to, b.Len()+b.margin)
	return b.floats[b.margin+first : b.margin+to], first
}

// Release gives the memory back. The slices of b are of no use afterwards.
func (b *Buffer) Release() { b.releaseFunc() }
