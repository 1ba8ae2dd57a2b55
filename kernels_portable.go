package lstm

import (
	"math"

	"example.com/lstm/internal/contract"
	"example.com/lstm/internal/float16"
	"example.com/lstm/internal/panel"
)

// This file is the path "portable": the kernels of kernels_generic.go in Go that
// is fast, for where there is no assembly. Numbers are float32 that are kept as
// float64, and a fused multiply-add is a float64 sum rounded to float32. Where
// that could be wrong, it is done again by the oracle's fma. Why there is
// no other such place is in docs/kernels.md.

// nearest rounds a float64 to the nearest float32.
func nearest(s float64) float64 { return float64(float32(s)) }

// maybeHalfway reports whether s has no more bits than what is half-way between
// two float32, one more than a float32 has. Such a sum may have been rounded to
// be half-way, and must not be rounded once more before that is known.
func maybeHalfway(s float64) bool {
	const zeros = 1<<28 - 1
	return uint32(math.Float64bits(s))&zeros == 0
}

// halfWay reports whether s is half-way between two float32.
func halfWay(s float64) bool { return uint32(math.Float64bits(s))<<3 == 1<<31 }

// portableRows is how many chains go together. It divides the rows of a panel,
// narrow ones too, and that many sums are as many as there are registers for.
const portableRows = 8

// chainPortable is chain.
func chainPortable(z, weights, x []float32) {
	for r := 0; r < len(z); r += portableRows {
		rows := (*[portableRows]float32)(z[r:])
		k := 0
		for k < len(x) {
			n := chainRows(rows, weights[k*len(z)+r:], len(z), x[k:])
			if k+n < len(x) {
				chainRows(rows, weights[k*len(z)+r:], len(z), x[k:k+n])
				k += n
				n = chainRowsExactly(rows, weights[k*len(z)+r:], len(z), x[k:])
			}
			k += n
		}
	}
}

// chainRows continues the chains over all of x, if no sum on the way may be
// half-way. Otherwise it changes nothing, and returns how many elements can be
// had before the first such sum.
//
// There is a branch after each sum because that is two instructions, and is never
// taken; to gather eight answers first is more.
func chainRows(z *[portableRows]float32, weights []float32, stride int, x []float32) int {
	z0, z1, z2, z3 := float64(z[0]), float64(z[1]), float64(z[2]), float64(z[3])
	z4, z5, z6, z7 := float64(z[4]), float64(z[5]), float64(z[6]), float64(z[7])
	at := 0
	for k, xk := range x {
		w := (*[portableRows]float32)(weights[at:])
		at += stride
		x := float64(xk)
		s := float64(w[0])*x + z0
		if maybeHalfway(s) {
			return k
		}
		z0 = nearest(s)
		s = float64(w[1])*x + z1
		if maybeHalfway(s) {
			return k
		}
		z1 = nearest(s)
		s = float64(w[2])*x + z2
		if maybeHalfway(s) {
			return k
		}
		z2 = nearest(s)
		s = float64(w[3])*x + z3
		if maybeHalfway(s) {
			return k
		}
		z3 = nearest(s)
		s = float64(w[4])*x + z4
		if maybeHalfway(s) {
			return k
		}
		z4 = nearest(s)
		s = float64(w[5])*x + z5
		if maybeHalfway(s) {
			return k
		}
		z5 = nearest(s)
		s = float64(w[6])*x + z6
		if maybeHalfway(s) {
			return k
		}
		z6 = nearest(s)
		s = float64(w[7])*x + z7
		if maybeHalfway(s) {
			return k
		}
		z7 = nearest(s)
	}
	*z = [...]float32{float32(z0), float32(z1), float32(z2), float32(z3), float32(z4), float32(z5), float32(z6), float32(z7)}
	return len(x)
}

// chainRowsExactly continues the chains while sums may be half-way, and at least by
// one element. It returns by how many. Most of these sums are exact: elements of
// x are 0, or 1, or weights have few bits.
func chainRowsExactly(z *[portableRows]float32, weights []float32, stride int, x []float32) int {
	for k, xk := range x {
		w := (*[portableRows]float32)(weights[k*stride:])
		if xk == 0 {
			for r := range z {
				z[r] += float32(w[r] * xk) // which is ±0 or NaN
			}
			continue
		}
		seen := false
		for r := range z {
			p, q := float64(w[r])*float64(xk), float64(z[r])
			s := p + q
			seen = seen || maybeHalfway(s)
			if e := sumError(p, q, s); e == 0 || math.IsNaN(e) {
				z[r] = float32(s)
			} else {
				z[r] = fma(w[r], xk, z[r])
			}
		}
		if !seen {
			return k + 1
		}
	}
	return len(x)
}

