package neon

import (
	"fmt"
	"strings"
)

// operand is one operand of an instruction as Go's assembler writes it.
type operand interface {
	asm(a allocation) string
	// replace returns the operand with the vector register b in place of a.
	replace(a, b V) operand
}

// The forms of a register.
type (
	arranged struct { // all lanes
		v           V
		arrangement string
	}
	element struct { // one lane
		v     V
		size  string
		index int
	}
	scalar V // as a scalar register of the floating-point unit
	pair   [2]V
)

func (r X) asm(a allocation) string { return fmt.Sprintf("R%d", a.number(r.id)) }

func (o arranged) asm(a allocation) string {
	return fmt.Sprintf("V%d.%s", a.number(o.v.id), o.arrangement)
}

func (o element) asm(a allocation) string {
	return fmt.Sprintf("V%d.%s[%d]", a.number(o.v.id), o.size, o.index)
}

func (o scalar) asm(a allocation) string { return fmt.Sprintf("F%d", a.number(o.id)) }

func (o pair) asm(a allocation) string {
	return fmt.Sprintf("(%s, %s)", scalar(o[0]).asm(a), scalar(o[1]).asm(a))
}

func (m Mem) asm(a allocation) string {
	if m.Offset == 0 {
		return fmt.Sprintf("(%s)", m.Base.asm(a))
	}
	return fmt.Sprintf("%d(%s)", m.Offset, m.Base.asm(a))
}

// literal needs no register: a label, an argument, a symbol.
type literal string

func (o literal) asm(allocation) string { return string(o) }

func immediate(n int) literal { return literal(fmt.Sprintf("$%d", n)) }

// noted is an operand, the last of its instruction, and a comment behind it.
type noted struct {
	operand
	note string
}

func (o noted) asm(a allocation) string { return o.operand.asm(a) + " // " + o.note }

func (r V) replaced(a, b V) V {
	if r == a {
		return b
	}
	return r
}

func (r X) replace(_, _ V) operand       { return r }
func (m Mem) replace(_, _ V) operand     { return m }
func (o literal) replace(_, _ V) operand { return o }
func (o scalar) replace(a, b V) operand  { return scalar(V(o).replaced(a, b)) }
func (o pair) replace(a, b V) operand    { return pair{o[0].replaced(a, b), o[1].replaced(a, b)} }
func (o noted) replace(a, b V) operand   { return noted{o.operand.replace(a, b), o.note} }

func (o arranged) replace(a, b V) operand {
	return arranged{o.v.replaced(a, b), o.arrangement}
}

func (o element) replace(a, b V) operand {
	return element{o.v.replaced(a, b), o.size, o.index}
}

func joinOperands(operands []operand, a allocation) string {
	var text []string
	for _, o := range operands {
		text = append(text, o.asm(a))
	}
	return strings.Join(text, ", ")
}
