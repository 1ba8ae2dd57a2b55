package interpret

import (
	"fmt"
	"math"

	"example.com/lstm/internal/contract"
	"example.com/lstm/internal/gen"
)

// recorder is the back-end: a gen.Machine whose code is a Program.
type recorder struct {
	*gen.Tuning
	lanes   int
	program *Program
	text    string   // the last comment
	targets []string // of jumps
	kinds   map[gen.Vec]kind
}

// kind is what a vector register that is a factor has been made for.
type kind int

const (
	vectorKind kind = iota
	weightKind
	scalarKind
	spreadKind
)

func (r *recorder) fail(format string, args ...any) {
	panic(fmt.Sprintf("interpret: %v, at %q: %s", r.program, r.text, fmt.Sprintf(format, args...)))
}

// The facts that are fields of the table.

func (r *recorder) Lanes() int          { return r.lanes }
func (r *recorder) TileVectors() int    { return r.Tuning.TileVectors }
func (r *recorder) WeightsAtOnce() int  { return r.Tuning.WeightsAtOnce }
func (r *recorder) Lockstep() int       { return r.Tuning.Lockstep }
func (r *recorder) TileLockstep() int   { return r.Tuning.TileLockstep }
func (r *recorder) ElementVectors() int { return r.Tuning.ElementVectors }
func (r *recorder) ShadowSteps() int    { return r.Tuning.ShadowSteps }
func (r *recorder) ShadowLockstep() int { return r.Tuning.ShadowLockstep }
func (r *recorder) HeadRows() int       { return r.Tuning.HeadRows }

func (r *recorder) SetLanes(n int) {
	if n <= 0 || n > r.Tuning.Lanes {
		r.fail("%d lanes, and a vector has %d", n, r.Tuning.Lanes)
	}
	r.lanes = n
}

func (r *recorder) Begin(k *gen.Kernel) {
	r.program.kernel = k
	r.program.params = parseParams(k.Params)
	r.program.labels = map[string]int{}
	r.kinds = map[gen.Vec]kind{}
}

func (r *recorder) End() {
	for _, label := range r.targets {
		if _, ok := r.program.labels[label]; !ok {
			r.fail("jump to %s, which is no label", label)
		}
	}
}

// add appends an instruction.
func (r *recorder) add(do func(s *state)) {
	r.program.instructions = append(r.program.instructions, instruction{r.text, do})
}

func (r *recorder) newReg() gen.Reg {
	r.program.regs++
	return gen.Reg(r.program.regs - 1)
}

func (r *recorder) newVec() gen.Vec {
	r.program.vecs++
	return gen.Vec(r.program.vecs - 1)
}

func (r *recorder) Comment(text string) { r.text = text }

func (r *recorder) Label(name string) {
	if _, ok := r.program.labels[name]; ok {
		r.fail("label %s is defined twice", name)
	}
	r.program.labels[name] = len(r.program.instructions)
}

func (r *recorder) Jump(label string) {
	r.targets = append(r.targets, label)
	r.add(func(s *state) { s.jump(label) })
}

func (r *recorder) JumpIf(a gen.Reg, cond gen.Condition, b int, label string) {
	r.targets = append(r.targets, label)
	r.add(func(s *state) {
		if compare(s.integer(a), cond, b) {
			s.jump(label)
		}
	})
}

func (r *recorder) SubJumpIf(a gen.Reg, n int, cond gen.Condition, label string) {
	r.targets = append(r.targets, label)
	r.add(func(s *state) {
		left := s.integer(a) - n
		s.setReg(a, value{n: left})
		if compare(left, cond, 0) {
			s.jump(label)
		}
	})
}

func compare(a int, cond gen.Condition, b int) bool {
	switch cond {
	case gen.Less:
		return a < b
	case gen.LessOrEqual:
		return a <= b
	case gen.Equal:
		return a == b
	case gen.GreaterOrEqual:
		return a >= b
	case gen.Greater:
		return a > b
	}
	panic(fmt.Sprintf("interpret: condition %d", cond))
}

