//go:build !purego && !noasm

package peak

import "unsafe"

func load(path string, p []float32) bool {
	switch path {
	case "avx2":
		loadAVX2(unsafe.SliceData(p), len(p))
	case "avx512":
		loadAVX512(unsafe.SliceData(p), len(p))
	default:
		return false
	}
	return true
}

func fma(path string, iterations int) (lanes int) {
	switch path {
	case "avx2":
		fmaAVX2(iterations)
		return 8
	case "avx512":
		fmaAVX512(iterations)
		return 16
	}
	return 0
}

func clock(iterations int) bool {
	clockAVX2(iterations)
	return true
}
