//go:build !purego && !noasm

package peak

import "unsafe"

func load(path string, p []float32) bool {
	if path != "neon" {
		return false
	}
	loadNEON(unsafe.SliceData(p), len(p))
	return true
}

func fma(path string, iterations int) (lanes int) {
	if path != "neon" {
		return 0
	}
	fmaNEON(iterations)
	return 4
}

func clock(iterations int) bool {
	clockNEON(iterations)
	return true
}
