package lstm

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm/internal/contract"
	"example.com/lstm/internal/dispatch"
	"example.com/lstm/internal/gen"
	"example.com/lstm/internal/gen/interpret"
	"example.com/lstm/internal/lstmtest"
	"example.com/lstm/internal/panel"
)

// Every kernel's plan, for the lanes of every path, is executed in Go and
// compared with the oracle bit for bit: on any machine, whatever its processor.
// What the plan touches outside its arguments is an error of the interpreter.

// planTests tests a program of each function, by the function's name. kernel is the
// number of its kernel, where one is chosen.
var planTests = map[string]func(t *testing.T, p *interpret.Program, kernel int){
	"step":           stepPlanTest(float32Weights),
	"stepFloat16":    stepPlanTest(float16Weights),
	"stepTile":       testStepTilePlan,
	"gates":          testGatesPlan,
	"cells":          testCellsPlan,
	"stages":         testStagePlan,
	"head":           headPlanTest(float32Weights),
	"headFloat16":    headPlanTest(float16Weights),
	"elements":       testElementsPlan,
	"stepInt8":       testStepInt8Plan(int8Weights),
	"stepInt8Digits": testStepInt8Plan(int8DigitsWeights),
	"quantise":       testQuantisePlan(false),
	"quantiseDigits": testQuantisePlan(true),
}

func TestPlans(t *testing.T) {
	for _, tuning := range gen.Tunings {
		for _, f := range gen.Functions {
			test, ok := planTests[f.Name]
			require.True(t, ok, "planTests has no test of %s", f.Name)
			for i, k := range f.Kernels {
				if !tuning.Has(k) {
					continue
				}
				t.Run(k.Name+tuning.Name, func(t *testing.T) {
					t.Parallel()
					test(t, interpret.Record(k, tuning, fma), i)
				})
			}
		}
	}
}

// There is a plan for each path but pure Go.
func TestPathsHavePlans(t *testing.T) {
	lanes := map[string]int{}
	for _, tuning := range gen.Tunings {
		lanes[tuning.Name] = tuning.Lanes
	}
	for _, d := range dispatch.All {
		if d.GOARCH != "" {
			require.Equal(t, d.Lanes, lanes[d.Suffix], d.Name)
			delete(lanes, d.Suffix)
		}
	}
	require.Empty(t, lanes)
}

// checkPlan runs a program with what arguments makes of the call's memory, and
// its twin on the same.
func checkPlan(t *testing.T, p *interpret.Program, call *kernelCall, arguments func(m [][]float32) interpret.Arguments) {
	t.Helper()
	want, got := make([][]float32, len(call.arguments)), make([][]float32, len(call.arguments))
	for i, a := range call.arguments {
		want[i], got[i] = slices.Clone(a.floats), slices.Clone(a.floats)
	}
	call.after(call.twin, want)
	call.after(func(m [][]float32) { require.NoError(t, p.Run(arguments(m)), call.what) }, got)
	for i, a := range call.arguments {
		for j := range len(a.floats) - a.free {
			if !a.same(want[i][j], got[i][j]) {
				t.Fatalf("%s: %s[%d] is %x (%#08x), want %x (%#08x)", call.what, a.name, j,
					got[i][j], math.Float32bits(got[i][j]), want[i][j], math.Float32bits(want[i][j]))
			}
		}
	}
}

// Sizes on both sides of all that makes a difference to a plan: whole and narrow
// panels, alone and together, and the last lanes of a vector; whole and started
// iterations over x, and enough of them for the shadow.
var (
	planUnits    = []int{1, 3, 4, 7, 8, 9, 12, 15, 16, 17, 20, 24, 25, 31, 32, 33, 40, 41, 48, 49, 56, 63, 70}
	planElements = []int{1, 2, 3, 4, 5, 7, 8, 9, 11, 16, 17, 31, 32, 33, 47, 48, 49, 65}
)

// eachPlanSize calls test with every pair of those sizes, or a third of them in
// a short run, in which each size still occurs. seed is different in every call.
func eachPlanSize(test func(units, n, seed int)) {
	seed := 0
	for i, units := range planUnits {
		for j, n := range planElements {
			if seed++; testing.Short() && (i+j)%3 != 0 {
				continue
			}
			test(units, n, seed)
		}
	}
}

