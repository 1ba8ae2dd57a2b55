package lstm

import (
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm/internal/lstmtest"
)

// Whatever is measured, small layers take pairs of panels and those that leave the
// first-level cache do not.
func TestPairFloats(t *testing.T) {
	lstmtest.EachPath(t, func(t *testing.T) {
		floats := pairFloats()
		require.Contains(t, []int{fewPairFloats, manyPairFloats}, floats)
		for hidden, want := range map[int]bool{8: true, 32: true, 64: false} {
			l := packLayer(randomLayer(lstmtest.NewRand(hidden), 1, hidden), true)
			require.Equal(t, want, l.panels.pairs, "hidden size %d", hidden)
		}
	})
}
