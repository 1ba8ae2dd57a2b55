package lstm

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// requireBits fails unless got and want are the same bits, a NaN being a NaN.
func requireBits(t testing.TB, want, got []float32, what string, args ...any) {
	t.Helper()
	require.Equal(t, len(want), len(got), what, args)
	for i := range want {
		if math.Float32bits(want[i]) != math.Float32bits(got[i]) && (want[i] == want[i] || got[i] == got[i]) {
			t.Fatalf("%s: element %d is %x (%#08x), want %x (%#08x)", fmt.Sprintf(what, args...),
				i, got[i], math.Float32bits(got[i]), want[i], math.Float32bits(want[i]))
		}
	}
}

// requireState fails unless s holds the reference's h and c.
func requireState(t testing.TB, want *reference, s *State, what string, args ...any) {
	t.Helper()
	for l := range want.h {
		requireBits(t, want.h[l], s.H(l), what+fmt.Sprintf(": h of layer %d", l), args...)
		requireBits(t, want.c[l], s.C(l), what+fmt.Sprintf(": c of layer %d", l), args...)
	}
}

// shapes are the input size and hidden sizes of the networks that most tests
// run, on both sides of every edge of a panel, and the size of a head.
var shapes = []struct {
	sizes   []int
	outputs int
}{
	{sizes: []int{1, 1}},
	{sizes: []int{1, 7}, outputs: 1},
	{sizes: []int{3, 8}, outputs: 3},
	{sizes: []int{2, 9}},
	{sizes: []int{5, 15}, outputs: 17},
	{sizes: []int{1, 16}},
	{sizes: []int{7, 17}, outputs: 2},
	{sizes: []int{16, 20}, outputs: 5},
	{sizes: []int{1, 24}, outputs: 4},
	{sizes: []int{9, 25}},
	{sizes: []int{31, 32}, outputs: 16},
	{sizes: []int{64, 40}, outputs: 1},
	{sizes: []int{33, 64}, outputs: 10},
	{sizes: []int{4, 16, 16}},
	{sizes: []int{3, 17, 5, 33}, outputs: 2},
	{sizes: []int{20, 8, 30, 1, 12}},
}

func TestStepIsTheFormula(t *testing.T) {
	eachPath(t, func(t *testing.T) {
		for _, shape := range shapes {
			r := newRand(1, shape.sizes[0], shape.sizes[1])
			m := randomModel(r, shape.outputs, shape.sizes...)
			n, err := New(m)
			require.NoError(t, err)
			s, want := n.NewState(), newReference(m)
			y := make([]float32, n.OutputSize())
			for step := range 6 {
				x := normals(r, n.InputSize(), 1)
				n.Step(s, x, y)
				requireBits(t, want.step(x), y, "%v step %d", shape, step)
				requireState(t, want, s, "%v step %d", shape, step)
			}
		}
	})
}

// One stream goes on through steps, batches and sequences in random order, and
// always agrees with another that is only stepped.
func TestOneAnswer(t *testing.T) {
	eachPath(t, func(t *testing.T) {
		for _, shape := range shapes {
			r := newRand(2, shape.sizes[0], shape.sizes[1])
			n, err := New(randomModel(r, shape.outputs, shape.sizes...))
			require.NoError(t, err)
			const streams = 15
			var states, alone []*State
			for range streams {
				states = append(states, n.NewState())
				alone = append(alone, n.NewState())
			}
			stepAlone := func(i int, x []float32) []float32 {
				y := make([]float32, n.OutputSize())
				n.Step(alone[i], x, y)
				return y
			}
			for range 12 {
				if r.IntN(2) == 0 {
					batch := r.Perm(streams)[:r.IntN(streams+1)]
					var ss []*State
					var xs, ys, want [][]float32
					for _, i := range batch {
						ss = append(ss, states[i])
						xs = append(xs, awkwards(r, n.InputSize(), 1))
						ys = append(ys, make([]float32, n.OutputSize()))
						want = append(want, stepAlone(i, xs[len(xs)-1]))
					}
					n.StepBatch(ss, xs, ys)
					for j := range batch {
						requireBits(t, want[j], ys[j], "%v stream %d in a batch of %d", shape, j, len(batch))
					}
				} else {
					i, steps := r.IntN(streams), r.IntN(30)
					x := awkwards(r, steps*n.InputSize(), 1)
					y := make([]float32, steps*n.OutputSize())
					n.Forward(states[i], x, y)
					for step := range steps {
						want := stepAlone(i, x[step*n.InputSize():][:n.InputSize()])
						requireBits(t, want, y[step*n.OutputSize():][:n.OutputSize()], "%v step %d of %d", shape, step, steps)
					}
				}
				for i := range states {
					for l := range n.Layers() {
						requireBits(t, alone[i].H(l), states[i].H(l), "%v h of layer %d", shape, l)
						requireBits(t, alone[i].C(l), states[i].C(l), "%v c of layer %d", shape, l)
					}
				}
			}
		}
	})
}
