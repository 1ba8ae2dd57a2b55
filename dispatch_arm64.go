//go:build !purego && !noasm

package lstm

import (
	"unsafe"

	"example.com/lstm/internal/dispatch"
)

// maxTileMACs bounds a tile call. A Neoverse N1 at 2.5 GHz, the slowest server
// there is, multiplies 20 pairs a nanosecond with its two units, so that this is
// 13 microseconds; cores with four units take half as long.
const maxTileMACs = 1 << 18

// The calls are direct, not through function values, which would move every
// slice that they are given to the heap.

func step(from *chainStart, p *panels, x, c, h []float32) {
	sawStep(x, c, h)
	switch dispatch.Active() {
	case dispatch.NEON:
		stepNEON(unsafe.SliceData(from.sums), from.stride, unsafe.SliceData(p.floats), p.stride, p.skip,
			unsafe.SliceData(x), len(x), unsafe.SliceData(c), unsafe.SliceData(h), len(h))
	default:
		stepGeneric(*from, *p, x, c, h)
	}
}

func stepTile(from *chainStart, p *panels, columns []column) {
	sawStepTile(columns)
	switch dispatch.Active() {
	case dispatch.NEON:
		stepTileNEON(unsafe.SliceData(from.sums), from.stride, from.columnStride, unsafe.SliceData(p.floats), p.stride, p.skip,
			unsafe.SliceData(p.ahead), &columns[0].x, len(columns), len(columns[0].x), len(columns[0].h))
	default:
		stepTileGeneric(*from, *p, columns)
	}
}

func gatesTile(from *chainStart, p *panels, columns []column, units int, z []float32, zStride int) {
	sawGatesTile(columns)
	switch dispatch.Active() {
	case dispatch.NEON:
		gatesTileNEON(unsafe.SliceData(from.sums), from.stride, from.columnStride, unsafe.SliceData(p.floats), p.stride, p.skip,
			unsafe.SliceData(p.ahead), &columns[0].x, len(columns), len(columns[0].x), units, unsafe.SliceData(z), zStride)
	default:
		gatesTileGeneric(*from, *p, columns, units, z, zStride)
	}
}

func head(weights, bias, x, y []float32) {
	sawHead(x, y)
	switch dispatch.Active() {
	case dispatch.NEON:
		headNEON(unsafe.SliceData(weights), unsafe.SliceData(bias), unsafe.SliceData(x), len(x), unsafe.SliceData(y), len(y))
	default:
		headGeneric(weights, bias, x, y)
	}
}

func elements(f function, dst, x []float32) {
	sawElements(dst, x)
	switch p := dispatch.Active(); {
	case p == dispatch.NEON && f == sigmoidFunction:
		sigmoidNEON(unsafe.SliceData(dst), unsafe.SliceData(x), len(x))
	case p == dispatch.NEON && f == tanhFunction:
		tanhNEON(unsafe.SliceData(dst), unsafe.SliceData(x), len(x))
	default:
		elementsGeneric(f, dst, x)
	}
}
