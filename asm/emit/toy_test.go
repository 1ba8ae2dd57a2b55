package emit

import (
	"fmt"

	"github.com/mmcloughlin/avo/printer"
)

// toy is a made-up instruction set: counters C2 to C4, and values A0 to A7, of
// which A5 is not to be used.
var toy = Set{
	Name: "toy",
	Classes: []Class{
		counter: {Prefix: "C", Numbers: []int{2, 3, 4}},
		value:   {Prefix: "A", Numbers: []int{7, 0, 1, 2, 3, 4, 6}},
	},
	ConstantLanes: 3,
}

const (
	counter = iota
	value
)

var toyConfig = printer.Config{Name: "go test", Pkg: "toy"}

// toyFunction has toy's instructions as methods.
type toyFunction struct {
	*Function
	file *File
}

func newToy(signature string) toyFunction {
	file := NewFile(&toy, "toy")
	return toyFunction{file.Function("f", signature), file}
}

// named is a register as an operand; real ones have their class as a prefix.
type named struct {
	class int
	r     Register
}

func (o named) Asm(a Allocation) string { return toy.Classes[o.class].name(a.Number(o.r)) }

func (o named) Replace(old, new Register) Operand { return named{o.class, o.r.Replaced(old, new)} }

func (f toyFunction) counter(role string) Register { return f.Register(counter, role) }
func (f toyFunction) value(role string) Register   { return f.Register(value, role) }

func (f toyFunction) clear(r Register) {
	f.Emit(&Instruction{Opcode: "CLEAR", Operands: []Operand{f.operand(r)}, Writes: []Register{r}})
}

// mul is d = n·m, mac d += n·m, and pair sets both d and e.
func (f toyFunction) mul(m, n, d Register) {
	f.Emit(&Instruction{Opcode: "MUL", Operands: f.operands(m, n, d), Reads: []Register{m, n}, Writes: []Register{d}})
}

func (f toyFunction) mac(m, n, d Register) {
	f.Emit(&Instruction{Opcode: "MAC", Operands: f.operands(m, n, d), Reads: []Register{m, n, d}, Writes: []Register{d}})
}

func (f toyFunction) pair(m, d, e Register) {
	f.Emit(&Instruction{Opcode: "PAIR", Operands: f.operands(m, d, e), Reads: []Register{m}, Writes: []Register{d, e}})
}

func (f toyFunction) constant(name string, d Register) {
	at := Literal(fmt.Sprintf("%s+%d(SB)", Constants, f.file.Constant(name, 1)))
	f.Emit(&Instruction{
		Opcode:   "CONST",
		Operands: []Operand{at, Noted{f.operand(d), name}},
		Constant: name,
		Writes:   []Register{d},
	})
}

func (f toyFunction) loop(n Register, to string) {
	f.Emit(&Instruction{Opcode: "LOOP", Operands: []Operand{f.operand(n), Literal(to)}, Reads: []Register{n}, Writes: []Register{n}, Target: to})
}

func (f toyFunction) jump(to string) {
	f.Emit(&Instruction{Opcode: "JUMP", Operands: []Operand{Literal(to)}, Target: to, Ends: true})
}

func (f toyFunction) ret() { f.Emit(&Instruction{Opcode: "RET", Ends: true}) }

func (f toyFunction) operand(r Register) Operand { return named{f.registers[r].class, r} }

func (f toyFunction) operands(rs ...Register) []Operand {
	var list []Operand
	for _, r := range rs {
		list = append(list, f.operand(r))
	}
	return list
}
