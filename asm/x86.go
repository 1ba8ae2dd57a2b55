package main

import (
	"fmt"
	"slices"
	"strings"

	"example.com/lstm/internal/gen"
	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/printer"
	"github.com/mmcloughlin/avo/reg"
	x86asm "github.com/mmcloughlin/avo/x86"
)

// x86 is the back-end for AVX2 and AVX-512, through avo, which finds registers
// and checks every instruction's operands.
type x86 struct {
	x86Traits
	ctx         *build.Context
	lanes       int
	regs        []reg.GPVirtual
	vecs        []reg.VecVirtual
	scratch     operand.Mem // none until it is asked for
	scratchSize int
	tails       int // stores of less than a vector in the kernel
	constants   map[string]operand.Mem
	symbols     []symbol
	roles       *roles
	maps        map[string]*roles // of each kernel, by its full name
}

// x86Traits are what sets the instruction sets of this back-end apart.
type x86Traits struct {
	suffix         string // of the kernels' names
	maxLanes       int
	registers      int // vector registers
	tile           int
	stepBlock      int // elements of x a turn, of a step
	lockstep       int
	tileLockstep   int
	elements       int
	shadow         int
	shadowLockstep int
	headRows       int
}

var (
	avx2 = x86Traits{
		suffix:         "AVX2",
		maxLanes:       8,
		registers:      16,
		tile:           2, // × 6 columns = 12 sums, 2 weights and 1 or 2 multipliers
		stepBlock:      8,
		lockstep:       2,
		tileLockstep:   3,
		elements:       3,
		shadow:         32,
		shadowLockstep: 1,
		headRows:       4,
	}
	avx512 = x86Traits{
		suffix:         "AVX512",
		maxLanes:       16,
		registers:      32,
		tile:           4, // × 6 columns = 24 sums, 4 weights and 1 or 2 multipliers
		stepBlock:      4,
		lockstep:       4,
		tileLockstep:   6,
		elements:       4,
		shadow:         48,
		shadowLockstep: 2,
		headRows:       4,
	}
)

// symbol is read-only data: 32-bit words.
type symbol struct {
	name  string
	words []uint32
}

func newX86() *x86 {
	return &x86{
		ctx:       build.NewContext(),
		constants: map[string]operand.Mem{},
		maps:      map[string]*roles{},
	}
}

// use changes the instruction set of the kernels that follow.
func (m *x86) use(t x86Traits) { m.x86Traits, m.lanes = t, t.maxLanes }

func (m *x86) Lanes() int     { return m.lanes }
func (m *x86) SetLanes(n int) { m.lanes = n }
func (m *x86) KBlock(columns int) int {
	if columns == 1 {
		return m.stepBlock
	}
	return 4
}
func (m *x86) TileVectors() int    { return m.tile }
func (m *x86) WeightsAtOnce() int  { return 8 } // all there are: a row of AVX2
func (m *x86) Lockstep() int       { return m.lockstep }
func (m *x86) TileLockstep() int   { return m.tileLockstep }
func (m *x86) ElementVectors() int { return m.elements }
func (m *x86) ShadowSteps() int    { return m.shadow }
func (m *x86) ShadowLockstep() int { return m.shadowLockstep }
func (m *x86) HeadRows() int       { return m.headRows }

func (m *x86) Begin(k *gen.Kernel) {
	name := k.Name + m.suffix
	m.lanes = m.maxLanes
	m.regs, m.vecs, m.tails = nil, nil, 0
	m.roles = &roles{registers: m.registers}
	m.maps[name] = m.roles
	m.ctx.Function(name)
	m.ctx.SignatureExpr("func(" + k.Params + ")")
	m.ctx.Pragma("noescape")
	m.ctx.Doc(append([]string{name + " " + k.Doc[0]}, k.Doc[1:]...)...)
	m.scratch, m.scratchSize = operand.Mem{}, k.Scratch
}

const cacheLine = 64

