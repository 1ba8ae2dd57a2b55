package panel

import (
	"math"
	"slices"
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

// Every parameter is where the package's description says, once, and all else is
// zero.
func TestPack(t *testing.T) {
	numbers := func(n, from int) []float32 {
		s := make([]float32, n)
		for i := range s {
			s[i] = float32(from + i)
		}
		return s
	}
	for hidden := 1; hidden <= 40; hidden++ {
		for _, input := range []int{1, 5} {
			ih := numbers(Gates*hidden*input, 1)
			recurrent := 1 + hidden*3%5
			hh := numbers(Gates*hidden*recurrent, 100_000)
			b := numbers(Gates*hidden, 1)
			biases, weights := Pack(input, recurrent, hidden, ih, hh, b, nil)
			require.Len(t, biases, BiasFloats(hidden))
			require.Len(t, weights, Floats(hidden, input+recurrent))
			wantBiases, want := make([]float32, len(biases)), make([]float32, len(weights))
			for u := range hidden {
				first := u / Units * Units // unit of the panel
				width := Width(hidden - first)
				for g := range Gates {
					lane := g*width + u - first
					wantBiases[Gates*first+lane] = b[g*hidden+u]
					for k := range input + recurrent {
						v := ih[(g*hidden+u)*input+min(k, input-1)]
						if k >= input {
							v = hh[(g*hidden+u)*recurrent+k-input]
						}
						want[first/Units*Stride(input+recurrent)+k*Gates*width+lane] = v
					}
				}
			}
			require.Equal(t, wantBiases, biases)
			require.Equal(t, want, weights)
		}
	}
}

// What is tiny becomes +0, and two biases one.
func TestPackFlushes(t *testing.T) {
	const tiny, half = -0x1.fffffep-65, 0.5
	biases, weights := Pack(1, 1, 1, []float32{1, tiny, 2, 3}, []float32{4, 5, tiny, 6}, []float32{1, tiny, 2, half}, []float32{half, 0, -2, half})
	at := func(s []float32, row, gate int) float32 { return s[(row*Gates+gate)*NarrowUnits] }
	for g, want := range []float32{1.5, 0, 0, 1} {
		require.Equal(t, math.Float32bits(want), math.Float32bits(at(biases, 0, g)))
	}
	for g, want := range []float32{1, 0, 2, 3} {
		require.Equal(t, math.Float32bits(want), math.Float32bits(at(weights, 0, g)))
	}
	for g, want := range []float32{4, 5, 0, 6} {
		require.Equal(t, math.Float32bits(want), math.Float32bits(at(weights, 1, g)))
	}
	biases, weights = PackHead(3, 2, []float32{1, 2, tiny, 3, 4, 5}, nil)
	require.Equal(t, []float32{0, 0}, biases)
	require.Equal(t, []float32{1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 4, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, weights)
	require.Zero(t, math.Float32bits(weights[2]))
}

// A matrix lies in the panels of so many units that they have as many rows.
func TestPackRows(t *testing.T) {
	const columns = 3
	for rows := 1; rows <= 200; rows++ {
		matrix := make([]float32, rows*columns)
		for i := range matrix {
			matrix[i] = float32(i + 1)
		}
		matrix[rows-1] = 0x1p-70
		packed := PackRows(rows, columns, matrix)
		matrix[rows-1] = 0
		want := make([]float32, len(packed))
		for r := range rows {
			first := r / RowFloats * RowFloats // row of the panel
			width := RowFloats
			if rows-first <= RowFloats/2 {
				width = RowFloats / 2
			}
			for k := range columns {
				want[first*columns+k*width+r-first] = matrix[r*columns+k]
			}
		}
		require.Equal(t, want, packed, "%d rows", rows)
		require.Less(t, len(packed)-len(matrix), columns*RowFloats/2, "%d rows", rows)
	}
}

// Every vector of a cell lies in the panels as the bias of a gate would.
func TestPackUnits(t *testing.T) {
	for hidden := 1; hidden <= 50; hidden++ {
		const vectors = 3
		var in [vectors][]float32
		for v := range in {
			for u := range hidden {
				in[v] = append(in[v], float32(100*u+v+1))
			}
		}
		in[1][hidden-1] = 0x1p-70
		packed := PackUnits(hidden, in[:]...)
		require.Len(t, packed, vectors*PaddedUnits(hidden))
		in[1][hidden-1] = 0
		for u := range hidden {
			first := u / Units * Units
			for v := range in {
				require.Equal(t, in[v][u], packed[vectors*first+v*Width(hidden-first)+u-first], "vector %d of unit %d of %d", v, u, hidden)
			}
		}
	}
	require.Empty(t, PackUnits(20))
}

// One gate of every unit becomes zero, and nothing else.
func TestClearGate(t *testing.T) {
	const input, gate = 3, 1
	ones := func(n int) []float32 { return slices.Repeat([]float32{1}, n) }
	for hidden := 1; hidden <= 40; hidden++ {
		k := input + hidden
		with := func(v float32) (ih, hh, b []float32) {
			ih, hh, b = ones(Gates*hidden*input), ones(Gates*hidden*hidden), ones(Gates*hidden)
			for _, tensor := range [][]float32{ih, hh, b} {
				rows := len(tensor) / Gates
				copy(tensor[gate*rows:][:rows], slices.Repeat([]float32{v}, rows))
			}
			return ih, hh, b
		}
		ih, hh, b := with(0)
		wantBiases, want := Pack(input, hidden, hidden, ih, hh, b, nil)
		ih, hh, b = with(5)
		biases, weights := Pack(input, hidden, hidden, ih, hh, b, nil)
		ClearGate(hidden, k, gate, biases, weights)
		require.Equal(t, wantBiases, biases, hidden)
		require.Equal(t, want, weights, hidden)
	}
}
