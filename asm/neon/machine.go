package neon

import (
	"fmt"

	"example.com/lstm/internal/gen"
	"github.com/mmcloughlin/avo/printer"
)

// Machine is a gen.Machine.
//
// All its vectors are registers of four lanes. Weights are loaded in pairs, and
// four elements of x at once: a product takes its multiplier from any lane of a
// register, so nothing is ever broadcast.
type Machine struct {
	file File
	fn   *Function
	regs []X
	vecs []V

	dot     bool // there are instructions for products of int8
	scalars []Lane
	tags    int // labels of our own

	scratchSize int // of the kernel, allocated when it is asked for
	hasScratch  bool
}

// New begins a file for that build constraint.
func New(constraint string) *Machine { return &Machine{file: NewFile(constraint)} }

func (m *Machine) Lanes() int { return lanes }

const lanes = 4

// SetLanes has nothing to change: no panel is narrower than these vectors.
func (m *Machine) SetLanes(n int) {
	if n != lanes {
		m.fail("%d lanes", n)
	}
}

func (m *Machine) fail(format string, args ...any) {
	panic("arm64: " + fmt.Sprintf(format, args...))
}

func (m *Machine) Begin(k *gen.Kernel, set gen.InstructionSet) {
	name := k.Name + set.Name
	m.regs, m.vecs, m.scalars, m.tags = nil, nil, nil, 0
	m.fn = m.file.Function(name, "func("+k.Params()+")")
	m.dot = set.Dot
	m.scratchSize, m.hasScratch = k.Scratch, false
}

func (m *Machine) End() {}

func (m *Machine) Comment(text string)    { m.fn.Comment(text) }
func (m *Machine) Label(name string)      { m.fn.Label(name) }
func (m *Machine) Jump(label string)      { m.fn.B(label) }
func (m *Machine) Return()                { m.fn.RET() }
func (m *Machine) r(r gen.Reg) X          { return m.regs[r.ID] }
func (m *Machine) v(v gen.Vec) V          { return m.vecs[v.ID] }
func (m *Machine) tag(name string) string { m.tags++; return fmt.Sprintf("%s_%d", name, m.tags) }

func (m *Machine) newReg(name string) (gen.Reg, X) {
	r := m.fn.X(name)
	m.regs = append(m.regs, r)
	return gen.Reg{ID: len(m.regs) - 1}, r
}

func (m *Machine) newVec(name string) (gen.Vec, V) {
	v := m.fn.V(name)
	m.vecs = append(m.vecs, v)
	return gen.Vec{ID: len(m.vecs) - 1, Lanes: lanes}, v
}

func (m *Machine) mem(base gen.Reg, offset int) Mem {
	return Mem{Base: m.r(base), Offset: offset}
}

var conditions = map[gen.Condition]Condition{
	gen.Less:           LT,
	gen.LessOrEqual:    LE,
	gen.Equal:          EQ,
	gen.GreaterOrEqual: GE,
	gen.Greater:        GT,
}

func (m *Machine) JumpIf(a gen.Reg, cond gen.Condition, b int, label string) {
	m.fn.CMP(b, m.r(a))
	m.fn.BIf(conditions[cond], label)
}

func (m *Machine) SubJumpIf(r gen.Reg, n int, cond gen.Condition, label string) {
	m.fn.SUBSImmediate(n, m.r(r))
	m.fn.BIf(conditions[cond], label)
}

func (m *Machine) Arg(arg, name string) gen.Reg {
	id, r := m.newReg(name)
	m.fn.LoadParam(arg, r)
	return id
}

func (m *Machine) SetArg(arg string, r gen.Reg) { m.fn.StoreParam(m.r(r), arg) }

func (m *Machine) Copy(s gen.Reg, name string) gen.Reg {
	id, r := m.newReg(name)
	m.fn.MOVD(m.r(s), r)
	return id
}

func (m *Machine) LoadReg(base gen.Reg, offset int, name string) gen.Reg {
	id, r := m.newReg(name)
	m.fn.LDR(m.mem(base, offset), r)
	return id
}

func (m *Machine) Scratch(name string) gen.Reg {
	if m.scratchSize == 0 {
		m.fail("the kernel has no scratch memory")
	}
	if !m.hasScratch {
		m.fn.AllocLocal(m.scratchSize + gen.CacheLine) // aligned below
		m.hasScratch = true
	}
	id, r := m.newReg(name)
	m.fn.LocalAddress(r)
	m.fn.ADDImmediate(gen.CacheLine-1, r)
	m.fn.ANDImmediate(-gen.CacheLine, r)
	return id
}

func (m *Machine) Zero(name string) gen.Reg {
	id, r := m.newReg(name)
	m.fn.Clear(r)
	return id
}

