package lstm

import (
	"math"

	"example.com/lstm/internal/contract"
	"example.com/lstm/internal/float16"
	"example.com/lstm/internal/panel"
)

// This file is the specification of every kernel, and the truth that assembly
// is tested against. It is always compiled. Clarity comes before speed.
//
// Every rounding is written out: a product is float32(x*y), because the
// compiler fuses x*y + z where the machine can, and a fused operation is a call
// of fma, never an accident.

// fma returns x·y + z rounded once, to nearest even.
//
// In float64 the product of two float32 is exact, so only the sum is rounded,
// and rounding it again to float32 is wrong in just two cases: when it seems to
// lie half-way between two float32 and does not, and when the result is
// subnormal, where half-way is elsewhere. (A zero is exact.) About two calls in a
// million with ordinary numbers take the longer way.
func fma(x, y, z float32) float32 {
	s := float64(x)*float64(y) + float64(z)
	b := math.Float64bits(s)
	if b&halfwayMask == halfway || b&exponentMask < minNormalExponent && s != 0 {
		return fmaOdd(x, y, z)
	}
	return float32(s)
}

const (
	halfwayMask       = 1<<29 - 1 // the bits of a float64 that float32 has not
	halfway           = 1 << 28
	exponentMask      = 0x7ff << 52
	minNormalExponent = (1023 - 126) << 52
)

// fmaOdd is fma by way of a float64 sum rounded to odd: an inexact sum gets a
// last bit of 1, which keeps it off every half-way point of float32, normal or
// subnormal, so that the second rounding is as good as the only one.
//
// (S. Boldo, G. Melquiond: Emulation of FMA and correctly rounded sums: proved
// algorithms using rounding to odd. IEEE Trans. Comput. 57(4), 2008.)
func fmaOdd(x, y, z float32) float32 {
	p, q := float64(x)*float64(y), float64(z)
	s := p + q
	e := sumError(p, q, s)
	if e != 0 && !math.IsNaN(e) {
		if b := math.Float64bits(s); b&1 == 0 {
			if (e > 0) == (s > 0) {
				b++
			} else {
				b--
			}
			s = math.Float64frombits(b)
		}
	}
	return float32(s)
}

// sumError returns p + q - s exactly, where s is that sum rounded (Knuth's TwoSum).
// It is NaN if one of them is not finite.
func sumError(p, q, s float64) float64 {
	t := s - p
	return (p - (s - t)) + (q - t)
}

// sigmoid returns 1 / (1 + e^-x) to within 1 ulp, monotone in x, and +0 from
// where on that would be subnormal.
func sigmoid(x float32) float32 {
	k := &contract.Sigmoid
	// The comparisons let a NaN through.
	if x < k.Min {
		x = k.Min
	}
	if x > k.Max {
		x = k.Max
	}
	// -x = n·ln2 + r' with r' = -r; m holds n in its low bits.
	m := fma(x, k.NegLog2E, k.Round)
	n := m - k.Round
	r := fma(n, k.Ln2Hi, x)
	r = fma(n, k.Ln2Lo, r)
	s := math.Float32frombits(math.Float32bits(m) << 23) // 2^n
	// w = e^-r - 1
	r2 := fma(r, r, contract.LeastSquare)
	a := fma(k.P[3], r, k.P[2])
	b := fma(k.P[1], r, k.P[0])
	a = fma(k.P[4], r2, a)
	q := fma(a, r2, b)
	w := fma(q, r2, -r)
	// y = 1 / (s·(1 + w) + 1), and one step of refinement with the rounding
	// errors of the denominator (e) and of the quotient (g).
	d := fma(w, s, s+1)
	y := 1 / d
	if y < k.Least {
		return 0
	}
	e := fma(w, s, (s-d)+1)
	g := fma(-y, d, 1)
	g = fma(-y, e, g)
	return fma(g, y, y)
}

// gate returns σ(z) of a gate's sum, which is never shut more tightly than at
// contract.Shut.
func gate(z float32) float32 {
	if z < contract.Shut {
		z = contract.Shut
	}
	return sigmoid(z)
}