func (m *x86) End() {
	if m.scratch.Base == nil {
		m.ctx.Attributes(attr.NOSPLIT)
	}
}

func (m *x86) Comment(text string)       { m.ctx.Comment(text) }
func (m *x86) Label(name string)         { m.ctx.Label(name) }
func (m *x86) Jump(label string)         { m.ctx.JMP(operand.LabelRef(label)) }
func (m *x86) r(r gen.Reg) reg.GPVirtual { return m.regs[r] }

// v is the vector register as wide as vectors are now.
func (m *x86) v(v gen.Vec) reg.VecVirtual {
	if m.lanes == 16 {
		return m.vecs[v].AsZ().(reg.VecVirtual)
	}
	return m.vecs[v].AsY().(reg.VecVirtual)
}

func (m *x86) newReg(name string) (gen.Reg, reg.GPVirtual) {
	r := m.ctx.GP64()
	m.regs = append(m.regs, r)
	m.roles.add(name, r)
	return gen.Reg(len(m.regs) - 1), r
}

func (m *x86) newVec(name string) (gen.Vec, reg.VecVirtual) {
	v := m.ctx.YMM()
	m.vecs = append(m.vecs, v)
	m.roles.add(name, v)
	id := gen.Vec(len(m.vecs) - 1)
	return id, m.v(id)
}

func (m *x86) JumpIf(a gen.Reg, cond gen.Condition, b int, label string) {
	if b == 0 {
		m.ctx.TESTQ(m.r(a), m.r(a))
	} else {
		m.ctx.CMPQ(m.r(a), operand.I32(b))
	}
	m.jump(cond, label)
}

func (m *x86) SubJumpIf(r gen.Reg, n int, cond gen.Condition, label string) {
	m.ctx.SUBQ(operand.I32(n), m.r(r))
	m.jump(cond, label)
}

// jump goes by the flags that a comparison with zero has set.
func (m *x86) jump(cond gen.Condition, label string) {
	target := operand.LabelRef(label)
	switch cond {
	case gen.Less:
		m.ctx.JLT(target)
	case gen.LessOrEqual:
		m.ctx.JLE(target)
	case gen.Equal:
		m.ctx.JEQ(target)
	case gen.GreaterOrEqual:
		m.ctx.JGE(target)
	case gen.Greater:
		m.ctx.JGT(target)
	}
}

// Return clears the upper halves of the vector registers, without which the
// SSE code of Go would be slow after this.
func (m *x86) Return() {
	m.ctx.VZEROUPPER()
	m.ctx.RET()
}

func (m *x86) Arg(arg, name string) gen.Reg {
	id, r := m.newReg(name)
	m.ctx.Load(m.ctx.Param(arg), r)
	return id
}

func (m *x86) SetArg(arg string, r gen.Reg) { m.ctx.Store(m.r(r), m.ctx.Param(arg)) }

func (m *x86) Copy(s gen.Reg, name string) gen.Reg {
	id, r := m.newReg(name)
	m.ctx.MOVQ(m.r(s), r)
	return id
}

func (m *x86) LoadReg(base gen.Reg, offset int, name string) gen.Reg {
	id, r := m.newReg(name)
	m.ctx.MOVQ(m.mem(base, offset), r)
	return id
}

func (m *x86) Scratch(name string) gen.Reg {
	if m.scratchSize == 0 {
		panic("x86: the kernel has no scratch memory")
	}
	if m.scratch.Base == nil {
		m.scratch = m.ctx.AllocLocal(m.scratchSize + cacheLine)
	}
	id, r := m.newReg(name)
	m.ctx.LEAQ(m.scratch.Offset(cacheLine-1), r)
	m.ctx.ANDQ(operand.I32(-cacheLine), r)
	return id
}

func (m *x86) Zero(name string) gen.Reg {
	id, r := m.newReg(name)
	m.ctx.XORL(r.As32(), r.As32())
	return id
}

