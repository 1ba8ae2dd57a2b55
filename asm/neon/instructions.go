package neon

import "fmt"

// Arguments and the frame.

// LoadParam loads an argument, of the width of a register.
func (f *Function) LoadParam(name string, r X) {
	f.emit(&instruction{opcode: "MOVD", operands: []operand{f.param(name), r}, writes: ids(r)})
}

// StoreParam stores to an argument.
func (f *Function) StoreParam(r X, name string) {
	f.emit(&instruction{opcode: "MOVD", operands: []operand{r, f.param(name)}, reads: ids(r)})
}

func (f *Function) param(name string) operand {
	basic, err := f.signature.Params().Lookup(name).Resolve()
	if err != nil {
		f.fail("argument %s: %v", name, err)
	}
	return literal(basic.Addr.Asm())
}

// LocalAddress is the address of the local variable.
func (f *Function) LocalAddress(r X) {
	if f.frame == 0 {
		f.fail("no local variable")
	}
	local := literal(fmt.Sprintf("$local-%d(SP)", f.frame))
	f.emit(&instruction{opcode: "MOVD", operands: []operand{local, r}, writes: ids(r)})
}

// General registers.

// MOVD copies src.
func (f *Function) MOVD(src, dst X) {
	f.emit(&instruction{opcode: "MOVD", operands: []operand{src, dst}, reads: ids(src), writes: ids(dst)})
}

// Clear sets r to zero.
func (f *Function) Clear(r X) {
	f.emit(&instruction{opcode: "MOVD", operands: []operand{literal("ZR"), r}, writes: ids(r)})
}

// LDR loads 8 bytes.
func (f *Function) LDR(m Mem, r X) {
	f.emit(&instruction{opcode: "MOVD", operands: []operand{m, r}, reads: ids(m.Base), writes: ids(r)})
}

// ADD is r += s.
func (f *Function) ADD(s, r X) {
	f.emit(&instruction{opcode: "ADD", operands: []operand{s, r}, reads: ids(s, r), writes: ids(r)})
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
	f.emit(&instruction{opcode: opcode, operands: []operand{immediate(n), r}, reads: ids(r), writes: ids(r)})
}

// checkImmediate sees to it that n fits one instruction: 12 bits, or 12 bits
// followed by 12 zeros.
func (f *Function) checkImmediate(opcode string, n int) {
	if n < 0 || n >= 1<<24 || n >= 1<<12 && n%(1<<12) != 0 {
		f.fail("%s $%d: does not fit", opcode, n)
	}
}

// ANDImmediate is r &= n.
func (f *Function) ANDImmediate(n int, r X) {
	f.emit(&instruction{opcode: "AND", operands: []operand{immediate(n), r}, reads: ids(r), writes: ids(r)})
}

// LSL is r <<= n.
func (f *Function) LSL(n int, r X) {
	f.emit(&instruction{opcode: "LSL", operands: []operand{immediate(n), r}, reads: ids(r), writes: ids(r)})
}

// CMP compares r with n.
func (f *Function) CMP(n int, r X) {
	f.checkImmediate("CMP", n)
	f.emit(&instruction{opcode: "CMP", operands: []operand{immediate(n), r}, reads: ids(r)})
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
	f.emit(&instruction{opcode: "JMP", operands: []operand{literal(to)}, target: label(to), ends: true})
}

// BIf jumps if the last comparison had that outcome.
func (f *Function) BIf(c Condition, to string) {
	f.emit(&instruction{opcode: "B" + string(c), operands: []operand{literal(to)}, target: label(to)})
}

// TBZ jumps if that bit of r is zero.
func (f *Function) TBZ(bit int, r X, to string) {
	f.emit(&instruction{opcode: "TBZ", operands: []operand{immediate(bit), r, literal(to)}, reads: ids(r), target: label(to)})
}

// RET returns.
func (f *Function) RET() { f.emit(&instruction{opcode: "RET", ends: true}) }

// Vectors in memory.