// tanh returns the hyperbolic tangent of x to within 1 ulp, monotone and odd.
func tanh(x float32) float32 {
	k := &contract.Tanh
	sign := math.Float32bits(x) & (1 << 31)
	abs := math.Float32frombits(math.Float32bits(x) &^ (1 << 31))
	// The comparisons let a NaN through.
	if abs > k.Max {
		abs = k.Max
	}
	// |x| = r - n·ln2/2; m holds n above its fraction.
	m := fma(abs, k.NegTwoLog2E, k.Round)
	if m > k.RoundMax {
		m = k.RoundMax
	}
	m = math.Float32frombits(math.Float32bits(m) & k.RoundMask)
	n := m - k.RoundZero
	f := math.Float32frombits(math.Float32bits(m) << k.ShiftToExp) // 2^n
	r := fma(n, k.HalfLn2, abs)
	z := fma(r, r, contract.LeastSquare)
	p := fma(k.P[3], z, k.P[2])
	p = fma(p, z, k.P[1])
	p = fma(p, z, k.P[0])
	t := fma(float32(r*z), p, r) // tanh r
	// tanh|x| = a + F·(t·(3 - F) - a) / (1 + F + a·t), a = 1 - F
	a := 1 - f
	num := fma(t, 3-f, -a)
	den := fma(a, t, 1+f)
	y := fma(num/den, f, a)
	return math.Float32frombits(math.Float32bits(y) | sign)
}

// chain continues the sums of a panel's rows: z[r] = fma(w[k][r], x[k], z[r])
// for k = 0, 1, …, the rows of weights lying one after another.
func chain(z, weights, x []float32) {
	for k, xk := range x {
		row := weights[k*len(z):][:len(z)]
		for r, w := range row {
			z[r] = fma(w, xk, z[r])
		}
	}
}

// chainFloat16 is chain with weights of binary16.
func chainFloat16(z, weights, x []float32) {
	for k, xk := range x {
		row := weights[k*len(z)/2:][:len(z)/2]
		for r := range z {
			z[r] = fma(float16.At(row, r), xk, z[r])
		}
	}
}

// chainOf continues the sums of a panel's rows by those of that format, from a row
// of the panel on.
func chainOf(format weightFormat, z, weights []float32, row int, x []float32) {
	switch format {
	case float32Weights:
		chain(z, weights[row*len(z):], x)
	case float16Weights:
		chainFloat16(z, weights[row*len(z)/2:], x)
	}
}

func stepGeneric(from *chainStart, p *panels, x, c, h []float32) {
	stepOf(float32Weights, from, p, x, c, h)
}

func stepFloat16Generic(from *chainStart, p *panels, x, c, h []float32) {
	stepOf(float16Weights, from, p, x, c, h)
}

func stepOf(format weightFormat, from *chainStart, p *panels, x, c, h []float32) {
	f, rest := *from, *p
	for u := 0; u < len(h); u += panel.Units {
		var row [panel.RowFloats]float32
		z := row[:panel.Gates*panel.Width(len(h)-u)]
		copy(z, f.sums)
		chainOf(format, z, rest.floats, rest.skip, x)
		plainUnits(z, c[u:], h[u:min(u+panel.Units, len(h))])
		f, rest = f.advance(panel.Units), rest.advance(panel.Units)
	}
}

func stepTileGeneric(from *chainStart, p *panels, columns []column) {
	for i := range columns {
		col, f := &columns[i], from.column(i)
		stepGeneric(&f, p, col.x, col.c, col.h)
	}
}

func gatesFloat32Generic(from *chainStart, p *panels, columns []column, units int, z []float32, zStride int) {
	gatesOf(float32Weights, from, p, columns, units, z, zStride)
}

func gatesFloat16Generic(from *chainStart, p *panels, columns []column, units int, z []float32, zStride int) {
	gatesOf(float16Weights, from, p, columns, units, z, zStride)
}

func gatesOf(format weightFormat, from *chainStart, p *panels, columns []column, units int, z []float32, zStride int) {
	for i := range columns {
		f, rest := from.column(i), *p
		for u := 0; u < units; u += panel.Units {
			rows := panel.Gates * panel.Width(units-u)
			sums := z[i*zStride+panel.Gates*u:][:rows]
			copy(sums, f.sums)
			chainOf(format, sums, rest.floats, rest.skip, columns[i].x)
			f, rest = f.advance(panel.Units), rest.advance(panel.Units)
		}
	}
}

