// Package gen is the plan of the assembly kernels: what each of them does,
// described once, over an abstract vector machine. A back-end is a [Machine]; it
// knows one instruction set and nothing of LSTMs. The command in asm prints the
// plan through every back-end, which is how the assembly at the root is made.
//
// The files follow the mathematics: formula.go is the arithmetic language,
// activation.go writes the contract's σ, tanh and cell in it, and step.go,
// tile.go, head.go and elementwise.go are the kernels.
//
// A mistake in a plan or a back-end is a mistake of ours at build time, never
// of a user, so everything here panics instead of returning errors.
package gen

// Reg is a general register that holds a pointer or an integer, Vec a vector
// register. They are names: the back-end finds real registers for them.
type (
	Reg int
	Vec int
)

// Factor is what a machine multiplies: a vector register or one lane of it, or
// memory for a machine that multiplies from there.
type Factor struct {
	Vec      Vec
	Lane     int
	Base     Reg
	Offset   int
	InMemory bool
}

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

// Machine is an instruction set as the plan sees it. Sizes and offsets are in
// bytes. Registers are virtual; a machine that has too few for the plan panics.
type Machine interface {
	Traits

	// Begin and End enclose one kernel. Begin takes care of the frame.
	Begin(k *Kernel)
	End()

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

	// SubJumpIf takes n from r and jumps if what is left compares with 0.
	SubJumpIf(r Reg, n int, cond Condition, label string)

	// Load and Store move whole vectors, Reload to the register of another,
	// StoreFirst only the first n lanes,
	// 0 < n < Lanes, without touching the memory behind.
	Load(base Reg, offset int, name string) Vec
	Reload(v Vec, base Reg, offset int)
	Store(v Vec, base Reg, offset int)
	StoreFirst(v Vec, n Reg, base Reg, offset int)
	// Prefetch asks for a cache line, PrefetchFar for one that is not needed
	// soon, into the second-level cache.
	Prefetch(base Reg, offset int)
	PrefetchFar(base Reg, offset int)

	// LoadWeights makes n consecutive vectors ready, each for that many uses.
	LoadWeights(base Reg, offset, n, uses int) []Factor
	// LoadScalars makes n ≤ KBlock consecutive float32 ready, and Spread one of
	// them, to be multiplied with every lane of a vector.
	LoadScalars(base Reg, offset, n int) []Factor
	Spread(scalar Factor) Factor
	// MulAcc is acc[i] += w[i]·m, MulAccVec acc[i] += w[i]·x[i], both fused.
	MulAcc(acc Vec, w, m Factor)
	MulAccVec(acc Vec, w Factor, x Vec)

	// ZeroVec makes a vector of zeros.
	ZeroVec(name string) Vec

	// StoreSum stores sum + bias, the sum being the 16 elements of v added in
	// pairs 8, 4, 2 and 1 apart.
	StoreSum(v []Vec, bias Reg, biasOffset int, y Reg, yOffset int)

	// Do performs one operation and returns where the result is. dies[i] says
	// that argument i is not needed afterwards, so its register may be reused.
	Do(op Op, args []Operand, dies []bool, shift int) Vec
}

// Traits are the facts about an instruction set that shape the plan.
type Traits interface {
	// Lanes is the number of float32 in a vector, as SetLanes has set it; at
	// first the most there is. Lanes of fewer are asked for by narrow panels.
	Lanes() int
	SetLanes(n int)
	// KBlock is the number of elements of x in one iteration of the inner loop, for
	// that many columns.
	KBlock(columns int) int
	// TileVectors is the number of weight vectors that a tile multiplies with
	// each of its columns: so many times the columns, and what they are
	// multiplied from, must fit the registers.
	TileVectors() int
	// WeightsAtOnce is the number of weight vectors that there are registers for
	// beside the sums and their multipliers.
	WeightsAtOnce() int
	// Lockstep is the number of activations of a cell whose operations take
	// turns, so that one's latency hides another's, as registers allow.
	Lockstep() int
	// TileLockstep is the same for the cells of tiles, whose sums wait in memory.
	TileLockstep() int
	// ElementVectors is the same for the elementwise kernels, which have the
	// registers to themselves.
	ElementVectors() int
	// ShadowSteps is the number of elements of x that a step needs to have the
	// cells of one panel computed while the weights of the next come from memory,
	// 0 if the registers do not suffice for both.
	ShadowSteps() int
	// ShadowLockstep is Lockstep for those cells.
	ShadowLockstep() int
	// HeadRows is the number of rows that the head sums side by side.
	HeadRows() int
}

// A Kernel is one assembly function.
type Kernel struct {
	Name    string   // without the instruction set
	Params  string   // Go parameter list
	Doc     []string // what the stub says
	Scratch int      // bytes of scratch memory, if it is used
	// MinLanes is the number of lanes below which the kernel makes no sense.
	MinLanes int
	Body     func(g *Generator)
}

// Generator writes kernels with a machine.
type Generator struct {
	Machine
}

// Emit writes one kernel, if it makes sense for the machine.
func Emit(m Machine, k *Kernel) {
	if m.Lanes() < k.MinLanes {
		return
	}
	m.Begin(k)
	k.Body(&Generator{m})
	m.End()
}

const floatSize = 4

// CacheLine is the number of bytes of a cache line, and of the widest vector.
const CacheLine = 64

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
