//go:build linux || darwin

package guard

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Pages says whether buffers lie between pages that nobody may touch.
const Pages = true

// New returns a buffer for at least n floats, and whole pages of them.
func New(n int) *Buffer {
	page := unix.Getpagesize()
	size := (4*max(n, 1) + page - 1) / page * page
	memory, err := unix.Mmap(-1, 0, page+size+page, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		panic(fmt.Sprintf("guard: reserving %d bytes: %v", page+size+page, err))
	}
	usable := memory[page : page+size]
	if err := unix.Mprotect(usable, unix.PROT_READ|unix.PROT_WRITE); err != nil {
		panic(fmt.Sprintf("guard: opening %d bytes: %v", size, err))
	}
	b := &Buffer{
		floats: unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(usable))), size/4),
		releaseFunc: func() {
			if err := unix.Munmap(memory); err != nil {
				panic(fmt.Sprintf("guard: %v", err))
			}
		},
	}
	b.Fill(-b.margin, b.Len()+b.margin)
	return b
}