func (r *recorder) Return() {
	r.add(func(s *state) { s.next = len(s.program.instructions) })
}

// slot is the place of an argument among the parameters.
func (r *recorder) slot(arg string) int {
	for i, p := range r.program.params {
		if p.name == arg {
			return i
		}
	}
	r.fail("no parameter is named %s", arg)
	return 0
}

func (r *recorder) Arg(arg, _ string) gen.Reg {
	d, slot := r.newReg(), r.slot(arg)
	r.add(func(s *state) { s.setReg(d, s.args[slot]) })
	return d
}

func (r *recorder) SetArg(arg string, a gen.Reg) {
	slot := r.slot(arg)
	r.add(func(s *state) { s.args[slot] = s.reg(a) })
}

func (r *recorder) Copy(a gen.Reg, _ string) gen.Reg {
	d := r.newReg()
	r.add(func(s *state) { s.setReg(d, s.reg(a)) })
	return d
}

func (r *recorder) LoadReg(base gen.Reg, offset int, _ string) gen.Reg {
	d := r.newReg()
	r.add(func(s *state) { s.setReg(d, s.word(s.address(base, offset))) })
	return d
}

func (r *recorder) Scratch(string) gen.Reg {
	if r.program.kernel.Scratch == 0 {
		r.fail("the kernel has no scratch memory")
	}
	d := r.newReg()
	r.add(func(s *state) { s.setReg(d, value{region: s.scratch}) })
	return d
}

func (r *recorder) Zero(string) gen.Reg {
	d := r.newReg()
	r.add(func(s *state) { s.setReg(d, value{}) })
	return d
}

func (r *recorder) AddImm(a gen.Reg, n int) {
	r.add(func(s *state) { s.setReg(a, s.add(s.reg(a), value{n: n})) })
}

func (r *recorder) Add(a, b gen.Reg) {
	r.add(func(s *state) { s.setReg(a, s.add(s.reg(a), s.reg(b))) })
}

func (r *recorder) ShiftLeft(a gen.Reg, n int) {
	r.add(func(s *state) { s.setReg(a, value{n: s.integer(a) << n}) })
}

func (r *recorder) Load(base gen.Reg, offset int, _ string) gen.Vec {
	d := r.newVec()
	r.Reload(d, base, offset)
	return d
}

func (r *recorder) Reload(v gen.Vec, base gen.Reg, offset int) {
	r.load(v, base, offset, r.lanes)
}

// load reads n floats into a register.
func (r *recorder) load(v gen.Vec, base gen.Reg, offset, n int) {
	r.add(func(s *state) {
		m := s.memory(s.address(base, offset), n, false)
		copy(s.setVec(v, n)[:], m)
	})
}

func (r *recorder) Store(v gen.Vec, base gen.Reg, offset int) {
	lanes := r.lanes
	r.add(func(s *state) {
		copy(s.memory(s.address(base, offset), lanes, true), s.vec(v)[:])
	})
}

func (r *recorder) StoreFirst(v gen.Vec, n gen.Reg, base gen.Reg, offset int) {
	lanes := r.lanes
	r.add(func(s *state) {
		n := s.integer(n)
		if n <= 0 || n >= lanes {
			s.fail("stores the first %d of %d lanes", n, lanes)
		}
		copy(s.memory(s.address(base, offset), n, true), s.vec(v)[:])
	})
}

// Prefetch does nothing. What it asks for need not be memory.
func (r *recorder) Prefetch(base gen.Reg, _ int) {
	r.add(func(s *state) {
		if at := s.reg(base); at.region == nil {
			s.fail("prefetches at %v, which is no pointer", at)
		}
	})
}

func (r *recorder) PrefetchFar(base gen.Reg, offset int) { r.Prefetch(base, offset) }

func (r *recorder) LoadWeights(base gen.Reg, offset, n, uses int) []gen.Factor {
	ws := make([]gen.Factor, n)
	for i := range ws {
		ws[i].Vec = r.Load(base, offset+i*r.lanes*floatSize, "")
		r.kinds[ws[i].Vec] = weightKind
	}
	return ws
}

