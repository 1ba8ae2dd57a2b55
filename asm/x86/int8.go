package x86

import (
	"slices"

	"example.com/lstm/internal/gen"
	"example.com/lstm/internal/panel"
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
	x86asm "github.com/mmcloughlin/avo/x86"
)

// Products of int8, and what quantising vectors takes.
//
// VPDPBUSD multiplies unsigned bytes with signed ones. The weights are the unsigned
// ones, 128 more than they are: that is their sign bit flipped.
//
// AVX2 has VPMADDUBSW, the sum of two such products as an int16 that saturates. There
// the unsigned bytes are the magnitudes of the vector, and where it is negative the
// weights are inverted; twice 127·128 fits. (VPSIGNB would negate them, but of those
// and multiplications Zen 4 begins two a cycle, of XOR four.) The products with 1 of
// VPMADDWD make int32 of it.

// held is a constant that a kernel keeps in a register from its beginning on.
type held struct {
	name string
	bits uint32
	v    reg.VecVirtual // of YMM
}

var (
	signBits = gen.Constant{Name: "signBytes", Bits: 0x80808080}
	ones     = gen.Constant{Name: "oneWords", Bits: 0x00010001}
)

// hold returns the register of a constant.
func (m *Machine) hold(c gen.Constant) reg.VecVirtual {
	i := slices.IndexFunc(m.held, func(h held) bool { return h.name == c.Name })
	if i < 0 {
		i = len(m.held)
		v := m.ctx.YMM()
		m.roles[v.ID()] = c.Name
		m.held = append(m.held, held{c.Name, c.Bits, v})
		m.repeated(&c)
	}
	return m.wide(m.held[i].v)
}

// wide is a register as wide as vectors are.
func (m *Machine) wide(v reg.VecVirtual) reg.VecVirtual {
	if m.lanes == 16 {
		return v.AsZ().(reg.VecVirtual)
	}
	return v.AsY().(reg.VecVirtual)
}

// loadHeld puts the loads of the constants before the function's other
// instructions.
func (m *Machine) loadHeld(fn *ir.Function, constants []held) error {
	var loads []ir.Node
	for _, h := range constants {
		at := m.constants[h.name]
		load, err := x86asm.VMOVUPS(at, h.v)
		if m.kernels[fn.Name].maxLanes == 16 {
			load, err = x86asm.VBROADCASTSS(at, h.v.AsZ())
		}
		if err != nil {
			return err
		}
		loads = append(loads, load)
	}
	fn.Nodes = append(loads, fn.Nodes...)
	return nil
}

// LoadBytes leaves weights that are used once in memory where they are multiplied
// as they are.
func (m *Machine) LoadBytes(base gen.Reg, offset, n, uses int) []gen.Weight {
	if !m.dot {
		return m.LoadWeights(base, offset, n, uses)
	}
	ws := make([]gen.Weight, n)
	for i := range ws {
		id, v := m.newVec("weights")
		m.ctx.VPXORD(m.mem(base, offset+i*4*m.lanes), m.hold(signBits), v)
		ws[i] = m.VecWeight(id)
	}
	return ws
}

// group is a group of int8 in every lane, or for AVX2 their magnitudes, unless they are
// digits, and in other the bits that invert weights; or int16, the odd ones in other.
type group struct {
	q, other      gen.Vec
	digits, words bool
}

func (m *Machine) SpreadBytes(s gen.Scalar, digit bool) gen.Multiplier {
	id, v := m.newVec("q")
	m.ctx.VPBROADCASTD(m.scalars[s.ID], v)
	of := group{q: id, digits: digit}
	if !m.dot && !digit {
		abs, magnitude := m.newVec("|q|")
		m.ctx.VPABSB(v, magnitude)
		m.ctx.VPCMPGTB(v, magnitude, v) // it is larger than what is negative
		of.q, of.other = abs, id
	}
	m.groups = append(m.groups, of)
	return gen.Multiplier{ID: len(m.groups) - 1, Lanes: m.lanes}
}

// SpreadWords is for AVX2. VPMADDUBSW with ones and zeros makes int16 of the even
// weights, a shift of the odd ones, and VPMADDWD multiplies with 14 bits at once: of six
// operations three have the pipes of multiplications, where digits take seven and four.
func (m *Machine) SpreadWords(even, odd gen.Scalar) gen.Multiplier {
	of := group{words: true}
	for _, word := range []struct {
		s  gen.Scalar
		id *gen.Vec
	}{{even, &of.q}, {odd, &of.other}} {
		id, v := m.newVec("q")
		m.ctx.VPBROADCASTD(m.scalars[word.s.ID], v)
		*word.id = id
	}
	m.groups = append(m.groups, of)
	return gen.Multiplier{ID: len(m.groups) - 1, Lanes: m.lanes}
}

func (m *Machine) DotStart(block gen.Reg, name string) gen.Vec {
	if m.dot {
		return m.LoadSpread(block, panel.BlockBiasedStart*4, name)
	}
	return m.LoadSpread(block, panel.BlockInvertedStart*4, name)
}

func (m *Machine) DotAcc(acc []gen.Vec, w []gen.Weight, by gen.Multiplier) {
	for i := range acc {
		m.dotAcc(acc[i], w[i], by)
	}
}

