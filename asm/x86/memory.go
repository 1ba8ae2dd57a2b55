package x86

import (
	"fmt"

	"example.com/lstm/internal/gen"
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	x86asm "github.com/mmcloughlin/avo/x86"
)

// Loads, stores, and the factors that inner loops multiply.

func (m *Machine) mem(base gen.Reg, offset int) operand.Mem {
	return operand.Mem{Base: m.r(base), Disp: offset}
}

// Load loads a vector.
func (m *Machine) Load(base gen.Reg, offset int, name string) gen.Vec {
	id, v := m.newVec(name)
	load, err := x86asm.VMOVUPS(m.mem(base, offset), v)
	if err != nil {
		panic(err)
	}
	m.emitVec(load, id)
	return id
}

// emitVec emits an instruction that makes that vector. Where vectors can be wider,
// the rest becomes zero, as avo has to be told.
func (m *Machine) emitVec(in *ir.Instruction, made gen.Vec) {
	if m.lanes < m.maxLanes {
		in.Outputs = []operand.Op{m.vecs[made.ID].AsZ()}
	}
	m.ctx.Instruction(in)
}

func (m *Machine) Reload(v gen.Vec, base gen.Reg, offset int) {
	m.ctx.VMOVUPS(m.mem(base, offset), m.v(v))
}

func (m *Machine) Store(v gen.Vec, base gen.Reg, offset int) {
	m.ctx.VMOVUPS(m.v(v), m.mem(base, offset))
}

// StoreFirst stores halves, quarters and so on, as the bits of n say. AVX2's
// masked store would be one instruction; here it takes the same time, and AMD's
// processors run it as dozens (A. Fog, Instruction tables).
func (m *Machine) StoreFirst(v gen.Vec, n gen.Reg, base gen.Reg, offset int) {
	m.tails++
	left, at := m.ctx.YMM(), m.ctx.GP64()
	m.ctx.LEAQ(m.mem(base, offset), at)
	whole := operand.Mem{Base: at}
	part := func(lanes int, store, next func()) {
		skip := fmt.Sprintf("tail_%d_%d", m.tails, lanes)
		m.ctx.TESTQ(operand.I32(lanes), m.r(n))
		m.ctx.JZ(operand.LabelRef(skip))
		store()
		if lanes > 1 {
			next()
			m.ctx.ADDQ(operand.I32(4*lanes), at)
		}
		m.ctx.Label(skip)
	}
	if v.Lanes == 16 {
		z := m.v(v)
		m.ctx.VMOVAPS(m.vecs[v.ID].AsY(), left)
		part(8, func() { m.ctx.VMOVUPS(left, whole) }, func() { m.ctx.VEXTRACTF64X4(operand.U8(1), z, left) })
	} else {
		m.ctx.VMOVAPS(m.v(v), left)
	}
	quarter := m.ctx.XMM()
	m.ctx.VMOVAPS(left.AsX(), quarter)
	part(4, func() { m.ctx.VMOVUPS(quarter, whole) }, func() { m.ctx.VEXTRACTF128(operand.U8(1), left, quarter) })
	part(2, func() { m.ctx.VMOVLPS(quarter, whole) }, func() { m.ctx.VMOVHLPS(quarter, quarter, quarter) })
	part(1, func() { m.ctx.VMOVSS(quarter, whole) }, nil)
}

func (m *Machine) Prefetch(base gen.Reg, offset int)    { m.ctx.PREFETCHT0(m.mem(base, offset)) }
func (m *Machine) PrefetchFar(base gen.Reg, offset int) { m.ctx.PREFETCHT1(m.mem(base, offset)) }

// LoadWeights leaves weights that are used once in memory, from where they are
// multiplied.
func (m *Machine) LoadWeights(base gen.Reg, offset, n, uses int) []gen.Weight {
	ws := make([]gen.Weight, n)
	for i := range ws {
		at := offset + i*4*m.lanes
		if uses == 1 {
			ws[i] = m.weight(m.mem(base, at))
		} else {
			ws[i] = m.VecWeight(m.Load(base, at, "weights"))
		}
	}
	return ws
}

// LoadHalves widens them on their way to registers.
func (m *Machine) LoadHalves(base gen.Reg, offset, n, _ int) []gen.Weight {
	ws := make([]gen.Weight, n)
	for i := range ws {
		id, v := m.newVec("weights")
		widen, err := x86asm.VCVTPH2PS(m.mem(base, offset+i*2*m.lanes), v)
		if err != nil {
			panic(err)
		}
		m.emitVec(widen, id)
		ws[i] = m.VecWeight(id)
	}
	return ws
}

func (m *Machine) VecWeight(v gen.Vec) gen.Weight { return m.weight(m.v(v)) }

func (m *Machine) weight(w operand.Op) gen.Weight {
	m.weights = append(m.weights, w)
	return gen.Weight{ID: len(m.weights) - 1, Lanes: m.lanes}
}

// LoadScalars leaves them in memory until they are spread.
func (m *Machine) LoadScalars(base gen.Reg, offset, n int) []gen.Scalar {
	scalars := make([]gen.Scalar, n)
	for i := range scalars {
		m.scalars = append(m.scalars, m.mem(base, offset+4*i))
		scalars[i].ID = len(m.scalars) - 1
	}
	return scalars
}

func (m *Machine) Spread(s gen.Scalar) gen.Multiplier {
	id, v := m.newVec("x[k]")
	m.ctx.VBROADCASTSS(m.scalars[s.ID], v)
	return gen.Multiplier{ID: id.ID, Lanes: id.Lanes}
}

func (m *Machine) MulAcc(acc gen.Vec, w gen.Weight, by gen.Multiplier) {
	m.ctx.VFMADD231PS(m.weights[w.ID], m.v(gen.Vec{ID: by.ID, Lanes: by.Lanes}), m.v(acc))
}

func (m *Machine) MulAccVec(acc gen.Vec, w gen.Weight, x gen.Vec) {
	m.ctx.VFMADD231PS(m.weights[w.ID], m.v(x), m.v(acc))
}

func (m *Machine) ZeroVec(name string) gen.Vec {
	id, v := m.newVec(name)
	m.ctx.VXORPS(v, v, v)
	return id
}

func (m *Machine) StoreSum(v []gen.Vec, bias gen.Reg, biasOffset int, y gen.Reg, yOffset int) {
	sum, high := m.ctx.YMM(), m.ctx.YMM()
	if v[0].Lanes == 16 {
		m.ctx.VEXTRACTF64X4(operand.U8(1), m.v(v[0]), high)
		m.ctx.VADDPS(high, m.vecs[v[0].ID].AsY(), sum)
	} else {
		m.ctx.VADDPS(m.v(v[1]), m.v(v[0]), sum)
	}
	m.ctx.VEXTRACTF128(operand.U8(1), sum, high.AsX())
	m.ctx.VADDPS(high.AsX(), sum.AsX(), sum.AsX())
	m.ctx.VMOVHLPS(sum.AsX(), sum.AsX(), high.AsX())
	m.ctx.VADDPS(high.AsX(), sum.AsX(), sum.AsX())
	m.ctx.VMOVSHDUP(sum.AsX(), high.AsX())
	m.ctx.VADDSS(high.AsX(), sum.AsX(), sum.AsX())
	m.ctx.VADDSS(m.mem(bias, biasOffset), sum.AsX(), sum.AsX())
	m.ctx.VMOVSS(sum.AsX(), m.mem(y, yOffset))
}
