package gen

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"example.com/lstm/internal/contract"
	"example.com/lstm/internal/panel"
)

// checked is the machine that the plan sees: it panics where the plan is wrong,
// or the back-end, and else passes on what the plan says. What depends on the
// order in which a kernel is executed, not written, is seen by the interpreter.
//
// A register that is made gets a new number, its use. Once it is used up, the
// copies of its old name that the plan still holds are known by that.
type checked struct {
	m      Machine
	t      *Tuning
	kernel *Kernel
	text   string // the last comment

	made                                      int // registers so far
	regs, vecs, weights, scalars, multipliers map[int]*register

	labels, targets map[string]bool
	returns         bool
}

// register is what is known of a general register, a vector register or a factor.
type register struct {
	name  string
	use   int
	lanes int  // when it was made
	gone  bool // used up

	moves int // how often a pointer has changed

	// Of a weight that is a vector: that.
	vec *Vec
	// Of weights and scalars: what they are loaded from and how often it had
	// changed by then, and the uses that are left.
	base  Reg
	moved int
	left  int

	bytes bool // of factors: groups of int8
}

var _ Machine = (*checked)(nil)

func newChecked(m Machine, t *Tuning, k *Kernel) *checked {
	return &checked{
		m: m, t: t, kernel: k,
		regs: map[int]*register{}, vecs: map[int]*register{},
		weights: map[int]*register{}, scalars: map[int]*register{}, multipliers: map[int]*register{},
		labels: map[string]bool{}, targets: map[string]bool{},
	}
}

func (c *checked) fail(format string, args ...any) {
	panic(fmt.Sprintf("gen: %s%s, at %q: %s", c.kernel.Name, c.t.Name, c.text, fmt.Sprintf(format, args...)))
}

// add takes note of what the machine has made.
func (c *checked) add(to map[int]*register, id int, name string, lanes int) *register {
	c.made++
	r := &register{name: name, use: c.made, lanes: lanes}
	to[id] = r
	return r
}

// find returns what is known of a register that the plan uses.
func (c *checked) find(in map[int]*register, kind string, id, use int) *register {
	r := in[id]
	switch {
	case r == nil || use == 0:
		c.fail("%s %d has not been made", kind, id)
	case r.gone || r.use != use:
		c.fail("%s %d (%s) is used up", kind, id, r.name)
	}
	return r
}

func (c *checked) reg(r Reg) *register { return c.find(c.regs, "register", r.ID, r.use) }

// changes is reg for one that is about to change.
func (c *checked) changes(r Reg) { c.reg(r).moves++ }

func (c *checked) newReg(r Reg, name string) Reg {
	r.use = c.add(c.regs, r.ID, name, 0).use
	return r
}

func (c *checked) vec(v Vec) *register {
	r := c.find(c.vecs, "vector", v.ID, v.use)
	if v.Lanes != c.Lanes() {
		c.fail("vector %d (%s) has %d lanes, and vectors have %d here", v.ID, r.name, v.Lanes, c.Lanes())
	}
	return r
}

func (c *checked) newVec(v Vec, name string) Vec {
	if v.Lanes != c.Lanes() {
		c.fail("the back-end has made a vector of %d lanes, and vectors have %d here", v.Lanes, c.Lanes())
	}
	v.use = c.add(c.vecs, v.ID, name, v.Lanes).use
	return v
}

// Drop says that registers are used up.
func (c *checked) Drop(regs ...Reg) {
	for _, r := range regs {
		c.reg(r).gone = true
	}
}

// Fit is v as a vector of as many lanes as vectors have now: its first, or, if v
// was made with fewer, its own and zeros.
func (c *checked) Fit(v Vec) Vec {
	r := c.find(c.vecs, "vector", v.ID, v.use)
	if v.Lanes < c.Lanes() && v.Lanes < r.lanes {
		c.fail("vector %d (%s) has more than zeros after its first %d lanes", v.ID, r.name, v.Lanes)
	}
	v.Lanes = c.Lanes()
	return v
}

func (c *checked) Lanes() int { return c.m.Lanes() }

func (c *checked) SetLanes(n int) {
	if n <= 0 || n > c.t.Lanes {
		c.fail("%d lanes, want 1 to %d", n, c.t.Lanes)
	}
	c.m.SetLanes(n)
}

