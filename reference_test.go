package lstm

import (
	"math"
	"slices"

	"example.com/lstm/internal/contract"
)

// A referenceProduct is a matrix in a format and the vector that it is multiplied
// with, straight from the contract.
type referenceProduct struct {
	format  WeightFormat
	weights []float32
	scales  []float32 // that int8 weights have come with, nil for none
	x       []float32

	q []int64 // of int8: x is about q·s
	s float32
}

// newReferenceProduct takes weights, [rows, len(x)]. digits: the elements of a
// quantised x have 14 bits.
func newReferenceProduct(format WeightFormat, weights, scales, x []float32, digits bool) *referenceProduct {
	p := &referenceProduct{format: format, weights: weights, scales: scales, x: x}
	if format == Int8 {
		p.quantise(digits)
	}
	return p
}

func (p *referenceProduct) quantise(digits bool) {
	var top float32 = 127
	if digits {
		top = 8191
	}
	most := math.Float32bits(contract.LeastMagnitude)
	for _, v := range p.x {
		most = max(most, math.Float32bits(v)&0x7fffffff)
	}
	m := math.Float32frombits(most)
	r := top / m
	p.s = float32(m*(1/top)) + float32(m-m)
	for _, v := range p.x {
		nearest := math.RoundToEven(float64(float32(v * r)))
		if p.s != p.s {
			nearest = 0 // whatever it is
		}
		p.q = append(p.q, int64(nearest))
	}
}

// weight is element k of a row, as it is multiplied.
func (p *referenceProduct) weight(row, k int) float32 {
	w := contract.Flush(p.weights[row*len(p.x)+k])
	if p.format != Float16 {
		return w
	}
	// 11 significant bits, and none below 2^-24.
	_, exponent := math.Frexp(float64(w))
	unit := math.Ldexp(1, max(exponent-11, -24))
	return float32(math.RoundToEven(float64(w)/unit) * unit)
}

// sum continues a sum with the products of a row.
func (p *referenceProduct) sum(row int, sum float32) float32 {
	if p.format == Int8 {
		return p.sumOfBytes(row, sum)
	}
	for k, v := range p.x {
		sum = fma(p.weight(row, k), v, sum)
	}
	return sum
}

func (p *referenceProduct) sumOfBytes(row int, sum float32) float32 {
	if p.scales != nil {
		scale := p.scales[row]
		return p.sumOfMultiples(row, sum, scale, func(k int) float64 { return float64(p.weights[row*len(p.x)+k]) / float64(scale) })
	}
	var most float64
	for k := range p.x {
		most = max(most, math.Abs(float64(p.weight(row, k))))
	}
	return p.sumOfMultiples(row, sum, float32(most/127), func(k int) float64 { return float64(p.weight(row, k)) * 127 / most })
}

// sumOfMultiples continues a sum with those of a row. multiple returns how many times
// the scale a weight is, which is a NaN where both are 0.
func (p *referenceProduct) sumOfMultiples(row int, sum, scale float32, multiple func(k int) float64) float32 {
	bytes := make([]int64, len(p.x))
	for k := range bytes {
		if m := math.RoundToEven(multiple(k)); m == m {
			bytes[k] = int64(m)
		}
	}
	if !slices.ContainsFunc(bytes, func(w int64) bool { return w != 0 }) {
		scale = 0
	}
	for first := 0; first < len(p.x); first += 2048 {
		var dot int64
		for k := first; k < min(first+2048, len(p.x)); k++ {
			dot += bytes[k] * p.q[k]
		}
		if dot != int64(int32(dot)) {
			panic("an int32 does not hold the sum")
		}
		sum = fma(float32(dot), float32(scale*p.s), sum)
	}
	return sum
}
