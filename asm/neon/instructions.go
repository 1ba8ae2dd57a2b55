package neon

import "example.com/lstm/asm/emit"

// Arguments and the frame.

// LoadParam loads an argument, of the width of a register.
func (f *Function) LoadParam(name string, r X) {
	f.Emit(&emit.Instruction{Opcode: "MOVD", Operands: []emit.Operand{f.Param(name), r}, Writes: ids(r)})
}

// StoreParam stores to an argument.
func (f *Function) StoreParam(r X, name string) {
	f.Emit(&emit.Instruction{Opcode: "MOVD", Operands: []emit.Operand{r, f.Param(name)}, Reads: ids(r)})
}

// LocalAddress is the address of the local variable.
func (f *Function) LocalAddress(r X) {
	f.Emit(&emit.Instruction{Opcode: "MOVD", Operands: []emit.Operand{f.Local(), r}, Writes: ids(r)})
}

// General registers.

// MOVD copies src.
func (f *Function) MOVD(src, dst X) {
	f.Emit(&emit.Instruction{Opcode: "MOVD", Operands: []emit.Operand{src, dst}, Reads: ids(src), Writes: ids(dst)})
}

// Clear sets r to zero.
func (f *Function) Clear(r X) {
	f.Emit(&emit.Instruction{Opcode: "MOVD", Operands: []emit.Operand{emit.Literal("ZR"), r}, Writes: ids(r)})
}

// LDR loads 8 bytes.
func (f *Function) LDR(m Mem, r X) {
	f.Emit(&emit.Instruction{Opcode: "MOVD", Operands: []emit.Operand{m, r}, Reads: ids(m.Base), Writes: ids(r)})
}

// ADD is r += s.
func (f *Function) ADD(s, r X) {
	f.Emit(&emit.Instruction{Opcode: "ADD", Operands: []emit.Operand{s, r}, Reads: ids(s, r), Writes: ids(r)})
}

// ADDImmediate is r += n.
func (f *Function) ADDImmediate(n int, r X) { f.arithmetic("ADD", "SUB", n, r) }

// SUBSImmediate is r -= n, and compares the result with zero.
func (f *Function) SUBSImmediate(n int, r X) { f.arithmetic("SUBS", "ADDS", n, r) }

func (f *Function) arithmetic(opcode, inverse string, n int, r X) {
	if n < 0 {
		opcode, n = inverse, -n
	}
	f.checkImmediate(opcode, n)
	f.Emit(&emit.Instruction{Opcode: opcode, Operands: []emit.Operand{immediate(n), r}, Reads: ids(r), Writes: ids(r)})
}

// checkImmediate sees to it that n fits one instruction: 12 bits, or 12 bits
// followed by 12 zeros.
func (f *Function) checkImmediate(opcode string, n int) {
	if n < 0 || n >= 1<<24 || n >= 1<<12 && n%(1<<12) != 0 {
		f.Fail("%s $%d: does not fit", opcode, n)
	}
}

// ANDImmediate is r &= n.
func (f *Function) ANDImmediate(n int, r X) {
	f.Emit(&emit.Instruction{Opcode: "AND", Operands: []emit.Operand{immediate(n), r}, Reads: ids(r), Writes: ids(r)})
}

// LSL is r <<= n.
func (f *Function) LSL(n int, r X) {
	f.Emit(&emit.Instruction{Opcode: "LSL", Operands: []emit.Operand{immediate(n), r}, Reads: ids(r), Writes: ids(r)})
}

// CMP compares r with n.
func (f *Function) CMP(n int, r X) {
	f.checkImmediate("CMP", n)
	f.Emit(&emit.Instruction{Opcode: "CMP", Operands: []emit.Operand{immediate(n), r}, Reads: ids(r)})
}

// Jumps.

// Condition is the outcome of a comparison of signed numbers.
type Condition string

// The conditions.
const (
	LT Condition = "LT"
	LE Condition = "LE"
	EQ Condition = "EQ"
	GE Condition = "GE"
	GT Condition = "GT"
)

