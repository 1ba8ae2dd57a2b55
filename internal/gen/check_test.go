package gen_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm/internal/contract"
	"example.com/lstm/internal/gen"
	"example.com/lstm/internal/gen/interpret"
	"example.com/lstm/internal/panel"
)

// record takes a plan through the checks to a back-end that has none.
func record(t *gen.Tuning, scratch int, body func(g *gen.Generator)) {
	k := &gen.Kernel{Name: "test", Args: []gen.Arg{{Name: "p", Type: "*float32"}, {Name: "n", Type: "int"}}, Scratch: scratch, Body: body}
	interpret.Record(k, t, func(x, y, z float32) float32 { return x*y + z })
}

// A plan that misuses the machine panics, and the panic says what and where.
func TestMisusePanics(t *testing.T) {
	one := gen.Operand{Constant: &gen.Constant{Name: "one", Bits: 0x3f800000}}
	for _, c := range []struct {
		name string
		want string
		body func(g *gen.Generator)
	}{
		{"vector that is used up", "vector 0 (c) is used up", func(g *gen.Generator) {
			v := g.Load(g.Arg("p", "p"), 0, "c")
			g.Do(gen.Add, []gen.Operand{{Vec: v}, {Vec: v}}, []bool{true, true}, 0)
			g.Store(v, g.Arg("p", "p"), 0)
		}},
		{"vector used up by a fused operation", "vector 2 (sum) is used up", func(g *gen.Generator) {
			a, b, sum := g.ZeroVec("a"), g.ZeroVec("b"), g.ZeroVec("sum")
			g.Do(gen.FMA, []gen.Operand{{Vec: a}, {Vec: b}, {Vec: sum}}, []bool{false, false, true}, 0)
			g.Reload(sum, g.Arg("p", "p"), 0)
		}},
		{"vector that was never made", "vector 0 has not been made", func(g *gen.Generator) {
			g.ZeroVec("v")
			g.Store(gen.Vec{Lanes: 8}, g.Arg("p", "p"), 0)
		}},
		{"pointer that is used up", "register 0 (p) is used up", func(g *gen.Generator) {
			p := g.Arg("p", "p")
			g.Drop(p)
			g.Load(p, 0, "v")
		}},
		{"pointer that was never made", "register 0 has not been made", func(g *gen.Generator) {
			g.AddImm(gen.Reg{}, 1)
		}},
		{"vectors of two widths", "vector 0 (v) has 8 lanes, and vectors have 4 here", func(g *gen.Generator) {
			v := g.ZeroVec("v")
			g.SetLanes(4)
			g.Do(gen.Add, []gen.Operand{{Vec: v}, {Vec: g.ZeroVec("w")}}, []bool{false, false}, 0)
		}},
		{"vector cut and widened", "vector 0 (v) has more than zeros after its first 4 lanes", func(g *gen.Generator) {
			v := g.ZeroVec("v")
			g.SetLanes(4)
			v = g.Fit(v)
			g.SetLanes(8)
			g.Fit(v)
		}},
		{"weight of another width", "a weight has 8 lanes, and vectors have 4 here", func(g *gen.Generator) {
			p := g.Arg("p", "p")
			w := g.LoadWeights(p, 0, 1, 1)[0]
			g.SetLanes(4)
			g.MulAcc(g.ZeroVec("sum"), w, g.Spread(g.LoadScalars(p, 0, 1)[0]))
		}},
		{"multiplier of another width", "a multiplier has 8 lanes, and vectors have 4 here", func(g *gen.Generator) {
			p := g.Arg("p", "p")
			m := g.Spread(g.LoadScalars(p, 0, 1)[0])
			g.SetLanes(4)
			g.MulAcc(g.ZeroVec("sum"), g.LoadWeights(p, 0, 1, 1)[0], m)
		}},
		{"weight after its pointer", "a weight is used after its pointer, register 0 (p), has changed", func(g *gen.Generator) {
			p := g.Arg("p", "p")
			w := g.LoadWeights(p, 0, 1, 1)[0]
			g.AddImm(p, 32)
			g.MulAccVec(g.ZeroVec("sum"), w, g.ZeroVec("x"))
		}},
		{"weight after its pointer is gone", "register 0 (p) is used up", func(g *gen.Generator) {
			p := g.Arg("p", "p")
			w := g.LoadWeights(p, 0, 1, 1)[0]
			g.Drop(p)
			g.MulAccVec(g.ZeroVec("sum"), w, g.ZeroVec("x"))
		}},
		{"weight used twice", "a weight is used more often than was said", func(g *gen.Generator) {
			w := g.LoadWeights(g.Arg("p", "p"), 0, 1, 1)[0]
			g.MulAccVec(g.ZeroVec("sum"), w, g.ZeroVec("x"))
			g.MulAccVec(g.ZeroVec("sum"), w, g.ZeroVec("x"))
		}},
		{"weight that was never made", "weight 0 has not been made", func(g *gen.Generator) {
			g.MulAccVec(g.ZeroVec("sum"), gen.Weight{Lanes: 8}, g.ZeroVec("x"))
		}},
		{"weight whose vector is used up", "vector 0 (v) is used up", func(g *gen.Generator) {
			v := g.ZeroVec("v")
			w := g.VecWeight(v)
			g.Do(gen.ShiftBits, []gen.Operand{{Vec: v}}, []bool{true}, 1)
			g.MulAccVec(g.ZeroVec("sum"), w, g.ZeroVec("x"))
		}},
		{"scalar after its pointer", "a scalar is used after its pointer, register 0 (p), has changed", func(g *gen.Generator) {
			p := g.Arg("p", "p")
			s := g.LoadScalars(p, 0, 2)
			g.Spread(s[0])
			g.AddImm(p, 8)
			g.Spread(s[1])
		}},
		{"scalar that was never made", "scalar 0 has not been made", func(g *gen.Generator) {
			g.Spread(gen.Scalar{})
		}},
		{"multiplier that was never made", "multiplier 0 has not been made", func(g *gen.Generator) {
			g.MulAcc(g.ZeroVec("sum"), g.LoadWeights(g.Arg("p", "p"), 0, 1, 1)[0], gen.Multiplier{Lanes: 8})
		}},
		{"label twice", "label here is defined twice", func(g *gen.Generator) {
			g.Label("here")
			g.Label("here")
		}},
		{"label that is not there", "a jump to there, and there is no such label", func(g *gen.Generator) {
			g.JumpIf(g.Arg("n", "n"), gen.Equal, 0, "there")
			g.Label("here")
		}},
		{"no return", "the kernel does not return", func(g *gen.Generator) {
			g.Zero("n")
		}},
		{"scratch memory that is not there", "the kernel has no scratch memory", func(g *gen.Generator) {
			g.Scratch("z")
		}},
		{"too many lanes", "16 lanes, want 1 to 8", func(g *gen.Generator) {
			g.SetLanes(16)
		}},
		{"narrow to the end", "vectors have 4 lanes at the end, want 8", func(g *gen.Generator) {
			g.SetLanes(4)
		}},
		{"sums of the head", "1 vectors of 8 lanes are not 16 sums", func(g *gen.Generator) {
			p := g.Arg("p", "p")
			g.StoreSum([]gen.Vec{g.ZeroVec("sum")}, p, 0, p, 0)
		}},
		{"integers for bytes", "1 vectors of 8 lanes are not 16 integers", func(g *gen.Generator) {
			g.StoreBytes([]gen.Vec{g.ZeroVec("q")}, g.Arg("p", "p"), 0)
		}},
		{"float32 for int8", "a weight is float32, and the product is of groups of int8", func(g *gen.Generator) {
			p := g.Arg("p", "p")
			g.DotAcc([]gen.Vec{g.ZeroVec("sum")}, g.LoadWeights(p, 0, 1, 1), g.SpreadBytes(g.LoadScalars(p, 0, 1)[0], false))
		}},
		{"int8 for float32", "a multiplier is groups of int8, and the product is of float32", func(g *gen.Generator) {
			p := g.Arg("p", "p")
			g.MulAcc(g.ZeroVec("sum"), g.LoadWeights(p, 0, 1, 1)[0], g.SpreadBytes(g.LoadScalars(p, 0, 1)[0], false))
		}},
		{"operation that is none", "Op(-1) is unknown", func(g *gen.Generator) {
			g.Do(-1, nil, nil, 0)
		}},
		{"operands too few", "FMA has 1 operands, of which it says of 1 whether they die, want 3", func(g *gen.Generator) {
			g.Do(gen.FMA, []gen.Operand{one}, []bool{false}, 0)
		}},
		{"minimum the wrong way round", "Min: operand 1 is the constant one, and must be a vector", func(g *gen.Generator) {
			g.Do(gen.Min, []gen.Operand{{Vec: g.ZeroVec("v")}, one}, []bool{false, false}, 0)
		}},
		{"vector in place of a constant", "IfBelow: operand 1 must be a constant", func(g *gen.Generator) {
			v := g.ZeroVec("v")
			g.Do(gen.IfBelow, []gen.Operand{{Vec: v}, {Vec: v}, {Vec: v}, {Vec: v}}, make([]bool, 4), 0)
		}},
		{"constant in place of a vector", "ShiftBits: operand 0 is the constant one, and must be a vector", func(g *gen.Generator) {
			g.Do(gen.ShiftBits, []gen.Operand{one}, []bool{false}, 1)
		}},
		{"constants only", "Add is of constants only", func(g *gen.Generator) {
			g.Do(gen.Add, []gen.Operand{one, one}, []bool{false, false}, 0)
		}},
		{"constant that dies", "Add: operand 1 is the constant one, which cannot die", func(g *gen.Generator) {
			g.Do(gen.Add, []gen.Operand{{Vec: g.ZeroVec("v")}, one}, []bool{true, true}, 0)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.PanicsWithValue(t, `gen: testAVX2, at "Here.": `+c.want, func() {
				record(&gen.AVX2, 0, func(g *gen.Generator) {
					g.Comment("Here.")
					c.body(g)
				})
			})
		})
	}
}

