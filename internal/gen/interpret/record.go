package interpret

import (
	"fmt"
	"math"

	"example.com/lstm/internal/contract"
	"example.com/lstm/internal/float16"
	"example.com/lstm/internal/gen"
	"example.com/lstm/internal/panel"
)

// recorder is the back-end: a gen.Machine whose code is a Program.
type recorder struct {
	fma   FMA
	lanes int
	// Which products of int8 it makes, see package panel.
	biased, inverted bool

	words   map[int]bool // registers of multipliers of int16
	program *Program
	text    string // the last comment
}

func (r *recorder) fail(format string, args ...any) {
	panic(fmt.Sprintf("interpret: %v, at %q: %s", r.program, r.text, fmt.Sprintf(format, args...)))
}

func (r *recorder) Lanes() int     { return r.lanes }
func (r *recorder) SetLanes(n int) { r.lanes = n }

func (r *recorder) Begin(k *gen.Kernel, set gen.InstructionSet) {
	r.lanes = set.Lanes
	r.biased = set.GOARCH == "amd64" && set.Dot
	r.inverted = set.GOARCH == "amd64" && !set.Dot
	r.words = map[int]bool{}
	r.program = &Program{
		fma: r.fma, name: k.Name + set.Name, params: newParams(k.Args), scratch: k.Scratch, labels: map[string]int{},
	}
}

func (r *recorder) End() {}

// add appends an instruction.
func (r *recorder) add(do func(s *state)) {
	r.program.instructions = append(r.program.instructions, instruction{r.text, do})
}

func (r *recorder) newReg() gen.Reg {
	r.program.regs++
	return gen.Reg{ID: r.program.regs - 1}
}

func (r *recorder) newVec() gen.Vec {
	r.program.vecs++
	return gen.Vec{ID: r.program.vecs - 1, Lanes: r.lanes}
}

func (r *recorder) Comment(text string) { r.text = text }

func (r *recorder) Label(name string) {
	r.program.labels[name] = len(r.program.instructions)
}

func (r *recorder) Jump(label string) {
	r.add(func(s *state) { s.jump(label) })
}

func (r *recorder) JumpIf(a gen.Reg, cond gen.Condition, b int, label string) {
	r.add(func(s *state) {
		if compare(s.integer(a), cond, b) {
			s.jump(label)
		}
	})
}

func (r *recorder) SubJumpIf(a gen.Reg, n int, cond gen.Condition, label string) {
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
	r.add(func(s *state) { s.returned = true })
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

func (r *recorder) AndImm(a gen.Reg, n int) {
	r.add(func(s *state) { s.setReg(a, value{n: s.integer(a) & n}) })
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
		copy(s.setVec(v.ID, n)[:], m)
	})
}

func (r *recorder) LoadFirst(n gen.Reg, base gen.Reg, offset int, _ string) gen.Vec {
	d, lanes := r.newVec(), r.lanes
	r.add(func(s *state) {
		n := s.integer(n)
		if n <= 0 || n >= lanes {
			s.fail("loads the first %d of %d lanes", n, lanes)
		}
		m := s.memory(s.address(base, offset), n, false)
		copy(s.setVec(d.ID, n)[:], m)
	})
	return d
}

func (r *recorder) LoadSpread(base gen.Reg, offset int, _ string) gen.Vec {
	d, lanes := r.newVec(), r.lanes
	r.add(func(s *state) {
		x := s.memory(s.address(base, offset), 1, false)[0]
		s.spread(d.ID, lanes, x)
	})
	return d
}

func (r *recorder) Move(to, v gen.Vec) {
	lanes := r.lanes
	r.add(func(s *state) {
		from := *s.vec(v.ID)
		copy(s.setVec(to.ID, lanes)[:lanes], from[:lanes])
	})
}

func (r *recorder) Store(v gen.Vec, base gen.Reg, offset int) {
	lanes := r.lanes
	r.add(func(s *state) {
		copy(s.memory(s.address(base, offset), lanes, true), s.vec(v.ID)[:])
	})
}

