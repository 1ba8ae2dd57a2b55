package interpret

import (
	"fmt"

	"example.com/lstm/internal/gen"
)

// maxLanes is the number of lanes of the widest vector.
const maxLanes = gen.CacheLine / floatSize

// vector is what a vector register holds. Lanes beyond those that an operation
// has are 0 after it.
type vector [maxLanes]float32

// state is a run of a program.
type state struct {
	program  *Program
	fma      FMA
	args     []value
	regs     []value
	vecs     []vector
	haveReg  []bool // what has been written, and not been consumed
	haveVec  []bool
	scratch  *region
	at, next int // this instruction, and the one after it
	returned bool
	consumed []int // by this instruction
}

// fault is the panic of a run that cannot go on.
type fault string

func (s *state) fail(format string, args ...any) {
	panic(fault(fmt.Sprintf(format, args...)))
}

func (s *state) reg(r gen.Reg) value {
	if !s.haveReg[r.ID] {
		s.fail("reads general register %d before it is written", r.ID)
	}
	return s.regs[r.ID]
}

func (s *state) setReg(r gen.Reg, v value) {
	s.regs[r.ID], s.haveReg[r.ID] = v, true
}

// integer is what a register holds that must not be a pointer.
func (s *state) integer(r gen.Reg) int {
	v := s.reg(r)
	if v.region != nil {
		s.fail("takes the pointer %v for an integer", v)
	}
	return v.n
}

// address is a place in the memory that a register points to.
func (s *state) address(base gen.Reg, offset int) value {
	at := s.reg(base)
	at.n += offset
	return at
}

func (s *state) add(a, b value) value {
	switch {
	case a.region == nil:
		return value{b.region, a.n + b.n}
	case b.region == nil:
		return value{a.region, a.n + b.n}
	}
	s.fail("adds the pointers %v and %v", a, b)
	return value{}
}

func (s *state) vec(v int) *vector {
	if !s.haveVec[v] {
		s.fail("reads vector register %d before it is written or after it is consumed", v)
	}
	return &s.vecs[v]
}

// setVec is the register that an operation of that many lanes is about to write.
func (s *state) setVec(v int, lanes int) *vector {
	s.haveVec[v] = true
	clear(s.vecs[v][lanes:])
	return &s.vecs[v]
}

// spread puts x in every lane of a register.
func (s *state) spread(v, lanes int, x float32) {
	to := s.setVec(v, lanes)
	for i := range lanes {
		to[i] = x
	}
}

func (s *state) jump(label string) { s.next = s.program.labels[label] }