// badMachine is a back-end with mistakes.
type badMachine struct {
	gen.Machine
	lanes int
	vecs  int
}

func (m *badMachine) Begin(*gen.Kernel, gen.InstructionSet) {}
func (m *badMachine) Lanes() int                            { return m.lanes }

func (m *badMachine) ZeroVec(string) gen.Vec {
	m.vecs++
	return gen.Vec{ID: m.vecs, Lanes: 8}
}

// Do puts every result in the first register.
func (m *badMachine) Do(gen.Op, []gen.Operand, []bool, int) gen.Vec { return gen.Vec{ID: 1, Lanes: 8} }

// A back-end that does not do what it is told panics too.
func TestBackEndMistakesPanic(t *testing.T) {
	emit := func(lanes int, body func(g *gen.Generator)) func() {
		return func() { gen.Emit(&badMachine{lanes: lanes}, &gen.AVX2, &gen.Kernel{Name: "test", Body: body}) }
	}
	const where = `gen: testAVX2, at "": `
	require.PanicsWithValue(t, where+"the back-end begins with vectors of 4 lanes, want 8", emit(4, nil))
	require.PanicsWithValue(t, where+"the back-end has put a result in vector 1 (v), which is not used up", emit(8, func(g *gen.Generator) {
		v := gen.Operand{Vec: g.ZeroVec("v")}
		g.Do(gen.Add, []gen.Operand{v, v}, []bool{false, false}, 0)
	}))
	require.PanicsWithValue(t, `gen: testNEON, at "": `+"the back-end has made a vector of 8 lanes, and vectors have 4 here", func() {
		gen.Emit(&badMachine{lanes: 4}, &gen.NEON, &gen.Kernel{Name: "test", Body: func(g *gen.Generator) { g.ZeroVec("v") }})
	})
}