// planArguments are those of all gate calls.
func (c *gateCall) planArguments(m [][]float32) interpret.Arguments {
	from, p := c.places(m)
	return interpret.Arguments{
		"sums": from.sums, "sumsStride": from.stride,
		"weights": p.floats, "weightsStride": p.stride, "skip": p.skip,
		"n": len(c.vector(m[otherArguments], c.n)), "units": c.units,
	}
}

func stepPlanTest(format weightFormat) func(t *testing.T, p *interpret.Program, kernel int) {
	return func(t *testing.T, p *interpret.Program, _ int) {
		eachPlanSize(func(units, n, seed int) {
			r := lstmtest.NewRand(121, seed)
			c := gateCall{
				units: units, n: n, skip: r.IntN(3), after: r.IntN(2), columns: 1,
				kind: &kinds[r.IntN(len(kinds))], rand: r, bias: r.IntN(2) == 0, panelGap: r.IntN(3),
			}
			checkPlan(t, p, c.step(format), func(m [][]float32) interpret.Arguments {
				args := c.planArguments(m)
				args["x"], args["c"], args["h"] = m[otherArguments], m[otherArguments+1], m[otherArguments+2]
				return args
			})
		})
	}
}

// tileArguments are those of all tiles.
func (c *gateCall) tileArguments(m [][]float32, columns []interpret.Column) interpret.Arguments {
	args := c.planArguments(m)
	args["sumsColumn"] = c.columnStride()
	args["prefetch"] = []float32(nil)
	args["columns"] = columns
	args["count"] = len(columns)
	return args
}

func testStepTilePlan(t *testing.T, p *interpret.Program, _ int) {
	eachPlanSize(func(units, n, seed int) {
		r := lstmtest.NewRand(122, seed)
		c := gateCall{
			units: units, n: n, skip: r.IntN(3), after: r.IntN(2), columns: 1 + r.IntN(panel.MaxColumns),
			kind: &kinds[r.IntN(len(kinds))], rand: r, bias: r.IntN(2) == 0, panelGap: r.IntN(3), columnGap: r.IntN(3),
		}
		checkPlan(t, p, c.tile(nil, false), func(m [][]float32) interpret.Arguments {
			var columns []interpret.Column
			for state := m[otherArguments:]; len(state) > 0; state = state[3:] {
				columns = append(columns, interpret.Column{X: state[0], C: state[1], H: state[2]})
			}
			return c.tileArguments(m, columns)
		})
	})
}

func testGatesPlan(t *testing.T, p *interpret.Program, kernel int) {
	eachPlanSize(func(units, n, seed int) {
		r := lstmtest.NewRand(123, seed)
		c := gateCall{
			units: units, n: n, skip: r.IntN(3), after: r.IntN(2), columns: 1 + r.IntN(panel.MaxColumns),
			kind: &kinds[r.IntN(len(kinds))], rand: r, bias: r.IntN(2) == 0, columnGap: r.IntN(3),
		}
		gap, inPlace := r.IntN(20), !c.bias && seed%4 == 0
		call := c.gates(weightFormat(kernel), nil, false, gap, inPlace)
		checkPlan(t, p, call, func(m [][]float32) interpret.Arguments {
			var columns []interpret.Column
			for _, x := range m[otherArguments:][:c.columns] {
				columns = append(columns, interpret.Column{X: x})
			}
			args := c.tileArguments(m, columns)
			if inPlace {
				args["z"], args["zColumn"] = m[sumsArgument], c.columnStride()
			} else {
				args["z"], args["zColumn"] = m[len(m)-1], panel.Gates*panel.PaddedUnits(c.units)+gap
			}
			return args
		})
	})
}

