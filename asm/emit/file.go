package emit

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

// File is an assembly file in the making.
type File struct {
	set        *Set
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
func NewFile(set *Set, constraint string) *File { return &File{set: set, constraint: constraint} }

// Function begins a function of that name and Go signature.
func (file *File) Function(name, signature string) *Function {
	f := &Function{name: name, set: file.set, registers: make([]virtual, 1)}
	var err error
	if f.signature, err = gotypes.ParseSignature(signature); err != nil {
		f.Fail("%v", err)
	}
	file.functions = append(file.functions, f)
	return f
}

// Constants is the symbol of the table of constants.
const Constants = "constants<>"

func (file *File) constantSize() int { return 4 * file.set.ConstantLanes }

// Constant returns the offset of a constant in the table.
func (file *File) Constant(name string, bits uint32) int {
	i := slices.Index(file.constants, constant{name, bits})
	if i < 0 {
		i = len(file.constants)
		file.constants = append(file.constants, constant{name, bits})
	}
	return i * file.constantSize()
}

// Print returns the assembly. The form is that of avo, which prints it.
func (file *File) Print(cfg printer.Config) ([]byte, error) {
	out := ir.NewFile()
	constraint, err := buildtags.ParseConstraint(file.constraint)
	if err != nil {
		return nil, err
	}
	out.Constraints = buildtags.And(constraint)
	out.Includes = []string{"textflag.h"}
	for _, f := range file.functions {
		out.AddSection(f.print())
	}
	code, err := printer.NewGoAsm(cfg).Print(out)
	return append(code, file.data()...), err
}

// data prints the table of constants.
func (file *File) data() []byte {
	if len(file.constants) == 0 {
		return nil
	}
	var b bytes.Buffer
	size := file.constantSize()
	fmt.Fprintf(&b, "\n// The constants, each in %d lanes.\n", file.set.ConstantLanes)
	for i, c := range file.constants {
		for at := 0; at < size; {
			width, bits := 4, fmt.Sprintf("%08x", c.bits)
			if size-at >= 8 {
				width, bits = 8, bits+bits
			}
			fmt.Fprintf(&b, "DATA %s+%d(SB)/%d, $0x%s // %s\n", Constants, i*size+at, width, bits, c.name)
			at += width
		}
	}
	fmt.Fprintf(&b, "GLOBL %s(SB), RODATA|NOPTR, $%d\n", Constants, len(file.constants)*size)
	return b.Bytes()
}

// print is the function with real registers, for avo to print.
func (f *Function) print() *ir.Function {
	f = f.hoist()
	found := f.allocate()
	fn := ir.NewFunction(f.name)
	fn.SetSignature(f.signature)
	fn.LocalSize = f.frame
	if f.frame == 0 {
		fn.Attributes = attr.NOSPLIT
	}
	maps := f.registerMaps(found)
	for start, n := range f.nodes {
		switch n := n.(type) {
		case comment:
			fn.AddComment(string(n))
		case label:
			fn.AddLabel(ir.Label(n))
			if lines := maps[string(n)]; lines != nil {
				fn.AddComment(lines...)
			}
		case *Instruction:
			if start == 0 || !isInstruction(f.nodes[start-1]) {
				addGroup(fn, f.nodes[start:], found)
			}
		}
	}
	return fn
}

func isInstruction(n node) bool {
	_, ok := n.(*Instruction)
	return ok
}

// addGroup adds the instructions at the beginning of nodes, with the comments
// after them below each other.
func addGroup(fn *ir.Function, nodes []node, found Allocation) {
	if end := slices.IndexFunc(nodes, func(n node) bool { return !isInstruction(n) }); end >= 0 {
		nodes = nodes[:end]
	}
	width := 0
	for _, n := range nodes {
		if text, _, ok := strings.Cut(joinOperands(n.(*Instruction).Operands, found), noteSeparator); ok {
			width = max(width, len(text))
		}
	}
	for _, n := range nodes {
		n := n.(*Instruction)
		in := &ir.Instruction{Opcode: n.Opcode, IsTerminal: n.Ends}
		if len(n.Operands) > 0 {
			text, note, ok := strings.Cut(joinOperands(n.Operands, found), noteSeparator)
			if ok {
				text = fmt.Sprintf("%-*s%s%s", width, text, noteSeparator, note)
			}
			in.Operands = []avo.Op{printed(text)}
		}
		fn.AddInstruction(in)
	}
}

// printed is text that is an operand to avo.
type printed string

func (p printed) Asm() string { return string(p) }

// registerMaps are the comments at the beginning of loops.
func (f *Function) registerMaps(found Allocation) map[string][]string {
	c := f.code()
	live := f.liveness(c)
	var places []Place
	at := 0 // the next instruction
	for _, n := range f.nodes {
		switch n := n.(type) {
		case label:
			p := Place{Label: string(n)}
			for r := range live {
				if slices.ContainsFunc(c.before[at], live[r].has) {
					p.Live = append(p.Live, r)
				}
			}
			places = append(places, p)
		case *Instruction:
			p := Place{Target: n.Target}
			for _, r := range slices.Concat(n.Reads, n.Writes) {
				v := f.registers[r]
				p.Uses = append(p.Uses, Use{
					ID: int(r), Role: v.role,
					Class: v.class, Number: found[r], Name: f.set.Classes[v.class].name(found[r]),
				})
			}
			places = append(places, p)
			at++
		}
	}
	return RegisterMaps(places)
}