// chainFloat16Portable is chainFloat16. It widens some rows of weights at a time.
func chainFloat16Portable(z, weights, x []float32) {
	const most = 32
	var rows [most * panel.RowFloats]float32
	for k := 0; k < len(x); k += most {
		part := x[k:min(k+most, len(x))]
		widened := rows[:len(part)*len(z)]
		float16.Unpack(widened, weights[k*len(z)/2:])
		chainPortable(z, widened, part)
	}
}

// chainOfPortable is chainOf.
func chainOfPortable(format weightFormat, z, weights []float32, row int, x []float32) {
	switch format {
	case float32Weights:
		chainPortable(z, weights[row*len(z):], x)
	case float16Weights:
		chainFloat16Portable(z, weights[row*len(z)/2:], x)
	}
}

// The loops over panels below are the oracle's. One loop for both would take chain
// and plainUnits as functions, and then the sums would move to the heap.

func stepPortable(from *chainStart, p *panels, x, c, h []float32) {
	stepOfPortable(float32Weights, from, p, x, c, h)
}

func stepFloat16Portable(from *chainStart, p *panels, x, c, h []float32) {
	stepOfPortable(float16Weights, from, p, x, c, h)
}

func stepOfPortable(format weightFormat, from *chainStart, p *panels, x, c, h []float32) {
	f, rest := *from, *p
	for u := 0; u < len(h); u += panel.Units {
		var row [panel.RowFloats]float32
		z := row[:panel.Gates*panel.Width(len(h)-u)]
		copy(z, f.sums)
		chainOfPortable(format, z, rest.floats, rest.skip, x)
		plainUnitsPortable(z, c[u:], h[u:min(u+panel.Units, len(h))])
		f, rest = f.advance(panel.Units), rest.advance(panel.Units)
	}
}

func stepTilePortable(from *chainStart, p *panels, columns []column) {
	for i := range columns {
		col, f := &columns[i], from.column(i)
		stepPortable(&f, p, col.x, col.c, col.h)
	}
}

func gatesFloat32Portable(from *chainStart, p *panels, columns []column, units int, z []float32, zStride int) {
	gatesOfPortable(float32Weights, from, p, columns, units, z, zStride)
}

func gatesFloat16Portable(from *chainStart, p *panels, columns []column, units int, z []float32, zStride int) {
	gatesOfPortable(float16Weights, from, p, columns, units, z, zStride)
}

func gatesOfPortable(format weightFormat, from *chainStart, p *panels, columns []column, units int, z []float32, zStride int) {
	for i := range columns {
		f, rest := from.column(i), *p
		for u := 0; u < units; u += panel.Units {
			rows := panel.Gates * panel.Width(units-u)
			sums := z[i*zStride+panel.Gates*u:][:rows]
			copy(sums, f.sums)
			chainOfPortable(format, sums, rest.floats, rest.skip, columns[i].x)
			f, rest = f.advance(panel.Units), rest.advance(panel.Units)
		}
	}
}

func cellsPlainPortable(z []float32, zStride int, parameters []float32, columns []column) {
	for i := range columns {
		col := &columns[i]
		for u := 0; u < len(col.h); u += panel.Units {
			sums := z[i*zStride+panel.Gates*u:][:panel.Gates*panel.Width(len(col.h)-u)]
			plainUnitsPortable(sums, col.c[u:], col.h[u:min(u+panel.Units, len(col.h))])
		}
	}
}

// plainUnitsPortable is plainUnits.
func plainUnitsPortable(z, c, h []float32) {
	width := len(z) / panel.Gates
	zi, zf, zg, zo := z[:width], z[width:2*width], z[2*width:3*width], z[3*width:]
	for u := range h {
		in := float32(gateTwice(zi[u]) * tanhTwice(zg[u]))
		c[u] = contract.Flush(fma(gateTwice(zf[u]), c[u], in))
		h[u] = contract.Flush(float32(gateTwice(zo[u]) * tanhTwice(c[u])))
	}
}

func cellsClippedPortable(z []float32, zStride int, parameters []float32, columns []column) {
	variantCellsPortable(clippedCell, z, zStride, parameters, columns)
}

func cellsPeepholePortable(z []float32, zStride int, parameters []float32, columns []column) {
	variantCellsPortable(peepholeCell, z, zStride, parameters, columns)
}

func cellsCoupledPortable(z []float32, zStride int, parameters []float32, columns []column) {
	variantCellsPortable(coupledCell, z, zStride, parameters, columns)
}

func cellsCoupledPeepholePortable(z []float32, zStride int, parameters []float32, columns []column) {
	variantCellsPortable(coupledPeepholeCell, z, zStride, parameters, columns)
}