func (c *checked) Begin(k *Kernel, set InstructionSet) {
	c.m.Begin(k, set)
	if c.Lanes() != set.Lanes {
		c.fail("the back-end begins with vectors of %d lanes, want %d", c.Lanes(), set.Lanes)
	}
}

func (c *checked) End() {
	if c.Lanes() != c.t.Lanes {
		c.fail("vectors have %d lanes at the end, want %d", c.Lanes(), c.t.Lanes)
	}
	for _, label := range slices.Sorted(maps.Keys(c.targets)) {
		if !c.labels[label] {
			c.fail("a jump to %s, and there is no such label", label)
		}
	}
	if !c.returns {
		c.fail("the kernel does not return")
	}
	c.m.End()
}

func (c *checked) Comment(text string) {
	c.text = text
	c.m.Comment(text)
}

func (c *checked) Label(name string) {
	if c.labels[name] {
		c.fail("label %s is defined twice", name)
	}
	c.labels[name] = true
	c.m.Label(name)
}

func (c *checked) Jump(label string) {
	c.targets[label] = true
	c.m.Jump(label)
}

func (c *checked) JumpIf(a Reg, cond Condition, b int, label string) {
	c.reg(a)
	c.targets[label] = true
	c.m.JumpIf(a, cond, b, label)
}

func (c *checked) SubJumpIf(r Reg, n int, cond Condition, label string) {
	c.changes(r)
	c.targets[label] = true
	c.m.SubJumpIf(r, n, cond, label)
}

func (c *checked) Return() {
	c.returns = true
	c.m.Return()
}

func (c *checked) Arg(arg, name string) Reg { return c.newReg(c.m.Arg(arg, name), name) }

func (c *checked) SetArg(arg string, r Reg) {
	c.reg(r)
	c.m.SetArg(arg, r)
}

func (c *checked) Copy(r Reg, name string) Reg {
	c.reg(r)
	return c.newReg(c.m.Copy(r, name), name)
}

func (c *checked) LoadReg(base Reg, offset int, name string) Reg {
	c.reg(base)
	return c.newReg(c.m.LoadReg(base, offset, name), name)
}

func (c *checked) Scratch(name string) Reg {
	if c.kernel.Scratch == 0 {
		c.fail("the kernel has no scratch memory")
	}
	return c.newReg(c.m.Scratch(name), name)
}

func (c *checked) Zero(name string) Reg { return c.newReg(c.m.Zero(name), name) }

func (c *checked) AddImm(r Reg, n int) {
	c.changes(r)
	c.m.AddImm(r, n)
}

func (c *checked) Add(r, s Reg) {
	c.reg(s)
	c.changes(r)
	c.m.Add(r, s)
}

func (c *checked) ShiftLeft(r Reg, n int) {
	c.changes(r)
	c.m.ShiftLeft(r, n)
}

func (c *checked) AndImm(r Reg, n int) {
	c.changes(r)
	c.m.AndImm(r, n)
}

func (c *checked) Load(base Reg, offset int, name string) Vec {
	c.reg(base)
	return c.newVec(c.m.Load(base, offset, name), name)
}

func (c *checked) LoadFirst(n Reg, base Reg, offset int, name string) Vec {
	c.reg(n)
	c.reg(base)
	return c.newVec(c.m.LoadFirst(n, base, offset, name), name)
}

func (c *checked) LoadSpread(base Reg, offset int, name string) Vec {
	c.reg(base)
	return c.newVec(c.m.LoadSpread(base, offset, name), name)
}

func (c *checked) Reload(v Vec, base Reg, offset int) {
	c.vec(v)
	c.reg(base)
	c.m.Reload(v, base, offset)
}

func (c *checked) Move(to, v Vec) {
	c.vec(to)
	c.vec(v)
	c.m.Move(to, v)
}

func (c *checked) Store(v Vec, base Reg, offset int) {
	c.vec(v)
	c.reg(base)
	c.m.Store(v, base, offset)
}

func (c *checked) StoreFirst(v Vec, n Reg, base Reg, offset int) {
	c.vec(v)
	c.reg(n)
	c.reg(base)
	c.m.StoreFirst(v, n, base, offset)
}