func (r *recorder) LoadScalars(base gen.Reg, offset, n int) []gen.Factor {
	d := r.newVec()
	r.load(d, base, offset, n)
	r.kinds[d] = scalarKind
	scalars := make([]gen.Factor, n)
	for i := range scalars {
		scalars[i] = gen.Factor{Vec: d, Lane: i}
	}
	return scalars
}

func (r *recorder) Spread(scalar gen.Factor) gen.Factor {
	r.want(scalar, scalarKind)
	d, lanes := r.newVec(), r.lanes
	r.add(func(s *state) {
		x := s.vec(scalar.Vec)[scalar.Lane]
		to := s.setVec(d, lanes)
		for i := range lanes {
			to[i] = x
		}
	})
	r.kinds[d] = spreadKind
	return gen.Factor{Vec: d}
}

// want panics if the factor was made for something else.
func (r *recorder) want(f gen.Factor, k kind) {
	if f.InMemory || r.kinds[f.Vec] != k {
		r.fail("factor %+v is of kind %d, want kind %d", f, r.kinds[f.Vec], k)
	}
}

func (r *recorder) MulAcc(acc gen.Vec, w, m gen.Factor) {
	r.want(w, weightKind)
	r.want(m, spreadKind)
	r.multiply(acc, w.Vec, m.Vec)
}

func (r *recorder) MulAccVec(acc gen.Vec, w gen.Factor, x gen.Vec) {
	r.multiply(acc, w.Vec, x)
}

func (r *recorder) multiply(acc, w, x gen.Vec) {
	lanes := r.lanes
	r.add(func(s *state) {
		w, x, sum := s.vec(w), s.vec(x), s.vec(acc)
		for i := range lanes {
			sum[i] = s.fma(w[i], x[i], sum[i])
		}
		clear(sum[lanes:])
	})
}

func (r *recorder) ZeroVec(string) gen.Vec {
	d := r.newVec()
	r.add(func(s *state) { s.setVec(d, 0) })
	return d
}

func (r *recorder) StoreSum(v []gen.Vec, bias gen.Reg, biasOffset int, y gen.Reg, yOffset int) {
	lanes := r.lanes
	if len(v)*lanes != contract.HeadSums {
		r.fail("%d vectors of %d lanes are not %d sums", len(v), lanes, contract.HeadSums)
	}
	r.add(func(s *state) {
		var sums [contract.HeadSums]float32
		for i, v := range v {
			copy(sums[i*lanes:], s.vec(v)[:lanes])
		}
		for n := len(sums) / 2; n > 0; n /= 2 {
			for i := range n {
				sums[i] += sums[i+n]
			}
		}
		b := s.memory(s.address(bias, biasOffset), 1, false)[0]
		s.memory(s.address(y, yOffset), 1, true)[0] = sums[0] + b
	})
}

// Do records one operation of a formula. What dies in it cannot be read again.
func (r *recorder) Do(op gen.Op, args []gen.Operand, dies []bool, shift int) gen.Vec {
	d, lanes := r.newVec(), r.lanes
	f := operation(op, shift)
	if f == nil {
		r.fail("operation %d is unknown", op)
	}
	get := make([]func(*state) *vector, 3)
	for i := range get {
		switch {
		case i >= len(args):
			get[i] = func(*state) *vector { return nil }
		case args[i].Constant != nil:
			var c vector
			for lane := range c {
				c[lane] = math.Float32frombits(args[i].Constant.Bits)
			}
			get[i] = func(*state) *vector { return &c }
		default:
			v, dies := args[i].Vec, dies[i]
			get[i] = func(s *state) *vector {
				from := s.vec(v)
				if dies {
					// It may be an argument twice: gone only after this.
					s.consumed = append(s.consumed, v)
				}
				return from
			}
		}
	}
	r.add(func(s *state) {
		s.consumed = s.consumed[:0]
		a, b, c := get[0](s), get[1](s), get[2](s)
		f(s, s.setVec(d, lanes)[:lanes], a, b, c)
		for _, v := range s.consumed {
			s.haveVec[v] = false
		}
	})
	return d
}