// LDRQ loads a whole vector. Two loads in a row from neighbouring memory become
// one.
func (f *Function) LDRQ(m Mem, v V) {
	f.checkOffset("FMOVQ", m, 16)
	if first, ok := f.lastPlain("FMOVQ", 0, m); ok && first.operands[1] != scalar(v) {
		other := first.operands[1].(scalar)
		first.opcode, first.operands = "FLDPQ", []operand{first.operands[0], pair{V(other), v}}
		first.writes = vs(V(other), v)
		return
	}
	f.emit(&instruction{opcode: "FMOVQ", operands: []operand{m, scalar(v)}, reads: ids(m.Base), writes: vs(v)})
}

// STRQ stores a whole vector, two in a row at once like LDRQ.
func (f *Function) STRQ(v V, m Mem) {
	f.checkOffset("FMOVQ", m, 16)
	if first, ok := f.lastPlain("FMOVQ", 1, m); ok {
		other := first.operands[0].(scalar)
		first.opcode, first.operands = "FSTPQ", []operand{pair{V(other), v}, first.operands[1]}
		first.reads = append(first.reads, v.id)
		return
	}
	f.emit(&instruction{opcode: "FMOVQ", operands: []operand{scalar(v), m}, reads: append(ids(m.Base), v.id)})
}

// lastPlain returns the last node if it is an instruction of that name whose
// memory operand, at that index, lies right before m, near enough to be
// addressed in a pair.
func (f *Function) lastPlain(opcode string, index int, m Mem) (*instruction, bool) {
	if len(f.nodes) == 0 {
		return nil, false
	}
	last, ok := f.nodes[len(f.nodes)-1].(*instruction)
	if !ok || last.opcode != opcode {
		return nil, false
	}
	before, ok := last.operands[index].(Mem)
	return last, ok && before == Mem{m.Base, m.Offset - 16} && before.Offset <= 63*16
}

func (f *Function) checkOffset(opcode string, m Mem, size int) {
	if m.Offset < 0 || m.Offset%size != 0 || m.Offset >= 1<<12*size {
		f.fail("%s %s: does not fit", opcode, m.asm(nil))
	}
}

// LDRS loads one float32 into lane 0 and clears the others.
func (f *Function) LDRS(m Mem, v V) {
	f.checkOffset("FMOVS", m, 4)
	f.emit(&instruction{opcode: "FMOVS", operands: []operand{m, scalar(v)}, reads: ids(m.Base), writes: vs(v)})
}

// STRS stores lane 0.
func (f *Function) STRS(v V, m Mem) {
	f.checkOffset("FMOVS", m, 4)
	f.emit(&instruction{opcode: "FMOVS", operands: []operand{scalar(v), m}, reads: append(ids(m.Base), v.id)})
}

// STRD stores lanes 0 and 1, to a multiple of 4.
func (f *Function) STRD(v V, m Mem) {
	f.emit(&instruction{opcode: "FMOVD", operands: []operand{scalar(v), m}, reads: append(ids(m.Base), v.id)})
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
	f.emit(&instruction{opcode: "PRFM", operands: []operand{m, literal(to)}, reads: ids(m.Base)})
}

