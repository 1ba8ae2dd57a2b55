package lstm

import (
	"sync"

	"example.com/lstm/internal/dispatch"
)

// A step may take two panels at once. That hides the latency of chains where a
// panel has too few of them, four with AVX-512, for the multiply-adds that a
// processor begins while one is on its way; where four are enough, it only makes
// the weights come from two places. BenchmarkPairs shows both: (16,32) took 165 ns
// instead of 200 on an Intel Emerald Rapids core, which begins two multiply-adds
// a cycle, and 187 instead of 177 on a Zen 4 core, which begins one.
const (
	// Up to 36 KiB, two panels in the first-level cache, where it helps.
	manyPairFloats = 9 << 10
	// Up to 20 KiB where it does not: the cells of two panels still run beside
	// each other, which is much of the time of so small a step.
	fewPairFloats = 5 << 10
)

// pairFloats is the number of weights up to which a layer's steps take two panels
// at once, found by a measurement of a tenth of a millisecond when the first network is made. It
// chooses among kernels that compute the same.
func pairFloats() int {
	if dispatch.Active().Float32() != dispatch.AVX512 {
		return manyPairFloats // for tests, which may go on with AVX-512
	}
	return measuredPairFloats()
}

var measuredPairFloats = sync.OnceValue(func() int {
	faster := fasterStep(func(i int, from *chainStart, p *panels, x, c, h []float32) {
		p.pairs = i == 1
		step(from, p, x, c, h)
	})
	if faster == 1 {
		return manyPairFloats
	}
	return fewPairFloats
})
