// Package gen is the plan of the assembly kernels: what each of them does,
// described once, over an abstract vector machine. A back-end is a [Machine]; it
// knows one instruction set and nothing of LSTMs. The command in asm prints the
// plan through every back-end, which is how the assembly at the root is made.
//
// The files follow the mathematics: formula.go is the arithmetic language,
// activation.go writes the contract's σ, tanh and cell in it, and step.go,
// tile.go, head.go and elementwise.go are the kernels. tuning.go has the numbers
// that measurements chose for each path. Between plan and back-end is check.go,
// which panics where either is wrong; package interpret executes the plan.
//
// A mistake in a plan or a back-end is a mistake of ours at build time, never
// of a user, so everything here panics instead of returning errors.
package gen

import (
	"example.com/lstm/internal/aligned"
	"example.com/lstm/internal/dispatch"
)

// Reg is a general register that holds a pointer or an integer. ID is the name
// that the machine has given it, and finds a real register for.
type Reg struct {
	ID  int
	use int // which of those that the register has had, see check.go
}

// Vec is a vector register of that many lanes. A machine's operations on fewer
// lanes than it has leave 0 in the others.
type Vec struct {
	ID, Lanes int
	use       int
}

// What the inner loops multiply: a Weight is a vector, a Scalar one float32, and a
// Multiplier a Scalar made ready to be multiplied with every lane of a vector.
// Whether they are in registers, in lanes of them or still in memory is known to
// the machine, by their ID.
type (
	Weight struct {
		ID, Lanes int
		use       int
	}
	Scalar struct {
		ID  int
		use int
	}
	Multiplier struct {
		ID, Lanes int
		use       int
	}
)

// Condition compares a general register with a constant, both signed.
type Condition int

// The conditions.
const (
	Less Condition = iota
	LessOrEqual
	Equal
	GreaterOrEqual
	Greater
)

// InstructionSet is what a machine has to know of a path.
type InstructionSet struct {
	Name      string // which the names of its kernels end with
	GOARCH    string
	Lanes     int // float32 in the widest vector
	Registers int // vector registers
	// Dot says that it has instructions for products of int8, and that its path
	// is that of its Base but for them.
	Dot bool
}

// instructionSet is that of a path, with that many vector registers.
func instructionSet(path dispatch.Path, registers int) InstructionSet {
	of := &dispatch.All[path]
	return InstructionSet{Name: of.Suffix, GOARCH: of.GOARCH, Lanes: of.Lanes, Registers: registers, Dot: of.Dot}
}

