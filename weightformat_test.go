package lstm

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm/internal/contract"
	"example.com/lstm/internal/lstmtest"
	"example.com/lstm/internal/panel"
)

// formats are what the weights of a model can be stored in.
var formats = []struct {
	name   string
	change func(r *rand.Rand, m *Model)
}{
	{"float16", func(_ *rand.Rand, m *Model) { setFormats(m, func() (WeightFormat, int) { return Float16, 0 }) }},
	{"int8", func(_ *rand.Rand, m *Model) { setFormats(m, func() (WeightFormat, int) { return Int8, 0 }) }},
	{"int8 with 7 bits", func(_ *rand.Rand, m *Model) { setFormats(m, func() (WeightFormat, int) { return Int8, 7 }) }},
	{"int8 with 14 bits", func(_ *rand.Rand, m *Model) { setFormats(m, func() (WeightFormat, int) { return Int8, 14 }) }},
	{"mixed", func(r *rand.Rand, m *Model) {
		setFormats(m, func() (WeightFormat, int) {
			if f := WeightFormat(r.IntN(3)); f != Int8 {
				return f, 0
			}
			return Int8, 7 * r.IntN(3)
		})
	}},
}

// setFormats gives each layer and head of m the format, and the bits of x if it is
// int8, that next returns.
func setFormats(m *Model, next func() (WeightFormat, int)) {
	set := func(layers []Layer) {
		for _, layer := range layers {
			if d, ok := layer.(*Linear); ok {
				d.Format, _ = next()
			}
			for _, w := range directions(layer) {
				if w != nil {
					w.Format, w.InputBits = next()
				}
			}
		}
	}
	set(m.Layers)
	for _, head := range m.Heads {
		set(head.Layers)
	}
}

// someOf returns every n-th of a list of so many, beginning with the one given, or in
// short tests every fourth of these.
func someOf(count, first, n int) (list []int) {
	if testing.Short() {
		n *= 4
	}
	for i := first % n; i < count; i += n {
		list = append(list, i)
	}
	return list
}

// Layers of every format, size and kind, and every way to run them.
func TestFormatsAreTheFormula(t *testing.T) {
	lstmtest.EveryPath(t, func(t *testing.T) {
		for s, shape := range lstmtest.Shapes {
			for f, format := range formats {
				if testing.Short() && (s+f)%3 != 0 {
					continue
				}
				r := lstmtest.NewRand(41, s, f)
				m := randomModel(r, shape.Outputs, shape.Sizes...)
				name := format.name
				switch v := s + f; v % 3 {
				case 1:
					variants[v/3%len(variants)].change(r, m)
					name += ", " + variants[v/3%len(variants)].name
				case 2:
					cellVariants[v/3%len(cellVariants)].change(r, m)
					name += ", " + cellVariants[v/3%len(cellVariants)].name
				}
				format.change(r, m)
				testFormula(t, m, fmt.Sprintf("%v, %s", shape, name))
				n, err := New(m)
				require.NoError(t, err)
				testWays(t, m, n, shape.Sizes, 3)
				testWays(t, m, unfused(n), shape.Sizes, 3)
			}
		}
	})
}

// Hidden sizes and input sizes from 1 to 70, which leave groups, vectors and panels
// filled in part.
func TestFormatsOfOddSizes(t *testing.T) {
	lstmtest.EveryPath(t, func(t *testing.T) {
		for size := 1; size <= 70; size++ {
			for f, format := range formats[:3] {
				if testing.Short() && size > 17 && (size+f)%5 != 0 {
					continue
				}
				r := lstmtest.NewRand(42, size)
				m := randomModel(r, 1+size%5, 1+size*37%70, size)
				format.change(r, m)
				n, err := New(m)
				require.NoError(t, err)
				testWays(t, m, n, []int{size, f}, 2)
			}
		}
	})
}

