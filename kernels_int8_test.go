package lstm

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm/internal/gen/interpret"
	"example.com/lstm/internal/lstmtest"
	"example.com/lstm/internal/panel"
)

// The calls of kernels of int8 weights, for the harness in kernels_test.go.

func (c *gateCall) isInt8() bool { return c.format == int8Weights || c.format == int8DigitsWeights }

// parts are how many elements the blocks have that a panel's rows are multiplied
// with.
func (c *gateCall) parts() (elements []int) {
	if !c.withoutX {
		elements = append(elements, c.n)
	}
	if c.m > 0 {
		elements = append(elements, c.m)
	}
	return elements
}

func (c *gateCall) int8Rows() int {
	rows := c.skip + c.after
	for _, n := range c.parts() {
		rows += panel.Int8Rows(n)
	}
	return rows
}

// vector is what a kernel is given of the memory of a vector of n elements.
func (c *gateCall) vector(x []float32, n int) []float32 {
	if c.isInt8() {
		return x[:panel.BlockHeader+panel.Groups(n)]
	}
	return x
}

// int8Weights makes panels: scales and int8 where the kernel has to look, sentinels
// elsewhere.
func (c *gateCall) int8Weights() argument {
	rows := c.rows()
	last := (c.units - 1) / panel.Units
	width := panel.Width(c.units - last*panel.Units)
	stride := panel.RowFloats * rows
	floats := sentinels(last*stride + panel.Gates*width*rows)
	c.eachUnit(func(p, lane, width int) {
		for g := range panel.Gates {
			column := floats[p*stride+g*width+lane:]
			at := c.skip
			next := func(v float32) {
				column[at*panel.Gates*width] = v
				at++
			}
			for _, n := range c.parts() {
				next(c.kind.weight(c.rand, n))
				most := c.rand.IntN(2) == 0
				for k := 0; k < n; k += panel.GroupElements {
					var group uint32
					for i := range min(panel.GroupElements, n-k) {
						group |= uint32(uint8(int8InTest(c.rand, most))) << (8 * i)
					}
					next(math.Float32frombits(group))
				}
			}
		}
	})
	return argument{name: "weights", floats: floats, bits: true}
}

// int8InTest is any int8 but -128, or one of the largest magnitude.
func int8InTest(r *rand.Rand, most bool) int {
	if most {
		return 127 - 254*r.IntN(2)
	}
	return r.IntN(255) - 127
}

// block makes a quantised block of n elements, with any scale.
func (c *gateCall) block(name string, n int, digits bool) argument {
	q := make([]int, n)
	most := c.rand.IntN(2) == 0
	for k := range q {
		q[k] = int8InTest(c.rand, most)
		if digits {
			q[k] = q[k]*(c.rand.IntN(64)+1) + c.rand.IntN(64)
			if most {
				q[k] = 8191 - 2*8191*c.rand.IntN(2)
			}
		}
	}
	return argument{name: name, floats: blockOf(q, c.kind.x(c.rand, n), digits), bits: true}
}

// blockOf is the memory of a block.
func blockOf(q []int, scale float32, digits bool) []float32 {
	groups := panel.Groups(len(q))
	planes := 1
	if digits {
		planes = 2
	}
	floats := make([]float32, panel.BlockFloats(len(q), planes))
	put := func(plane, k, q int) {
		f := &floats[panel.BlockHeader+plane*panel.PlaneFloats(groups)+k/4]
		*f = math.Float32frombits(math.Float32bits(*f) | uint32(uint8(q))<<(k%4*8))
	}
	sum, below := 0, 0
	for k, q := range q {
		sum += q
		if hi := q >> 7; digits {
			below += max(0, -hi)
		} else {
			below += max(0, -q)
		}
		if digits {
			put(0, k, q>>7)
			put(1, k, q&127)
		} else {
			put(0, k, q)
		}
	}
	floats[0], floats[3] = scale, lstmtest.NaN
	biased := -sum
	if !digits {
		biased *= 128
	}
	floats[1], floats[2] = math.Float32frombits(uint32(biased)), math.Float32frombits(uint32(below))
	return floats
}

// stepInt8 is the call of stepInt8, or of stepInt8Digits.
func (c *gateCall) stepInt8(format weightFormat) *kernelCall {
	c.format = format
	kernel, twin := stepInt8, stepInt8Generic
	if format == int8DigitsWeights {
		kernel, twin = stepInt8Digits, stepInt8DigitsGeneric
	}
	a := c.arguments()
	cell, hidden := c.state(0)
	a = append(a, c.x(0), c.block("h0", c.m, false), cell, hidden)
	call := func(step func(from *chainStart, p *panels, x, h0, c, h []float32)) func(m [][]float32) {
		return func(m [][]float32) {
			from, p := c.places(m)
			m = m[otherArguments:]
			x := c.vector(m[0], c.n)
			if c.withoutX {
				x = nil
			}
			step(from, p, x, c.vector(m[1], c.m), m[2], m[3])
		}
	}
	return &kernelCall{
		what:      fmt.Sprintf("step of %v weights, %d elements of h, without x is %v, %s", format, c.m, c.withoutX, c),
		arguments: a,
		kernel:    call(kernel),
		twin:      call(twin),
	}
}

