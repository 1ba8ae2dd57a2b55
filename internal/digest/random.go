package digest

import "math"

// A generator makes the numbers of the cases. It is specified by integers and
// powers of two alone, so that it is the same on every machine and in every
// language: a linear congruential generator modulo 2^64, of which the high 24
// bits are used.
type generator struct{ state uint64 }

// newGenerator begins with the FNV-1a hash of a case's name.
func newGenerator(name string) *generator {
	h := uint64(14695981039346656037)
	for _, b := range []byte(name) {
		h = (h ^ uint64(b)) * 1099511628211
	}
	return &generator{h}
}

func (g *generator) next() uint32 {
	g.state = g.state*6364136223846793005 + 1442695040888963407
	return uint32(g.state >> 40)
}

// below returns an integer from 0 to before n.
func (g *generator) below(n int) int { return int(uint64(g.next()) * uint64(n) >> 24) }

// uniform returns n numbers from -scale to before scale, which is a power of
// two. They are multiples of scale·2^-23 and hence exact.
func (g *generator) uniform(n int, scale float32) []float32 {
	s := make([]float32, n)
	for i := range s {
		s[i] = float32(int32(g.next())-1<<23) * (scale * 0x1p-23)
	}
	return s
}

// anything returns n numbers with random bits.
func (g *generator) anything(n int) []float32 {
	s := make([]float32, n)
	for i := range s {
		high := g.next() >> 8
		s[i] = math.Float32frombits(high<<16 | g.next()>>8)
	}
	return s
}

// awkward are the bits of numbers at which programs go wrong first: zeros,
// ones and their neighbours, subnormals, the ends of the normal range,
// infinities, NaNs, the least magnitude that counts, and the thresholds of the
// activations.
var awkward = [...]uint32{
	0x00000000, 0x80000000, 0x3f800000, 0xbf800000, 0x3f800001, 0x3f7fffff,
	0x00000001, 0x80000001, 0x007fffff, 0x00800000, 0x80800000, 0x00800001,
	0x7f7fffff, 0xff7fffff, 0x7f800000, 0xff800000, 0x7fc00000, 0xffc00000, 0x7f800001,
	0x1f800000, 0x1f7fffff, 0x9f800000, 0x9f7fffff, 0xc2280000, 0xc2280001, 0x39800000, 0x39800001, 0x42200000, 0xc2aeac4f, 0xc2aeac4e, 0x4111999a, 0x42b17218, 0xc2b17218,
}

// withAwkward replaces about one in that many numbers in s by an awkward one.
func (g *generator) withAwkward(s []float32, every int) {
	for i := range s {
		if g.below(every) == 0 {
			s[i] = math.Float32frombits(awkward[g.below(len(awkward))])
		}
	}
}
