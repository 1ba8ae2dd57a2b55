package panel

import (
	"math"

	"example.com/lstm/internal/aligned"
)

// ByteMatrix is a matrix of int8, row-major, with a scale for each row.
type ByteMatrix struct {
	Columns int
	Weights []int8
	Scales  []float32
}

// PackBytes lays the weights of a layer of H hidden units, [4H, I] and [4H, R], out
// as panels.
func PackBytes(hidden int, matrices ...ByteMatrix) []float32 {
	return packBytes(hidden, func(u, lane int) int {
		width := Width(hidden - u)
		if unit := u + lane%width; unit < hidden {
			return lane/width*hidden + unit
		}
		return -1
	}, matrices)
}

// PackByteRows lays a matrix [rows, columns] out as panels of [RowUnits] units, row
// after row where the gates of units would be.
func PackByteRows(rows int, matrix ByteMatrix) []float32 {
	return packBytes(RowUnits(rows), func(u, lane int) int {
		if row := Gates*u + lane; row < rows {
			return row
		}
		return -1
	}, []ByteMatrix{matrix})
}

// packBytes packs matrices of which row says the row that is in a lane of the panel
// from unit u on, -1 for none.
func packBytes(units int, row func(u, lane int) int, matrices []ByteMatrix) []float32 {
	rows := 0
	for i := range matrices {
		rows += Int8Rows(matrices[i].Columns)
	}
	packed := aligned.New(Floats(units, rows))
	for u := 0; u < units; u += Units {
		size := Gates * Width(units-u)
		to := packed[u/Units*Stride(rows):]
		for i := range matrices {
			m := &matrices[i]
			for first := 0; first < m.Columns; first += BlockElements {
				n := min(BlockElements, m.Columns-first)
				for lane := range size {
					if r := row(u, lane); r >= 0 {
						to[lane] = m.Scales[r]
						packGroups(to[size+lane:], size, m.Weights[r*m.Columns+first:][:n])
					}
				}
				to = to[size*(1+Groups(n)):]
			}
		}
	}
	return packed
}

// packGroups writes weights to dst, stride floats from one group to the next.
func packGroups(dst []float32, stride int, weights []int8) {
	for g := range Groups(len(weights)) {
		var word uint32
		for i, w := range weights[g*GroupElements : min((g+1)*GroupElements, len(weights))] {
			word |= uint32(uint8(w)) << (8 * i)
		}
		dst[g*stride] = math.Float32frombits(word)
	}
}

// ByteAt returns that byte of a float of a panel.
func ByteAt(group float32, index int) int8 {
	return int8(math.Float32bits(group) >> (8 * index))
}
