package panel

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// randomBytes is a matrix of which no two elements near each other are equal.
func randomBytes(rows, columns int) ByteMatrix {
	m := ByteMatrix{Columns: columns, Weights: make([]int8, rows*columns), Scales: make([]float32, rows)}
	for i := range m.Weights {
		m.Weights[i] = int8(i*37%255 - 127)
	}
	for r := range m.Scales {
		m.Scales[r] = float32(r + 1)
	}
	return m
}

// byteAt is element k of a lane in a panel of that many lanes, and the scale of its
// block, as the package says where they are.
func byteAt(floats []float32, lanes, lane, first, k int) (weight int8, scale float32) {
	block := k / BlockElements
	scales := first + block*(1+Groups(BlockElements))
	group := k % BlockElements / GroupElements
	return ByteAt(floats[(scales+1+group)*lanes+lane], k%GroupElements), floats[scales*lanes+lane]
}

func TestPackBytes(t *testing.T) {
	for hidden := 1; hidden <= 40; hidden++ {
		for _, input := range []int{1, 4, 9} {
			recurrent := 1 + hidden*3%11
			x, h := randomBytes(Gates*hidden, input), randomBytes(Gates*hidden, recurrent)
			packed := PackBytes(hidden, x, h)
			rows := Int8Rows(input) + Int8Rows(recurrent)
			require.Len(t, packed, Floats(hidden, rows))
			for u := range hidden {
				first := u / Units * Units
				width := Width(hidden - first)
				floats := packed[u/Units*Stride(rows):]
				for g := range Gates {
					row, lane := g*hidden+u, g*width+u-first
					for k := range input {
						w, scale := byteAt(floats, Gates*width, lane, 0, k)
						require.Equal(t, x.Weights[row*input+k], w)
						require.Equal(t, x.Scales[row], scale)
					}
					for k := range recurrent {
						w, scale := byteAt(floats, Gates*width, lane, Int8Rows(input), k)
						require.Equal(t, h.Weights[row*recurrent+k], w)
						require.Equal(t, h.Scales[row], scale)
					}
				}
			}
		}
	}
}

// A matrix lies row after row, and its blocks one after another.
func TestPackByteRows(t *testing.T) {
	for _, columns := range []int{3, BlockElements, 2*BlockElements + 5} {
		for _, rows := range []int{1, 32, 33, 64, 70} {
			m := randomBytes(rows, columns)
			packed := PackByteRows(rows, m)
			require.Len(t, packed, Floats(RowUnits(rows), Int8Rows(columns)))
			for r := range rows {
				lanes := Gates * Width(RowUnits(rows)-r/RowFloats*Units)
				for _, k := range []int{0, 1, columns / 2, columns - 1} {
					w, scale := byteAt(packed[r/RowFloats*Stride(Int8Rows(columns)):], lanes, r%RowFloats, 0, k)
					require.Equal(t, m.Weights[r*columns+k], w, "%d of row %d of %d", k, r, rows)
					require.Equal(t, m.Scales[r], scale)
				}
			}
		}
	}
}
