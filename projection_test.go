package lstm

import (
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm/internal/guard"
	"example.com/lstm/internal/lstmtest"
	"example.com/lstm/internal/panel"
)

// A projection reads and writes what it has been given and nothing beside, of any
// size and of any number of streams.
func TestProjectionBounds(t *testing.T) {
	hiddens, sizes := []int{1, 7, 40}, []int{1, 3, 16, 31, 32, 33, 64, 65, 96, 97, 128, 130}
	units, hs := guard.New(panel.MaxColumns*40), guard.New(panel.MaxColumns*130)
	weights, z := guard.New(40*192), guard.New(panel.MaxColumns*192)
	for _, b := range []*guard.Buffer{units, hs, weights, z} {
		defer b.Release()
	}
	lstmtest.EachPath(t, func(t *testing.T) {
		r := lstmtest.NewRand(20)
		for _, hidden := range hiddens {
			for _, size := range sizes {
				w := &Weights{HiddenSize: hidden, ProjSize: size, WeightHR: lstmtest.Normals(r, hidden*size, 1)}
				if size%2 == 0 {
					w.Cell.ProjClip = 1
					copy(w.WeightHR, lstmtest.Awkwards(r, hidden, 1))
				}
				p := packProjection(w)
				packed := weights.Last(len(p.panels.floats))
				copy(packed, p.panels.floats)
				p.panels.floats = packed
				padded := panel.BiasFloats(panel.RowUnits(size))
				for n := 1; n <= panel.MaxColumns; n++ {
					hs.Fill(0, hs.Len())
					z.Fill(0, z.Len())
					x, h, sums := units.Last(n*hidden), hs.Last(n*size), z.Last(n*padded)
					copy(x, lstmtest.Normals(r, n*hidden, 1))
					var columns [panel.MaxColumns]column
					for i := range n {
						columns[i] = column{x: x[i*hidden:][:hidden], h: h[i*size:][:size]}
					}
					rest := p.panels
					p.projectRows(&rest, 0, size, columns[:n], sums, padded)
					for i := range n {
						lstmtest.RequireBits(t, referenceProjection(w, columns[i].x), columns[i].h, "%d units to %d, column %d of %d", hidden, size, i, n)
					}
					_, ok := hs.Intact(0, hs.Len()-n*size)
					require.True(t, ok, "%d units to %d: h", hidden, size)
					_, ok = z.Intact(0, z.Len()-n*padded)
					require.True(t, ok, "%d units to %d: sums", hidden, size)
				}
			}
		}
	})
}
