//go:build linux || darwin

package guard

import (
	"runtime/debug"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// One float beyond either end is a fault, for loads and for stores.
func TestFaults(t *testing.T) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	b := New(1000)
	defer b.Release()
	start := unsafe.Pointer(unsafe.SliceData(b.First(1)))
	for _, offset := range []int{-4, 4 * b.Len()} {
		p := (*float32)(unsafe.Add(start, offset))
		page := func(address uintptr) uintptr { return address / uintptr(unix.Getpagesize()) } // some machines tell no more
		fault := func(access func()) (at uintptr) {
			defer func() {
				if fault, ok := recover().(interface{ Addr() uintptr }); ok {
					at = page(fault.Addr())
				}
			}()
			access()
			return 0
		}
		require.Equal(t, page(uintptr(unsafe.Pointer(p))), fault(func() { _ = *p }), "a load at %d", offset)
		require.Equal(t, page(uintptr(unsafe.Pointer(p))), fault(func() { *p = 1 }), "a store at %d", offset)
	}
}
