package lstm

import "example.com/lstm/internal/panel"

// Sigmoid sets dst[i] to 1 / (1 + e^-x[i]), within 1 unit in the last place and
// monotone, the very values that gates are (whose sums count as -42 if they are
// less). NaN gives NaN.
//
// dst and x have the same length, else Sigmoid panics. They may be the same
// slice, but must not overlap in any other way.
func Sigmoid(dst, x []float32) {
	sigmoidFunction.apply("Sigmoid", dst, x)
}

// Tanh sets dst[i] to the hyperbolic tangent of x[i], within 1 unit in the last
// place, monotone and odd, the very values that the cell uses. NaN gives NaN.
//
// dst and x have the same length, else Tanh panics. They may be the same slice,
// but must not overlap in any other way.
func Tanh(dst, x []float32) {
	tanhFunction.apply("Tanh", dst, x)
}

// maxElements bounds the time of one kernel call (see layer.go).
const maxElements = 1 << 12

// apply computes f of slices of the same length.
func (f function) apply(name string, dst, x []float32) {
	if len(dst) != len(x) {
		panic(lengthError(name+": dst", len(dst), len(x), "the length of x"))
	}
	f.compute(nil, dst, x)
}

// compute computes f in whole blocks, the last elements in a block of their own.
func (f function) compute(parameters, dst, x []float32) {
	for len(x) >= panel.ElementBlock {
		n := min(len(x), maxElements) / panel.ElementBlock * panel.ElementBlock
		elements(f, parameters, dst[:n], x[:n])
		dst, x = dst[n:], x[n:]
	}
	if len(x) > 0 {
		var block [panel.ElementBlock]float32
		copy(block[:], x)
		elements(f, parameters, block[:], block[:])
		copy(dst, block[:])
	}
}

// flushTo copies x to dst, which is as long, with +0 for what is tiny.
func flushTo(dst, x []float32) {
	for len(x) >= panel.ElementBlock {
		n := min(len(x), maxElements) / panel.ElementBlock * panel.ElementBlock
		elements(flushFunction, nil, dst[:n], x[:n])
		dst, x = dst[n:], x[n:]
	}
	flushGeneric(nil, dst, x)
}

// shortInput is the length of an input from which on a call of flushTo is worth
// its time, in a step of a small network.
const shortInput = panel.ElementBlock