// Streams go on through steps, batches and sequences in random order, whatever the
// format.
func TestFormatsOneAnswer(t *testing.T) {
	lstmtest.EveryPath(t, func(t *testing.T) {
		for s, shape := range lstmtest.Shapes {
			for f, format := range formats {
				if (s+f)%3 != 0 || inPart() && (s+f)%5 != 0 {
					continue
				}
				r := lstmtest.NewRand(43, s, f)
				m := randomModel(r, shape.Outputs, shape.Sizes...)
				variants[r.IntN(len(variants))].change(r, m)
				if r.IntN(2) == 0 {
					cellVariants[r.IntN(len(cellVariants))].change(r, m)
				}
				format.change(r, m)
				single, err := New(m)
				require.NoError(t, err)
				n := []*Network{single, unfused(single), inStages(t, m)}[r.IntN(3)]
				testOneAnswer(t, r, single, n, fmt.Sprintf("%v, %s", shape, format.name))
			}
		}
		for i, d := range denseModels {
			if inPart() && i%4 != 0 {
				continue
			}
			r := lstmtest.NewRand(44, i)
			m := d.make(r)
			formats[i%len(formats)].change(r, m)
			single, err := New(m)
			require.NoError(t, err, d)
			testOneAnswer(t, r, single, single, d.String())
		}
	})
}

// Layers that are no LSTM layers, before, between and after them, and heads.
func TestFormatsOfDenseLayers(t *testing.T) {
	lstmtest.EveryPath(t, func(t *testing.T) {
		for i, d := range denseModels {
			for _, f := range someOf(len(formats), i, 1) {
				r := lstmtest.NewRand(45, i)
				m := d.make(r)
				formats[f].change(r, m)
				n, err := New(m)
				require.NoError(t, err, d)
				testWays(t, m, n, []int{d.input, i}, 3)
			}
		}
	})
}

// Vectors on both sides of the edges of blocks, and of what one int32 would hold.
func TestLongQuantisedVectors(t *testing.T) {
	lstmtest.EveryPath(t, func(t *testing.T) {
		for i, c := range []struct{ input, hidden, size int }{{2047, 3, 0}, {2048, 9, 0}, {2049, 1, 0}, {4097, 5, 0}, {2, 3, 2050}} {
			for _, f := range someOf(len(formats), i, 2) {
				r := lstmtest.NewRand(46, i)
				m := &Model{Layers: []Layer{sparseLayer(c.input, c.hidden)}}
				if c.size > 0 {
					project(r, m, 0, c.size)
				}
				formats[f].change(r, m)
				n, err := New(m)
				require.NoError(t, err)
				testWays(t, m, n, []int{c.input, c.hidden}, 1)
			}
		}
		// The sums of blocks that are all 127 times all 8191, and of all vectors.
		for _, bits := range []int{7, 14} {
			const input = 133_145
			ones := func(n int) []float32 {
				list := make([]float32, n)
				for i := range list {
					list[i] = 1
				}
				return list
			}
			w := &Weights{InputSize: input, HiddenSize: 1, WeightIH: ones(4 * input), WeightHH: ones(4), Format: Int8, InputBits: bits}
			m := &Model{Layers: []Layer{w}}
			n, err := New(m)
			require.NoError(t, err)
			s, want := n.NewState(), newReference(m)
			for _, x := range [][]float32{ones(input), lstmtest.Normals(lstmtest.NewRand(47, bits), input, 1)} {
				n.Step(s, x, nil)
				want.step(x)
				requireState(t, want, s, "%d bits", bits)
			}
		}
	})
}

// Layers with more weights than one call takes, and projections and heads with more
// rows.
func TestLargeFormats(t *testing.T) {
	lstmtest.EveryPath(t, func(t *testing.T) {
		for i, c := range []struct{ input, hidden, size, outputs int }{
			{30, 300, 0, 0},
			{900, 40, 0, 3},
			{5, 70, 270, 2},
			{2, 2060, 9, 0},
			{1, 9, 300, 300},
		} {
			for _, f := range someOf(len(formats), i, 2) {
				r := lstmtest.NewRand(48, i)
				m := &Model{Layers: []Layer{sparseLayer(c.input, c.hidden)}}
				if c.outputs > 0 {
					m.Heads = []Head{{Layers: []Layer{randomLinear(r, c.hidden, c.outputs)}}}
				}
				if c.size > 0 {
					project(r, m, 0, c.size)
				}
				formats[f].change(r, m)
				n, err := New(m)
				require.NoError(t, err)
				testWays(t, m, n, []int{c.input, c.hidden}, 2)
				if inPart() {
					continue
				}
				cellVariants[i*3%len(cellVariants)].change(r, m)
				n, err = New(m)
				require.NoError(t, err)
				testWays(t, m, n, []int{c.input, c.hidden}, 1)
			}
		}
	})
}