func cellsPlainGeneric(z []float32, zStride int, parameters []float32, columns []column) {
	for i := range columns {
		col := &columns[i]
		for u := 0; u < len(col.h); u += panel.Units {
			sums := z[i*zStride+panel.Gates*u:][:panel.Gates*panel.Width(len(col.h)-u)]
			plainUnits(sums, col.c[u:], col.h[u:min(u+panel.Units, len(col.h))])
		}
	}
}

// plainUnits turns the gates' sums of one panel into the new cell state and
// hidden state of its units: c' = gate(zf)·c + gate(zi)·tanh(zg), h' = gate(zo)·tanh(c').
func plainUnits(z, c, h []float32) {
	width := len(z) / panel.Gates
	zi, zf, zg, zo := z[:width], z[width:2*width], z[2*width:3*width], z[3*width:]
	for u := range h {
		in := float32(gate(zi[u]) * tanh(zg[u]))
		c[u] = contract.Flush(fma(gate(zf[u]), c[u], in))
		h[u] = contract.Flush(float32(gate(zo[u]) * tanh(c[u])))
	}
}

func cellsClippedGeneric(z []float32, zStride int, parameters []float32, columns []column) {
	variantCells(clippedCell, z, zStride, parameters, columns)
}

func cellsPeepholeGeneric(z []float32, zStride int, parameters []float32, columns []column) {
	variantCells(peepholeCell, z, zStride, parameters, columns)
}

func cellsCoupledGeneric(z []float32, zStride int, parameters []float32, columns []column) {
	variantCells(coupledCell, z, zStride, parameters, columns)
}

func cellsCoupledPeepholeGeneric(z []float32, zStride int, parameters []float32, columns []column) {
	variantCells(coupledPeepholeCell, z, zStride, parameters, columns)
}

func variantCells(cell cellKind, z []float32, zStride int, parameters []float32, columns []column) {
	for i := range columns {
		col := &columns[i]
		for u := 0; u < len(col.h); u += panel.Units {
			width := panel.Width(len(col.h) - u)
			p := unitParametersOf(cell, parameters[u*cell.vectors():], width)
			sums := z[i*zStride+panel.Gates*u:][:panel.Gates*width]
			variantUnits(&p, sums, col.c[u:], col.h[u:min(u+panel.Units, len(col.h))])
		}
	}
}

// unitParameters are the parameters of the units of one panel besides their
// weights: each vector has an element for each of them.
type unitParameters struct {
	peephole, coupled               bool
	peepholeI, peepholeF, peepholeO []float32 // nil for none
	// Limits, of which every unit has the same: of the sums of gates, within those
	// of gate; of the magnitude of a candidate's sum, at most that of tanh; of the
	// magnitude of c', at least Tiny.
	gateLeast, gateMost, candidateMost, cellMost []float32
}

// unitParametersOf takes the packed parameters of one panel apart.
func unitParametersOf(cell cellKind, packed []float32, width int) (p unitParameters) {
	next := func() []float32 {
		vector := packed[:width]
		packed = packed[width:]
		return vector
	}
	p.peephole = cell == peepholeCell || cell == coupledPeepholeCell
	p.coupled = cell == coupledCell || cell == coupledPeepholeCell
	if p.peephole {
		p.peepholeI = next()
		if !p.coupled {
			p.peepholeF = next()
		}
		p.peepholeO = next()
	}
	p.gateLeast, p.gateMost, p.candidateMost, p.cellMost = next(), next(), next(), next()
	return p
}

// variantUnits is plainUnits with what a cell can have besides. The limits of σ and
// tanh and those of the cell are the same as the narrower of them.
func variantUnits(p *unitParameters, z, c, h []float32) {
	width := len(z) / panel.Gates
	zi, zf, zg, zo := z[:width], z[width:2*width], z[2*width:3*width], z[3*width:]
	for u := range h {
		i, f, o := zi[u], zf[u], zo[u]
		if p.peephole {
			i = fma(p.peepholeI[u], c[u], i)
		}
		i = gate(limit(i, p.gateLeast[u], p.gateMost[u]))
		if p.coupled {
			f = 1 - i
		} else {
			if p.peephole {
				f = fma(p.peepholeF[u], c[u], f)
			}
			f = gate(limit(f, p.gateLeast[u], p.gateMost[u]))
		}
		in := float32(i * tanh(limit(zg[u], -p.candidateMost[u], p.candidateMost[u])))
		c[u] = contract.Flush(limit(fma(f, c[u], in), -p.cellMost[u], p.cellMost[u]))
		if p.peephole {
			o = fma(p.peepholeO[u], c[u], o)
		}
		o = gate(limit(o, p.gateLeast[u], p.gateMost[u]))
		h[u] = contract.Flush(float32(o * tanh(c[u])))
	}
}

