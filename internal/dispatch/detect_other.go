//go:build (!amd64 && !arm64) || purego || noasm

package dispatch

func detect() []Path { return []Path{Generic, Portable} }