func TestStepInt8Kernels(t *testing.T) {
	eachOwner(t, "stepInt8", func(t *testing.T) {
		rack := newRack(t, floatsFor)
		for _, format := range []weightFormat{int8Weights, int8DigitsWeights} {
			eachSizeOf(true, func(units, n, seed int) {
				r := lstmtest.NewRand(111, seed, int(format))
				c := gateCall{
					units: units, n: n, m: 1 + r.IntN(90), withoutX: r.IntN(4) == 0, skip: r.IntN(3) * r.IntN(9), after: r.IntN(3),
					columns: 1, kind: &kinds[(units+n)%len(kinds)], rand: r, bias: r.IntN(2) == 0, panelGap: r.IntN(3) * r.IntN(40),
				}
				rack.check(t, c.stepInt8(format), atFirst, atLast, apart(seed))
			})
			// Whole blocks, and one that is nearly.
			for n := panel.BlockElements - 1; n <= panel.BlockElements; n++ {
				for _, units := range []int{8, 16} {
					c := gateCall{units: units, n: n, m: n / units, columns: 1, kind: &kinds[0], rand: lstmtest.NewRand(115, units, n)}
					rack.check(t, c.stepInt8(format), atFirst, atLast)
				}
			}
		}
	})
}

func testStepInt8Plan(format weightFormat) func(t *testing.T, p *interpret.Program, kernel int) {
	return func(t *testing.T, p *interpret.Program, _ int) {
		eachPlanSize(func(units, n, seed int) {
			r := lstmtest.NewRand(128, seed)
			c := gateCall{
				units: units, n: n, m: 1 + r.IntN(90), withoutX: r.IntN(4) == 0, skip: r.IntN(3), after: r.IntN(2), columns: 1,
				kind: &kinds[r.IntN(len(kinds))], rand: r, bias: r.IntN(2) == 0, panelGap: r.IntN(3),
			}
			checkPlan(t, p, c.stepInt8(format), func(m [][]float32) interpret.Arguments {
				args := c.planArguments(m)
				m = m[otherArguments:]
				args["x"], args["h0"], args["c"], args["h"] = m[0], m[1], m[2], m[3]
				args["m"] = len(c.vector(m[1], c.m))
				if c.withoutX {
					args["x"], args["n"] = []float32(nil), 0
				}
				return args
			})
		})
	}
}

// The sums of the largest products of a whole block fit an int32, whatever the order
// in which they are added and the signs.
func TestLargestDots(t *testing.T) {
	lstmtest.EveryPath(t, func(t *testing.T) {
		for _, format := range []weightFormat{int8Weights, int8DigitsWeights} {
			top := 127
			if format == int8DigitsWeights {
				top = 8191
			}
			for name, sign := range map[string]func(k int) int{
				"positive":    func(int) int { return 1 },
				"negative":    func(int) int { return -1 },
				"half":        func(k int) int { return 1 - k/(panel.BlockElements/2)*2 },
				"alternating": func(k int) int { return 1 - k%2*2 },
				"pairs":       func(k int) int { return 1 - k/2%2*2 },
			} {
				q, same, opposite := make([]int, panel.BlockElements), uint32(0x7f7f7f7f), uint32(0x81818181)
				sum := 0
				for k := range q {
					q[k] = sign(k) * top
					sum += q[k] * 127
				}
				floats := make([]float32, panel.RowFloats*panel.Int8Rows(len(q)))
				for i := range floats {
					floats[i] = 1
					if i >= panel.RowFloats {
						floats[i] = math.Float32frombits([]uint32{same, opposite}[i%2])
					}
				}
				x := blockOf(q, 1, format == int8DigitsWeights)[:panel.BlockHeader+panel.Groups(len(q))]
				z := make([]float32, panel.MaxColumns*panel.RowFloats)
				for columns := 1; columns <= panel.MaxColumns; columns++ {
					list := make([]column, columns)
					for i := range list {
						list[i].x = x
					}
					gates(format, &chainStart{sums: make([]float32, panel.RowFloats)}, &panels{floats: floats}, list, panel.Units, z, panel.RowFloats)
					for i, z := range z[:columns*panel.RowFloats] {
						want := float32(sum)
						if i%2 == 1 {
							want = -want
						}
						require.Equal(t, want, z, "%v, %s, %d columns, sum %d", format, name, columns, i)
					}
				}
			}
		}
	})
}

