// Package peak measures what the machine can do at best, with kernels that only
// load, only multiply or only count cycles. Benchmarks are quoted as ratios to
// them, measured in the same run.
package peak

import (
	"unsafe"

	"example.com/lstm/internal/dispatch"
	"example.com/lstm/internal/panel"
)

// FMAIteration is how many vectors an iteration of FMA multiplies.
const FMAIteration = panel.FMAIteration

// ClockIteration is how many cycles one iteration of Clock takes.
const ClockIteration = panel.ClockIteration

// Buffer returns n floats for Load, at the beginning of a cache line. They are
// not zero: else every page of them would be the system's one page of zeros,
// and all loads would hit the first-level cache.
func Buffer(n int) []float32 {
	const line = 64 / 4
	p := make([]float32, n+line-1)
	for i := range p {
		p[i] = 1
	}
	misplaced := uintptr(unsafe.Pointer(unsafe.SliceData(p))) / 4 % line
	return p[(line-misplaced)%line:][:n]
}

// Load loads p, as many floats as fit the kernel's iterations, with the vectors of
// that path. It reports whether there is such a kernel.
func Load(path string, p []float32) bool {
	on, _ := dispatch.Named(path)
	return load(on, p[:len(p)/panel.LoadIteration*panel.LoadIteration])
}

// FMA does iterations × FMAIteration fused multiply-adds of the path's vectors, which
// do not wait for each other, and returns how many lanes a vector has: 0 if
// there is no such kernel.
func FMA(path string, iterations int) (lanes int) {
	on, _ := dispatch.Named(path)
	if !fma(on, iterations) {
		return 0
	}
	return on.Lanes()
}

// Clock does iterations × ClockIteration additions that wait for each other, of a cycle
// each, and reports whether there is a kernel for it.
func Clock(iterations int) bool { return clock(dispatch.Best(), iterations) }