func (m *x86) AddImm(r gen.Reg, n int) {
	if n < 0 {
		m.ctx.SUBQ(operand.I32(-n), m.r(r))
	} else if n > 0 {
		m.ctx.ADDQ(operand.I32(n), m.r(r))
	}
}

func (m *x86) Add(r, s gen.Reg)           { m.ctx.ADDQ(m.r(s), m.r(r)) }
func (m *x86) ShiftLeft(r gen.Reg, n int) { m.ctx.SHLQ(operand.U8(n), m.r(r)) }

func (m *x86) mem(base gen.Reg, offset int) operand.Mem {
	return operand.Mem{Base: m.r(base), Disp: offset}
}

// Load loads a vector. Where vectors can be wider, the rest becomes zero, as
// avo has to be told.
func (m *x86) Load(base gen.Reg, offset int, name string) gen.Vec {
	id, v := m.newVec(name)
	load, err := x86asm.VMOVUPS(m.mem(base, offset), v)
	if err != nil {
		panic(err)
	}
	if m.lanes < m.maxLanes {
		load.Outputs = []operand.Op{m.vecs[id].AsZ()}
	}
	m.ctx.Instruction(load)
	return id
}

func (m *x86) Reload(v gen.Vec, base gen.Reg, offset int) {
	m.ctx.VMOVUPS(m.mem(base, offset), m.v(v))
}

func (m *x86) Store(v gen.Vec, base gen.Reg, offset int) {
	m.ctx.VMOVUPS(m.v(v), m.mem(base, offset))
}

