package aligned

import (
	"math"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

func TestNew(t *testing.T) {
	for n := range 100 {
		s := New(n)
		require.Equal(t, make([]float32, n), s)
		require.Equal(t, n, cap(s))
		if n > 0 {
			require.Zero(t, uintptr(unsafe.Pointer(unsafe.SliceData(s)))%Bytes)
		}
	}
}

// Each of some slices may fit where all of them do not.
func TestRoom(t *testing.T) {
	const quarter = (math.MaxInt/4 - Bytes) / 4 / 8
	room := Room(math.MaxInt)
	for range 4 {
		require.True(t, room.Take(8, quarter))
	}
	require.False(t, room.Take(8, quarter))
	require.False(t, room.Take(math.MaxInt, 2))
	require.False(t, room.Take(math.MaxInt))
	require.GreaterOrEqual(t, room, Room(0))

	room = Room(math.MaxInt)
	require.False(t, room.Take(math.MaxInt/4))
	require.True(t, room.Take((math.MaxInt-Bytes)/4))
	require.Less(t, room, Room(4))
}
