//go:build !purego && !noasm

package dispatch

import "golang.org/x/sys/cpu"

// detect lists the paths of this machine. Every arm64 that Go runs on has NEON.
func detect() []Path {
	paths := []Path{Generic, Portable}
	if cpu.ARM64.HasASIMD {
		paths = append(paths, NEON)
		if cpu.ARM64.HasASIMDDP {
			paths = append(paths, NEONDot)
		}
	}
	return paths
}
