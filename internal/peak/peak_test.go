package peak

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

func TestBuffer(t *testing.T) {
	for _, n := range []int{1, 15, 16, 320, 100_000} {
		p := Buffer(n)
		require.Len(t, p, n)
		require.Zero(t, uintptr(unsafe.Pointer(&p[0]))%64)
		require.NotContains(t, p, float32(0))
	}
}
