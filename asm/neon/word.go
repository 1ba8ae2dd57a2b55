package neon

import (
	"fmt"
	"strings"

	"example.com/lstm/asm/emit"
)

// form is an instruction that Go's assembler lacks: its code with all operands
// zero, and where the operands go. The numbers are those of the Arm
// Architecture Reference Manual, C7.2, "Alphabetical list of A64 Advanced SIMD
// and floating-point instructions".
type form struct {
	mnemonic string
	base     uint32
	operands []field // in Arm's order, the destination first
}

// field is the place of an operand in the code, and how Arm writes it.
type field struct {
	shift  int
	format string // of its number
	lane   bool   // followed by the number of a lane
	right  bool   // no register: how far 32-bit words are shifted to the right
}

// The operands' names are those of the manual.
var (
	vd4s  = field{shift: 0, format: "v%d.4s"}
	vn4s  = field{shift: 5, format: "v%d.4s"}
	vm4s  = field{shift: 16, format: "v%d.4s"}
	vmS   = field{shift: 16, format: "v%d.s", lane: true}
	sd    = field{shift: 0, format: "s%d"}
	vn2s  = field{shift: 5, format: "v%d.2s"}
	vn4h  = field{shift: 5, format: "v%d.4h"}
	vd8h  = field{shift: 0, format: "v%d.8h"}
	vn8h  = field{shift: 5, format: "v%d.8h"}
	vm8h  = field{shift: 16, format: "v%d.8h"}
	vn8b  = field{shift: 5, format: "v%d.8b"}
	vm8b  = field{shift: 16, format: "v%d.8b"}
	vd16b = field{shift: 0, format: "v%d.16b"}
	vn16b = field{shift: 5, format: "v%d.16b"}
	vm16b = field{shift: 16, format: "v%d.16b"}
	vm4b  = field{shift: 16, format: "v%d.4b", lane: true}
	right = field{shift: 16, format: "#%d", right: true}
)

var (
	three  = []field{vd4s, vn4s, vm4s}
	two    = []field{vd4s, vn4s}
	byLane = []field{vd4s, vn4s, vmS}
	bits   = []field{vd16b, vn16b, vm16b}
)

// The table of words.
var (
	fadd     = form{"fadd", 0x4e20d400, three}
	fsub     = form{"fsub", 0x4ea0d400, three}
	fmul     = form{"fmul", 0x6e20dc00, three}
	fdiv     = form{"fdiv", 0x6e20fc00, three}
	fmax     = form{"fmax", 0x4e20f400, three}
	fmin     = form{"fmin", 0x4ea0f400, three}
	fcmgt    = form{"fcmgt", 0x6ea0e400, three}
	bic      = form{"bic", 0x4e601c00, bits}
	fabs     = form{"fabs", 0x4ea0f800, two}
	fmlaLane = form{"fmla", 0x4f801000, byLane}
	faddp    = form{"faddp", 0x7e30d800, []field{sd, vn2s}}

	fcvtl  = form{"fcvtl", 0x0e217800, []field{vd4s, vn4h}}
	fcvtl2 = form{"fcvtl2", 0x4e217800, []field{vd4s, vn8h}}

	fcvtns = form{"fcvtns", 0x4e21a800, two}
	scvtf  = form{"scvtf", 0x4e21d800, two}
	smax   = form{"smax", 0x4ea06400, three}
	smaxv  = form{"smaxv", 0x4eb0a800, []field{sd, vn4s}}
	sshr   = form{"sshr", 0x4f000400, []field{vd4s, vn4s, right}}

	smull    = form{"smull", 0x0e20c000, []field{vd8h, vn8b, vm8b}}
	smull2   = form{"smull2", 0x4e20c000, []field{vd8h, vn16b, vm16b}}
	addp     = form{"addp", 0x4e60bc00, []field{vd8h, vn8h, vm8h}}
	sadalp   = form{"sadalp", 0x4e606800, []field{vd4s, vn8h}}
	sdotLane = form{"sdot", 0x4f80e000, []field{vd4s, vn16b, vm4b}}

	words = []form{
		fadd, fsub, fmul, fdiv, fmax, fmin, fcmgt, bic, fabs, fmlaLane, faddp,
		fcvtl, fcvtl2,
		fcvtns, scvtf, smax, smaxv, sshr,
		smull, smull2, addp, sadalp, sdotLane,
	}
)

// The bits of a lane's number, which the code has apart.
const (
	laneLow  = 21
	laneHigh = 11
)

// encode returns the code for real registers, in the order of f's operands. number
// is that of the lane, or how far to shift.
func (f form) encode(registers []int, number int) uint32 {
	code := f.base
	for i, o := range f.operands {
		if o.right {
			code |= uint32(2*32-number) << o.shift
			continue
		}
		code |= uint32(registers[i]) << o.shift
		if o.lane {
			code |= uint32(number&1)<<laneLow | uint32(number>>1)<<laneHigh
		}
	}
	return code
}

// text returns the instruction as Arm writes it.
func (f form) text(registers []int, number int) string {
	var operands []string
	for i, o := range f.operands {
		if o.right {
			operands = append(operands, fmt.Sprintf(o.format, number))
			continue
		}
		text := fmt.Sprintf(o.format, registers[i])
		if o.lane {
			text += fmt.Sprintf("[%d]", number)
		}
		operands = append(operands, text)
	}
	return f.mnemonic + " " + strings.Join(operands, ", ")
}

// numbers are the least and the largest number of a word that has one, else 0.
func (f form) numbers() (least, most int) {
	switch last := f.operands[len(f.operands)-1]; {
	case last.lane:
		return 0, lanes - 1
	case last.right:
		return 1, 31
	}
	return 0, 0
}

// word is a form with its operands.
type word struct {
	form      form
	registers []V
	number    int // of the lane, or how far to shift
}

func (w word) Asm(a emit.Allocation) string {
	var numbers []int
	for _, v := range w.registers {
		numbers = append(numbers, a.Number(v.id))
	}
	text := w.form.text(numbers, w.number)
	if a == nil {
		return "// " + text // virtual registers have no code
	}
	return fmt.Sprintf("$0x%08x // %s", w.form.encode(numbers, w.number), text)
}

func (w word) Replace(old, new emit.Register) emit.Operand {
	registers := make([]V, len(w.registers))
	for i, r := range w.registers {
		registers[i] = r.replaced(old, new)
	}
	return word{w.form, registers, w.number}
}
