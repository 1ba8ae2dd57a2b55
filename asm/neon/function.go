// Package neon is the back-end for NEON: [Machine] turns the plan's operations into
// instructions. They are emitted much as with avo on amd64: a [Function] takes
// instructions on virtual registers, and a [File] finds real ones for them and
// prints everything.
//
// Operands are typed: a general register, a vector register, a lane and an address
// cannot stand for each other. Sources come first and the destination last, as in
// Go's assembler. What that assembler lacks is printed as a WORD from the one
// table in word.go, with the instruction as comment.
//
// Mistakes are those of a generator's author, so they panic, with the text of
// the function so far.
package neon

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mmcloughlin/avo/gotypes"
)

// Function is an assembly function in the making.
type Function struct {
	name      string
	signature *gotypes.Signature
	doc       []string
	frame     int // bytes of local variables
	file      *File
	nodes     []node
	registers []virtual // the first is none
	roles     []string  // in order of appearance
	constants X         // address of the file's constants, once there is need of one
}

// node is a comment, a label or an instruction.
type node interface{ text(a allocation) string }

type (
	comment string
	label   string
)

func (c comment) text(allocation) string { return "// " + string(c) }
func (l label) text(allocation) string   { return string(l) + ":" }

// instruction is one, with what matters for the allocation of registers.
type instruction struct {
	opcode   string
	operands []operand
	reads    []int
	writes   []int
	constant string // the name of what it loads from the table of constants
	target   label  // where it may jump to
	ends     bool   // never reaches the next instruction
}

func (i *instruction) text(a allocation) string {
	return i.opcode + " " + joinOperands(i.operands, a)
}

// Comment puts a comment before the next instruction.
func (f *Function) Comment(text string) { f.nodes = append(f.nodes, comment(text)) }

// Label names the place of the next instruction.
func (f *Function) Label(name string) {
	if slices.Contains(f.nodes, node(label(name))) {
		f.fail("label %s is there already", name)
	}
	f.nodes = append(f.nodes, label(name))
}

// AllocLocal makes room for a local variable, the only one, of that many bytes.
func (f *Function) AllocLocal(bytes int) {
	if f.frame > 0 {
		f.fail("there is a local variable already")
	}
	f.frame = bytes
}

// X returns a new general register. The register map at the head of the
// function lists it under its role; without one it holds something for a moment.
func (f *Function) X(role string) X { return X{f.register(general, role)} }

// V returns a new vector register.
func (f *Function) V(role string) V { return V{f.register(vector, role)} }

func (f *Function) register(k kind, role string) int {
	if role != "" && !slices.Contains(f.roles, role) {
		f.roles = append(f.roles, role)
	}
	f.registers = append(f.registers, virtual{k, role})
	return len(f.registers) - 1
}

func (f *Function) emit(i *instruction) {
	for _, id := range slices.Concat(i.reads, i.writes) {
		if id <= 0 || id >= len(f.registers) {
			f.fail("%s: no such register", i.text(nil))
		}
	}
	f.nodes = append(f.nodes, i)
}

// fail panics with the text so far.
func (f *Function) fail(format string, args ...any) {
	var lines []string
	for _, n := range f.nodes {
		lines = append(lines, n.text(nil))
	}
	panic(fmt.Sprintf("neon: %s: %s\n%s", f.name, fmt.Sprintf(format, args...), strings.Join(lines, "\n")))
}

// ids are the numbers of general registers, vs of vector registers.
func ids(rs ...X) []int {
	var list []int
	for _, r := range rs {
		list = append(list, r.id)
	}
	return list
}

func vs(rs ...V) []int {
	var list []int
	for _, r := range rs {
		list = append(list, r.id)
	}
	return list
}
