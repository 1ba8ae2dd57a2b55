package lstm

import (
	"math"

	"example.com/lstm/internal/panel"
)

// This file is the part of the path "portable" that is about int8 weights. Two
// rows of the matrix are summed at once, as the halves of an int64: their weights
// are taken for 128 more than they are, so that a half of a product is a byte times
// an element. The sums begin at what undoes that. Every sum fits 32 bits in the
// end, so that the lower half is what it is and the rest the other.

func quantisePortable(dst, v []float32)       { quantiseGeneric(dst, v) }
func quantiseDigitsPortable(dst, v []float32) { quantiseDigitsGeneric(dst, v) }

// portableDots is how many rows go together. It divides those of a panel.
const portableDots = 8

// dotsPortable is dots.
func dotsPortable(z, weights, x []float32, digits bool) {
	scales, weights := weights[:len(z)], weights[len(z):]
	groups := len(x) - panel.BlockHeader
	hi, lo := blockPlane(x, 0)[:groups], blockPlane(x, 0)[:groups]
	start := int64(int32(math.Float32bits(x[panel.BlockBiasedStart])))
	if digits {
		lo = blockPlane(x, 1)[:groups]
		start *= 128
	}
	start += start << 32
	scale := x[panel.BlockScale]
	for r := 0; r < len(z); r += portableDots {
		a, b, c, d := start, start, start, start
		at := r
		for g, bits := range hi {
			q := math.Float32bits(bits)
			q0, q1, q2, q3 := int64(int8(q)), int64(int8(q>>8)), int64(int8(q>>16)), int64(int8(q>>24))
			if digits {
				low := math.Float32bits(lo[g])
				q0, q1 = q0<<7+int64(low&127), q1<<7+int64(low>>8&127)
				q2, q3 = q2<<7+int64(low>>16&127), q3<<7+int64(low>>24&127)
			}
			w := (*[portableDots]float32)(weights[at:])
			at += len(z)
			a = dotTwo(a, w[0], w[1], q0, q1, q2, q3)
			b = dotTwo(b, w[2], w[3], q0, q1, q2, q3)
			c = dotTwo(c, w[4], w[5], q0, q1, q2, q3)
			d = dotTwo(d, w[6], w[7], q0, q1, q2, q3)
		}
		for i, two := range [...]int64{a, b, c, d} {
			first := int32(two)
			second := int32((two - int64(first)) >> 32)
			at := r + 2*i
			z[at] = fma(float32(first), float32(scales[at]*scale), z[at])
			z[at+1] = fma(float32(second), float32(scales[at+1]*scale), z[at+1])
		}
	}
}

// dotTwo adds the products of the groups of two rows.
func dotTwo(sum int64, first, second float32, q0, q1, q2, q3 int64) int64 {
	const bytes = 0xff | 0xff<<32
	w := uint64(math.Float32bits(first)) | uint64(math.Float32bits(second))<<32
	w ^= 0x80808080_80808080
	return sum + int64(w&bytes)*q0 + int64(w>>8&bytes)*q1 + int64(w>>16&bytes)*q2 + int64(w>>24&bytes)*q3
}

func gatesInt8Portable(from *chainStart, p *panels, columns []column, units int, z []float32, zStride int) {
	gatesDotsPortable(from, p, columns, units, z, zStride, false)
}

func gatesInt8DigitsPortable(from *chainStart, p *panels, columns []column, units int, z []float32, zStride int) {
	gatesDotsPortable(from, p, columns, units, z, zStride, true)
}

func gatesDotsPortable(from *chainStart, p *panels, columns []column, units int, z []float32, zStride int, digits bool) {
	for i := range columns {
		f, rest := from.column(i), *p
		for u := 0; u < units; u += panel.Units {
			rows := panel.Gates * panel.Width(units-u)
			sums := z[i*zStride+panel.Gates*u:][:rows]
			copy(sums, f.sums)
			dotsPortable(sums, rest.floats[rest.skip*rows:], columns[i].x, digits)
			f, rest = f.advance(panel.Units), rest.advance(panel.Units)
		}
	}
}

func stepInt8Portable(from *chainStart, p *panels, x, h0, c, h []float32) {
	stepDotsPortable(from, p, x, h0, c, h, false)
}

func stepInt8DigitsPortable(from *chainStart, p *panels, x, h0, c, h []float32) {
	stepDotsPortable(from, p, x, h0, c, h, true)
}

func stepDotsPortable(from *chainStart, p *panels, x, h0, c, h []float32, digits bool) {
	f, rest := *from, *p
	for u := 0; u < len(h); u += panel.Units {
		var row [panel.RowFloats]float32
		z := row[:panel.Gates*panel.Width(len(h)-u)]
		copy(z, f.sums)
		if len(x) > 0 {
			dotsPortable(z, rest.floats[rest.skip*len(z):], x, digits)
		}
		dotsPortable(z, rest.floats[(rest.skip+blockRows(x))*len(z):], h0, false)
		plainUnitsPortable(z, c[u:], h[u:min(u+panel.Units, len(h))])
		f, rest = f.advance(panel.Units), rest.advance(panel.Units)
	}
}
