package emit

import "strings"

// Register is a virtual register of a function. The zero Register is none.
type Register int

// Allocation has the number of the real register for each virtual one. A nil
// Allocation is none yet: virtual registers then go by their own numbers.
type Allocation []int

// Number is the number of the real register.
func (a Allocation) Number(r Register) int {
	if a == nil {
		return int(r)
	}
	return a[r]
}

// Operand is one operand of an instruction.
type Operand interface {
	// Asm is the operand as Go's assembler writes it.
	Asm(a Allocation) string
	// Replace returns the operand with one register in place of another.
	Replace(old, new Register) Operand
}

// Replaced is the register new if r is old, else r.
func (r Register) Replaced(old, new Register) Register {
	if r == old {
		return new
	}
	return r
}

// Literal is an operand without a register: a number, a label, an argument.
type Literal string

func (o Literal) Asm(Allocation) string             { return string(o) }
func (o Literal) Replace(old, new Register) Operand { return o }

// Noted is an operand, the last of its instruction, and a comment after it.
type Noted struct {
	Operand
	Note string
}

func (o Noted) Asm(a Allocation) string { return o.Operand.Asm(a) + noteSeparator + o.Note }

func (o Noted) Replace(old, new Register) Operand {
	return Noted{o.Operand.Replace(old, new), o.Note}
}

const noteSeparator = " // "

func joinOperands(operands []Operand, a Allocation) string {
	var text []string
	for _, o := range operands {
		text = append(text, o.Asm(a))
	}
	return strings.Join(text, ", ")
}