func testCellsPlan(t *testing.T, p *interpret.Program, kernel int) {
	for _, units := range planUnits {
		for columns := 1; columns <= panel.MaxColumns; columns++ {
			r := lstmtest.NewRand(126, units, columns)
			c := gateCall{units: units, n: 1, columns: columns, kind: &kinds[r.IntN(len(kinds))], rand: r}
			gap := r.IntN(20)
			checkPlan(t, p, c.cells(cellKind(kernel), nil, false, gap), func(m [][]float32) interpret.Arguments {
				var columns []interpret.Column
				for state := m[2:]; len(state) > 0; state = state[2:] {
					columns = append(columns, interpret.Column{C: state[0], H: state[1]})
				}
				return interpret.Arguments{
					"z": m[0], "zColumn": panel.Gates*panel.PaddedUnits(units) + gap, "parameters": m[1],
					"columns": columns, "count": len(columns), "units": units,
				}
			})
		}
	}
}

func testStagePlan(t *testing.T, p *interpret.Program, kernel int) {
	for _, units := range planUnits {
		for columns := 1; columns <= panel.MaxColumns; columns++ {
			r := lstmtest.NewRand(127, units, columns)
			c := gateCall{units: units, n: 1, columns: columns, kind: &kinds[r.IntN(len(kinds))], rand: r}
			gap, padded := r.IntN(20), panel.PaddedUnits(units)
			checkPlan(t, p, c.stage(cellStage(kernel), nil, false, gap), func(m [][]float32) interpret.Arguments {
				var list []interpret.Column
				for state := m[3:]; len(state) > 0; state = state[2:] {
					list = append(list, interpret.Column{C: state[0], H: state[1]})
				}
				return interpret.Arguments{
					"z": m[0], "zColumn": panel.Gates*padded + gap, "slots": m[1], "slotStride": columns*padded + gap, "parameters": m[2],
					"columns": list, "count": columns, "units": units,
				}
			})
		}
	}
}

func headPlanTest(format weightFormat) func(t *testing.T, p *interpret.Program, kernel int) {
	return func(t *testing.T, p *interpret.Program, _ int) {
		for _, outputs := range []int{1, 2, 3, 4, 5, 7, 8, 9, 13} {
			for _, blocks := range []int{1, 2, 3, 8} {
				for i := range kinds {
					call := headCall(lstmtest.NewRand(124, outputs, blocks, i), &kinds[i], format, blocks*contract.HeadSums, outputs)
					checkPlan(t, p, call, func(m [][]float32) interpret.Arguments {
						return interpret.Arguments{
							"weights": m[0], "bias": m[1], "x": m[2], "n": len(m[2]), "y": m[3], "outputs": len(m[3]),
						}
					})
				}
			}
		}
	}
}

// One number of each magnitude and sign and of all fractions at random, and
// those at which a function goes wrong first.
func testElementsPlan(t *testing.T, p *interpret.Program, kernel int) {
	f := function(kernel)
	r := lstmtest.NewRand(125, kernel)
	x := slices.Clone(lstmtest.Awkward)
	for high := range uint32(1 << 11) {
		x = append(x, math.Float32frombits(high<<21|r.Uint32()>>11))
	}
	for blocks := range 12 {
		x := append(lstmtest.Awkwards(r, blocks*panel.ElementBlock, 5), x...)
		x = x[:len(x)/panel.ElementBlock*panel.ElementBlock]
		if blocks > 0 {
			x = x[:blocks*panel.ElementBlock]
		}
		for _, inPlace := range []bool{false, true} {
			call := &kernelCall{
				what:      fmt.Sprintf("%v of %d elements, in place is %v", f, len(x), inPlace),
				arguments: []argument{{name: "parameters", floats: elementParameters(r)}, {name: "x", floats: x}, {name: "dst", floats: sentinels(len(x))}},
				twin:      func(m [][]float32) { elementsGeneric(f, m[0], m[2], m[1]) },
			}
			if inPlace {
				call.arguments = call.arguments[:2]
				call.twin = func(m [][]float32) { elementsGeneric(f, m[0], m[1], m[1]) }
			}
			checkPlan(t, p, call, func(m [][]float32) interpret.Arguments {
				return interpret.Arguments{"parameters": m[0], "dst": m[len(m)-1], "x": m[1], "n": len(x)}
			})
		}
	}
}
