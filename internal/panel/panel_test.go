package panel

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Walking the panels of a layer as the kernels do, by Width and Stride, gives
// what PaddedUnits and Floats say, and wastes less than a narrow panel.
func TestPanelsAddUp(t *testing.T) {
	for hidden := 1; hidden <= 200; hidden++ {
		for _, k := range []int{2, 7, 33} {
			units, floats := 0, 0
			for left := hidden; left > 0; left -= Units {
				require.Equal(t, floats, units/Units*Stride(k), "panel of unit %d of %d", units, hidden)
				units += Width(left)
				floats += Gates * Width(left) * k
			}
			require.Equal(t, units, PaddedUnits(hidden), "hidden size %d", hidden)
			require.Equal(t, floats, Floats(hidden, k), "hidden size %d", hidden)
			require.GreaterOrEqual(t, units, hidden)
			require.Less(t, units-hidden, NarrowUnits, "hidden size %d", hidden)
		}
	}
}