// Numbers for which the registers do not suffice panic before a kernel is begun.
func TestTuningPanics(t *testing.T) {
	for _, c := range []struct {
		want  string
		spoil func(t *gen.Tuning)
	}{
		{fmt.Sprintf("a tile needs %d vector registers, and there are 16", 4*panel.MaxColumns+2+1), func(t *gen.Tuning) { t.TileVectors = 4 }},
		{"a row of 8 vectors is not whole passes of 3", func(t *gen.Tuning) { t.TileVectors = 3 }},
		{"the head needs 17 vector registers, and there are 16", func(t *gen.Tuning) { t.HeadRows = 8 }},
		{"a step with halves needs 17 vector registers, and there are 16", func(t *gen.Tuning) { t.HalvesAtOnce = 8 }},
		{"a step needs 17 vector registers, and there are 16", func(t *gen.Tuning) { t.Lanes, t.TileVectors = 4, 2 }},
		{"Columns of int8 is 0, want at least 1", func(t *gen.Tuning) { t.Dots.Columns = 0 }},
		{"a row of 8 vectors of int8 is not whole passes of 3", func(t *gen.Tuning) { t.Dots.DigitVectors = 3 }},
		{"a tile of int8 needs 18 vector registers, and there are 16", func(t *gen.Tuning) { t.Dots.Columns = 4 }},
		{"a step of int8 needs 18 vector registers, and there are 16", func(t *gen.Tuning) { t.Dots.Sets = 2 }},
		{"a step of digits needs 19 vector registers, and there are 16", func(t *gen.Tuning) { t.Dots.DigitVectors = 8 }},
		{"Lockstep is 0, want at least 1", func(t *gen.Tuning) { t.Lockstep = 0 }},
		{"ShadowLockstep is 0, want at least 1 for 32 steps in the shadow", func(t *gen.Tuning) { t.ShadowLockstep = 0 }},
	} {
		tuning := gen.Tuning{
			InstructionSet: gen.InstructionSet{Name: "Test", Lanes: 8, Registers: 16},
			StepBlock:      4, TileBlock: 4, TileVectors: 2, WeightsAtOnce: 2, HalvesAtOnce: 2, HeadRows: 4,
			Dots:     &gen.DotTuning{StepBlock: 1, TileBlock: 1, Vectors: 4, Columns: 3, Sets: 1, DigitVectors: 4},
			Lockstep: 1, TileLockstep: 1, CellLockstep: 1, ElementVectors: 1, LongVectors: 1, ShadowSteps: 32, ShadowLockstep: 1,
		}
		c.spoil(&tuning)
		require.PanicsWithValue(t, "gen: tuning of Test: "+c.want, func() { record(&tuning, 0, (*gen.Generator).Return) })
	}
	for _, tuning := range gen.Tunings {
		if tuning.Dot {
			continue // it has no kernels but those of int8
		}
		require.NotPanics(t, func() { record(tuning, contract.HeadSums, (*gen.Generator).Return) })
	}
}