// B jumps.
func (f *Function) B(to string) {
	f.Emit(&emit.Instruction{Opcode: "JMP", Operands: []emit.Operand{emit.Literal(to)}, Target: to, Ends: true})
}

// BIf jumps if the last comparison had that outcome.
func (f *Function) BIf(c Condition, to string) {
	f.Emit(&emit.Instruction{Opcode: "B" + string(c), Operands: []emit.Operand{emit.Literal(to)}, Target: to})
}

// TBZ jumps if that bit of r is zero.
func (f *Function) TBZ(bit int, r X, to string) {
	f.Emit(&emit.Instruction{Opcode: "TBZ", Operands: []emit.Operand{immediate(bit), r, emit.Literal(to)}, Reads: ids(r), Target: to})
}

// RET returns.
func (f *Function) RET() { f.Emit(&emit.Instruction{Opcode: "RET", Ends: true}) }

// Vectors in memory.

// LDRQ loads a whole vector. Two loads in a row from neighbouring memory become
// one.
func (f *Function) LDRQ(m Mem, v V) {
	f.checkOffset("FMOVQ", m, 16)
	if first, ok := f.lastPlain("FMOVQ", 0, m); ok && first.Operands[1] != scalar(v) {
		other := first.Operands[1].(scalar)
		first.Opcode, first.Operands = "FLDPQ", []emit.Operand{first.Operands[0], pair{V(other), v}}
		first.Writes = vs(V(other), v)
		return
	}
	f.Emit(&emit.Instruction{Opcode: "FMOVQ", Operands: []emit.Operand{m, scalar(v)}, Reads: ids(m.Base), Writes: vs(v)})
}

// STRQ stores a whole vector, two in a row at once like LDRQ.
func (f *Function) STRQ(v V, m Mem) {
	f.checkOffset("FMOVQ", m, 16)
	if first, ok := f.lastPlain("FMOVQ", 1, m); ok {
		other := first.Operands[0].(scalar)
		first.Opcode, first.Operands = "FSTPQ", []emit.Operand{pair{V(other), v}, first.Operands[1]}
		first.Reads = append(first.Reads, v.id)
		return
	}
	f.Emit(&emit.Instruction{Opcode: "FMOVQ", Operands: []emit.Operand{scalar(v), m}, Reads: append(ids(m.Base), v.id)})
}

// lastPlain returns the last node if it is an instruction of that name whose
// memory operand, at that index, lies right before m, near enough to be
// addressed in a pair.
func (f *Function) lastPlain(opcode string, index int, m Mem) (*emit.Instruction, bool) {
	last := f.Last()
	if last == nil || last.Opcode != opcode {
		return nil, false
	}
	before, ok := last.Operands[index].(Mem)
	return last, ok && before == Mem{m.Base, m.Offset - 16} && before.Offset <= 63*16
}

func (f *Function) checkOffset(opcode string, m Mem, size int) {
	if m.Offset < 0 || m.Offset%size != 0 || m.Offset >= 1<<12*size {
		f.Fail("%s %s: does not fit", opcode, m.Asm(nil))
	}
}

// LDRS loads one float32 into lane 0 and clears the others.
func (f *Function) LDRS(m Mem, v V) {
	f.checkOffset("FMOVS", m, 4)
	f.Emit(&emit.Instruction{Opcode: "FMOVS", Operands: []emit.Operand{m, scalar(v)}, Reads: ids(m.Base), Writes: vs(v)})
}

// STRS stores lane 0.
func (f *Function) STRS(v V, m Mem) {
	f.checkOffset("FMOVS", m, 4)
	f.Emit(&emit.Instruction{Opcode: "FMOVS", Operands: []emit.Operand{scalar(v), m}, Reads: append(ids(m.Base), v.id)})
}

// STRD stores lanes 0 and 1, to a multiple of 4.
func (f *Function) STRD(v V, m Mem) {
	f.Emit(&emit.Instruction{Opcode: "FMOVD", Operands: []emit.Operand{scalar(v), m}, Reads: append(ids(m.Base), v.id)})
}

