// Package x86 is the back-end for AVX2 and AVX-512: the plan's operations as
// instructions. avo finds the registers and checks every instruction's operands.
package x86

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

// Machine is a gen.Machine for both.
type Machine struct {
	ctx         *build.Context
	name        string // of the kernel in the making
	registers   int    // for its vectors
	lanes       int    // of a vector now
	maxLanes    int
	regs        []reg.GPVirtual
	vecs        []reg.VecVirtual
	weights     []operand.Op
	scalars     []operand.Mem
	groups      []group
	held        []held
	dot         bool        // has VPDPBUSD
	scratch     operand.Mem // none until it is asked for
	scratchSize int
	tails       int // stores of less than a vector in the kernel
	constants   map[string]operand.Mem
	symbols     []symbol
	kernels     map[string]kernel // by their full names
	roles       roles             // of the kernel in the making
}

// kernel is what Print needs to know of one.
type kernel struct {
	vectors  int // registers that there are
	maxLanes int
	roles    roles
	held     []held
}

// symbol is read-only data: 32-bit words.
type symbol struct {
	name  string
	words []uint32
}

// New begins a file for that build constraint.
func New(constraint string) *Machine {
	ctx := build.NewContext()
	ctx.ConstraintExpr(constraint)
	return &Machine{
		ctx:       ctx,
		constants: map[string]operand.Mem{},
		kernels:   map[string]kernel{},
	}
}

func (m *Machine) Lanes() int { return m.lanes }

// SetLanes changes between vectors of 512 and of 256 bits.
func (m *Machine) SetLanes(n int) {
	if n != 8 && n != 16 || n > m.maxLanes {
		panic(fmt.Sprintf("x86: %d lanes, want 8, or 16 with AVX-512", n))
	}
	m.lanes = n
}

func (m *Machine) Begin(k *gen.Kernel, set gen.InstructionSet) {
	name := k.Name + set.Name
	m.maxLanes = set.Lanes
	m.SetLanes(set.Lanes)
	m.regs, m.vecs, m.weights, m.scalars, m.groups, m.held, m.tails = nil, nil, nil, nil, nil, nil, 0
	m.dot = set.Dot
	m.roles = roles{}
	m.name, m.registers = name, set.Registers
	m.ctx.Function(name)
	m.ctx.SignatureExpr("func(" + k.Params() + ")")
	m.scratch, m.scratchSize = operand.Mem{}, k.Scratch
}

func (m *Machine) End() {
	m.kernels[m.name] = kernel{m.registers, m.maxLanes, m.roles, m.held}
	if m.scratch.Base == nil {
		m.ctx.Attributes(attr.NOSPLIT)
	}
}

func (m *Machine) Comment(text string)       { m.ctx.Comment(text) }
func (m *Machine) Label(name string)         { m.ctx.Label(name) }
func (m *Machine) Jump(label string)         { m.ctx.JMP(operand.LabelRef(label)) }
func (m *Machine) r(r gen.Reg) reg.GPVirtual { return m.regs[r.ID] }

// v is the vector register, as wide as the vector.
func (m *Machine) v(v gen.Vec) reg.VecVirtual {
	if v.Lanes == 16 {
		return m.vecs[v.ID].AsZ().(reg.VecVirtual)
	}
	return m.vecs[v.ID].AsY().(reg.VecVirtual)
}

func (m *Machine) newReg(name string) (gen.Reg, reg.GPVirtual) {
	r := m.ctx.GP64()
	m.regs = append(m.regs, r)
	m.roles[r.ID()] = name
	return gen.Reg{ID: len(m.regs) - 1}, r
}

func (m *Machine) newVec(name string) (gen.Vec, reg.VecVirtual) {
	v := m.ctx.YMM()
	m.vecs = append(m.vecs, v)
	m.roles[v.ID()] = name
	id := gen.Vec{ID: len(m.vecs) - 1, Lanes: m.lanes}
	return id, m.v(id)
}