// Rows of zeros and of numbers that count as such, rows with one large weight beside
// small ones, and vectors of zeros, of tiny numbers and with outliers.
func TestOddRowsAndVectors(t *testing.T) {
	lstmtest.EveryPath(t, func(t *testing.T) {
		for _, format := range formats {
			r := lstmtest.NewRand(49)
			w := randomLayer(r, 9, 20)
			for row := range 4 * 20 {
				ih, hh := w.WeightIH[row*9:][:9], w.WeightHH[row*20:][:20]
				switch row % 7 {
				case 0:
					clear(ih)
				case 1:
					for k := range hh {
						hh[k] *= 0x1p-140 // subnormal
					}
				case 2:
					for k := range ih {
						ih[k] = contract.Tiny * float32(k-4) / 2
					}
				case 3:
					ih[row%9] = 3e4
				case 4:
					hh[row%20] = -0x1p-149
				}
			}
			m := &Model{Layers: []Layer{w}}
			format.change(r, m)
			n, err := New(m)
			require.NoError(t, err)
			s, want := n.NewState(), newReference(m)
			for _, scale := range []float64{0, 1, 0x1p-149, 0x1p-64, 1e30, 1e-30, 0, 1} {
				x := lstmtest.Normals(r, 9, scale)
				if scale == 1 {
					x[4] = 1000
				}
				n.Step(s, x, nil)
				want.step(x)
				requireState(t, want, s, "%s, x of %g", format.name, scale)
			}
		}
	})
}

// A NaN or an infinity in x, in h or in c of one stream makes no difference to
// others, in whatever place of a batch; in x or h it makes its own NaN.
func TestFormatsKeepStreamsApart(t *testing.T) {
	lstmtest.EveryPath(t, func(t *testing.T) {
		for f, format := range formats {
			r := lstmtest.NewRand(50, f)
			m := randomModel(r, 2, 9, 20, 17)
			format.change(r, m)
			n, err := New(m)
			require.NoError(t, err)
			for streams := 1; streams <= 2*panel.MaxColumns+1; streams++ {
				odd := r.IntN(streams)
				var states, alone []*State
				var xs, ys [][]float32
				for range streams {
					s := n.NewState()
					copy(s.H(0), lstmtest.Normals(r, 20, 3))
					states, alone = append(states, s), append(alone, s.Clone())
					xs, ys = append(xs, lstmtest.Normals(r, 9, 1)), append(ys, make([]float32, 2))
				}
				v := []float32{lstmtest.Inf, -lstmtest.Inf, lstmtest.NaN}[r.IntN(3)]
				if r.IntN(2) == 0 {
					xs[odd][r.IntN(9)] = v
				} else {
					states[odd].H(0)[r.IntN(20)] = v
					alone[odd].CopyFrom(states[odd])
				}
				n.StepBatch(states, xs, ys)
				y := make([]float32, 2)
				for i := range streams {
					n.Step(alone[i], xs[i], y)
					lstmtest.RequireBits(t, y, ys[i], "%s, stream %d of %d", format.name, i, streams)
					lstmtest.RequireValues(t, lstmtest.Values(alone[i], 2), states[i], "%s, stream %d of %d", format.name, i, streams)
					require.True(t, i == odd || states[i].Finite())
				}
				if m.Layers[0].(*Weights).Format == Int8 {
					for _, c := range states[odd].C(0) {
						require.True(t, c != c, "%s: c is %v", format.name, c)
					}
				}
			}
		}
	})
}

