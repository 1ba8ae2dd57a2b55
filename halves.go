package lstm

import (
	"sync"

	"example.com/lstm/internal/dispatch"
)

// A processor may widen binary16 numbers in vectors of 256 bits or of 512, and which
// is faster is a matter of the processor. For a Zen 4 core a conversion to 512 bits is
// several instructions: (128,128) takes 4.9 µs, with 256 bits 3.2. Intel's take half as
// many of them. A tile of several columns has time for either.

// narrowHalves reports whether 256 bits are faster where each weight is used once,
// measured as pairFloats is.
func narrowHalves() bool {
	if dispatch.Active().Float32() != dispatch.AVX512 {
		return true // for tests, which may go on with AVX-512
	}
	return measuredNarrowHalves()
}

var measuredNarrowHalves = sync.OnceValue(func() bool {
	return fasterStep(func(i int, from *chainStart, p *panels, x, c, h []float32) {
		p.narrow = i == 1
		stepFloat16(from, p, x, c, h)
	}) == 1
})
