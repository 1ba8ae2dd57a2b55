//go:build !purego && !noasm

package lstm

import (
	"unsafe"

	"example.com/lstm/internal/dispatch"
	"example.com/lstm/internal/panel"
)

// maxTileMACs bounds a tile call. At the FMA peak of 256-bit registers, about 50
// multiplications a nanosecond, it takes five microseconds, and up to ten when
// it is the first to use its weights and has them from memory.
const maxTileMACs = 1 << 18

// maxPairFloats is the size of weights up to which stepPairs beats step: 36 KiB,
// two panels in the first-level cache. BenchmarkPairs shows it: (16,32) takes 165
// ns instead of 200, but (1,48), whose third panel would be alone, 290 instead of
// 271, and (32,64), from the second-level cache, 930 instead of 885 (Intel Emerald
// Rapids).
const maxPairFloats = 9 << 10

// The calls are direct, not through function values, which would move every
// slice that they are given to the heap.

func step(from *chainStart, p *panels, x, c, h []float32) {
	sawStep(x, c, h)
	switch dispatch.Active() {
	case dispatch.AVX2:
		stepAVX2(unsafe.SliceData(from.sums), from.stride, unsafe.SliceData(p.floats), p.stride, p.skip,
			unsafe.SliceData(x), len(x), unsafe.SliceData(c), unsafe.SliceData(h), len(h))
	case dispatch.AVX512:
		if len(p.floats) <= maxPairFloats {
			stepPairsAVX512(unsafe.SliceData(from.sums), from.stride, unsafe.SliceData(p.floats), p.stride, p.skip,
				unsafe.SliceData(x), len(x), unsafe.SliceData(c), unsafe.SliceData(h), len(h))
			return
		}
		stepAVX512(unsafe.SliceData(from.sums), from.stride, unsafe.SliceData(p.floats), p.stride, p.skip,
			unsafe.SliceData(x), len(x), unsafe.SliceData(c), unsafe.SliceData(h), len(h))
	default:
		stepGeneric(*from, *p, x, c, h)
	}
}

func stepTile(from *chainStart, p *panels, columns []column) {
	sawStepTile(columns)
	switch dispatch.Active() {
	case dispatch.AVX2:
		stepTileAVX2(unsafe.SliceData(from.sums), from.stride, from.columnStride, unsafe.SliceData(p.floats), p.stride, p.skip,
			unsafe.SliceData(p.ahead), &columns[0].x, len(columns), len(columns[0].x), len(columns[0].h))
	case dispatch.AVX512:
		if len(columns[0].h) <= panel.NarrowUnits {
			// A narrow panel alone does not fill wider vectors.
			stepTileAVX2(unsafe.SliceData(from.sums), from.stride, from.columnStride, unsafe.SliceData(p.floats), p.stride, p.skip,
				unsafe.SliceData(p.ahead), &columns[0].x, len(columns), len(columns[0].x), len(columns[0].h))
			return
		}
		stepTileAVX512(unsafe.SliceData(from.sums), from.stride, from.columnStride, unsafe.SliceData(p.floats), p.stride, p.skip,
			unsafe.SliceData(p.ahead), &columns[0].x, len(columns), len(columns[0].x), len(columns[0].h))
	default:
		stepTileGeneric(*from, *p, columns)
	}
}

func gatesTile(from *chainStart, p *panels, columns []column, units int, z []float32, zStride int) {
	sawGatesTile(columns)
	switch dispatch.Active() {
	case dispatch.AVX2:
		gatesTileAVX2(unsafe.SliceData(from.sums), from.stride, from.columnStride, unsafe.SliceData(p.floats), p.stride, p.skip,
			unsafe.SliceData(p.ahead), &columns[0].x, len(columns), len(columns[0].x), units, unsafe.SliceData(z), zStride)
	case dispatch.AVX512:
		gatesTileAVX512(unsafe.SliceData(from.sums), from.stride, from.columnStride, unsafe.SliceData(p.floats), p.stride, p.skip,
			unsafe.SliceData(p.ahead), &columns[0].x, len(columns), len(columns[0].x), units, unsafe.SliceData(z), zStride)
	default:
		gatesTileGeneric(*from, *p, columns, units, z, zStride)
	}
}

func head(weights, bias, x, y []float32) {
	sawHead(x, y)
	switch dispatch.Active() {
	case dispatch.AVX2:
		headAVX2(unsafe.SliceData(weights), unsafe.SliceData(bias), unsafe.SliceData(x), len(x), unsafe.SliceData(y), len(y))
	case dispatch.AVX512:
		headAVX512(unsafe.SliceData(weights), unsafe.SliceData(bias), unsafe.SliceData(x), len(x), unsafe.SliceData(y), len(y))
	default:
		headGeneric(weights, bias, x, y)
	}
}

func elements(f function, dst, x []float32) {
	sawElements(dst, x)
	switch p := dispatch.Active(); {
	case p == dispatch.AVX2 && f == sigmoidFunction:
		sigmoidAVX2(unsafe.SliceData(dst), unsafe.SliceData(x), len(x))
	case p == dispatch.AVX512 && f == sigmoidFunction:
		sigmoidAVX512(unsafe.SliceData(dst), unsafe.SliceData(x), len(x))
	case p == dispatch.AVX2 && f == tanhFunction:
		tanhAVX2(unsafe.SliceData(dst), unsafe.SliceData(x), len(x))
	case p == dispatch.AVX512 && f == tanhFunction:
		tanhAVX512(unsafe.SliceData(dst), unsafe.SliceData(x), len(x))
	default:
		elementsGeneric(f, dst, x)
	}
}