// LDRD loads 8 bytes into the lower half and clears the upper one.
func (f *Function) LDRD(m Mem, v V) {
	f.checkOffset("FMOVD", m, 8)
	f.Emit(&emit.Instruction{Opcode: "FMOVD", Operands: []emit.Operand{m, scalar(v)}, Reads: ids(m.Base), Writes: vs(v)})
}

// Prefetch says which cache a line is fetched into.
type Prefetch string

// The prefetches for loads that are used again.
const (
	PLDL1KEEP Prefetch = "PLDL1KEEP"
	PLDL2KEEP Prefetch = "PLDL2KEEP"
)

// PRFM fetches a cache line.
func (f *Function) PRFM(m Mem, to Prefetch) {
	f.Emit(&emit.Instruction{Opcode: "PRFM", Operands: []emit.Operand{m, emit.Literal(to)}, Reads: ids(m.Base)})
}

// LoadConstant loads a constant in every lane, from the file's table. name is
// what the comment calls it.
func (f *Function) LoadConstant(name string, bits uint32, v V) {
	if f.constants == (X{}) {
		f.constants = f.X("table of constants")
		f.EmitFirst(&emit.Instruction{
			Opcode:   "MOVD",
			Operands: []emit.Operand{emit.Literal("$" + emit.Constants + "(SB)"), f.constants},
			Writes:   ids(f.constants),
		})
	}
	m := Mem{f.constants, f.file.Constant(name, bits)}
	f.checkOffset("FMOVQ", m, 16)
	f.Emit(&emit.Instruction{
		Opcode:   "FMOVQ",
		Operands: []emit.Operand{m, emit.Noted{Operand: scalar(v), Note: name}},
		Constant: name,
		Reads:    ids(m.Base),
		Writes:   vs(v),
	})
}

// Arithmetic on four float32, d = n op m.

func (f *Function) FADD(m, n, d V) { f.three(fadd, m, n, d) }
func (f *Function) FSUB(m, n, d V) { f.three(fsub, m, n, d) }
func (f *Function) FMUL(m, n, d V) { f.three(fmul, m, n, d) }
func (f *Function) FDIV(m, n, d V) { f.three(fdiv, m, n, d) }
func (f *Function) FMAX(m, n, d V) { f.three(fmax, m, n, d) }
func (f *Function) FMIN(m, n, d V) { f.three(fmin, m, n, d) }

// FCMGT sets all bits of d's lanes where n > m, which no NaN is, and clears the
// others.
func (f *Function) FCMGT(m, n, d V) { f.three(fcmgt, m, n, d) }

// BIC is the bits of n that are not in m.
func (f *Function) BIC(m, n, d V) { f.three(bic, m, n, d) }

func (f *Function) three(w form, m, n, d V) {
	f.Emit(&emit.Instruction{Opcode: "WORD", Operands: []emit.Operand{word{w, []V{d, n, m}, 0}}, Reads: vs(m, n), Writes: vs(d)})
}

// FABS is the absolute value.
func (f *Function) FABS(n, d V) { f.two(fabs, n, d) }

// FCVTNS is the nearest integers, ties to even; SCVTF makes floats of integers.
func (f *Function) FCVTNS(n, d V) { f.two(fcvtns, n, d) }
func (f *Function) SCVTF(n, d V)  { f.two(scvtf, n, d) }

func (f *Function) two(w form, n, d V) {
	f.Emit(&emit.Instruction{Opcode: "WORD", Operands: []emit.Operand{word{w, []V{d, n}, 0}}, Reads: vs(n), Writes: vs(d)})
}

// FMLA is d += n·m, FMLS d -= n·m, both fused.
func (f *Function) FMLA(m, n, d V) { f.vector("VFMLA", "S4", m, n, d, d) }
func (f *Function) FMLS(m, n, d V) { f.vector("VFMLS", "S4", m, n, d, d) }