// LoadConstant loads a constant in every lane, from the file's table. name is
// what the comment calls it.
func (f *Function) LoadConstant(name string, bits uint32, v V) {
	if f.constants == (X{}) {
		f.constants = f.X("table of constants")
		f.nodes = append([]node{&instruction{
			opcode:   "MOVD",
			operands: []operand{literal("$" + constantsSymbol + "(SB)"), f.constants},
			writes:   ids(f.constants),
		}}, f.nodes...)
	}
	m := Mem{f.constants, f.file.constant(name, bits)}
	f.checkOffset("FMOVQ", m, 16)
	f.emit(&instruction{
		opcode:   "FMOVQ",
		operands: []operand{m, noted{scalar(v), name}},
		constant: name,
		reads:    ids(m.Base),
		writes:   vs(v),
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
	f.emit(&instruction{opcode: "WORD", operands: []operand{word{w, []V{d, n, m}, 0}}, reads: vs(m, n), writes: vs(d)})
}

// FABS is the absolute value.
func (f *Function) FABS(n, d V) {
	f.emit(&instruction{opcode: "WORD", operands: []operand{word{fabs, []V{d, n}, 0}}, reads: vs(n), writes: vs(d)})
}

// FMLA is d += n·m, FMLS d -= n·m, both fused.
func (f *Function) FMLA(m, n, d V) { f.vector("VFMLA", "S4", m, n, d).readsToo(d) }
func (f *Function) FMLS(m, n, d V) { f.vector("VFMLS", "S4", m, n, d).readsToo(d) }

// FMLALane is d += n·m, one lane m multiplying all of n.
func (f *Function) FMLALane(m Lane, n, d V) {
	if m.Index < 0 || m.Index > 3 {
		f.fail("fmla: lane %d", m.Index)
	}
	f.emit(&instruction{
		opcode:   "WORD",
		operands: []operand{word{fmlaLane, []V{d, n, m.V}, m.Index}},
		reads:    vs(m.V, n, d),
		writes:   vs(d),
	})
}

// Bits and integers.

func (f *Function) AND(m, n, d V) { f.vector("VAND", "B16", m, n, d) }
func (f *Function) ORR(m, n, d V) { f.vector("VORR", "B16", m, n, d) }

// ADDInt is the sum of four 32-bit integers.
func (f *Function) ADDInt(m, n, d V) { f.vector("VADD", "S4", m, n, d) }

// SHL shifts four 32-bit words left.
func (f *Function) SHL(bits int, n, d V) {
	if bits < 0 || bits > 31 {
		f.fail("shl: by %d", bits)
	}
	f.emit(&instruction{
		opcode:   "VSHL",
		operands: []operand{immediate(bits), arranged{n, "S4"}, arranged{d, "S4"}},
		reads:    vs(n),
		writes:   vs(d),
	})
}

func (f *Function) vector(opcode, arrangement string, m, n, d V) *instruction {
	i := &instruction{
		opcode:   opcode,
		operands: []operand{arranged{m, arrangement}, arranged{n, arrangement}, arranged{d, arrangement}},
		reads:    vs(m, n),
		writes:   vs(d),
	}
	f.emit(i)
	return i
}

// readsToo adds a register that an instruction reads and overwrites.
func (i *instruction) readsToo(v V) { i.reads = append(i.reads, v.id) }

// Moves.

// VMOV copies n.
func (f *Function) VMOV(n, d V) {
	f.emit(&instruction{opcode: "VMOV", operands: []operand{arranged{n, "B16"}, arranged{d, "B16"}}, reads: vs(n), writes: vs(d)})
}

// ClearV sets all of d to zero.
func (f *Function) ClearV(d V) {
	f.emit(&instruction{opcode: "VMOVI", operands: []operand{immediate(0), arranged{d, "B16"}}, writes: vs(d)})
}

// UpperHalf copies lanes 2 and 3 of n to lanes 0 and 1, and to 2 and 3, of d.
func (f *Function) UpperHalf(n, d V) {
	f.emit(&instruction{opcode: "VDUP", operands: []operand{element{n, "D", 1}, arranged{d, "D2"}}, reads: vs(n), writes: vs(d)})
}

// Sums within a vector.

// FADDP sets lane 0 of d to the sum of lanes 0 and 1 of n.
func (f *Function) FADDP(n, d V) {
	f.emit(&instruction{opcode: "WORD", operands: []operand{word{faddp, []V{d, n}, 0}}, reads: vs(n), writes: vs(d)})
}

// FADDS adds the lanes 0 of m and n.
func (f *Function) FADDS(m, n, d V) {
	f.emit(&instruction{opcode: "FADDS", operands: []operand{scalar(m), scalar(n), scalar(d)}, reads: vs(m, n), writes: vs(d)})
}
