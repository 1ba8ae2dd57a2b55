// Package interpret executes the plan of a kernel in Go: a back-end that writes
// no assembly but a program for a machine of its own, and runs that. So every
// path's plan is tested on every machine, also where the processor lacks the
// path.
//
// It sees what assembly cannot show: an access outside an argument, by its name
// and offset; a register or scratch memory that is read before it is written; a
// register that is read after the operation that consumed it.
package interpret

import (
	"fmt"

	"example.com/lstm/internal/gen"
)

// FMA returns x·y + z rounded once.
type FMA func(x, y, z float32) float32

// Program is a kernel's plan for one path.
type Program struct {
	name    string
	params  []param
	scratch int // bytes
	fma     FMA

	instructions []instruction
	labels       map[string]int // the instruction that follows
	regs, vecs   int            // registers of each kind
}

// instruction is one operation of the machine; text is the plan's comment, which
// says where it is.
type instruction struct {
	text string
	do   func(*state)
}

// Record makes the program of a kernel, which the path must have. fma is all of the arithmetic that Go lacks.
func Record(k *gen.Kernel, t *gen.Tuning, fma FMA) *Program {
	if !t.Has(k) {
		panic(fmt.Sprintf("interpret: %s has no kernel %s of its own", t.Name, k.Name))
	}
	r := &recorder{fma: fma}
	gen.Emit(r, t, k)
	return r.program
}

func (p *Program) String() string { return p.name }

// Run executes the program. An error says where the plan does what it must not,
// and what the arguments hold by then is of no use.
//
// Programs may run at the same time on different arguments.
func (p *Program) Run(args Arguments) (err error) {
	s := &state{
		program: p,
		fma:     p.fma,
		regs:    make([]value, p.regs),
		vecs:    make([]vector, p.vecs),
		haveReg: make([]bool, p.regs),
		haveVec: make([]bool, p.vecs),
	}
	if p.scratch > 0 {
		n := p.scratch / floatSize
		s.scratch = &region{name: "scratch memory", floats: make([]float32, n), written: make([]bool, n)}
	}
	if s.args, err = bind(p.params, args); err != nil {
		return fmt.Errorf("interpret: %v: %w", p, err)
	}
	defer func() {
		if r := recover(); r != nil {
			f, ok := r.(fault)
			if !ok {
				panic(r)
			}
			err = fmt.Errorf("interpret: %v: instruction %d, at %q: %s", p, s.at, p.instructions[s.at].text, f)
		}
	}()
	for steps := 0; !s.returned; steps++ {
		if s.next == len(p.instructions) {
			s.fail("the kernel goes on after its end, without a return")
		}
		if steps == maxSteps {
			s.fail("still running after %d instructions", steps)
		}
		s.at = s.next
		s.next++
		p.instructions[s.at].do(s)
	}
	return nil
}

// maxSteps ends a loop that does not end: hundreds of times what a call of the
// tests takes.
const maxSteps = 1 << 24

const (
	floatSize = 4
	halfSize  = 2 // of a binary16 number
)
