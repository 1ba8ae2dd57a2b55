package interpret

import (
	"math"

	"example.com/lstm/internal/gen"
)

// operation returns what an operation of formulas does to vectors of len(d)
// lanes, or nil if there is none. Arguments that it does not have are nil.
func operation(op gen.Op, shift int) func(s *state, d []float32, a, b, c, e *vector) {
	switch op {
	case gen.FMA:
		return func(s *state, d []float32, a, b, c, _ *vector) {
			for i := range d {
				d[i] = s.fma(a[i], b[i], c[i])
			}
		}
	case gen.FNMA:
		return func(s *state, d []float32, a, b, c, _ *vector) {
			for i := range d {
				d[i] = s.fma(-a[i], b[i], c[i])
			}
		}
	case gen.IfBelow:
		return func(_ *state, d []float32, a, b, c, e *vector) {
			for i := range d {
				if a[i] < b[i] {
					d[i] = c[i]
				} else {
					d[i] = e[i]
				}
			}
		}
	case gen.ZeroBelow:
		return func(_ *state, d []float32, a, b, c, _ *vector) {
			for i := range d {
				d[i] = c[i]
				if a[i] < b[i] {
					d[i] = 0
				}
			}
		}
	case gen.Mul:
		return two(func(a, b float32) float32 { return a * b })
	case gen.Add:
		return two(func(a, b float32) float32 { return a + b })
	case gen.Sub:
		return two(func(a, b float32) float32 { return a - b })
	case gen.Div:
		return two(func(a, b float32) float32 { return a / b })
	case gen.Min:
		return two(func(a, b float32) float32 {
			if a < b {
				return a
			}
			return b
		})
	case gen.Max:
		return two(func(a, b float32) float32 {
			if a > b {
				return a
			}
			return b
		})
	case gen.And:
		return bits(func(a, b uint32) uint32 { return a & b })
	case gen.Or:
		return bits(func(a, b uint32) uint32 { return a | b })
	case gen.AddInt:
		return bits(func(a, b uint32) uint32 { return a + b })
	case gen.SubInt:
		return bits(func(a, b uint32) uint32 { return a - b })
	case gen.MaxInt:
		return bits(func(a, b uint32) uint32 { return uint32(max(int32(a), int32(b))) })
	case gen.ToInt:
		return one(func(a float32) float32 {
			n := math.RoundToEven(float64(a))
			if !(math.Abs(n) < 1<<31) {
				n = math.MinInt32
			}
			return asFloat(int32(n))
		})
	case gen.FromInt:
		return one(func(a float32) float32 { return float32(asInt(a)) })
	case gen.ShiftRight:
		return one(func(a float32) float32 { return asFloat(asInt(a) >> shift) })
	case gen.ShiftBits:
		return func(_ *state, d []float32, a, _, _, _ *vector) {
			for i := range d {
				d[i] = math.Float32frombits(math.Float32bits(a[i]) << shift)
			}
		}
	}
	return nil
}

func one(f func(a float32) float32) func(s *state, d []float32, a, b, c, e *vector) {
	return func(_ *state, d []float32, a, _, _, _ *vector) {
		for i := range d {
			d[i] = f(a[i])
		}
	}
}

// asInt and asFloat are the same bits.
func asInt(a float32) int32   { return int32(math.Float32bits(a)) }
func asFloat(n int32) float32 { return math.Float32frombits(uint32(n)) }

func two(f func(a, b float32) float32) func(s *state, d []float32, a, b, c, e *vector) {
	return func(_ *state, d []float32, a, b, _, _ *vector) {
		for i := range d {
			d[i] = f(a[i], b[i])
		}
	}
}

func bits(f func(a, b uint32) uint32) func(s *state, d []float32, a, b, c, e *vector) {
	return two(func(a, b float32) float32 {
		return math.Float32frombits(f(math.Float32bits(a), math.Float32bits(b)))
	})
}
