// Package emit prints assembly in Go's syntax for instruction sets that avo does
// not know. A [Function] takes instructions on virtual registers, and a [File]
// finds real ones for them and prints everything in avo's form. What it needs to
// know of an instruction set is a [Set] and, of each instruction, which registers
// it reads and writes; a back-end's methods make the instructions.
//
// Mistakes are those of a generator's author, so they panic, with the text of
// the function so far.
package emit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mmcloughlin/avo/gotypes"
)

// Set is what differs from one instruction set to another.
type Set struct {
	Name    string  // in messages
	Classes []Class // the index of one is what Function.Register is given
	// ConstantLanes is how often the table of constants has each: as many lanes
	// as a vector has, or 1 where instructions repeat a constant as they load it.
	ConstantLanes int
}

// Class is a set of real registers that can stand for each other.
type Class struct {
	Prefix  string // of a register's name; its number follows
	Numbers []int  // of those that kernels may use, the preferred ones first
}

func (c Class) name(number int) string { return fmt.Sprint(c.Prefix, number) }

// Function is an assembly function in the making.
type Function struct {
	name      string
	signature *gotypes.Signature
	frame     int // bytes of local variables
	set       *Set
	nodes     []node
	registers []virtual // the first is none
}

// virtual is what is known of a virtual register.
type virtual struct {
	class int
	role  string // what the register maps call it, or nothing
}

// node is a comment, a label or an instruction.
type node interface{ text(a Allocation) string }

type (
	comment string
	label   string
)

func (c comment) text(Allocation) string { return "// " + string(c) }
func (l label) text(Allocation) string   { return string(l) + ":" }

// Instruction is one, with what matters for the allocation of registers.
type Instruction struct {
	Opcode   string
	Operands []Operand
	Reads    []Register
	Writes   []Register
	Constant string // the name of what it loads from the table of constants
	Target   string // the label that it may jump to
	Ends     bool   // never reaches the next instruction
}

func (i *Instruction) text(a Allocation) string {
	return i.Opcode + " " + joinOperands(i.Operands, a)
}

// Comment puts a comment before the next instruction.
func (f *Function) Comment(text string) { f.nodes = append(f.nodes, comment(text)) }

// Label names the place of the next instruction.
func (f *Function) Label(name string) {
	if slices.Contains(f.nodes, node(label(name))) {
		f.Fail("label %s is there already", name)
	}
	f.nodes = append(f.nodes, label(name))
}

// AllocLocal makes room for a local variable, the only one, of that many bytes.
func (f *Function) AllocLocal(bytes int) {
	if f.frame > 0 {
		f.Fail("there is a local variable already")
	}
	f.frame = bytes
}

// Local is the address of the local variable, as an operand.
func (f *Function) Local() Literal {
	if f.frame == 0 {
		f.Fail("no local variable")
	}
	return Literal(fmt.Sprintf("$local-%d(SP)", f.frame))
}

// Param is an argument, as an operand.
func (f *Function) Param(name string) Literal {
	basic, err := f.signature.Params().Lookup(name).Resolve()
	if err != nil {
		f.Fail("argument %s: %v", name, err)
	}
	return Literal(basic.Addr.Asm())
}

// Register returns a new register of that class. The maps of the loops that use
// it list it under its role; without one it holds something for a moment.
func (f *Function) Register(class int, role string) Register {
	f.registers = append(f.registers, virtual{class, role})
	return Register(len(f.registers) - 1)
}

// Emit appends an instruction.
func (f *Function) Emit(i *Instruction) {
	f.check(i)
	f.nodes = append(f.nodes, i)
}

// EmitFirst puts an instruction before all others.
func (f *Function) EmitFirst(i *Instruction) {
	f.check(i)
	f.nodes = append([]node{i}, f.nodes...)
}

func (f *Function) check(i *Instruction) {
	for _, r := range slices.Concat(i.Reads, i.Writes) {
		if r <= 0 || int(r) >= len(f.registers) {
			f.Fail("%s: no such register", i.text(nil))
		}
	}
}

// Last returns the instruction emitted last, for a back-end that can merge it
// with the next, or nil if something else follows it.
func (f *Function) Last() *Instruction {
	if len(f.nodes) == 0 {
		return nil
	}
	last, _ := f.nodes[len(f.nodes)-1].(*Instruction)
	return last
}

// Fail panics with the text so far.
func (f *Function) Fail(format string, args ...any) {
	var lines []string
	for _, n := range f.nodes {
		lines = append(lines, n.text(nil))
	}
	panic(fmt.Sprintf("%s: %s: %s\n%s", f.set.Name, f.name, fmt.Sprintf(format, args...), strings.Join(lines, "\n")))
}
