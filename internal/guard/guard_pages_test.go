//go:build linux || darwin

package guard

import (
	"runtime/debug"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// One float beyond either end is a fault, for loads and for stores.
func TestFaults(t *testing.T) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	b := New(1000)
	defer b.Release()
	start := unsafe.Pointer(unsafe.SliceData(b.All()))
	for _, offset := range []int{-4, 4 * len(b.All())} {
		p := (*float32)(unsafe.Add(start, offset))
		address := func(access func()) (a uintptr) {
			defer func() {
				if fault, ok := recover().(interface{ Addr() uintptr }); ok {
					a = fault.Addr()
				}
			}()
			access()
			return 0
		}
		require.Equal(t, uintptr(unsafe.Pointer(p)), address(func() { _ = *p }), "a load at %d", offset)
		require.Equal(t, uintptr(unsafe.Pointer(p)), address(func() { *p = 1 }), "a store at %d", offset)
	}
}
