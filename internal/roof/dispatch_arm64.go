//go:build !purego && !noasm

package roof

import "unsafe"

func load(path string, p []float32) bool {
	if path != "neon" {
		return false
	}
	loadNEON(unsafe.SliceData(p), len(p))
	return true
}

func fma(path string, turns int) (lanes int) {
	if path != "neon" {
		return 0
	}
	fmaNEON(turns)
	return 4
}

func clock(turns int) bool {
	clockNEON(turns)
	return true
}