func variantCellsPortable(cell cellKind, z []float32, zStride int, parameters []float32, columns []column) {
	for i := range columns {
		col := &columns[i]
		for u := 0; u < len(col.h); u += panel.Units {
			width := panel.Width(len(col.h) - u)
			p := unitParametersOf(cell, parameters[u*cell.vectors():], width)
			sums := z[i*zStride+panel.Gates*u:][:panel.Gates*width]
			variantUnitsPortable(&p, sums, col.c[u:], col.h[u:min(u+panel.Units, len(col.h))])
		}
	}
}

// variantUnitsPortable is variantUnits.
func variantUnitsPortable(p *unitParameters, z, c, h []float32) {
	width := len(z) / panel.Gates
	zi, zf, zg, zo := z[:width], z[width:2*width], z[2*width:3*width], z[3*width:]
	for u := range h {
		i, f, o := zi[u], zf[u], zo[u]
		if p.peephole {
			i = fma(p.peepholeI[u], c[u], i)
		}
		i = gateTwice(limit(i, p.gateLeast[u], p.gateMost[u]))
		if p.coupled {
			f = 1 - i
		} else {
			if p.peephole {
				f = fma(p.peepholeF[u], c[u], f)
			}
			f = gateTwice(limit(f, p.gateLeast[u], p.gateMost[u]))
		}
		in := float32(i * tanhTwice(limit(zg[u], -p.candidateMost[u], p.candidateMost[u])))
		c[u] = contract.Flush(limit(fma(f, c[u], in), -p.cellMost[u], p.cellMost[u]))
		if p.peephole {
			o = fma(p.peepholeO[u], c[u], o)
		}
		o = gateTwice(limit(o, p.gateLeast[u], p.gateMost[u]))
		h[u] = contract.Flush(float32(o * tanhTwice(c[u])))
	}
}

// The stages are few operations beside the activations.

func stageSumsPortable(z []float32, zStride int, slots []float32, slotStride int, parameters []float32, columns []column) {
	stageSumsGeneric(z, zStride, slots, slotStride, parameters, columns)
}

func stagePeepholeSumsPortable(z []float32, zStride int, slots []float32, slotStride int, parameters []float32, columns []column) {
	stagePeepholeSumsGeneric(z, zStride, slots, slotStride, parameters, columns)
}

func stageStatePortable(z []float32, zStride int, slots []float32, slotStride int, parameters []float32, columns []column) {
	stageStateGeneric(z, zStride, slots, slotStride, parameters, columns)
}

func stageCoupledStatePortable(z []float32, zStride int, slots []float32, slotStride int, parameters []float32, columns []column) {
	stageCoupledStateGeneric(z, zStride, slots, slotStride, parameters, columns)
}

func stagePeepholeStatePortable(z []float32, zStride int, slots []float32, slotStride int, parameters []float32, columns []column) {
	stagePeepholeStateGeneric(z, zStride, slots, slotStride, parameters, columns)
}

func stageCoupledPeepholeStatePortable(z []float32, zStride int, slots []float32, slotStride int, parameters []float32, columns []column) {
	stageCoupledPeepholeStateGeneric(z, zStride, slots, slotStride, parameters, columns)
}

func stageHiddenPortable(z []float32, zStride int, slots []float32, slotStride int, parameters []float32, columns []column) {
	stageHiddenGeneric(z, zStride, slots, slotStride, parameters, columns)
}

// A head is a small part of any network.
func headPortable(weights, bias, x, y []float32)        { headGeneric(weights, bias, x, y) }
func headFloat16Portable(weights, bias, x, y []float32) { headFloat16Generic(weights, bias, x, y) }

func sigmoidPortable(_, dst, x []float32) {
	for i, v := range x {
		dst[i] = sigmoidTwice(v)
	}
}

func tanhPortable(_, dst, x []float32) {
	for i, v := range x {
		dst[i] = tanhTwice(v)
	}
}

func scaledTanhPortable(parameters, dst, x []float32) {
	alpha, beta := alphaAndBeta(parameters)
	for i, v := range x {
		dst[i] = float32(alpha * tanhTwice(float32(beta*v)))
	}
}

// The other functions of elements are the oracle's: most are an operation or two,
// and those that are long are rare.

func flushPortable(_, dst, x []float32)                { flushGeneric(nil, dst, x) }
func hardSigmoidPortable(parameters, dst, x []float32) { hardSigmoidGeneric(parameters, dst, x) }
func reluPortable(_, dst, x []float32)                 { reluGeneric(nil, dst, x) }
func leakyReLUPortable(parameters, dst, x []float32)   { leakyReLUGeneric(parameters, dst, x) }
func thresholdedReLUPortable(parameters, dst, x []float32) {
	thresholdedReLUGeneric(parameters, dst, x)
}
func softsignPortable(_, dst, x []float32)        { softsignGeneric(nil, dst, x) }
func eluPortable(parameters, dst, x []float32)    { eluGeneric(parameters, dst, x) }
func affinePortable(parameters, dst, x []float32) { affineGeneric(parameters, dst, x) }
func softplusPortable(_, dst, x []float32)        { softplusGeneric(nil, dst, x) }
func expPortable(_, dst, x []float32)             { expGeneric(nil, dst, x) }