func (m *Machine) AddImm(r gen.Reg, n int) {
	if n != 0 {
		m.fn.ADDImmediate(n, m.r(r))
	}
}

func (m *Machine) Add(r, s gen.Reg)           { m.fn.ADD(m.r(s), m.r(r)) }
func (m *Machine) ShiftLeft(r gen.Reg, n int) { m.fn.LSL(n, m.r(r)) }

func (m *Machine) Load(base gen.Reg, offset int, name string) gen.Vec {
	id, v := m.newVec(name)
	m.fn.LDRQ(m.mem(base, offset), v)
	return id
}

func (m *Machine) Reload(v gen.Vec, base gen.Reg, offset int) {
	m.fn.LDRQ(m.mem(base, offset), m.v(v))
}

func (m *Machine) Store(v gen.Vec, base gen.Reg, offset int) {
	m.fn.STRQ(m.v(v), m.mem(base, offset))
}

// StoreFirst stores two lanes if n has that bit, and then one if n has the other.
func (m *Machine) StoreFirst(v gen.Vec, n gen.Reg, base gen.Reg, offset int) {
	one, done := m.tag("one_lane"), m.tag("lanes_done")
	m.fn.TBZ(1, m.r(n), one)
	m.fn.STRD(m.v(v), m.mem(base, offset))
	m.fn.TBZ(0, m.r(n), done)
	third := m.fn.V("")
	m.fn.UpperHalf(m.v(v), third)
	m.fn.STRS(third, m.mem(base, offset+8))
	m.fn.B(done)
	m.fn.Label(one)
	m.fn.STRS(m.v(v), m.mem(base, offset))
	m.fn.Label(done)
}

func (m *Machine) Prefetch(base gen.Reg, offset int)    { m.fn.PRFM(m.mem(base, offset), PLDL1KEEP) }
func (m *Machine) PrefetchFar(base gen.Reg, offset int) { m.fn.PRFM(m.mem(base, offset), PLDL2KEEP) }

func (m *Machine) LoadWeights(base gen.Reg, offset, n, uses int) []gen.Weight {
	ws := make([]gen.Weight, n)
	for i := range ws {
		ws[i] = m.VecWeight(m.Load(base, offset+i*4*lanes, "weights"))
	}
	return ws
}

// LoadHalves loads pairs of vectors, or half of one, and widens them in registers.
func (m *Machine) LoadHalves(base gen.Reg, offset, n, _ int) []gen.Weight {
	const size = 2 * lanes // bytes of a vector
	var ws []gen.Weight
	for len(ws) < n {
		at := m.mem(base, offset+len(ws)*size)
		id, v := m.newVec("weights")
		ws = append(ws, m.VecWeight(id))
		if len(ws) == n {
			m.fn.LDRD(at, v)
		} else {
			m.fn.LDRQ(at, v)
			id, upper := m.newVec("weights")
			ws = append(ws, m.VecWeight(id))
			m.fn.FCVTL2(v, upper)
		}
		m.fn.FCVTL(v, v)
	}
	return ws
}

func (m *Machine) VecWeight(v gen.Vec) gen.Weight { return gen.Weight{ID: v.ID, Lanes: lanes} }

// LoadScalars loads a whole vector of them, or one.
func (m *Machine) LoadScalars(base gen.Reg, offset, n int) []gen.Scalar {
	_, v := m.newVec("x[k]")
	switch n {
	case 1:
		m.fn.LDRS(m.mem(base, offset), v)
	case lanes:
		m.fn.LDRQ(m.mem(base, offset), v)
	default:
		m.fail("%d scalars", n)
	}
	scalars := make([]gen.Scalar, n)
	for i := range scalars {
		m.scalars = append(m.scalars, Lane{V: v, Index: i})
		scalars[i].ID = len(m.scalars) - 1
	}
	return scalars
}

// Spread has nothing to do: a product takes its multiplier from a lane.
func (m *Machine) Spread(s gen.Scalar) gen.Multiplier { return gen.Multiplier{ID: s.ID, Lanes: lanes} }

func (m *Machine) MulAcc(acc gen.Vec, w gen.Weight, by gen.Multiplier) {
	m.fn.FMLALane(m.scalars[by.ID], m.vecs[w.ID], m.v(acc))
}

func (m *Machine) MulAccVec(acc gen.Vec, w gen.Weight, x gen.Vec) {
	m.fn.FMLA(m.vecs[w.ID], m.v(x), m.v(acc))
}

func (m *Machine) ZeroVec(name string) gen.Vec {
	id, v := m.newVec(name)
	m.fn.ClearV(v)
	return id
}