func (r *recorder) StoreFirst(v gen.Vec, n gen.Reg, base gen.Reg, offset int) {
	lanes := r.lanes
	r.add(func(s *state) {
		n := s.integer(n)
		if n <= 0 || n >= lanes {
			s.fail("stores the first %d of %d lanes", n, lanes)
		}
		copy(s.memory(s.address(base, offset), n, true), s.vec(v.ID)[:])
	})
}

func (r *recorder) StoreBytes(v []gen.Vec, base gen.Reg, offset int) {
	lanes := r.lanes
	r.add(func(s *state) {
		var groups [panel.QuadBytes]float32
		for i, v := range v {
			copy(groups[i*lanes:], s.vec(v.ID)[:lanes])
		}
		to := s.memory(s.address(base, offset), len(groups)/4, true)
		for i := range to {
			var bytes uint32
			for j := range 4 {
				bytes |= uint32(uint8(asInt(groups[4*i+j]))) << (8 * j)
			}
			to[i] = math.Float32frombits(bytes)
		}
	})
}

func (r *recorder) StoreEach(v [4]gen.Vec, base gen.Reg, offset int) {
	r.add(func(s *state) {
		to := s.memory(s.address(base, offset), len(v), true)
		for i, v := range v {
			to[i] = s.vec(v.ID)[0]
		}
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

func (r *recorder) LoadWeights(base gen.Reg, offset, n, uses int) []gen.Weight {
	ws := make([]gen.Weight, n)
	for i := range ws {
		v := r.Load(base, offset+i*r.lanes*floatSize, "")
		ws[i] = gen.Weight{ID: v.ID, Lanes: r.lanes}
	}
	return ws
}

func (r *recorder) LoadHalves(base gen.Reg, offset, n, _ int) []gen.Weight {
	ws, lanes := make([]gen.Weight, n), r.lanes
	for i := range ws {
		d := r.newVec()
		r.add(func(s *state) {
			m := s.memory(s.address(base, offset+i*lanes*halfSize), lanes*halfSize/floatSize, false)
			to := s.setVec(d.ID, lanes)
			for lane := range lanes {
				to[lane] = float16.At(m, lane)
			}
		})
		ws[i] = gen.Weight{ID: d.ID, Lanes: lanes}
	}
	return ws
}

func (r *recorder) VecWeight(v gen.Vec) gen.Weight { return gen.Weight{ID: v.ID, Lanes: v.Lanes} }

func (r *recorder) LoadScalars(base gen.Reg, offset, n int) []gen.Scalar {
	scalars := make([]gen.Scalar, n)
	for i := range scalars {
		d := r.newVec()
		r.load(d, base, offset+i*floatSize, 1)
		scalars[i].ID = d.ID
	}
	return scalars
}

func (r *recorder) Spread(scalar gen.Scalar) gen.Multiplier {
	d, lanes := r.newVec(), r.lanes
	r.add(func(s *state) {
		s.spread(d.ID, lanes, s.vec(scalar.ID)[0])
	})
	return gen.Multiplier{ID: d.ID, Lanes: lanes}
}

func (r *recorder) LoadBytes(base gen.Reg, offset, n, uses int) []gen.Weight {
	return r.LoadWeights(base, offset, n, uses)
}

func (r *recorder) SpreadBytes(scalar gen.Scalar, digit bool) gen.Multiplier {
	if digit {
		r.add(func(s *state) {
			if group := math.Float32bits(s.vec(scalar.ID)[0]); group&0x80808080 != 0 {
				s.fail("takes the group %#08x for digits", group)
			}
		})
	}
	return r.Spread(scalar)
}

// SpreadWords keeps the odd words in the register after that of the even ones.
func (r *recorder) SpreadWords(even, odd gen.Scalar) gen.Multiplier {
	m, second := r.Spread(even), r.Spread(odd)
	if second.ID != m.ID+1 {
		r.fail("registers %d and %d are no pair", m.ID, second.ID)
	}
	r.words[m.ID] = true
	return m
}

func (r *recorder) DotStart(block gen.Reg, name string) gen.Vec {
	switch {
	case r.biased:
		return r.LoadSpread(block, panel.BlockBiasedStart*floatSize, name)
	case r.inverted:
		return r.LoadSpread(block, panel.BlockInvertedStart*floatSize, name)
	}
	return r.ZeroVec(name)
}

func (r *recorder) DotAcc(acc []gen.Vec, w []gen.Weight, m gen.Multiplier) {
	for i := range acc {
		r.dotAcc(acc[i], w[i], m)
	}
}

func (r *recorder) dotAcc(acc gen.Vec, w gen.Weight, m gen.Multiplier) {
	lanes := r.lanes
	if r.words[m.ID] {
		r.add(func(s *state) {
			w, even, odd, sum := s.vec(w.ID), s.vec(m.ID), s.vec(m.ID+1), s.vec(acc.ID)
			for i := range lanes {
				ws, dot := asInt(w[i]), asInt(sum[i])
				for j := 0; j < 32; j += 16 {
					dot += int32(int8(ws>>j))*int32(int16(asInt(even[i])>>j)) + int32(int8(ws>>(j+8)))*int32(int16(asInt(odd[i])>>j))
				}
				sum[i] = asFloat(dot)
			}
			clear(sum[lanes:])
		})
		return
	}
	product := func(w, x int32) int32 {
		switch {
		case r.biased:
			return (w + 128) * x
		case r.inverted && x < 0:
			return (-w - 1) * -x
		}
		return w * x
	}
	r.add(func(s *state) {
		w, x, sum := s.vec(w.ID), s.vec(m.ID), s.vec(acc.ID)
		for i := range lanes {
			ws, xs, dot := asInt(w[i]), asInt(x[i]), asInt(sum[i])
			for j := 0; j < 32; j += 8 {
				dot += product(int32(int8(ws>>j)), int32(int8(xs>>j)))
			}
			sum[i] = asFloat(dot)
		}
		clear(sum[lanes:])
	})
}

func (r *recorder) MaxAcross(v gen.Vec) gen.Vec {
	return r.across(v, func(a, b int32) int32 { return max(a, b) })
}

func (r *recorder) SumAcross(v gen.Vec) gen.Vec {
	return r.across(v, func(a, b int32) int32 { return a + b })
}

func (r *recorder) across(v gen.Vec, f func(a, b int32) int32) gen.Vec {
	d, lanes := r.newVec(), r.lanes
	r.add(func(s *state) {
		from := s.vec(v.ID)
		all := asInt(from[0])
		for _, lane := range from[1:lanes] {
			all = f(all, asInt(lane))
		}
		s.spread(d.ID, lanes, asFloat(all))
	})
	return d
}

func (r *recorder) MulAcc(acc gen.Vec, w gen.Weight, m gen.Multiplier) {
	r.multiply(acc.ID, w.ID, m.ID)
}

func (r *recorder) MulAccVec(acc gen.Vec, w gen.Weight, x gen.Vec) {
	r.multiply(acc.ID, w.ID, x.ID)
}

func (r *recorder) multiply(acc, w, x int) {
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
	r.add(func(s *state) { s.setVec(d.ID, 0) })
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
			copy(sums[i*lanes:], s.vec(v.ID)[:lanes])
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
		r.fail("%v is unknown", op)
	}
	get := make([]func(*state) *vector, 4)
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
				from := s.vec(v.ID)
				if dies {
					// It may be an argument twice: gone only after this.
					s.consumed = append(s.consumed, v.ID)
				}
				return from
			}
		}
	}
	r.add(func(s *state) {
		s.consumed = s.consumed[:0]
		a, b, c, e := get[0](s), get[1](s), get[2](s), get[3](s)
		f(s, s.setVec(d.ID, lanes)[:lanes], a, b, c, e)
		for _, v := range s.consumed {
			s.haveVec[v] = false
		}
	})
	return d
}