func (m *Machine) dotAcc(acc gen.Vec, w gen.Weight, by gen.Multiplier) {
	of := m.groups[by.ID]
	if m.dot {
		m.ctx.VPDPBUSD(m.v(of.q), m.weights[w.ID], m.v(acc))
		return
	}
	signed := m.weights[w.ID]
	product := m.ctx.YMM()
	if of.words {
		odd := m.ctx.YMM()
		m.ctx.VMOVDQU(signed, odd)
		m.ctx.VPMADDUBSW(odd, m.hold(ones), product)
		m.ctx.VPSRAW(operand.U8(8), odd, odd)
		m.ctx.VPMADDWD(m.v(of.q), product, product)
		m.ctx.VPMADDWD(m.v(of.other), odd, odd)
		m.ctx.VPADDD(product, m.v(acc), m.v(acc))
		m.ctx.VPADDD(odd, m.v(acc), m.v(acc))
		return
	}
	if !of.digits {
		m.ctx.VPXOR(signed, m.v(of.other), product)
		signed = product
	}
	m.ctx.VPMADDUBSW(signed, m.v(of.q), product)
	m.ctx.VPMADDWD(m.hold(ones), product, product)
	m.ctx.VPADDD(product, m.v(acc), m.v(acc))
}

func (m *Machine) AndImm(r gen.Reg, n int) { m.ctx.ANDQ(operand.I32(n), m.r(r)) }

func (m *Machine) LoadSpread(base gen.Reg, offset int, name string) gen.Vec {
	id, v := m.newVec(name)
	m.ctx.VBROADCASTSS(m.mem(base, offset), v)
	return id
}

func (m *Machine) Move(to, v gen.Vec) { m.ctx.VMOVAPS(m.v(v), m.v(to)) }

// LoadFirst loads by a mask. Memory behind what it lets through is not touched.
func (m *Machine) LoadFirst(n gen.Reg, base gen.Reg, offset int, name string) gen.Vec {
	var lanes [16]uint32
	for i := range lanes {
		lanes[i] = uint32(i)
	}
	numbers := m.data("laneNumbers", lanes[:])
	id, v := m.newVec(name)
	count := m.ctx.YMM()
	if m.maxLanes < 16 {
		mask := m.ctx.YMM()
		m.ctx.VMOVD(m.r(n).As32(), count.AsX())
		m.ctx.VPBROADCASTD(count.AsX(), count)
		m.ctx.VPCMPGTD(numbers, count, mask)
		m.ctx.VMASKMOVPS(m.mem(base, offset), mask, v)
		return id
	}
	all := m.wide(count)
	mask := m.ctx.K()
	m.ctx.VPBROADCASTD(m.r(n).As32(), all)
	m.ctx.VPCMPGTD(numbers, all, mask)
	m.ctx.VMOVUPS_Z(m.mem(base, offset), mask, v)
	return id
}

// StoreBytes saturates with AVX2, which makes no difference.
func (m *Machine) StoreBytes(v []gen.Vec, base gen.Reg, offset int) {
	if m.lanes == 16 {
		m.ctx.VPMOVDB(m.v(v[0]), m.mem(base, offset))
		return
	}
	words := m.ctx.YMM()
	m.ctx.VPACKSSDW(m.v(v[1]), m.v(v[0]), words)
	m.ctx.VPERMQ(operand.U8(0xd8), words, words) // the quarters 0, 2, 1, 3 in order
	high := m.ctx.XMM()
	m.ctx.VEXTRACTI128(operand.U8(1), words, high)
	m.ctx.VPACKSSWB(high, words.AsX(), high)
	m.ctx.VMOVDQU(high, m.mem(base, offset))
}

func (m *Machine) StoreEach(v [4]gen.Vec, base gen.Reg, offset int) {
	x := func(i int) reg.Register { return m.vecs[v[i].ID].AsX() }
	low, high := m.ctx.XMM(), m.ctx.XMM()
	m.ctx.VUNPCKLPS(x(1), x(0), low)
	m.ctx.VUNPCKLPS(x(3), x(2), high)
	m.ctx.VMOVLHPS(high, low, low)
	m.ctx.VMOVUPS(low, m.mem(base, offset))
}

func (m *Machine) MaxAcross(v gen.Vec) gen.Vec { return m.across(v, m.ctx.VPMAXSD, "maximum") }
func (m *Machine) SumAcross(v gen.Vec) gen.Vec { return m.across(v, m.ctx.VPADDD, "sum") }

// across combines lanes that are half a vector apart, a quarter and so on.
func (m *Machine) across(v gen.Vec, combine instruction, name string) gen.Vec {
	id, all := m.newVec(name)
	other := m.wide(m.ctx.YMM())
	from := m.v(v)
	step := func(shuffle func()) {
		shuffle()
		combine(other, from, all)
		from = all
	}
	if m.lanes == 16 {
		step(func() { m.ctx.VSHUFI32X4(operand.U8(0x4e), from, from, other) })
		step(func() { m.ctx.VSHUFI32X4(operand.U8(0xb1), from, from, other) })
	} else {
		step(func() { m.ctx.VPERMQ(operand.U8(0x4e), from, other) })
	}
	step(func() { m.ctx.VPSHUFD(operand.U8(0x4e), from, other) })
	step(func() { m.ctx.VPSHUFD(operand.U8(0xb1), from, other) })
	return id
}
