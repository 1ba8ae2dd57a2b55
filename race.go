//go:build race

package lstm

import (
	"runtime"
	"unsafe"
)

// The race detector sees what Go code reads and writes, and nothing of what
// assembly does. So every call of a kernel says so here: what it reads and
// writes of the memory that a caller of the package can get at. That leaves out
// weights, which nobody writes once a Network is made, and sums.

func sawStep(x, c, h []float32) {
	raceRead(x)
	raceRead(c[:len(h)])
	raceWrite(c[:len(h)])
	raceWrite(h)
}

func sawStepTile(columns []column) {
	for i := range columns {
		sawStep(columns[i].x, columns[i].c, columns[i].h)
	}
}

func sawGatesTile(columns []column) {
	for i := range columns {
		raceRead(columns[i].x)
	}
}

func sawHead(x, y []float32) {
	raceRead(x)
	raceWrite(y)
}

func sawElements(dst, x []float32) {
	raceRead(x)
	raceWrite(dst)
}

func raceRead(s []float32) {
	runtime.RaceReadRange(hidden(s), 4*len(s))
}

func raceWrite(s []float32) {
	runtime.RaceWriteRange(hidden(s), 4*len(s))
}

// hidden is the address of s, out of the compiler's sight: it would move s to
// the heap if it saw it go to the runtime, which does not keep it.
func hidden(s []float32) unsafe.Pointer {
	address := uintptr(unsafe.Pointer(unsafe.SliceData(s)))
	return *(*unsafe.Pointer)(unsafe.Pointer(&address))
}
