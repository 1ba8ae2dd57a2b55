//go:build !purego && !noasm

package dispatch

import (
	"slices"

	"golang.org/x/sys/cpu"
)

// detect lists the paths of this machine. GODEBUG switches off single features
// and nothing that builds on them; a path that needs both asks for both: cpu.avx=off
// takes every path away, cpu.avx2=off AVX-512's, too.
func detect() []Path {
	has := map[string]bool{
		"AVX":        cpu.X86.HasAVX,
		"AVX2":       cpu.X86.HasAVX2,
		"FMA3":       cpu.X86.HasFMA,
		"F16C":       cpu.X86.HasF16C,
		"AVX512F":    cpu.X86.HasAVX512F,
		"AVX512VL":   cpu.X86.HasAVX512VL,
		"AVX512DQ":   cpu.X86.HasAVX512DQ,
		"AVX512BW":   cpu.X86.HasAVX512BW,
		"AVX512VNNI": cpu.X86.HasAVX512VNNI,
	}
	paths := []Path{Generic, Portable}
	for p, d := range All {
		if d.GOARCH == "amd64" && !slices.ContainsFunc(d.Needs, func(set string) bool { return !has[set] }) {
			paths = append(paths, Path(p))
		}
	}
	return paths
}