// Machine is an instruction set as the plan sees it. Sizes and offsets are in
// bytes. Registers are virtual; a machine that has too few for the plan panics.
// What the plan says is checked before (check.go): a machine sees no register
// that has not been made or is used up, and vectors of as many lanes as Lanes.
type Machine interface {
	// Begin and End enclose one kernel. Begin takes care of the frame.
	Begin(k *Kernel, set InstructionSet)
	End()

	// Lanes is the number of float32 in a vector, as SetLanes has set it; at
	// first the most there is. Lanes of fewer are asked for by narrow panels.
	Lanes() int
	SetLanes(n int)

	// Comment puts a comment before the next instruction.
	Comment(text string)

	// Label names the place of the next instruction; labels are local to a kernel.
	Label(name string)
	Jump(label string)
	JumpIf(a Reg, cond Condition, b int, label string)
	Return()

	// Arg loads an argument, SetArg stores to its slot, from where Arg loads
	// it again: what a loop does not need waits there. name is the role that
	// the maps of registers at the loops give the register.
	Arg(arg, name string) Reg
	SetArg(arg string, r Reg)

	// Copy, LoadReg and Scratch make new registers. Scratch points to the
	// kernel's scratch memory, aligned to a cache line.
	Copy(r Reg, name string) Reg
	LoadReg(base Reg, offset int, name string) Reg
	Scratch(name string) Reg

	Zero(name string) Reg
	AddImm(r Reg, n int)
	Add(r, s Reg)
	ShiftLeft(r Reg, n int)
	// AndImm leaves r the bits that n has.
	AndImm(r Reg, n int)

	// SubJumpIf takes n from r and jumps if what is left compares with 0.
	SubJumpIf(r Reg, n int, cond Condition, label string)

	// Load and Store move whole vectors, Reload to the register of another vector,
	// LoadFirst and StoreFirst only the first n lanes, 0 < n < Lanes, without
	// touching the memory after them; LoadFirst leaves 0 in the other lanes.
	Load(base Reg, offset int, name string) Vec
	LoadFirst(n Reg, base Reg, offset int, name string) Vec
	Reload(v Vec, base Reg, offset int)
	// Move puts v into the register of another vector.
	Move(to, v Vec)
	Store(v Vec, base Reg, offset int)
	StoreFirst(v Vec, n Reg, base Reg, offset int)
	// LoadSpread makes a vector of copies of the float32 there.
	LoadSpread(base Reg, offset int, name string) Vec
	// StoreBytes stores 16 int32, which are from -128 to 127, as bytes, and
	// StoreEach the first lanes of four vectors.
	StoreBytes(v []Vec, base Reg, offset int)
	StoreEach(v [4]Vec, base Reg, offset int)
	// Prefetch asks for a cache line, PrefetchFar for one that is not needed
	// soon, into the second-level cache.
	Prefetch(base Reg, offset int)
	PrefetchFar(base Reg, offset int)

	// LoadWeights makes n consecutive vectors ready, each for that many uses.
	// base must not change before the last of them.
	LoadWeights(base Reg, offset, n, uses int) []Weight
	// LoadHalves is LoadWeights of binary16 numbers, which float32 has all.
	LoadHalves(base Reg, offset, n, uses int) []Weight
	// VecWeight is a vector as a weight.
	VecWeight(v Vec) Weight
	// LoadScalars makes n consecutive float32 ready, and Spread one of them, to
	// be multiplied with every lane of a vector. base must not change before.
	LoadScalars(base Reg, offset, n int) []Scalar
	Spread(s Scalar) Multiplier
	// MulAcc is acc[i] += w[i]·m, MulAccVec acc[i] += w[i]·x[i], both fused.
	MulAcc(acc Vec, w Weight, m Multiplier)
	MulAccVec(acc Vec, w Weight, x Vec)

	// Products of int8: a lane of a weight is a group of four of them, and so is a
	// scalar. LoadBytes is LoadWeights of groups; none of their int8 is -128.
	// SpreadBytes is Spread of a group, in which digit says that none is negative.
	LoadBytes(base Reg, offset, n, uses int) []Weight
	// SpreadWords is SpreadBytes of a group of int16: two in even, of the first and
	// the third weight, and two in odd.
	SpreadBytes(s Scalar, digit bool) Multiplier
	SpreadWords(even, odd Scalar) Multiplier
	// DotStart makes the int32 sums that products with a block's first plane are
	// added to: zeros, or what its header has for a machine that makes another
	// product, see package panel.
	DotStart(block Reg, name string) Vec
	// DotAcc adds to each int32 of acc[i] the four products of its group in w[i].
	// Sums wrap. A machine may compute several vectors side by side.
	DotAcc(acc []Vec, w []Weight, m Multiplier)

	// MaxAcross and SumAcross are the largest and the sum of all lanes, taken for
	// int32, in every lane.
	MaxAcross(v Vec) Vec
	SumAcross(v Vec) Vec

	// ZeroVec makes a vector of zeros.
	ZeroVec(name string) Vec

	// StoreSum stores sum + bias, the sum being the 16 elements of v added in
	// pairs 8, 4, 2 and 1 apart.
	StoreSum(v []Vec, bias Reg, biasOffset int, y Reg, yOffset int)

	// Do performs one operation and returns where the result is. dies[i] says
	// that argument i is used up, so its register may be reused.
	Do(op Op, args []Operand, dies []bool, shift int) Vec
}

// Generator writes kernels with a machine, as the path's tuning says.
type Generator struct {
	*checked
	*Tuning
}

// Emit writes one kernel for one path, if it has one of its own.
func Emit(m Machine, t *Tuning, k *Kernel) {
	if !t.Has(k) {
		return
	}
	t.check()
	if t.Dots != nil && t.Dots.Words {
		larger := *k
		larger.Scratch += k.WordScratch
		k = &larger
	}
	c := newChecked(m, t, k)
	c.Begin(k, t.InstructionSet)
	k.Body(&Generator{c, t})
	c.End()
}

const floatSize = 4

// CacheLine is the number of bytes of a cache line, and of the widest vector.
const CacheLine = aligned.Bytes

// vectorSize is the number of bytes of a vector.
func (g *Generator) vectorSize() int { return g.Lanes() * floatSize }

// countdown runs body while n ≥ by, and takes by from n each time.
func (g *Generator) countdown(n Reg, by int, label string, body func()) {
	done := label + "_done"
	g.SubJumpIf(n, by, Less, done)
	g.Label(label)
	body()
	g.SubJumpIf(n, by, GreaterOrEqual, label)
	g.Label(done)
	g.AddImm(n, by) // what is left of it
}

// narrowTo sees to it that a vector has no more lanes than a panel has units.
// The function it returns undoes that.
func (g *Generator) narrowTo(units int) (undo func()) {
	lanes := g.Lanes()
	if units < lanes {
		g.SetLanes(units)
	}
	return func() { g.SetLanes(lanes) }
}