func (c *checked) StoreBytes(v []Vec, base Reg, offset int) {
	if len(v)*c.Lanes() != panel.QuadBytes {
		c.fail("%d vectors of %d lanes are not %d integers", len(v), c.Lanes(), panel.QuadBytes)
	}
	for _, v := range v {
		c.vec(v)
	}
	c.reg(base)
	c.m.StoreBytes(v, base, offset)
}

func (c *checked) StoreEach(v [4]Vec, base Reg, offset int) {
	for _, v := range v {
		c.vec(v)
	}
	c.reg(base)
	c.m.StoreEach(v, base, offset)
}

func (c *checked) Prefetch(base Reg, offset int) {
	c.reg(base)
	c.m.Prefetch(base, offset)
}

func (c *checked) PrefetchFar(base Reg, offset int) {
	c.reg(base)
	c.m.PrefetchFar(base, offset)
}

// loadedFrom says where a factor comes from.
func (c *checked) loadedFrom(f *register, base Reg, uses int) {
	f.base, f.moved, f.left = base, c.reg(base).moves, uses
}

// takeUse takes one of the uses of a factor that may still be in memory.
func (c *checked) takeUse(f *register, kind string) {
	base := c.find(c.regs, "register", f.base.ID, f.base.use)
	if base.moves != f.moved {
		c.fail("a %s is used after its pointer, register %d (%s), has changed", kind, f.base.ID, base.name)
	}
	if f.left--; f.left < 0 {
		c.fail("a %s is used more often than was said", kind)
	}
}

func (c *checked) LoadWeights(base Reg, offset, n, uses int) []Weight {
	c.reg(base)
	return c.newWeights(c.m.LoadWeights(base, offset, n, uses), base, uses, false)
}

func (c *checked) LoadHalves(base Reg, offset, n, uses int) []Weight {
	c.reg(base)
	return c.newWeights(c.m.LoadHalves(base, offset, n, uses), base, uses, false)
}

func (c *checked) LoadBytes(base Reg, offset, n, uses int) []Weight {
	c.reg(base)
	return c.newWeights(c.m.LoadBytes(base, offset, n, uses), base, uses, true)
}

func (c *checked) newWeights(ws []Weight, base Reg, uses int, bytes bool) []Weight {
	for i := range ws {
		w := &ws[i]
		r := c.add(c.weights, w.ID, "weight", w.Lanes)
		r.bytes = bytes
		w.use = r.use
		c.loadedFrom(r, base, uses)
	}
	return ws
}

func (c *checked) VecWeight(v Vec) Weight {
	c.vec(v)
	w := c.m.VecWeight(v)
	r := c.add(c.weights, w.ID, "weight", w.Lanes)
	r.vec = &v
	w.use = r.use
	return w
}

func (c *checked) LoadScalars(base Reg, offset, n int) []Scalar {
	c.reg(base)
	scalars := c.m.LoadScalars(base, offset, n)
	for i := range scalars {
		s := &scalars[i]
		r := c.add(c.scalars, s.ID, "scalar", 0)
		s.use = r.use
		c.loadedFrom(r, base, math.MaxInt)
	}
	return scalars
}

func (c *checked) Spread(s Scalar) Multiplier {
	c.takeUse(c.find(c.scalars, "scalar", s.ID, s.use), "scalar")
	return c.newMultiplier(c.m.Spread(s), false)
}

func (c *checked) SpreadBytes(s Scalar, digit bool) Multiplier {
	c.takeUse(c.find(c.scalars, "scalar", s.ID, s.use), "scalar")
	return c.newMultiplier(c.m.SpreadBytes(s, digit), true)
}

func (c *checked) SpreadWords(even, odd Scalar) Multiplier {
	for _, s := range []Scalar{even, odd} {
		c.takeUse(c.find(c.scalars, "scalar", s.ID, s.use), "scalar")
	}
	return c.newMultiplier(c.m.SpreadWords(even, odd), true)
}

func (c *checked) newMultiplier(m Multiplier, bytes bool) Multiplier {
	r := c.add(c.multipliers, m.ID, "multiplier", m.Lanes)
	r.bytes = bytes
	m.use = r.use
	return m
}

// sameLanes checks a factor beside a sum.
func (c *checked) sameLanes(kind string, lanes int) {
	if lanes != c.Lanes() {
		c.fail("a %s has %d lanes, and vectors have %d here", kind, lanes, c.Lanes())
	}
}

// kinds of factors.
var factorKinds = map[bool]string{false: "float32", true: "groups of int8"}