// quantiseCall is the call of quantise, or of quantiseDigits, on numbers of any kind:
// some with what is not finite, and some that are half-way between two integers.
func quantiseCall(r *rand.Rand, n int, digits bool) *kernelCall {
	kind := r.IntN(6)
	v := make([]float32, n)
	top, planes := float32(127), 1
	kernel, twin := quantise, quantiseGeneric
	if digits {
		top, planes = 8191, 2
		kernel, twin = quantiseDigits, quantiseDigitsGeneric
	}
	for i := range v {
		switch kind {
		case 0:
			v[i] = normal(r)
		case 1:
			v[i] = math.Float32frombits(r.Uint32())
		case 2: // ties
			v[i] = float32(r.IntN(2*int(top)-1)) + 0.5 - top + 1
		case 3: // zeros and what is subnormal
			v[i] = math.Float32frombits(r.Uint32() & 0x800000ff)
		case 4:
			v[i] = normal(r) * 0x1p-103
		default:
			v[i] = sometimes(r, n, normal(r)*0x1p+125)
		}
	}
	if kind == 2 {
		v[r.IntN(n)] = top
	}
	dst := sentinels(panel.BlockFloats(n, planes))
	starts := []float32{0x1p-100, 0x1p-100, 1, lstmtest.Inf, lstmtest.NaN, lstmtest.MaxFloat}
	dst[panel.BlockLargest] = starts[r.IntN(len(starts))]
	call := func(quantise func(dst, v []float32)) func(m [][]float32) {
		return func(m [][]float32) {
			quantise(m[0][:panel.BlockHeader+panel.Groups(n)], m[1])
		}
	}
	return &kernelCall{
		what:      fmt.Sprintf("quantise of %d elements of kind %d, digits is %v", n, kind, digits),
		arguments: []argument{{name: "dst", floats: dst, bits: true}, {name: "v", floats: v, bits: true}},
		kernel:    call(kernel),
		twin:      call(twin),
		forget:    func(m [][]float32) { forgetBytes(m[0]) },
	}
}

// forgetBytes clears what of a block is nobody's concern: all but the largest
// magnitude if the scale is NaN.
func forgetBytes(block []float32) {
	if s := block[panel.BlockScale]; s != s {
		largest := block[panel.BlockLargest]
		clear(block)
		block[panel.BlockScale], block[panel.BlockLargest] = lstmtest.NaN, largest
	}
}

func TestQuantiseKernels(t *testing.T) {
	eachOwner(t, "quantise", func(t *testing.T) {
		rack := newRack(t, floatsFor)
		for _, digits := range []bool{false, true} {
			for n := 1; n <= 140; n++ {
				for seed := range 6 {
					rack.check(t, quantiseCall(lstmtest.NewRand(113, n, seed), n, digits), atFirst, atLast, apart(n))
				}
			}
			rack.check(t, quantiseCall(lstmtest.NewRand(114), panel.BlockElements, digits), atFirst, atLast)
		}
	})
}

func testQuantisePlan(digits bool) func(t *testing.T, p *interpret.Program, kernel int) {
	return func(t *testing.T, p *interpret.Program, _ int) {
		for n := 1; n <= 140; n++ {
			for seed := range 3 {
				call := quantiseCall(lstmtest.NewRand(129, n, seed), n, digits)
				checkPlan(t, p, call, func(m [][]float32) interpret.Arguments {
					return interpret.Arguments{"dst": m[0], "v": m[1], "n": n}
				})
			}
		}
	}
}

// A quantised block stands for its elements, to half a unit, and what is not finite
// makes its scale NaN.
func TestQuantise(t *testing.T) {
	for _, c := range []struct {
		v    []float32
		bits int
		s    float32
		q    []int32
	}{
		{[]float32{1, -1, 0.5, 0}, 7, float32(1.0) / 127, []int32{127, -127, 64, 0}}, // 63.5 to even
		{[]float32{0, 0}, 7, 0x1p-100 * (float32(1) / 127), []int32{0, 0}},
		{[]float32{127, 2.5, -3.5, 1.5, -0.5}, 7, 127 * (float32(1) / 127), []int32{127, 2, -4, 2, 0}},
		{[]float32{8191, -8191, 128.5, -129.5, -0.5}, 14, 8191 * (float32(1) / 8191), []int32{8191, -8191, 128, -130, 0}},
		{[]float32{1, lstmtest.NaN}, 7, lstmtest.NaN, nil},
		{[]float32{lstmtest.Inf, 1}, 7, lstmtest.NaN, nil},
		{[]float32{1, -lstmtest.Inf}, 14, lstmtest.NaN, nil},
	} {
		digits := c.bits == 14
		block := make([]float32, panel.BlockFloats(len(c.v), 1+c.bits/14))
		block[panel.BlockLargest] = 0x1p-100
		x := block[:panel.BlockHeader+panel.Groups(len(c.v))]
		if digits {
			quantiseDigitsGeneric(x, c.v)
		} else {
			quantiseGeneric(x, c.v)
		}
		require.True(t, sameBits(c.s, x[panel.BlockScale]), "%v: scale is %v, want %v", c.v, x[panel.BlockScale], c.s)
		q := make([]int, len(c.q))
		for k := range q {
			require.Equal(t, c.q[k], blockElement(x, k, digits), "%v: element %d", c.v, k)
			q[k] = int(c.q[k])
		}
		if c.q != nil {
			want := blockOf(q, c.s, digits)
			want[panel.BlockLargest] = block[panel.BlockLargest]
			for i := range want {
				require.Equal(t, math.Float32bits(want[i]), math.Float32bits(block[i]), "%v: float %d", c.v, i)
			}
		}
	}
}
