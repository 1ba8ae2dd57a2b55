package neon

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/buildtags"
	"github.com/mmcloughlin/avo/gotypes"
	"github.com/mmcloughlin/avo/ir"
	avo "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/printer"
)

// File is an assembly file in the making, and the Go file of its stubs.
type File struct {
	constraint string
	functions  []*Function
	constants  []constant
}

// constant is a vector of the table of constants.
type constant struct {
	name string
	bits uint32 // in every lane
}

// NewFile begins a file for that build constraint, as in ConstraintExpr of avo.
func NewFile(constraint string) *File { return &File{constraint: constraint} }

// Function begins a function of that name and Go signature; doc is for its stub.
func (file *File) Function(name, signature string, doc ...string) *Function {
	f := &Function{name: name, doc: doc, file: file, registers: make([]virtual, 1)}
	var err error
	if f.signature, err = gotypes.ParseSignature(signature); err != nil {
		f.fail("%v", err)
	}
	file.functions = append(file.functions, f)
	return f
}

const (
	constantsSymbol = "constants<>"
	constantSize    = 16
)

// constant returns the offset of a constant in the table.
func (file *File) constant(name string, bits uint32) int {
	i := slices.Index(file.constants, constant{name, bits})
	if i < 0 {
		i = len(file.constants)
		file.constants = append(file.constants, constant{name, bits})
	}
	return i * constantSize
}

// Print returns the assembly and the stubs. The form is that of avo, which
// prints them.
func (file *File) Print(cfg printer.Config) (code, stubs []byte, err error) {
	out := ir.NewFile()
	constraint, err := buildtags.ParseConstraint(file.constraint)
	if err != nil {
		return nil, nil, err
	}
	out.Constraints = buildtags.And(constraint)
	out.Includes = []string{"textflag.h"}
	for _, f := range file.functions {
		out.AddSection(f.print())
	}
	if code, err = printer.NewGoAsm(cfg).Print(out); err != nil {
		return nil, nil, err
	}
	stubs, err = printer.NewStubs(cfg).Print(out)
	return append(code, file.data()...), stubs, err
}

// data prints the table of constants.
func (file *File) data() []byte {
	if len(file.constants) == 0 {
		return nil
	}
	var b bytes.Buffer
	b.WriteString("\n// The constants, each in four lanes.\n")
	for i, c := range file.constants {
		for half := range 2 {
			fmt.Fprintf(&b, "DATA %s+%d(SB)/8, $0x%08x%08x // %s\n", constantsSymbol, i*constantSize+half*8, c.bits, c.bits, c.name)
		}
	}
	fmt.Fprintf(&b, "GLOBL %s(SB), RODATA|NOPTR, $%d\n", constantsSymbol, len(file.constants)*constantSize)
	return b.Bytes()
}

// print is the function with real registers, for avo to print.
func (f *Function) print() *ir.Function {
	f = f.hoist()
	found := f.allocate()
	fn := ir.NewFunction(f.name)
	fn.SetSignature(f.signature)
	fn.Doc = f.doc
	fn.AddPragma("noescape")
	fn.LocalSize = f.frame
	if f.frame == 0 {
		fn.Attributes = attr.NOSPLIT
	}
	fn.AddComment(f.registerMap(found)...)
	for start, n := range f.nodes {
		switch n := n.(type) {
		case comment:
			fn.AddComment(string(n))
		case label:
			fn.AddLabel(ir.Label(n))
		case *instruction:
			if start == 0 || !isInstruction(f.nodes[start-1]) {
				addGroup(fn, f.nodes[start:], found)
			}
		}
	}
	return fn
}

func isInstruction(n node) bool {
	_, ok := n.(*instruction)
	return ok
}

// addGroup adds the instructions at the beginning of nodes, with the comments
// behind them below each other.
func addGroup(fn *ir.Function, nodes []node, found allocation) {
	if end := slices.IndexFunc(nodes, func(n node) bool { return !isInstruction(n) }); end >= 0 {
		nodes = nodes[:end]
	}
	const separator = " // "
	width := 0
	for _, n := range nodes {
		if text, _, ok := strings.Cut(joinOperands(n.(*instruction).operands, found), separator); ok {
			width = max(width, len(text))
		}
	}
	for _, n := range nodes {
		n := n.(*instruction)
		in := &ir.Instruction{Opcode: n.opcode, IsTerminal: n.ends}
		if len(n.operands) > 0 {
			text, note, ok := strings.Cut(joinOperands(n.operands, found), separator)
			if ok {
				text = fmt.Sprintf("%-*s%s%s", width, text, separator, note)
			}
			in.Operands = []avo.Op{printed(text)}
		}
		fn.AddInstruction(in)
	}
}

// printed is text that is an operand to avo.
type printed string

func (p printed) Asm() string { return string(p) }

// registerMap is a comment that says what the registers are for.
func (f *Function) registerMap(found allocation) []string {
	lines := []string{"Registers:"}
	width := 0
	for _, role := range f.roles {
		width = max(width, len(role))
	}
	for _, role := range f.roles {
		var names []string
		for k := range kind(len(usable)) {
			for _, number := range usable[k] {
				if slices.ContainsFunc(f.holders(role, k), func(id int) bool { return found[id] == number }) {
					names = append(names, k.realName(number))
				}
			}
		}
		if len(names) > 0 {
			lines = append(lines, fmt.Sprintf("  %-*s  %s", width, role, strings.Join(names, " ")))
		}
	}
	return lines
}

// holders are the registers of one role and kind.
func (f *Function) holders(role string, k kind) []int {
	var found []int
	for id, r := range f.registers[1:] {
		if r == (virtual{k, role}) {
			found = append(found, id+1)
		}
	}
	return found
}
