package lstm

// Exp is the function that softmax is made of.
func Exp(dst, x []float32) { expFunction.apply("Exp", dst, x) }