// StoreFirst stores halves, quarters and so on, as the bits of n say. AVX2's
// masked store would be one instruction; here it takes the same time, and AMD's
// processors run it as dozens (A. Fog, Instruction tables).
func (m *x86) StoreFirst(v gen.Vec, n gen.Reg, base gen.Reg, offset int) {
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
	if m.lanes == 16 {
		z := m.v(v)
		m.ctx.VMOVAPS(m.vecs[v].AsY(), left)
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

func (m *x86) Prefetch(base gen.Reg, offset int)    { m.ctx.PREFETCHT0(m.mem(base, offset)) }
func (m *x86) PrefetchFar(base gen.Reg, offset int) { m.ctx.PREFETCHT1(m.mem(base, offset)) }

func (m *x86) LoadWeights(base gen.Reg, offset, n, uses int) []gen.Factor {
	ws := make([]gen.Factor, n)
	for i := range ws {
		at := offset + i*4*m.lanes
		if uses == 1 {
			ws[i] = gen.Factor{Base: base, Offset: at, InMemory: true}
		} else {
			ws[i].Vec = m.Load(base, at, "weights")
		}
	}
	return ws
}

func (m *x86) LoadScalars(base gen.Reg, offset, n int) []gen.Factor {
	scalars := make([]gen.Factor, n)
	for i := range scalars {
		scalars[i] = gen.Factor{Base: base, Offset: offset + 4*i, InMemory: true}
	}
	return scalars
}

func (m *x86) Spread(scalar gen.Factor) gen.Factor {
	id, v := m.newVec("x[k]")
	m.ctx.VBROADCASTSS(m.mem(scalar.Base, scalar.Offset), v)
	return gen.Factor{Vec: id}
}

// factor is f as an operand.
func (m *x86) factor(f gen.Factor) operand.Op {
	if f.InMemory {
		return m.mem(f.Base, f.Offset)
	}
	return m.v(f.Vec)
}

func (m *x86) MulAcc(acc gen.Vec, w, scalar gen.Factor) {
	m.ctx.VFMADD231PS(m.factor(w), m.v(scalar.Vec), m.v(acc))
}

func (m *x86) MulAccVec(acc gen.Vec, w gen.Factor, x gen.Vec) {
	m.ctx.VFMADD231PS(m.factor(w), m.v(x), m.v(acc))
}

func (m *x86) ZeroVec(name string) gen.Vec {
	id, v := m.newVec(name)
	m.ctx.VXORPS(v, v, v)
	return id
}

func (m *x86) StoreSum(v []gen.Vec, bias gen.Reg, biasOffset int, y gen.Reg, yOffset int) {
	sum, high := m.ctx.YMM(), m.ctx.YMM()
	if m.lanes == 16 {
		m.ctx.VEXTRACTF64X4(operand.U8(1), m.v(v[0]), high)
		m.ctx.VADDPS(high, m.vecs[v[0]].AsY(), sum)
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

// data returns the address of read-only words, the same for the same name.
func (m *x86) data(name string, words []uint32) operand.Mem {
	if at, ok := m.constants[name]; ok {
		return at
	}
	m.symbols = append(m.symbols, symbol{name, words})
	at := operand.NewDataAddr(operand.NewStaticSymbol(name), 0)
	m.constants[name] = at
	return at
}

// repeated is the address of a constant in every lane.
func (m *x86) repeated(c *gen.Constant) operand.Mem {
	return m.data(c.Name, slices.Repeat([]uint32{c.Bits}, 8))
}

// Do is one operation of a formula. Constants come from memory where the
// instruction has a place for that.
func (m *x86) Do(op gen.Op, args []gen.Operand, dies []bool, shift int) gen.Vec {
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
	}
	panic(fmt.Sprintf("x86: operation %d", op))
}

type instruction = func(ops ...operand.Op)

// constantVec makes a vector of the constant.
func (m *x86) constantVec(c *gen.Constant) gen.Vec {
	id, v := m.newVec("")
	if m.lanes == 16 {
		m.ctx.VBROADCASTSS(m.repeated(c), v)
	} else {
		m.ctx.VMOVUPS(m.repeated(c), v)
	}
	return id
}

// vec is an operand in a register.
func (m *x86) vec(o gen.Operand) gen.Vec {
	if o.Constant != nil {
		return m.constantVec(o.Constant)
	}
	return o.Vec
}

// emit uses the form of the instruction that suits the first operand, which may
// be a constant in memory.
func (m *x86) emit(whole, broadcast instruction, first gen.Operand, rest ...operand.Op) {
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
func (m *x86) two(args []gen.Operand, commutes bool, whole, broadcast instruction) gen.Vec {
	a, b := args[0], args[1]
	if commutes && a.Constant != nil {
		a, b = b, a
	}
	av := m.vec(a)
	id, v := m.newVec("")
	m.emit(whole, broadcast, b, m.v(av), v)
	return id
}

// fused is a·b + c or c - a·b by whichever form overwrites a register that is
// not needed any more. In Go's order of operands, with the last overwritten:
//
//	132  third = third·first + second
//	213  third = second·third + first
//	231  third = second·first + third
func (m *x86) fused(args []gen.Operand, dies []bool, f132, f213, f231, b132, b213, b231 instruction) gen.Vec {
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

// file finishes the assembly of all kernels, and the Go file of their stubs.
func (m *x86) file(cfg printer.Config) (code, stubs []byte, err error) {
	slices.SortFunc(m.symbols, func(a, b symbol) int { return strings.Compare(a.name, b.name) })
	for _, s := range m.symbols {
		m.ctx.StaticGlobal(s.name)
		m.ctx.DataAttributes(attr.RODATA | attr.NOPTR)
		for i, w := range s.words {
			m.ctx.AddDatum(4*i, operand.U32(w))
		}
	}
	f, err := m.ctx.Result()
	if err != nil {
		return nil, nil, err
	}
	if err := pass.Compile.Execute(f); err != nil {
		return nil, nil, err
	}
	for _, fn := range f.Functions() {
		lines, err := m.maps[fn.Name].lines(fn.Allocation)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", fn.Name, err)
		}
		fn.Nodes = append([]ir.Node{ir.NewComment(lines...)}, fn.Nodes...)
	}
	if code, err = printer.NewGoAsm(cfg).Print(f); err != nil {
		return nil, nil, err
	}
	stubs, err = printer.NewStubs(cfg).Print(f)
	return code, stubs, err
}
