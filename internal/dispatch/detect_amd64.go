//go:build !purego && !noasm

package dispatch

import "golang.org/x/sys/cpu"

// detect lists the paths of this machine. Each needs every set of instructions
// that its kernels use, and all that the path before it needs. GODEBUG switches
// off single features and nothing that builds on them, so what builds on another
// asks for both: cpu.avx=off takes every path away, cpu.avx2=off AVX-512's, too.
func detect() []Path {
	paths := []Path{Generic, Portable}
	if !cpu.X86.HasAVX || !cpu.X86.HasAVX2 || !cpu.X86.HasFMA {
		return paths
	}
	paths = append(paths, AVX2)
	if cpu.X86.HasAVX512F && cpu.X86.HasAVX512VL && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512BW {
		paths = append(paths, AVX512)
	}
	return paths
}