// limit returns x, or what is nearest to it from least to most. A NaN stays one.
func limit(x, least, most float32) float32 {
	if x < least {
		return least
	}
	if x > most {
		return most
	}
	return x
}

func stageSumsGeneric(z []float32, zStride int, slots []float32, slotStride int, parameters []float32, columns []column) {
	stageUnits(sumsStage, z, zStride, slots, slotStride, parameters, columns)
}

func stagePeepholeSumsGeneric(z []float32, zStride int, slots []float32, slotStride int, parameters []float32, columns []column) {
	stageUnits(peepholeSumsStage, z, zStride, slots, slotStride, parameters, columns)
}

func stageStateGeneric(z []float32, zStride int, slots []float32, slotStride int, parameters []float32, columns []column) {
	stageUnits(stateStage, z, zStride, slots, slotStride, parameters, columns)
}

func stageCoupledStateGeneric(z []float32, zStride int, slots []float32, slotStride int, parameters []float32, columns []column) {
	stageUnits(coupledStateStage, z, zStride, slots, slotStride, parameters, columns)
}

func stagePeepholeStateGeneric(z []float32, zStride int, slots []float32, slotStride int, parameters []float32, columns []column) {
	stageUnits(peepholeStateStage, z, zStride, slots, slotStride, parameters, columns)
}

func stageCoupledPeepholeStateGeneric(z []float32, zStride int, slots []float32, slotStride int, parameters []float32, columns []column) {
	stageUnits(coupledPeepholeStateStage, z, zStride, slots, slotStride, parameters, columns)
}

func stageHiddenGeneric(z []float32, zStride int, slots []float32, slotStride int, parameters []float32, columns []column) {
	stageUnits(hiddenStage, z, zStride, slots, slotStride, parameters, columns)
}

// stageUnits does a stage of the units of all columns, one after another.
func stageUnits(s cellStage, z []float32, zStride int, slots []float32, slotStride int, parameters []float32, columns []column) {
	f, i, o, g := slots, slots[slotStride:], slots[2*slotStride:], slots[3*slotStride:]
	at := 0 // in a slot
	for n := range columns {
		col := &columns[n]
		for u := range panel.PaddedUnits(len(col.h)) {
			first := u / panel.Units * panel.Units
			width, lane := panel.Width(len(col.h)-first), u%panel.Units
			sums := z[n*zStride+panel.Gates*first+lane:]
			zi, zf, zg, zo := sums[0], sums[width], sums[2*width], sums[3*width]
			own := parameters[stageVectors*first+lane:]
			peepholeI, peepholeF, peepholeO := own[0], own[width], own[2*width]
			gateLeast, gateMost, candidateMost, cellMost := own[3*width], own[4*width], own[5*width], own[6*width]
			switch s {
			case sumsStage, peepholeSumsStage:
				if s == peepholeSumsStage {
					zi = fma(peepholeI, col.c[u], zi)
					zf = fma(peepholeF, col.c[u], zf)
				} else {
					o[at] = limit(zo, gateLeast, gateMost)
				}
				i[at] = limit(zi, gateLeast, gateMost)
				f[at] = limit(zf, gateLeast, gateMost)
				g[at] = limit(zg, -candidateMost, candidateMost)
			case stateStage, coupledStateStage, peepholeStateStage, coupledPeepholeStateStage:
				in := contract.Flush(i[at])
				forget := 1 - in
				if s == stateStage || s == peepholeStateStage {
					forget = contract.Flush(f[at])
				}
				c := fma(forget, col.c[u], float32(in*g[at]))
				c = contract.Flush(limit(c, -cellMost, cellMost))
				col.c[u], g[at] = c, c
				if s == peepholeStateStage || s == coupledPeepholeStateStage {
					o[at] = limit(fma(peepholeO, c, zo), gateLeast, gateMost)
				}
			case hiddenStage:
				if u < len(col.h) {
					col.h[u] = contract.Flush(float32(contract.Flush(o[at]) * contract.Flush(g[at])))
				}
			}
			at++
		}
	}
}