func (m *Machine) StoreSum(v []gen.Vec, bias gen.Reg, biasOffset int, y gen.Reg, yOffset int) {
	sum, other := m.fn.V(""), m.fn.V("")
	m.fn.FADD(m.v(v[2]), m.v(v[0]), sum)
	m.fn.FADD(m.v(v[3]), m.v(v[1]), other)
	m.fn.FADD(other, sum, sum)
	m.fn.UpperHalf(sum, other)
	m.fn.FADD(other, sum, sum)
	m.fn.FADDP(sum, sum)
	m.fn.LDRS(m.mem(bias, biasOffset), other)
	m.fn.FADDS(other, sum, sum)
	m.fn.STRS(sum, m.mem(y, yOffset))
}

// Do is one operation of a formula. Of two arguments, the minimum and the
// maximum are NaN if either is.
func (m *Machine) Do(op gen.Op, args []gen.Operand, dies []bool, shift int) gen.Vec {
	switch op {
	case gen.FMA:
		return m.fused(m.fn.FMLA, args, dies)
	case gen.FNMA:
		return m.fused(m.fn.FMLS, args, dies)
	case gen.ShiftBits:
		return m.one(func(n, d V) { m.fn.SHL(shift, n, d) }, args)
	case gen.Mul:
		return m.two(m.fn.FMUL, args)
	case gen.Add:
		return m.two(m.fn.FADD, args)
	case gen.Sub:
		return m.two(m.fn.FSUB, args)
	case gen.Div:
		return m.two(m.fn.FDIV, args)
	case gen.Min:
		return m.two(m.fn.FMIN, args)
	case gen.Max:
		return m.two(m.fn.FMAX, args)
	case gen.And:
		if c := args[1].Constant; c != nil && c.Bits == allButSign {
			return m.one(m.fn.FABS, args[:1])
		}
		return m.two(m.fn.AND, args)
	case gen.Or:
		return m.two(m.fn.ORR, args)
	case gen.AddInt:
		return m.two(m.fn.ADDInt, args)
	case gen.SubInt:
		return m.two(m.fn.SUBInt, args)
	case gen.MaxInt:
		return m.two(m.fn.SMAX, args)
	case gen.ToInt:
		return m.one(m.fn.FCVTNS, args)
	case gen.FromInt:
		return m.one(m.fn.SCVTF, args)
	case gen.ShiftRight:
		return m.one(func(n, d V) { m.fn.SSHR(shift, n, d) }, args)
	case gen.ZeroBelow:
		a, bound, v := m.operand(args[0]), m.operand(args[1]), m.operand(args[2])
		below := m.fn.V("")
		m.fn.FCMGT(a, bound, below)
		id, d := m.newVec("")
		m.fn.BIC(below, v, d)
		return id
	case gen.IfBelow:
		a, bound, v, w := m.operand(args[0]), m.operand(args[1]), m.operand(args[2]), m.operand(args[3])
		id, d := m.newVec("")
		m.fn.FCMGT(a, bound, d)
		m.fn.BSL(w, v, d)
		return id
	}
	m.fail("operation %v", op)
	return gen.Vec{}
}

const allButSign = 1<<31 - 1

// operand is an argument in a register.
func (m *Machine) operand(o gen.Operand) V {
	if o.Constant == nil {
		return m.v(o.Vec)
	}
	return m.v(m.constant(o.Constant))
}

func (m *Machine) constant(c *gen.Constant) gen.Vec {
	id, v := m.newVec("")
	m.fn.LoadConstant(c.Name, c.Bits, v)
	return id
}

// one is an instruction of one argument.
func (m *Machine) one(instruction func(n, d V), args []gen.Operand) gen.Vec {
	n := m.operand(args[0])
	id, d := m.newVec("")
	instruction(n, d)
	return id
}

// two is an instruction of two arguments, a op b.
func (m *Machine) two(instruction func(m, n, d V), args []gen.Operand) gen.Vec {
	a, b := m.operand(args[0]), m.operand(args[1])
	id, d := m.newVec("")
	instruction(b, a, d)
	return id
}

// fused is a·b + c or c - a·b, by an instruction that overwrites c: a constant
// is loaded to where the result will be.
func (m *Machine) fused(instruction func(m, n, d V), args []gen.Operand, dies []bool) gen.Vec {
	c := args[2]
	var sum gen.Vec
	switch {
	case c.Constant != nil:
		sum = m.constant(c.Constant)
	case dies[2]:
		sum = c.Vec
	default:
		var d V
		sum, d = m.newVec("")
		m.fn.VMOV(m.v(c.Vec), d)
	}
	a, b := m.operand(args[0]), m.operand(args[1])
	instruction(b, a, m.v(sum))
	return sum
}

// Print finishes the assembly of all kernels.
func (m *Machine) Print(cfg printer.Config) ([]byte, error) {
	return m.file.Print(cfg)
}
