//go:build race

// Package race tells the race detector what assembly reads and writes, of which
// it sees nothing. Only memory that a caller of the package can get at is told:
// not weights, which nobody writes once a network is made, and not the gates'
// sums.
package race

import (
	"runtime"
	"unsafe"
)

// Enabled says whether there is a race detector to tell.
const Enabled = true

// Read tells that s is read.
func Read(s []float32) { runtime.RaceReadRange(hidden(s), 4*len(s)) }

// Write tells that s is written.
func Write(s []float32) { runtime.RaceWriteRange(hidden(s), 4*len(s)) }

// hidden is the address of s, out of the compiler's sight: it would move s to
// the heap if it saw it go to the runtime, which does not keep it.
func hidden(s []float32) unsafe.Pointer {
	address := uintptr(unsafe.Pointer(unsafe.SliceData(s)))
	return *(*unsafe.Pointer)(unsafe.Pointer(&address))
}
