package lstm

import (
	"fmt"
	"math"
	"slices"
	"sync"
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

// unfused is a network with the same weights, whose layers run in two kernels,
// gates and cells, as those do of which format and cell have none together.
func unfused(n *Network) *Network {
	two := &Network{
		layers: slices.Clone(n.layers), head: n.head, output: n.output,
		parameters: n.parameters, stateSize: n.stateSize, block: n.block,
	}
	for l := range two.layers {
		two.layers[l].fused, two.layers[l].inOneCall = false, false
	}
	return two
}

func TestStepIsTheFormula(t *testing.T) {
	eachPath(t, func(t *testing.T) {
		for _, shape := range shapes {
			r := newRand(1, shape.sizes[0], shape.sizes[1])
			m := randomModel(r, shape.outputs, shape.sizes...)
			n, err := New(m)
			require.NoError(t, err)
			two := unfused(n)
			s, sTwo, want := n.NewState(), two.NewState(), newReference(m)
			y := make([]float32, n.OutputSize())
			for step := range 6 {
				x := normals(r, n.InputSize(), 1)
				n.Step(s, x, y)
				wantY := want.step(x)
				requireBits(t, wantY, y, "%v step %d", shape, step)
				requireState(t, want, s, "%v step %d", shape, step)
				two.Step(sTwo, x, y)
				requireBits(t, wantY, y, "%v step %d, in two kernels", shape, step)
				requireState(t, want, sTwo, "%v step %d, in two kernels", shape, step)
			}
		}
	})
}

// Many streams go on through steps, batches and sequences in random order, and
// always agree with others that are only stepped. Now and then an input is
// awkward; a stream that it has turned to NaN begins again, because nothing
// could be told apart in it any more.
func TestOneAnswer(t *testing.T) {
	eachPath(t, func(t *testing.T) {
		for _, shape := range shapes {
			r := newRand(2, shape.sizes[0], shape.sizes[1])
			// The streams that are stepped alone use the fused kernels, the others
			// those in the one half of the cases and gates and cells in the other.
			single := newNetwork(t, shape.outputs, shape.sizes...)
			n := single
			if r.IntN(2) == 0 {
				n = unfused(single)
			}
			const streams = 15
			var states, alone []*State
			for range streams {
				states = append(states, n.NewState())
				alone = append(alone, single.NewState())
			}
			inputs := func(steps int) []float32 {
				if r.IntN(20) == 0 {
					return awkwards(r, steps*n.InputSize(), 1)
				}
				return normals(r, steps*n.InputSize(), 1)
			}
			stepAlone := func(i int, x []float32) []float32 {
				y := make([]float32, n.OutputSize())
				single.Step(alone[i], x, y)
				return y
			}
			steps, restarts := 0, 0
			for range 16 {
				if r.IntN(2) == 0 {
					batch := r.Perm(streams)[:r.IntN(streams+1)]
					var ss []*State
					var xs, ys, want [][]float32
					for _, i := range batch {
						ss = append(ss, states[i])
						xs = append(xs, inputs(1))
						ys = append(ys, make([]float32, n.OutputSize()))
						want = append(want, stepAlone(i, xs[len(xs)-1]))
					}
					n.StepBatch(ss, xs, ys)
					for j := range batch {
						requireBits(t, want[j], ys[j], "%v stream %d in a batch of %d", shape, j, len(batch))
					}
					steps += len(batch)
				} else {
					i, length := r.IntN(streams), r.IntN(30)
					x := inputs(length)
					y := make([]float32, length*n.OutputSize())
					n.Forward(states[i], x, y)
					for step := range length {
						want := stepAlone(i, x[step*n.InputSize():][:n.InputSize()])
						requireBits(t, want, y[step*n.OutputSize():][:n.OutputSize()], "%v step %d of %d", shape, step, length)
					}
					steps += length
				}
				for i := range states {
					requireValues(t, values(alone[i]), states[i], "%v stream %d", shape, i)
					if hasNaN(states[i]) {
						states[i].Reset()
						alone[i].Reset()
						restarts++
					}
				}
			}
			require.Less(t, 4*restarts, steps, "%v: too many streams turned NaN for the test to tell much", shape)
		}
	})
}

func hasNaN(s *State) bool {
	for _, part := range values(s) {
		for _, v := range part {
			if v != v {
				return true
			}
		}
	}
	return false
}

// Any number of goroutines use one network, each with streams of its own, and
// get the bits that they would get alone.
func TestConcurrency(t *testing.T) {
	eachPath(t, func(t *testing.T) {
		const goroutines, steps = 8, 20
		n := newNetwork(t, 3, 9, 33, 17)
		input, output := n.InputSize(), n.OutputSize()
		var group sync.WaitGroup
		for g := range goroutines {
			// What goroutine g must get, computed before the others run.
			r := newRand(17, g)
			x := normals(r, steps*input, 1)
			want, end := make([]float32, steps*output), n.NewState()
			for step := range steps {
				n.Step(end, x[step*input:][:input], want[step*output:][:output])
			}
			group.Go(func() {
				for range 5 {
					got := make([]float32, steps*output)
					at := func(step int) (in, out []float32) {
						return x[step*input:][:input], got[step*output:][:output]
					}
					s, other := n.NewState(), n.NewState()
					for step := 0; step < steps; {
						switch r.IntN(3) {
						case 0:
							in, out := at(step)
							n.Step(s, in, out)
							step++
						case 1:
							in, out := at(step)
							n.StepBatch([]*State{other, s}, [][]float32{in, in}, [][]float32{nil, out})
							step++
						case 2:
							end := min(steps, step+1+r.IntN(5))
							n.Forward(s, x[step*input:end*input], got[step*output:end*output])
							step = end
						}
					}
					assertSameBits(t, want, got)
					for i, part := range values(end) {
						assertSameBits(t, part, values(s)[i])
					}
				}
			})
		}
		group.Wait()
	})
}

// assertSameBits is requireBits for goroutines, which must not end the test.
func assertSameBits(t *testing.T, want, got []float32) {
	t.Helper()
	for i := range want {
		if math.Float32bits(want[i]) != math.Float32bits(got[i]) {
			t.Errorf("element %d is %x, want %x", i, got[i], want[i])
			return
		}
	}
}
