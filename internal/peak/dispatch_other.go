//go:build (!amd64 && !arm64) || purego || noasm

package peak

func load(string, []float32) bool { return false }

func fma(string, int) (lanes int) { return 0 }

func clock(int) bool { return false }