func (m *Machine) JumpIf(a gen.Reg, cond gen.Condition, b int, label string) {
	if b == 0 {
		m.ctx.TESTQ(m.r(a), m.r(a))
	} else {
		m.ctx.CMPQ(m.r(a), operand.I32(b))
	}
	m.jump(cond, label)
}

func (m *Machine) SubJumpIf(r gen.Reg, n int, cond gen.Condition, label string) {
	m.ctx.SUBQ(operand.I32(n), m.r(r))
	m.jump(cond, label)
}

// jump goes by the flags that a comparison with zero has set.
func (m *Machine) jump(cond gen.Condition, label string) {
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
// SSE code of Go would be slow after this. It needs the caller's frame pointer,
// as avo has to be told, which would take that register for data otherwise:
// profilers would then see data in place of return addresses.
func (m *Machine) Return() {
	m.ctx.VZEROUPPER()
	ret, err := x86asm.RET()
	if err != nil {
		panic(err)
	}
	ret.Inputs = []operand.Op{reg.RBP}
	m.ctx.Instruction(ret)
}

func (m *Machine) Arg(arg, name string) gen.Reg {
	id, r := m.newReg(name)
	m.ctx.Load(m.ctx.Param(arg), r)
	return id
}

func (m *Machine) SetArg(arg string, r gen.Reg) { m.ctx.Store(m.r(r), m.ctx.Param(arg)) }

func (m *Machine) Copy(s gen.Reg, name string) gen.Reg {
	id, r := m.newReg(name)
	m.ctx.MOVQ(m.r(s), r)
	return id
}

func (m *Machine) LoadReg(base gen.Reg, offset int, name string) gen.Reg {
	id, r := m.newReg(name)
	m.ctx.MOVQ(m.mem(base, offset), r)
	return id
}

func (m *Machine) Scratch(name string) gen.Reg {
	if m.scratchSize == 0 {
		panic("x86: the kernel has no scratch memory")
	}
	if m.scratch.Base == nil {
		m.scratch = m.ctx.AllocLocal(m.scratchSize + gen.CacheLine)
	}
	id, r := m.newReg(name)
	m.ctx.LEAQ(m.scratch.Offset(gen.CacheLine-1), r)
	m.ctx.ANDQ(operand.I32(-gen.CacheLine), r)
	return id
}

func (m *Machine) Zero(name string) gen.Reg {
	id, r := m.newReg(name)
	m.ctx.XORL(r.As32(), r.As32())
	return id
}

func (m *Machine) AddImm(r gen.Reg, n int) {
	if n < 0 {
		m.ctx.SUBQ(operand.I32(-n), m.r(r))
	} else if n > 0 {
		m.ctx.ADDQ(operand.I32(n), m.r(r))
	}
}

func (m *Machine) Add(r, s gen.Reg)           { m.ctx.ADDQ(m.r(s), m.r(r)) }
func (m *Machine) ShiftLeft(r gen.Reg, n int) { m.ctx.SHLQ(operand.U8(n), m.r(r)) }

// Print finishes the assembly of all kernels.
func (m *Machine) Print(cfg printer.Config) ([]byte, error) {
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
		return nil, err
	}
	virtual := map[*ir.Function]map[*ir.Instruction][]reg.Register{}
	for _, fn := range f.Functions() {
		if err := m.loadHeld(fn, m.kernels[fn.Name].held); err != nil {
			return nil, err
		}
		virtual[fn] = operands(fn)
	}
	if err := pass.Compile.Execute(f); err != nil {
		return nil, err
	}
	for _, fn := range f.Functions() {
		k := m.kernels[fn.Name]
		if err := checkRegisters(fn, k.vectors); err != nil {
			return nil, err
		}
		addMaps(fn, k.roles, virtual[fn])
	}
	return printer.NewGoAsm(cfg).Print(f)
}
