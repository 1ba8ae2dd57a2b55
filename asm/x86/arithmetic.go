package x86

import (
	"fmt"
	"slices"

	"example.com/lstm/internal/gen"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The operations of formulas, and their constants.

// data returns the address of read-only words, the same for the same name.
func (m *Machine) data(name string, words []uint32) operand.Mem {
	if at, ok := m.constants[name]; ok {
		return at
	}
	m.symbols = append(m.symbols, symbol{name, words})
	at := operand.NewDataAddr(operand.NewStaticSymbol(name), 0)
	m.constants[name] = at
	return at
}

// repeated is the address of a constant in every lane.
func (m *Machine) repeated(c *gen.Constant) operand.Mem {
	return m.data(c.Name, slices.Repeat([]uint32{c.Bits}, 8))
}

// Do is one operation of a formula. Constants come from memory where the
// instruction has a place for that.
func (m *Machine) Do(op gen.Op, args []gen.Operand, dies []bool, shift int) gen.Vec {
	switch op {
	case gen.FMA:
		return m.fused(args, dies, m.ctx.VFMADD132PS, m.ctx.VFMADD213PS, m.ctx.VFMADD231PS,
			m.ctx.VFMADD132PS_BCST, m.ctx.VFMADD213PS_BCST, m.ctx.VFMADD231PS_BCST)
	case gen.FNMA:
		return m.fused(args, dies, m.ctx.VFNMADD132PS, m.ctx.VFNMADD213PS, m.ctx.VFNMADD231PS,
			m.ctx.VFNMADD132PS_BCST, m.ctx.VFNMADD213PS_BCST, m.ctx.VFNMADD231PS_BCST)
	case gen.ShiftBits:
		id, v := m.newVec("")
		m.ctx.VPSLLD(operand.U8(shift), m.v(args[0].Vec), v)
		return id
	case gen.Mul:
		return m.two(args, true, m.ctx.VMULPS, m.ctx.VMULPS_BCST)
	case gen.Add:
		return m.two(args, true, m.ctx.VADDPS, m.ctx.VADDPS_BCST)
	case gen.Sub:
		return m.two(args, false, m.ctx.VSUBPS, m.ctx.VSUBPS_BCST)
	case gen.Div:
		return m.two(args, false, m.ctx.VDIVPS, m.ctx.VDIVPS_BCST)
	case gen.Min:
		// The instruction returns its last operand, in Go's order the first,
		// when one is a NaN.
		return m.two(args, false, m.ctx.VMINPS, nil)
	case gen.Max:
		return m.two(args, false, m.ctx.VMAXPS, nil)
	case gen.And:
		return m.two(args, true, m.ctx.VANDPS, m.ctx.VANDPS_BCST)
	case gen.Or:
		return m.two(args, true, m.ctx.VORPS, m.ctx.VORPS_BCST)
	case gen.AddInt:
		return m.two(args, true, m.ctx.VPADDD, m.ctx.VPADDD_BCST)
	case gen.SubInt:
		return m.two(args, false, m.ctx.VPSUBD, m.ctx.VPSUBD_BCST)
	case gen.MaxInt:
		return m.two(args, true, m.ctx.VPMAXSD, m.ctx.VPMAXSD_BCST)
	case gen.ToInt:
		return m.one(args, m.ctx.VCVTPS2DQ)
	case gen.FromInt:
		return m.one(args, m.ctx.VCVTDQ2PS)
	case gen.ShiftRight:
		id, v := m.newVec("")
		m.ctx.VPSRAD(operand.U8(shift), m.v(args[0].Vec), v)
		return id
	case gen.ZeroBelow:
		return m.zeroBelow(args[0].Vec, args[1], args[2].Vec)
	case gen.IfBelow:
		return m.ifBelow(args[0].Vec, args[1], args[2].Vec, args[3].Vec)
	}
	panic(fmt.Sprintf("x86: operation %v", op))
}

// one is an instruction of one argument.
func (m *Machine) one(args []gen.Operand, do instruction) gen.Vec {
	id, v := m.newVec("")
	do(m.v(args[0].Vec), v)
	return id
}

type instruction = func(ops ...operand.Op)

// constantVec makes a vector of the constant.
func (m *Machine) constantVec(c *gen.Constant) gen.Vec {
	id, v := m.newVec("")
	if m.lanes == 16 {
		m.ctx.VBROADCASTSS(m.repeated(c), v)
	} else {
		m.ctx.VMOVUPS(m.repeated(c), v)
	}
	return id
}

// vec is an operand in a register.
func (m *Machine) vec(o gen.Operand) gen.Vec {
	if o.Constant != nil {
		return m.constantVec(o.Constant)
	}
	return o.Vec
}

// emit uses the form of the instruction that suits the first operand, which may
// be a constant in memory.
func (m *Machine) emit(whole, broadcast instruction, first gen.Operand, rest ...operand.Op) {
	switch {
	case first.Constant == nil:
		whole(append([]operand.Op{m.v(first.Vec)}, rest...)...)
	case m.lanes == 16:
		broadcast(append([]operand.Op{m.repeated(first.Constant)}, rest...)...)
	default:
		whole(append([]operand.Op{m.repeated(first.Constant)}, rest...)...)
	}
}

// two is an instruction of two arguments, a op b.
func (m *Machine) two(args []gen.Operand, commutes bool, whole, broadcast instruction) gen.Vec {
	a, b := args[0], args[1]
	if commutes && a.Constant != nil {
		a, b = b, a
	}
	av := m.vec(a)
	id, v := m.newVec("")
	m.emit(whole, broadcast, b, m.v(av), v)
	return id
}

// The predicates of comparisons, which do not signal a quiet NaN (Intel's
// manual, CMPPS).
const (
	less    = 0x11 // less than, false for a NaN
	notLess = 0x15 // not less than, true for a NaN
)

// zeroBelow is v, or +0 where a < bound: by a mask of lanes, or where vectors
// may be wider by a mask register.
func (m *Machine) zeroBelow(a gen.Vec, bound gen.Operand, v gen.Vec) gen.Vec {
	if m.maxLanes < 16 {
		below := m.ctx.YMM()
		m.compare(less, a, bound, below)
		id, d := m.newVec("")
		m.ctx.VANDNPS(m.v(v), below, d)
		return id
	}
	stay := m.ctx.K()
	m.compare(notLess, a, bound, stay)
	id, d := m.newVec("")
	m.ctx.VMOVAPS_Z(m.v(v), stay, d)
	return id
}

// ifBelow is v where a < bound, else w.
func (m *Machine) ifBelow(a gen.Vec, bound gen.Operand, v, w gen.Vec) gen.Vec {
	if m.maxLanes < 16 {
		below := m.ctx.YMM()
		m.compare(less, a, bound, below)
		id, d := m.newVec("")
		m.ctx.VBLENDVPS(below, m.v(v), m.v(w), d)
		return id
	}
	below := m.ctx.K()
	m.compare(less, a, bound, below)
	id, d := m.newVec("")
	m.ctx.VBLENDMPS(m.v(v), m.v(w), below, d)
	return id
}

// compare sets a mask to the comparison of a with the bound.
func (m *Machine) compare(predicate int, a gen.Vec, bound gen.Operand, mask operand.Op) {
	imm := operand.U8(predicate)
	m.emit(func(ops ...operand.Op) { m.ctx.VCMPPS(append([]operand.Op{imm}, ops...)...) },
		func(ops ...operand.Op) { m.ctx.VCMPPS_BCST(append([]operand.Op{imm}, ops...)...) },
		bound, m.v(a), mask)
}

// fused is a·b + c or c - a·b by whichever form overwrites a register that is
// not needed any more. In Go's order of operands, with the last overwritten:
//
//	132  third = third·first + second
//	213  third = second·third + first
//	231  third = second·first + third
func (m *Machine) fused(args []gen.Operand, dies []bool, f132, f213, f231, b132, b213, b231 instruction) gen.Vec {
	a, b, c := args[0], args[1], args[2]
	aDies, bDies, cDies := dies[0], dies[1], dies[2]
	if a.Constant != nil || !aDies && bDies && b.Constant == nil {
		a, b, aDies, bDies = b, a, bDies, aDies
	}
	switch {
	case c.Constant == nil && cDies:
		m.emit(f231, b231, b, m.v(a.Vec), m.v(c.Vec))
		return c.Vec
	case b.Constant != nil && c.Constant != nil:
		id := m.constantVec(c.Constant)
		m.emit(f231, b231, b, m.v(a.Vec), m.v(id))
		return id
	case aDies && b.Constant != nil:
		m.emit(f132, b132, b, m.v(c.Vec), m.v(a.Vec))
		return a.Vec
	case aDies:
		m.emit(f213, b213, c, m.v(b.Vec), m.v(a.Vec))
		return a.Vec
	}
	// All are needed afterwards: c is overwritten in a copy.
	var id gen.Vec
	if c.Constant != nil {
		id = m.constantVec(c.Constant)
	} else {
		var v reg.VecVirtual
		id, v = m.newVec("")
		m.ctx.VMOVAPS(m.v(c.Vec), v)
	}
	m.emit(f231, b231, b, m.v(a.Vec), m.v(id))
	return id
}
