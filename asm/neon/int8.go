package neon

import "example.com/lstm/internal/gen"

// Products of int8, and what quantising vectors takes.
//
// SDOT adds the four products of each lane, with a multiplier from a lane. Without it
// SMULL makes products of 16 bits, of which ADDP adds two, which fit: twice 127·127 is
// less than 2^15. SADALP adds two of these sums to an int32.

func (m *Machine) LoadBytes(base gen.Reg, offset, n, uses int) []gen.Weight {
	return m.LoadWeights(base, offset, n, uses)
}

// SpreadBytes has nothing to do for SDOT; SMULL takes whole vectors.
func (m *Machine) SpreadBytes(s gen.Scalar, _ bool) gen.Multiplier {
	if !m.dot {
		_, v := m.newVec("q")
		m.fn.DUP(m.scalars[s.ID], v)
		m.scalars = append(m.scalars, Lane{V: v})
		s.ID = len(m.scalars) - 1
	}
	return gen.Multiplier{ID: s.ID, Lanes: lanes}
}

// SpreadWords is not for NEON: products of int16 are no fewer than those of digits.
func (m *Machine) SpreadWords(_, _ gen.Scalar) gen.Multiplier {
	m.fail("no products of int8 and int16")
	return gen.Multiplier{}
}

// DotStart is zeros: all factors are signed.
func (m *Machine) DotStart(_ gen.Reg, name string) gen.Vec { return m.ZeroVec(name) }

// abreast is how many vectors of products without SDOT are made side by side, so
// that one's latency hides another's.
const abreast = 4

func (m *Machine) DotAcc(acc []gen.Vec, w []gen.Weight, by gen.Multiplier) {
	q := m.scalars[by.ID]
	if m.dot {
		for i := range acc {
			m.fn.SDOTLane(q, m.vecs[w[i].ID], m.v(acc[i]))
		}
		return
	}
	for first := 0; first < len(acc); first += abreast {
		acc, w := acc[first:min(first+abreast, len(acc))], w[first:]
		low, high := make([]V, len(acc)), make([]V, len(acc))
		for i := range acc {
			low[i], high[i] = m.fn.V("products"), m.fn.V("products")
			m.fn.SMULL(q.V, m.vecs[w[i].ID], low[i])
			m.fn.SMULL2(q.V, m.vecs[w[i].ID], high[i])
		}
		for i := range acc {
			m.fn.ADDPHalves(high[i], low[i], low[i])
		}
		for i := range acc {
			m.fn.SADALP(low[i], m.v(acc[i]))
		}
	}
}

func (m *Machine) Move(to, v gen.Vec) { m.fn.VMOV(m.v(v), m.v(to)) }

func (m *Machine) AndImm(r gen.Reg, n int) { m.fn.ANDImmediate(n, m.r(r)) }

func (m *Machine) LoadSpread(base gen.Reg, offset int, name string) gen.Vec {
	id, v := m.newVec(name)
	m.fn.LDRS(m.mem(base, offset), v)
	m.fn.DUP(Lane{V: v}, v)
	return id
}

// LoadFirst loads two lanes if n has that bit, and then one if n has the other.
func (m *Machine) LoadFirst(n gen.Reg, base gen.Reg, offset int, name string) gen.Vec {
	id, v := m.newVec(name)
	one, done := m.tag("load_one"), m.tag("loaded")
	m.fn.TBZ(1, m.r(n), one)
	m.fn.LDRD(m.mem(base, offset), v)
	m.fn.TBZ(0, m.r(n), done)
	third := m.fn.V("")
	m.fn.LDRS(m.mem(base, offset+8), third)
	m.fn.INS(Lane{V: third}, Lane{V: v, Index: 2})
	m.fn.B(done)
	m.fn.Label(one)
	m.fn.LDRS(m.mem(base, offset), v)
	m.fn.Label(done)
	return id
}

func (m *Machine) StoreBytes(v []gen.Vec, base gen.Reg, offset int) {
	low, high := m.fn.V(""), m.fn.V("")
	m.fn.UZP1Halves(m.v(v[1]), m.v(v[0]), low)
	m.fn.UZP1Halves(m.v(v[3]), m.v(v[2]), high)
	m.fn.UZP1Bytes(high, low, low)
	m.fn.STRQ(low, m.mem(base, offset))
}

func (m *Machine) StoreEach(v [4]gen.Vec, base gen.Reg, offset int) {
	for i, v := range v {
		m.fn.STRS(m.v(v), m.mem(base, offset+4*i))
	}
}

func (m *Machine) MaxAcross(v gen.Vec) gen.Vec { return m.across(m.fn.SMAXV, v, "maximum") }
func (m *Machine) SumAcross(v gen.Vec) gen.Vec { return m.across(m.fn.ADDV, v, "sum") }

func (m *Machine) across(instruction func(n, d V), v gen.Vec, name string) gen.Vec {
	id, d := m.newVec(name)
	instruction(m.v(v), d)
	m.fn.DUP(Lane{V: d}, d)
	return id
}