// The scales of int8 weights are given, as by a file: weights that are whole multiples
// of them are those multiples.
func TestScales(t *testing.T) {
	r := lstmtest.NewRand(51)
	const input, hidden, size, outputs = 10, 20, 7, 3
	m := randomModel(r, outputs, input, hidden)
	project(r, m, 0, size)
	w, d := m.Layers[0].(*Weights), m.Heads[0].Layers[0].(*Linear)
	w.Format, d.Format = Int8, Int8
	scales := func(weights []float32, rows int) []float32 {
		list := make([]float32, rows)
		for row := range list {
			list[row] = float32(math.Exp(r.NormFloat64()))
			for k := range len(weights) / rows {
				weights[row*(len(weights)/rows)+k] = float32(list[row] * float32(r.IntN(255)-127))
			}
		}
		list[0] = 0
		clear(weights[:len(weights)/rows])
		return list
	}
	w.ScaleIH, w.ScaleHH = scales(w.WeightIH, 4*hidden), scales(w.WeightHH, 4*hidden)
	w.ScaleHR, d.Scale = scales(w.WeightHR, size), scales(d.Weight, outputs)
	n, err := New(m)
	require.NoError(t, err)
	lstmtest.EveryPath(t, func(t *testing.T) { testWays(t, m, n, []int{input, hidden}, 3) })
	got := byteMatrix(w.WeightIH, input, w.ScaleIH)
	for i, v := range got.Weights {
		require.Equal(t, w.WeightIH[i], float32(float32(v)*w.ScaleIH[i/input]))
	}

	// Another format has no use for them, and the same one keeps them.
	half, err := New(m, WithWeights(Float16))
	require.NoError(t, err)
	require.NotEqual(t, n.Fingerprint(), half.Fingerprint())
	same, err := New(m, WithWeights(Int8))
	require.NoError(t, err)
	require.Equal(t, n.Fingerprint(), same.Fingerprint())
	w.ScaleIH, w.ScaleHH = nil, nil
	other, err := New(m)
	require.NoError(t, err)
	require.NotEqual(t, n.Fingerprint(), other.Fingerprint())
}

// The memory of a network beside 2 bytes and 1 byte for each parameter.
func TestFormatsMemory(t *testing.T) {
	m := RandomModel(1, 0, 128, 128)
	for format, bytes := range map[WeightFormat]int{Float32: 4, Float16: 2, Int8: 1} {
		n, err := New(m, WithWeights(format))
		require.NoError(t, err)
		require.LessOrEqual(t, float64(n.MemorySize()), 1.04*float64(bytes*n.Parameters()), "%v", format)
	}
}

// A state of float32 layers needs no memory for quantised vectors.
func TestStatesOfFormats(t *testing.T) {
	m := RandomModel(1, 2, 30, 40, 50)
	sizes := map[WeightFormat]int{}
	for _, format := range []WeightFormat{Float32, Float16, Int8} {
		n, err := New(m, WithWeights(format))
		require.NoError(t, err)
		s := n.NewState()
		sizes[format] = s.MemorySize()
		require.Equal(t, format == Int8, len(s.scratch) > 0, "%v", format)
	}
	require.Equal(t, sizes[Float32], sizes[Float16])
	require.Less(t, sizes[Int8], sizes[Float32]+4*(30+40+50))
}

// No call multiplies more than is allowed, as far as a block and a panel can be cut.
func TestCallsOfBytes(t *testing.T) {
	for _, elements := range []int{1, 100, 512, 2048, 5000} {
		for _, format := range []weightFormat{int8Weights, int8DigitsWeights} {
			v := newQuantisedVector(elements, format, 0, 0)
			p := panels{blocks: v.blocks}
			for columns := 1; columns <= panel.MaxColumns; columns++ {
				units := p.tileUnits(columns, 1)
				require.Zero(t, units%panel.Units)
				require.Positive(t, units)
				for i := range v.blocks {
					if work := v.blocks[i].work() * columns * rowBytes; units > panel.Units {
						require.LessOrEqual(t, work*units/panel.Units, byteMACs())
					}
				}
			}
		}
	}
}