// FMLALane is d += n·m, one lane m multiplying all of n.
func (f *Function) FMLALane(m Lane, n, d V) { f.byLane(fmlaLane, m, n, d) }

// byLane is an instruction that takes m from a lane and also reads d.
func (f *Function) byLane(w form, m Lane, n, d V) {
	if m.Index < 0 || m.Index >= lanes {
		f.Fail("%s: lane %d", w.mnemonic, m.Index)
	}
	f.Emit(&emit.Instruction{
		Opcode:   "WORD",
		Operands: []emit.Operand{word{w, []V{d, n, m.V}, m.Index}},
		Reads:    vs(m.V, n, d),
		Writes:   vs(d),
	})
}

// FCVTL widens the binary16 numbers in the lower half of n, FCVTL2 those in the
// upper one.
func (f *Function) FCVTL(n, d V)  { f.two(fcvtl, n, d) }
func (f *Function) FCVTL2(n, d V) { f.two(fcvtl2, n, d) }

// Bits.

func (f *Function) AND(m, n, d V) { f.vector("VAND", "B16", m, n, d) }
func (f *Function) ORR(m, n, d V) { f.vector("VORR", "B16", m, n, d) }

// BSL is the bits of n where those of d are set, else of m.
func (f *Function) BSL(m, n, d V) { f.vector("VBSL", "B16", m, n, d, d) }

// vector is an instruction that may read more than m and n.
func (f *Function) vector(opcode, arrangement string, m, n, d V, more ...V) {
	f.Emit(&emit.Instruction{
		Opcode:   opcode,
		Operands: []emit.Operand{arranged{m, arrangement}, arranged{n, arrangement}, arranged{d, arrangement}},
		Reads:    append(vs(m, n), vs(more...)...),
		Writes:   vs(d),
	})
}

// Moves.

// VMOV copies n.
func (f *Function) VMOV(n, d V) {
	f.Emit(&emit.Instruction{Opcode: "VMOV", Operands: []emit.Operand{arranged{n, "B16"}, arranged{d, "B16"}}, Reads: vs(n), Writes: vs(d)})
}

// ClearV sets all of d to zero.
func (f *Function) ClearV(d V) {
	f.Emit(&emit.Instruction{Opcode: "VMOVI", Operands: []emit.Operand{immediate(0), arranged{d, "B16"}}, Writes: vs(d)})
}

// DUP copies a lane to all of d.
func (f *Function) DUP(n Lane, d V) {
	f.Emit(&emit.Instruction{Opcode: "VDUP", Operands: []emit.Operand{element{n.V, "S", n.Index}, arranged{d, "S4"}}, Reads: vs(n.V), Writes: vs(d)})
}

// INS copies a lane to one of d.
func (f *Function) INS(n, d Lane) {
	f.Emit(&emit.Instruction{
		Opcode:   "VMOV",
		Operands: []emit.Operand{element{n.V, "S", n.Index}, element{d.V, "S", d.Index}},
		Reads:    vs(n.V, d.V),
		Writes:   vs(d.V),
	})
}

// UpperHalf copies lanes 2 and 3 of n to lanes 0 and 1, and to 2 and 3, of d.
func (f *Function) UpperHalf(n, d V) {
	f.Emit(&emit.Instruction{Opcode: "VDUP", Operands: []emit.Operand{element{n, "D", 1}, arranged{d, "D2"}}, Reads: vs(n), Writes: vs(d)})
}

// Sums within a vector.

// FADDP sets lane 0 of d to the sum of lanes 0 and 1 of n.
func (f *Function) FADDP(n, d V) {
	f.two(faddp, n, d)
}

// FADDS adds the lanes 0 of m and n.
func (f *Function) FADDS(m, n, d V) {
	f.Emit(&emit.Instruction{Opcode: "FADDS", Operands: []emit.Operand{scalar(m), scalar(n), scalar(d)}, Reads: vs(m, n), Writes: vs(d)})
}
