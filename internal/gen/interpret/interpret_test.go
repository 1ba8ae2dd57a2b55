package interpret_test

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm/internal/gen"
	"example.com/lstm/internal/gen/interpret"
	"example.com/lstm/internal/panel"
)

// fma is right for the small integers of these tests.
func fma(x, y, z float32) float32 { return float32(float64(x)*float64(y) + float64(z)) }

// kernel makes a kernel of all kinds of arguments, which returns after body.
func kernel(scratch int, body func(g *gen.Generator)) *gen.Kernel {
	return &gen.Kernel{
		Name: "test", Scratch: scratch,
		Args: []gen.Arg{{Name: "x", Type: "*float32"}, {Name: "n", Type: "int"}, {Name: "columns", Type: "*[]float32"}},
		Body: func(g *gen.Generator) {
			body(g)
			g.Return()
		},
	}
}

func run(k *gen.Kernel, t *gen.Tuning, x []float32, n int, columns ...interpret.Column) error {
	return interpret.Record(k, t, fma).Run(interpret.Arguments{"x": x, "n": n, "columns": columns})
}

func floats(n int) []float32 {
	s := make([]float32, n)
	for i := range s {
		s[i] = float32(i + 1)
	}
	return s
}

// What a plan must not do is an error that says where.
func TestFaults(t *testing.T) {
	const columnSize = panel.ColumnSize
	for _, c := range []struct {
		name string
		body func(g *gen.Generator)
		want string
	}{
		{"load after it", func(g *gen.Generator) {
			g.Load(g.Arg("x", "x"), 52, "")
		}, "reads 4 floats of x from float 13 on, and it has 16"},
		{"load before", func(g *gen.Generator) {
			x := g.Arg("x", "x")
			g.AddImm(x, -4)
			g.Load(x, 0, "")
		}, "reads 4 floats of x from float -1 on"},
		{"load askew", func(g *gen.Generator) {
			g.Load(g.Arg("x", "x"), 6, "")
		}, "reads floats of x from byte 6 on"},
		{"load of halves after it", func(g *gen.Generator) {
			g.LoadHalves(g.Arg("x", "x"), 48, 3, 1)
		}, "reads 2 floats of x from float 16 on, and it has 16"},
		{"load from an integer", func(g *gen.Generator) {
			g.Load(g.Arg("n", "n"), 0, "")
		}, "reads memory at 3, which is no pointer"},
		{"store after it", func(g *gen.Generator) {
			g.Store(g.ZeroVec(""), g.Arg("x", "x"), 52)
		}, "writes 4 floats of x from float 13 on, and it has 16"},
		{"store of the first lanes, after it", func(g *gen.Generator) {
			g.StoreFirst(g.ZeroVec(""), g.Arg("n", "n"), g.Arg("x", "x"), 56)
		}, "writes 3 floats of x from float 14 on"},
		{"store of the first lanes, too many", func(g *gen.Generator) {
			n := g.Arg("n", "n")
			g.AddImm(n, 1)
			g.StoreFirst(g.ZeroVec(""), n, g.Arg("x", "x"), 0)
		}, "stores the first 4 of 4 lanes"},
		{"load of the first lanes, after it", func(g *gen.Generator) {
			g.LoadFirst(g.Arg("n", "n"), g.Arg("x", "x"), 56, "")
		}, "reads 3 floats of x from float 14 on"},
		{"load of the first lanes, none", func(g *gen.Generator) {
			g.LoadFirst(g.Zero(""), g.Arg("x", "x"), 0, "")
		}, "loads the first 0 of 4 lanes"},
		{"copies of a float after it", func(g *gen.Generator) {
			g.LoadSpread(g.Arg("x", "x"), 64, "")
		}, "reads 1 floats of x from float 16 on"},
		{"bytes after it", func(g *gen.Generator) {
			v := g.ZeroVec("")
			g.StoreBytes([]gen.Vec{v, v, v, v}, g.Arg("x", "x"), 52)
		}, "writes 4 floats of x from float 13 on"},
		{"each of four, after it", func(g *gen.Generator) {
			v := g.ZeroVec("")
			g.StoreEach([4]gen.Vec{v, v, v, v}, g.Arg("x", "x"), 52)
		}, "writes 4 floats of x from float 13 on"},
		{"digits that are negative", func(g *gen.Generator) {
			x := g.Arg("x", "x")
			v := g.Do(gen.SubInt, []gen.Operand{{Constant: &gen.Constant{}}, {Vec: g.Load(x, 0, "")}}, []bool{false, false}, 0)
			g.Store(v, x, 0)
			g.SpreadBytes(g.LoadScalars(x, 0, 1)[0], true)
		}, "takes the group 0xc0800000 for digits"},
		{"scratch without contents", func(g *gen.Generator) {
			g.Comment("Here.")
			z := g.Scratch("z")
			g.Store(g.ZeroVec(""), z, 0)
			g.Load(z, 4, "")
		}, `interpret: testNEON: instruction 3, at "Here.": reads float 4 of scratch memory before it is written`},
		{"scratch after it", func(g *gen.Generator) {
			g.Store(g.ZeroVec(""), g.Scratch("z"), 52)
		}, "writes 4 floats of scratch memory from float 13 on, and it has 16"},
		{"a column's slice", func(g *gen.Generator) {
			g.Load(g.LoadReg(g.Arg("columns", "list"), columnSize+panel.ColumnC, "c"), 0, "")
		}, "reads 4 floats of c of columns[1] from float 0 on, and it has 2"},
		{"a nil slice", func(g *gen.Generator) {
			g.Load(g.LoadReg(g.Arg("columns", "list"), 48, "h"), 0, "")
		}, "reads 4 floats of h of columns[0] from float 0 on, and it has 0"},
		{"a column too many", func(g *gen.Generator) {
			g.LoadReg(g.Arg("columns", "list"), 2*columnSize, "x")
		}, "reads a word at columns+144, which is not in a list of columns"},
		{"register before it is written", func(g *gen.Generator) {
			n := g.Arg("n", "n")
			g.JumpIf(n, gen.Greater, 0, "over")
			v := g.ZeroVec("")
			g.Label("over")
			g.Store(v, g.Arg("x", "x"), 0)
		}, "reads vector register 0 before it is written"},
		{"pointer before it is written", func(g *gen.Generator) {
			n := g.Arg("n", "n")
			g.JumpIf(n, gen.Greater, 0, "over")
			m := g.Copy(n, "")
			g.Label("over")
			g.AddImm(m, 1)
		}, "reads general register 1 before it is written"},
		{"register that is consumed", func(g *gen.Generator) {
			n := g.Arg("n", "n")
			v := g.ZeroVec("")
			g.Label("again")
			g.Do(gen.Add, []gen.Operand{{Vec: v}, {Vec: v}}, []bool{true, true}, 0)
			g.SubJumpIf(n, 1, gen.Greater, "again")
		}, "reads vector register 0 before it is written or after it is consumed"},
		{"sum of pointers", func(g *gen.Generator) {
			x := g.Arg("x", "x")
			g.Add(x, x)
		}, "adds the pointers x+0 and x+0"},
		{"pointer compared", func(g *gen.Generator) {
			g.JumpIf(g.Arg("x", "x"), gen.Less, 0, "end")
			g.Label("end")
		}, "takes the pointer x+0 for an integer"},
		{"prefetch of no pointer", func(g *gen.Generator) {
			g.Prefetch(g.Arg("n", "n"), 0)
		}, "prefetches at 3, which is no pointer"},
		{"loop without end", func(g *gen.Generator) {
			g.Label("again")
			g.Jump("again")
		}, "still running after"},
	} {
		t.Run(c.name, func(t *testing.T) {
			columns := []interpret.Column{{X: floats(1)}, {C: floats(2)}}
			err := run(kernel(64, c.body), &gen.NEON, floats(16), 3, columns...)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestEndWithoutReturn(t *testing.T) {
	k := &gen.Kernel{Name: "test", Args: []gen.Arg{{Name: "n", Type: "int"}}, Body: func(g *gen.Generator) {
		n := g.Arg("n", "n")
		g.JumpIf(n, gen.Greater, 0, "end")
		g.Return()
		g.Label("end")
		g.Zero("")
	}}
	p := interpret.Record(k, &gen.NEON, fma)
	require.NoError(t, p.Run(interpret.Arguments{"n": 0}))
	require.EqualError(t, p.Run(interpret.Arguments{"n": 1}),
		`interpret: testNEON: instruction 3, at "": the kernel goes on after its end, without a return`)
}

func TestArguments(t *testing.T) {
	p := interpret.Record(kernel(0, func(*gen.Generator) {}), &gen.AVX2, fma)
	good := func() interpret.Arguments {
		return interpret.Arguments{"x": []float32(nil), "n": 1, "columns": []interpret.Column(nil)}
	}
	require.NoError(t, p.Run(good()))
	args := good()
	delete(args, "n")
	require.EqualError(t, p.Run(args), "interpret: testAVX2: argument n is missing")
	args = good()
	args["n"] = floats(1)
	require.EqualError(t, p.Run(args), "interpret: testAVX2: argument n is a []float32, and the kernel takes int")
	args = good()
	args["m"] = 1
	require.EqualError(t, p.Run(args), "interpret: testAVX2: 4 arguments, want 3")
}

// What is wrong with a plan whatever the arguments are, package gen says; see its
// tests. This is the back-end's part.
func TestRecordPanics(t *testing.T) {
	require.PanicsWithValue(t, `interpret: testAVX2, at "Here.": no parameter is named y`, func() {
		interpret.Record(kernel(0, func(g *gen.Generator) {
			g.Comment("Here.")
			g.Arg("y", "y")
		}), &gen.AVX2, fma)
	})
	require.PanicsWithValue(t, `interpret: parameter x is a *uint16, neither int, *float32 nor *[]float32`, func() {
		interpret.Record(&gen.Kernel{Name: "halves", Args: []gen.Arg{{Name: "x", Type: "*uint16"}}}, &gen.AVX2, fma)
	})
	require.PanicsWithValue(t, "interpret: AVX2 has no kernel wide of its own", func() {
		interpret.Record(&gen.Kernel{Name: "wide", MinLanes: 16}, &gen.AVX2, fma)
	})
}

// Lanes beyond those that vectors have are 0 after an operation.
func TestNarrowVectors(t *testing.T) {
	x := floats(16)
	require.NoError(t, run(kernel(0, func(g *gen.Generator) {
		p := g.Arg("x", "x")
		g.SetLanes(8)
		v := g.Load(p, 0, "")
		g.SetLanes(16)
		g.Store(g.Fit(v), p, 0)
	}), &gen.AVX512, x, 0))
	require.Equal(t, append(floats(8), make([]float32, 8)...), x)
}

// Binary16 numbers are widened in their order, two in a float32.
func TestHalves(t *testing.T) {
	x := append(floats(8), 1, 1, 1, 1)
	x[0], x[1] = math.Float32frombits(0xc000_3c00), math.Float32frombits(0x7bff_0001)
	require.NoError(t, run(kernel(0, func(g *gen.Generator) {
		p := g.Arg("x", "x")
		sums := g.ZeroVec("")
		g.MulAccVec(sums, g.LoadHalves(p, 0, 1, 1)[0], g.Load(p, 32, ""))
		g.Store(sums, p, 16)
	}), &gen.NEON, x, 0))
	require.Equal(t, []float32{1, -2, 0x1p-24, 65504}, x[4:8])
}

func integer(n int32) float32 { return math.Float32frombits(uint32(n)) }

// The operations on numbers at which they may go wrong; a NaN is written as one
// here, whatever it is.
func TestOperations(t *testing.T) {
	nan, inf, minusZero := float32(math.NaN()), float32(math.Inf(1)), float32(math.Copysign(0, -1))
	const smallest = math.SmallestNonzeroFloat32
	for _, c := range []struct {
		op       gen.Op
		operands int
		a, b, c  float32 // a fourth is 7
		want     float32
	}{
		{gen.FMA, 3, 3, 4, 5, 17},
		{gen.FNMA, 3, 3, 4, 5, -7},
		{gen.FNMA, 3, 0, 4, minusZero, minusZero},
		{gen.ZeroBelow, 3, 1, 2, -3, 0},
		{gen.ZeroBelow, 3, 2, 2, -3, -3},
		{gen.ZeroBelow, 3, nan, 2, -3, -3},
		{gen.IfBelow, 4, 1, 2, -3, -3},
		{gen.IfBelow, 4, 2, 2, -3, 7},
		{gen.IfBelow, 4, nan, 2, -3, 7},
		{gen.Mul, 2, 3, minusZero, 0, minusZero},
		{gen.Mul, 2, smallest, 0.5, 0, 0},
		{gen.Add, 2, inf, -inf, 0, nan},
		{gen.Sub, 2, 3, 4, 0, -1},
		{gen.Div, 2, 1, minusZero, 0, -inf},
		{gen.Min, 2, 3, 4, 0, 3},
		{gen.Min, 2, 3, nan, 0, nan},
		{gen.Max, 2, 3, 4, 0, 4},
		{gen.Max, 2, 3, nan, 0, nan},
		{gen.And, 2, -3, math.Float32frombits(math.MaxInt32), 0, 3},
		{gen.Or, 2, 3, minusZero, 0, -3},
		{gen.AddInt, 2, 1, math.Float32frombits(1 << 23), 0, 2},
		{gen.SubInt, 2, 2, math.Float32frombits(1 << 23), 0, 1},
		{gen.MaxInt, 2, -3, 2, 0, 2},
		{gen.MaxInt, 2, inf, 3, 0, inf},
		{gen.ToInt, 1, 2.5, 0, 0, math.Float32frombits(2)},
		{gen.ToInt, 1, -3.5, 0, 0, integer(-4)},
		{gen.FromInt, 1, integer(-5), 0, 0, -5},
		{gen.FromInt, 1, integer(1<<24 + 1), 0, 0, 1 << 24},
		{gen.ShiftRight, 1, integer(-9), 0, 0, integer(-2)},
		{gen.ShiftBits, 1, smallest, 0, 0, 8 * smallest},
	} {
		for _, tuning := range gen.Tunings {
			if tuning.Dot {
				continue // it has the operations of its base
			}
			const most = 16 // lanes
			x := slices.Concat(slices.Repeat([]float32{c.a}, most), slices.Repeat([]float32{c.b}, most), slices.Repeat([]float32{c.c}, most), slices.Repeat([]float32{7}, most))
			require.NoError(t, run(kernel(0, func(g *gen.Generator) {
				p := g.Arg("x", "x")
				args := make([]gen.Operand, c.operands)
				for i := range args {
					args[i].Vec = g.Load(p, i*most*4, "")
				}
				switch c.op {
				case gen.Min, gen.Max:
					args[0] = gen.Operand{Constant: &gen.Constant{Bits: math.Float32bits(c.a)}}
				case gen.ZeroBelow, gen.IfBelow:
					args[1] = gen.Operand{Constant: &gen.Constant{Bits: math.Float32bits(c.b)}}
				}
				g.Store(g.Do(c.op, args, make([]bool, c.operands), 3), p, 0)
			}), tuning, x, 1))
			if c.want != c.want {
				require.NotEqual(t, x[0], x[0], "%+v", c)
				continue
			}
			require.Equal(t, math.Float32bits(c.want), math.Float32bits(x[0]), "%+v of %s is %v", c, tuning.Name, x[0])
		}
	}
}

// The kernels that measure compute nothing, but they must run.
func TestPeaks(t *testing.T) {
	for _, k := range gen.Kernels(gen.Peaks) {
		for _, tuning := range gen.Tunings {
			if !tuning.Has(k) {
				continue
			}
			args := interpret.Arguments{"n": 3}
			if k.Name == "load" {
				args = interpret.Arguments{"p": floats(3 * panel.LoadIteration), "n": 3 * panel.LoadIteration}
			}
			require.NoError(t, interpret.Record(k, tuning, fma).Run(args))
		}
	}
}