// The activations below round every operation twice without a look at the sum,
// except the square and the last of sigmoid. That makes no difference to the result, of which
// all 2^32 arguments are the proof (package exhaustive): they depend on one number
// only, and the operations are the same everywhere.

// The coefficients as float64.
var (
	sigmoidWide = struct{ negLog2E, round, ln2Hi, ln2Lo, p0, p1, p2, p3, p4 float64 }{
		float64(contract.Sigmoid.NegLog2E), float64(contract.Sigmoid.Round),
		float64(contract.Sigmoid.Ln2Hi), float64(contract.Sigmoid.Ln2Lo),
		float64(contract.Sigmoid.P[0]), float64(contract.Sigmoid.P[1]), float64(contract.Sigmoid.P[2]),
		float64(contract.Sigmoid.P[3]), float64(contract.Sigmoid.P[4]),
	}
	tanhWide = struct{ negTwoLog2E, round, roundZero, halfLn2, p0, p1, p2, p3 float64 }{
		float64(contract.Tanh.NegTwoLog2E), float64(contract.Tanh.Round), float64(contract.Tanh.RoundZero),
		float64(contract.Tanh.HalfLn2),
		float64(contract.Tanh.P[0]), float64(contract.Tanh.P[1]), float64(contract.Tanh.P[2]), float64(contract.Tanh.P[3]),
	}
)

// sigmoidTwice is sigmoid.
func sigmoidTwice(arg float32) float32 {
	limits, k := &contract.Sigmoid, &sigmoidWide
	if arg < limits.Min {
		arg = limits.Min
	}
	if arg > limits.Max {
		arg = limits.Max
	}
	x := float64(arg)
	m := float32(x*k.negLog2E + k.round)
	n := float64(m - limits.Round)
	r := nearest(n*k.ln2Hi + x)
	r = nearest(n*k.ln2Lo + r)
	s := float64(math.Float32frombits(math.Float32bits(m) << 23))
	square := r*r + contract.LeastSquare
	if halfWay(square) {
		return sigmoid(arg)
	}
	r2 := nearest(square)
	a := nearest(k.p3*r + k.p2)
	b := nearest(k.p1*r + k.p0)
	a = nearest(k.p4*r2 + a)
	q := nearest(a*r2 + b)
	w := nearest(q*r2 - r)
	d := nearest(w*s + nearest(s+1))
	y := 1 / float32(d)
	if y < limits.Least {
		return 0
	}
	e := nearest(w*s + nearest(nearest(s-d)+1))
	g := nearest(1 - float64(y)*d)
	g = nearest(g - float64(y)*e)
	last := g*float64(y) + float64(y)
	if halfWay(last) {
		return sigmoid(arg)
	}
	return float32(last)
}

// gateTwice is gate.
func gateTwice(z float32) float32 {
	if z < contract.Shut {
		z = contract.Shut
	}
	return sigmoidTwice(z)
}

// tanhTwice is tanh.
func tanhTwice(arg float32) float32 {
	limits, k := &contract.Tanh, &tanhWide
	sign := math.Float32bits(arg) & (1 << 31)
	abs := math.Float32frombits(math.Float32bits(arg) &^ (1 << 31))
	if abs > limits.Max {
		abs = limits.Max
	}
	x := float64(abs)
	m := float32(x*k.negTwoLog2E + k.round)
	if m > limits.RoundMax {
		m = limits.RoundMax
	}
	m = math.Float32frombits(math.Float32bits(m) & limits.RoundMask)
	n := float64(m) - k.roundZero
	f := float64(math.Float32frombits(math.Float32bits(m) << limits.ShiftToExp))
	r := nearest(n*k.halfLn2 + x)
	square := r*r + contract.LeastSquare
	if halfWay(square) {
		return tanh(arg)
	}
	z := nearest(square)
	p := nearest(k.p3*z + k.p2)
	p = nearest(p*z + k.p1)
	p = nearest(p*z + k.p0)
	t := nearest(nearest(r*z)*p + r)
	a := nearest(1 - f)
	num := float32(t*nearest(3-f) - a)
	den := float32(a*t + nearest(1+f))
	y := float32(float64(num/den)*f + a)
	return math.Float32frombits(math.Float32bits(y) | sign)
}
