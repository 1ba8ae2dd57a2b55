package lstm

// Sigmoid sets dst[i] to 1 / (1 + e^-x[i]), within 1 unit in the last place and
// monotone, the very values that the gates use. NaN gives NaN.
//
// dst and x have the same length, else Sigmoid panics. They may be the same
// slice, but must not overlap in any other way.
func Sigmoid(dst, x []float32) {
	checkActivation("Sigmoid", dst, x)
	for len(x) > maxActivation {
		sigmoids(dst[:maxActivation], x[:maxActivation])
		dst, x = dst[maxActivation:], x[maxActivation:]
	}
	sigmoids(dst, x)
}

// Tanh sets dst[i] to the hyperbolic tangent of x[i], within 1 unit in the last
// place, monotone and odd, the very values that the cell uses. NaN gives NaN.
//
// dst and x have the same length, else Tanh panics. They may be the same slice,
// but must not overlap in any other way.
func Tanh(dst, x []float32) {
	checkActivation("Tanh", dst, x)
	for len(x) > maxActivation {
		tanhs(dst[:maxActivation], x[:maxActivation])
		dst, x = dst[maxActivation:], x[maxActivation:]
	}
	tanhs(dst, x)
}

// maxActivation bounds the time of one kernel call (see layer.go).
const maxActivation = 1 << 13

func checkActivation(name string, dst, x []float32) {
	if len(dst) != len(x) {
		panicLength(name+": dst", len(dst), len(x), "the length of x")
	}
}