// stageVectors is the number of vectors that a unit has in stages.
const stageVectors = 7

func headGeneric(weights, bias, x, y []float32) {
	headOf(func(i int) float32 { return weights[i] }, bias, x, y)
}

func headFloat16Generic(weights, bias, x, y []float32) {
	headOf(func(i int) float32 { return float16.At(weights, i) }, bias, x, y)
}

func headOf(weight func(i int) float32, bias, x, y []float32) {
	for o := range y {
		var sums [contract.HeadSums]float32
		for k := 0; k < len(x); k += len(sums) {
			for j := range sums {
				sums[j] = fma(weight(o*len(x)+k+j), x[k+j], sums[j])
			}
		}
		for n := len(sums) / 2; n > 0; n /= 2 {
			for j := range n {
				sums[j] += sums[j+n]
			}
		}
		y[o] = sums[0] + bias[o]
	}
}

// Functions of elements have two parameters, α and β, each of them repeated
// panel.ElementBlock times; those without do not look at them.

func sigmoidGeneric(_, dst, x []float32) {
	for i, v := range x {
		dst[i] = sigmoid(v)
	}
}

func tanhGeneric(_, dst, x []float32) {
	for i, v := range x {
		dst[i] = tanh(v)
	}
}

func flushGeneric(_, dst, x []float32) {
	for i, v := range x {
		dst[i] = contract.Flush(v)
	}
}

// alphaAndBeta are the parameters.
func alphaAndBeta(parameters []float32) (alpha, beta float32) {
	return parameters[0], parameters[panel.ElementBlock]
}

func hardSigmoidGeneric(parameters, dst, x []float32) {
	alpha, beta := alphaAndBeta(parameters)
	for i, v := range x {
		y := fma(alpha, v, beta)
		if y > 1 {
			y = 1
		}
		if y < 0 {
			y = 0
		}
		dst[i] = y
	}
}

func reluGeneric(_, dst, x []float32) {
	for i, v := range x {
		if v < 0 {
			v = 0
		}
		dst[i] = v
	}
}

func leakyReLUGeneric(parameters, dst, x []float32) {
	alpha, _ := alphaAndBeta(parameters)
	for i, v := range x {
		if v < 0 {
			v *= alpha
		}
		dst[i] = v
	}
}

// thresholdedReLUGeneric is given the number after α in its place: what is below
// that is not above α.
func thresholdedReLUGeneric(parameters, dst, x []float32) {
	above, _ := alphaAndBeta(parameters)
	for i, v := range x {
		if v < above {
			v = 0
		}
		dst[i] = v
	}
}

func softsignGeneric(_, dst, x []float32) {
	for i, v := range x {
		abs := math.Float32frombits(math.Float32bits(v) &^ (1 << 31))
		if abs > contract.Softsign.Max {
			abs = contract.Softsign.Max
		}
		y := abs / (1 + abs)
		dst[i] = math.Float32frombits(math.Float32bits(y) | math.Float32bits(v)&(1<<31))
	}
}

func scaledTanhGeneric(parameters, dst, x []float32) {
	alpha, beta := alphaAndBeta(parameters)
	for i, v := range x {
		dst[i] = float32(alpha * tanh(float32(beta*v)))
	}
}

func affineGeneric(parameters, dst, x []float32) {
	alpha, beta := alphaAndBeta(parameters)
	for i, v := range x {
		dst[i] = fma(alpha, v, beta)
	}
}

func eluGeneric(parameters, dst, x []float32) {
	alpha, _ := alphaAndBeta(parameters)
	for i, v := range x {
		if v < 0 {
			v = float32(alpha * expMinusOne(v))
		}
		dst[i] = v
	}
}

func softplusGeneric(_, dst, x []float32) {
	for i, v := range x {
		dst[i] = softplus(v)
	}
}

func expGeneric(_, dst, x []float32) {
	for i, v := range x {
		dst[i] = exp(v)
	}
}

// An exponential is e^x in parts, s·e^(r + e), where e^r is 1 + r + r2·q.
type exponential struct{ s, r, e, r2, q float32 }

