package lstm

import "example.com/lstm/internal/contract"

// softmax sets dst to e^x[i] over the sum of them all, of an x that has at least one
// element and may be dst. It does so relative to the largest element, so that nothing
// overflows; the sum is that of a row of a Linear layer.
func softmax(dst, x []float32) {
	most := x[0]
	for _, v := range x[1:] {
		most = max(most, v) // NaN, if either is
	}
	for i, v := range x {
		dst[i] = v - most
	}
	expFunction.compute(nil, dst, dst)

	var part [contract.HeadSums]float32
	rest := dst
	for ; len(rest) >= len(part); rest = rest[len(part):] {
		block := (*[contract.HeadSums]float32)(rest)
		for i := range part {
			part[i] += block[i]
		}
	}
	for i, v := range rest {
		part[i] += v
	}
	sum := sumInPairs(&part)
	for i := range dst {
		dst[i] /= sum
	}
}

// sumInPairs adds partial sums in the order of those of a Linear layer.
func sumInPairs(p *[contract.HeadSums]float32) float32 {
	even := ((p[0] + p[8]) + (p[4] + p[12])) + ((p[2] + p[10]) + (p[6] + p[14]))
	odd := ((p[1] + p[9]) + (p[5] + p[13])) + ((p[3] + p[11]) + (p[7] + p[15]))
	return even + odd
}
