package neon

import "example.com/lstm/asm/emit"

// Arithmetic on integers, d = n op m.

// ADDInt is the sum of four 32-bit integers, SUBInt their difference, SMAX the
// larger of each two.
func (f *Function) ADDInt(m, n, d V) { f.vector("VADD", "S4", m, n, d) }
func (f *Function) SUBInt(m, n, d V) { f.vector("VSUB", "S4", m, n, d) }
func (f *Function) SMAX(m, n, d V)   { f.three(smax, m, n, d) }

// SHL shifts four 32-bit words left.
func (f *Function) SHL(bits int, n, d V) {
	if bits < 0 || bits > 31 {
		f.Fail("shl: by %d", bits)
	}
	f.Emit(&emit.Instruction{
		Opcode:   "VSHL",
		Operands: []emit.Operand{immediate(bits), arranged{n, "S4"}, arranged{d, "S4"}},
		Reads:    vs(n),
		Writes:   vs(d),
	})
}

// SSHR shifts four 32-bit integers right, rounding down.
func (f *Function) SSHR(bits int, n, d V) {
	if least, most := sshr.numbers(); bits < least || bits > most {
		f.Fail("sshr: by %d", bits)
	}
	f.Emit(&emit.Instruction{Opcode: "WORD", Operands: []emit.Operand{word{sshr, []V{d, n}, bits}}, Reads: vs(n), Writes: vs(d)})
}

// SMAXV sets lane 0 of d to the largest of four 32-bit integers, ADDV to their sum.
func (f *Function) SMAXV(n, d V) { f.two(smaxv, n, d) }
func (f *Function) ADDV(n, d V) {
	f.Emit(&emit.Instruction{Opcode: "VADDV", Operands: []emit.Operand{arranged{n, "S4"}, whole(d)}, Reads: vs(n), Writes: vs(d)})
}

// UZP1Halves takes the low half of each 32-bit word of n, then of m, UZP1Bytes that
// of each 16-bit word.
func (f *Function) UZP1Halves(m, n, d V) { f.vector("VUZP1", "H8", m, n, d) }
func (f *Function) UZP1Bytes(m, n, d V)  { f.vector("VUZP1", "B16", m, n, d) }

// Sums of products of bytes, all signed.

// SMULL is the 16-bit products of the first eight bytes, SMULL2 of the last.
func (f *Function) SMULL(m, n, d V)  { f.three(smull, m, n, d) }
func (f *Function) SMULL2(m, n, d V) { f.three(smull2, m, n, d) }

// ADDPHalves is the sums of neighbours of n, then of m, in 16 bits.
func (f *Function) ADDPHalves(m, n, d V) { f.three(addp, m, n, d) }

// SADALP adds neighbours in n, 16-bit integers, to the 32-bit integers of d.
func (f *Function) SADALP(n, d V) {
	f.Emit(&emit.Instruction{Opcode: "WORD", Operands: []emit.Operand{word{sadalp, []V{d, n}, 0}}, Reads: vs(n, d), Writes: vs(d)})
}

// SDOTLane adds the four products of the bytes in each 32-bit word of n with those
// in the lane m. It needs a processor with FEAT_DotProd.
func (f *Function) SDOTLane(m Lane, n, d V) { f.byLane(sdotLane, m, n, d) }
