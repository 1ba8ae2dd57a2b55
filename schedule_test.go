package lstm

import (
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm/internal/lstmtest"
)

// A schedule has every step of every sequence once, in order, and the slots that
// have steps left are the first.
func TestSchedule(t *testing.T) {
	r := lstmtest.NewRand(31)
	var s schedule // one for all, as in a network
	for range 300 {
		lengths := make([]int, r.IntN(3*maxSlots))
		longest := 1 + r.IntN(40)
		s.clear()
		for i := range lengths {
			lengths[i] = r.IntN(longest + 1)
			s.add(lengths[i], matrix{}, matrix{})
		}
		s.deal()
		require.LessOrEqual(t, len(s.slots), maxSlots)
		steps := make([]int, len(lengths))
		for active := s.active(); active > 0; active = s.active() {
			taken := map[int]bool{}
			for i := range active {
				stream := s.stream(i)
				require.False(t, taken[stream], "two steps of a stream side by side")
				require.Equal(t, steps[stream], s.slots[i].step, "stream %d", stream)
				taken[stream] = true
				steps[stream]++
				s.advance(i, 1)
			}
			for i := range s.slots {
				require.True(t, s.slots[i].steps == 0 || i < active)
			}
		}
		for i, length := range lengths {
			require.Equal(t, length, steps[i], "steps of stream %d", i)
		}
	}
}

// Slots are as many as end with the longest sequence.
func TestSlotsFor(t *testing.T) {
	for _, c := range []struct {
		sequences     int
		total         int64
		longest, want int
	}{
		{1, 100, 100, 1},
		{5, 104, 100, 5},    // no more than a tile, for one long sequence
		{32, 3200, 100, 32}, // of equal lengths
		{32, 1616, 100, 17}, // of lengths from 1 to 100
		{48, 4800, 100, 48},
		{50, 5000, 100, 25}, // twice 25, not 48 and 2
		{1000, 1000, 1, 48},
		{1000, 1099, 100, 11},
		{1 << 30, 1 << 60, 1 << 30, 48},
	} {
		require.Equal(t, c.want, slotsFor(c.sequences, c.total, c.longest), "%+v", c)
	}
}