// exponentialOf returns the parts for an x ≤ 0 that is limited, or a NaN.
func exponentialOf(x float32) (p exponential) {
	reduction, k := &contract.Sigmoid, &contract.Exp
	// x = n·ln2 + r + e; m holds n in its low bits.
	m := fma(-x, reduction.NegLog2E, reduction.Round)
	n := m - reduction.Round
	high := fma(-n, reduction.Ln2Hi, x)
	p.r = fma(-n, reduction.Ln2Lo, high)
	p.e = fma(-n, reduction.Ln2Lo, high-p.r)
	p.s = math.Float32frombits(math.Float32bits(m) << 23) // 2^n
	p.r2 = fma(p.r, p.r, contract.LeastSquare)
	a := fma(k.P[3], p.r, k.P[2])
	b := fma(k.P[1], p.r, k.P[0])
	c := fma(k.P[5], p.r, k.P[4])
	a = fma(c, p.r2, a)
	p.q = fma(a, p.r2, b)
	return p
}

// sum returns e^(r + e) as two numbers that are yet to be added.
func (p exponential) sum() (a, b float32) {
	a = 1 + p.r
	b = (p.r - (a - 1)) + p.e // what a lacks, and r
	return a, fma(p.q, p.r2, b)
}

// exp returns e^x for x ≤ 0, within 1 ulp and monotone, +0 where that is less than
// contract.Exp.Least, and 1 for x > 0.
func exp(x float32) float32 {
	k := &contract.Exp
	// The comparisons let a NaN through.
	if x > 0 {
		x = 0
	}
	if x < k.Min {
		x = k.Min
	}
	p := exponentialOf(x)
	a, b := p.sum()
	y := float32((a + b) * p.s)
	if y < k.Least {
		return 0
	}
	return y
}

// expMinusOne returns e^x - 1 for x < 0, within 1 ulp and monotone.
func expMinusOne(x float32) float32 {
	if x < contract.ELU.Min {
		x = contract.ELU.Min
	}
	p := exponentialOf(x)
	// e^r = 1 + r + b. As -u, the factor of r² in it is never so small that the
	// product with a small r is subnormal.
	u := fma(-p.q, p.r, contract.LeastSquare)
	b := fma(-u, p.r, p.e)
	// s·(1 + r + b) - 1, and l is what h lacks.
	d := p.s - 1
	h := fma(p.r, p.s, d)
	l := fma(p.r, p.s, d-h)
	return h + fma(b, p.s, l)
}

// softplus returns ln(1 + e^x) within 1 ulp, monotone, and +0 from where on that
// would be subnormal.
func softplus(x float32) float32 {
	k := &contract.Softplus
	abs := math.Float32frombits(math.Float32bits(x) &^ (1 << 31))
	if abs < k.Near {
		// ln(1 + e^x) - x/2 is an even function.
		z := fma(x, x, contract.LeastSquare)
		n := fma(k.N[3], z, k.N[2])
		n = fma(n, z, k.N[1])
		n = fma(n, z, k.N[0])
		n = fma(n, z, k.Ln2Lo)
		return fma(x, 0.5, n) + k.Ln2Hi
	}
	// max(0, x) + ln(1 + t), t = e^-|x|. d + l is e^r, and t·(g + h) / d is that logarithm.
	least := -abs
	if least < contract.Sigmoid.Min {
		least = contract.Sigmoid.Min
	}
	p := exponentialOf(least)
	a, b := p.sum()
	d := a + b
	l := b - (d - a)
	t := float32(d * p.s)
	t2 := fma(t, t, contract.LeastSquare)
	q := fma(fma(k.F[7], t, k.F[6]), t2, fma(k.F[5], t, k.F[4]))
	q = fma(q, t2, fma(k.F[3], t, k.F[2]))
	q = fma(q, t2, fma(k.F[1], t, k.F[0]))
	v := fma(q, t, contract.LeastSquare)
	g := fma(-v, d, d)
	h := fma(-v, d, d-g)
	h = fma(l, fma(v, k.Slope, 1), h)
	positive := x
	if positive < 0 {
		positive = 0
	}
	y := fma(g+h, p.s, positive)
	if y < contract.Sigmoid.Least {
		return 0
	}
	return y
}