// sameKind checks that a factor is what the product takes.
func (c *checked) sameKind(kind string, f *register, bytes bool) {
	if f.bytes != bytes {
		c.fail("a %s is %s, and the product is of %s", kind, factorKinds[f.bytes], factorKinds[bytes])
	}
}

// weight takes one of the uses of w.
func (c *checked) weight(w Weight, bytes bool) {
	r := c.find(c.weights, "weight", w.ID, w.use)
	if r.vec != nil {
		c.vec(*r.vec)
	} else {
		c.takeUse(r, "weight")
	}
	c.sameLanes("weight", w.Lanes)
	c.sameKind("weight", r, bytes)
}

// factors checks those of a product.
func (c *checked) factors(acc Vec, w Weight, m Multiplier, bytes bool) {
	c.vec(acc)
	c.weight(w, bytes)
	c.sameKind("multiplier", c.find(c.multipliers, "multiplier", m.ID, m.use), bytes)
	c.sameLanes("multiplier", m.Lanes)
}

func (c *checked) MulAcc(acc Vec, w Weight, m Multiplier) {
	c.factors(acc, w, m, false)
	c.m.MulAcc(acc, w, m)
}

func (c *checked) DotAcc(acc []Vec, w []Weight, m Multiplier) {
	if len(acc) != len(w) {
		c.fail("%d sums of products with %d weights", len(acc), len(w))
	}
	for i := range acc {
		c.factors(acc[i], w[i], m, true)
	}
	c.m.DotAcc(acc, w, m)
}

func (c *checked) DotStart(block Reg, name string) Vec {
	c.reg(block)
	return c.newVec(c.m.DotStart(block, name), name)
}

func (c *checked) MaxAcross(v Vec) Vec {
	c.vec(v)
	return c.newVec(c.m.MaxAcross(v), "maximum")
}

func (c *checked) SumAcross(v Vec) Vec {
	c.vec(v)
	return c.newVec(c.m.SumAcross(v), "sum")
}

func (c *checked) MulAccVec(acc Vec, w Weight, x Vec) {
	c.vec(acc)
	c.weight(w, false)
	c.vec(x)
	c.m.MulAccVec(acc, w, x)
}

func (c *checked) ZeroVec(name string) Vec { return c.newVec(c.m.ZeroVec(name), name) }

func (c *checked) StoreSum(v []Vec, bias Reg, biasOffset int, y Reg, yOffset int) {
	if len(v)*c.Lanes() != contract.HeadSums {
		c.fail("%d vectors of %d lanes are not %d sums", len(v), c.Lanes(), contract.HeadSums)
	}
	for _, v := range v {
		c.vec(v)
	}
	c.reg(bias)
	c.reg(y)
	c.m.StoreSum(v, bias, biasOffset, y, yOffset)
}

// Do also checks the back-end: its result may overwrite what dies, no more.
func (c *checked) Do(op Op, args []Operand, dies []bool, shift int) Vec {
	kinds := operations[op].operands
	if kinds == "" {
		c.fail("%v is unknown", op)
	}
	if len(args) != len(kinds) || len(dies) != len(kinds) {
		c.fail("%v has %d operands, of which it says of %d whether they die, want %d", op, len(args), len(dies), len(kinds))
	}
	vectors := 0
	for i, a := range args {
		switch {
		case a.Constant == nil && kinds[i] == 'c':
			c.fail("%v: operand %d must be a constant", op, i)
		case a.Constant != nil && kinds[i] == 'v':
			c.fail("%v: operand %d is the constant %s, and must be a vector", op, i, a.Constant.Name)
		case a.Constant != nil && dies[i]:
			c.fail("%v: operand %d is the constant %s, which cannot die", op, i, a.Constant.Name)
		}
		if a.Constant == nil {
			c.vec(a.Vec)
			vectors++
		}
	}
	if vectors == 0 {
		c.fail("%v is of constants only", op)
	}
	for i, a := range args {
		if dies[i] {
			c.vecs[a.Vec.ID].gone = true
		}
	}
	d := c.m.Do(op, args, dies, shift)
	if r := c.vecs[d.ID]; r != nil && !r.gone {
		c.fail("the back-end has put a result in vector %d (%s), which is not used up", d.ID, r.name)
	}
	return c.newVec(d, "result")
}
