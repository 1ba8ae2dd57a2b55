package lstm

import (
	"math"

	"example.com/lstm/internal/contract"
	"example.com/lstm/internal/panel"
)

// This file is the part of the specification that is about int8 weights. How they
// and quantised blocks lie in memory is in package panel. Sums of products are
// integers, so their order makes no difference.

func quantiseGeneric(dst, v []float32) {
	largest, r := quantiseHeader(dst, v, contract.Top)
	plane := blockPlane(dst, 0)
	sum, below := int32(0), int32(0)
	for k, e := range v {
		q := int32(math.RoundToEven(float64(float32(e * r))))
		setByte(plane, k, q)
		sum += q
		below += max(0, -q)
	}
	setBlockHeader(dst, largest, contract.Top, -128*sum, below)
}

func quantiseDigitsGeneric(dst, v []float32) {
	largest, r := quantiseHeader(dst, v, contract.TopDigits)
	hi, lo := blockPlane(dst, 0), blockPlane(dst, 1)
	sum, below := int32(0), int32(0)
	for k, e := range v {
		q := int32(math.RoundToEven(float64(float32(e * r))))
		setByte(hi, k, q>>7)
		setByte(lo, k, q&127)
		sum += q
		below += max(0, -(q >> 7))
	}
	setBlockHeader(dst, largest, contract.TopDigits, -sum, below)
}

// quantiseHeader returns the largest magnitude of the elements of v and of what
// dst begins with, and what an element is multiplied with. Magnitudes are compared
// as integers: a NaN is larger than an infinity, and that than all numbers.
func quantiseHeader(dst, v []float32, top float32) (largest, r float32) {
	bits := math.Float32bits(dst[panel.BlockLargest])
	for _, e := range v {
		bits = max(bits, math.Float32bits(e)&^(1<<31))
	}
	largest = math.Float32frombits(bits)
	return largest, top / largest
}

// setBlockHeader stores what a block begins with. The scale is NaN if the largest
// magnitude is not finite.
func setBlockHeader(dst []float32, largest, top float32, biased, inverted int32) {
	dst[panel.BlockScale] = float32(largest*(1/top)) + (largest - largest)
	dst[panel.BlockBiasedStart] = math.Float32frombits(uint32(biased))
	dst[panel.BlockInvertedStart] = math.Float32frombits(uint32(inverted))
	dst[panel.BlockLargest] = largest
}

// blockPlane is plane i of the block whose header and first groups x is.
func blockPlane(x []float32, i int) []float32 {
	floats := panel.PlaneFloats(len(x) - panel.BlockHeader)
	first := panel.BlockHeader + i*floats
	return x[first : first+floats : first+floats] // behind the length of x
}

// setByte sets byte k of a plane. The bytes after it become zero as far as they are
// in the same float, or in the floats after it where k is the first of four of them.
func setByte(plane []float32, k int, q int32) {
	if k%panel.QuadBytes == 0 {
		clear(plane[k/panel.GroupElements:][:panel.QuadBytes/panel.GroupElements])
	}
	group := &plane[k/panel.GroupElements]
	*group = math.Float32frombits(math.Float32bits(*group) | uint32(uint8(q))<<(8*(k%panel.GroupElements)))
}

// byteOf is byte k of int8 that lie four to a float.
func byteOf(floats []float32, k int) int32 {
	return int32(int8(math.Float32bits(floats[k/panel.GroupElements]) >> (8 * (k % panel.GroupElements))))
}

// blockElement is element k of a block.
func blockElement(x []float32, k int, digits bool) int32 {
	q := byteOf(blockPlane(x, 0), k)
	if digits {
		q = 128*q + byteOf(blockPlane(x, 1), k)
	}
	return q
}

// blockRows is the number of rows of weights that go with a block, the scales among
// them. There are none where there is no block.
func blockRows(x []float32) int { return max(0, len(x)-panel.BlockHeader+1) }

// dots continues the sums of a panel's rows with the products of a block: the scales
// lie before the weights, as many as there are rows.
func dots(z, weights, x []float32, digits bool) {
	scales, weights := weights[:len(z)], weights[len(z):]
	for r := range z {
		dot := int32(0)
		for g := range len(x) - panel.BlockHeader {
			for i := range panel.GroupElements {
				w := byteOf(weights[g*len(z)+r:], i)
				dot += w * blockElement(x, panel.GroupElements*g+i, digits)
			}
		}
		z[r] = fma(float32(dot), float32(scales[r]*x[panel.BlockScale]), z[r])
	}
}

func gatesInt8Generic(from *chainStart, p *panels, columns []column, units int, z []float32, zStride int) {
	gatesDots(from, p, columns, units, z, zStride, false)
}

func gatesInt8DigitsGeneric(from *chainStart, p *panels, columns []column, units int, z []float32, zStride int) {
	gatesDots(from, p, columns, units, z, zStride, true)
}

func gatesDots(from *chainStart, p *panels, columns []column, units int, z []float32, zStride int, digits bool) {
	for i := range columns {
		f, rest := from.column(i), *p
		for u := 0; u < units; u += panel.Units {
			rows := panel.Gates * panel.Width(units-u)
			sums := z[i*zStride+panel.Gates*u:][:rows]
			copy(sums, f.sums)
			dots(sums, rest.floats[rest.skip*rows:], columns[i].x, digits)
			f, rest = f.advance(panel.Units), rest.advance(panel.Units)
		}
	}
}

func stepInt8Generic(from *chainStart, p *panels, x, h0, c, h []float32) {
	stepDots(from, p, x, h0, c, h, false)
}

func stepInt8DigitsGeneric(from *chainStart, p *panels, x, h0, c, h []float32) {
	stepDots(from, p, x, h0, c, h, true)
}

func stepDots(from *chainStart, p *panels, x, h0, c, h []float32, digits bool) {
	f, rest := *from, *p
	for u := 0; u < len(h); u += panel.Units {
		var row [panel.RowFloats]float32
		z := row[:panel.Gates*panel.Width(len(h)-u)]
		copy(z, f.sums)
		if len(x) > 0 {
			dots(z, rest.floats[rest.skip*len(z):], x, digits)
		}
		dots(z, rest.floats[(rest.skip+blockRows(x))*len(z):], h0, false)
		plainUnits(z, c[u:], h[u:min(u+panel.Units, len(h))])
		f, rest = f.advance(panel.Units), rest.advance(panel.Units)
	}
}
