//go:build !purego && !noasm

package lstm

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

// maxTileMACs bounds a tile call. At the FMA peak of 256-bit registers, about 50
// multiplications a nanosecond, it takes five microseconds, and up to ten when
// it is the first to use its weights and has them from memory.
const maxTileMACs = 1 << 18

// maxPairFloats is the size of weights up to which stepPairs beats step: 40 KiB,
// most of a first-level cache. (16,32) takes 175 ns instead of 228, (32,64),
// whose 97 KiB come from the second level, 957 instead of 893 (Intel Emerald
// Rapids).
const maxPairFloats = 10 << 10

// detect lists the paths that this machine has, the best one last. A path needs
// every set of instructions that its kernels use.
func detect() []path {
	paths := []path{generic}
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA {
		paths = append(paths, avx2)
		if cpu.X86.HasAVX512F && cpu.X86.HasAVX512VL && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512BW {
			paths = append(paths, avx512)
		}
	}
	return paths
}

// The calls are direct, not through function values, which would move every
// slice that they are given to the heap.

func step(from *chainStart, p *panels, x, c, h []float32) {
	sawStep(x, c, h)
	switch path(active.Load()) {
	case avx2:
		stepAVX2(unsafe.SliceData(from.sums), from.stride, unsafe.SliceData(p.floats), p.stride, p.skip,
			unsafe.SliceData(x), len(x), unsafe.SliceData(c), unsafe.SliceData(h), len(h))
	case avx512:
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
	switch path(active.Load()) {
	case avx2:
		stepTileAVX2(unsafe.SliceData(from.sums), from.stride, from.columnStride, unsafe.SliceData(p.floats), p.stride, p.skip,
			unsafe.SliceData(p.ahead), &columns[0].x, len(columns), len(columns[0].x), len(columns[0].h))
	case avx512:
		stepTileAVX512(unsafe.SliceData(from.sums), from.stride, from.columnStride, unsafe.SliceData(p.floats), p.stride, p.skip,
			unsafe.SliceData(p.ahead), &columns[0].x, len(columns), len(columns[0].x), len(columns[0].h))
	default:
		stepTileGeneric(*from, *p, columns)
	}
}

func gatesTile(from *chainStart, p *panels, columns []column, units int, z []float32, zStride int) {
	sawGatesTile(columns)
	switch path(active.Load()) {
	case avx2:
		gatesTileAVX2(unsafe.SliceData(from.sums), from.stride, from.columnStride, unsafe.SliceData(p.floats), p.stride, p.skip,
			unsafe.SliceData(p.ahead), &columns[0].x, len(columns), len(columns[0].x), units, unsafe.SliceData(z), zStride)
	case avx512:
		gatesTileAVX512(unsafe.SliceData(from.sums), from.stride, from.columnStride, unsafe.SliceData(p.floats), p.stride, p.skip,
			unsafe.SliceData(p.ahead), &columns[0].x, len(columns), len(columns[0].x), units, unsafe.SliceData(z), zStride)
	default:
		gatesTileGeneric(*from, *p, columns, units, z, zStride)
	}
}

func head(weights, bias, x, y []float32) {
	sawHead(x, y)
	switch path(active.Load()) {
	case avx2:
		headAVX2(unsafe.SliceData(weights), unsafe.SliceData(bias), unsafe.SliceData(x), len(x), unsafe.SliceData(y), len(y))
	case avx512:
		headAVX512(unsafe.SliceData(weights), unsafe.SliceData(bias), unsafe.SliceData(x), len(x), unsafe.SliceData(y), len(y))
	default:
		headGeneric(weights, bias, x, y)
	}
}

func elements(f function, dst, x []float32) {
	sawElements(dst, x)
	switch p := path(active.Load()); {
	case p == avx2 && f == sigmoidFunction:
		sigmoidAVX2(unsafe.SliceData(dst), unsafe.SliceData(x), len(x))
	case p == avx512 && f == sigmoidFunction:
		sigmoidAVX512(unsafe.SliceData(dst), unsafe.SliceData(x), len(x))
	case p == avx2 && f == tanhFunction:
		tanhAVX2(unsafe.SliceData(dst), unsafe.SliceData(x), len(x))
	case p == avx512 && f == tanhFunction:
		tanhAVX512(unsafe.SliceData(dst), unsafe.SliceData(x), len(x))
	default:
		elementsGeneric(f, dst, x)
	}
}
