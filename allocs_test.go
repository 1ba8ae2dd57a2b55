package lstm

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm/internal/panel"
)

func TestNoAllocations(t *testing.T) {
	eachPath(t, func(t *testing.T) {
		requireNone := func(what string, call func()) {
			t.Helper()
			require.Zero(t, testing.AllocsPerRun(3, call), what)
		}
		for _, shape := range shapes {
			n := newNetwork(t, shape.outputs, shape.sizes...)
			var states []*State
			var xs, ys [][]float32
			for range 15 {
				states = append(states, n.NewState())
				xs = append(xs, make([]float32, n.InputSize()))
				ys = append(ys, make([]float32, n.OutputSize()))
			}
			s, x, y := states[0], xs[0], ys[0]
			requireNone(fmt.Sprintf("Step of %v", shape), func() { n.Step(s, x, y) })
			for size := range len(states) + 1 {
				requireNone(fmt.Sprintf("StepBatch of %d × %v", size, shape), func() { n.StepBatch(states[:size], xs[:size], ys[:size]) })
			}
			for _, steps := range []int{0, 1, 2, 3, blockSteps, 2*blockSteps + 1} {
				x, y := make([]float32, steps*n.InputSize()), make([]float32, steps*n.OutputSize())
				requireNone(fmt.Sprintf("Forward of %d × %v", steps, shape), func() { n.Forward(s, x, y) })
				requireNone(fmt.Sprintf("Forward of %d × %v without y", steps, shape), func() { n.Forward(s, x, nil) })
			}
			buffer, err := s.AppendBinary(nil)
			require.NoError(t, err)
			requireNone(fmt.Sprintf("AppendBinary of %v", shape), func() { buffer, _ = s.AppendBinary(buffer[:0]) })
			requireNone(fmt.Sprintf("UnmarshalBinary of %v", shape), func() { _ = s.UnmarshalBinary(buffer) })
			requireNone(fmt.Sprintf("Reset and CopyFrom of %v", shape), func() { s.CopyFrom(states[1]); s.Reset() })
		}
		for _, length := range []int{0, 1, 100, 2*maxElements + 1} {
			dst, x := make([]float32, length), make([]float32, length)
			requireNone(fmt.Sprintf("Sigmoid of %d", length), func() { Sigmoid(dst, x) })
			requireNone(fmt.Sprintf("Tanh of %d", length), func() { Tanh(dst, x) })
		}
	})
}

// Each size of Forward's scratch, and the way without, compute the same and
// allocate nothing.
func TestForwardScratch(t *testing.T) {
	for _, c := range []struct {
		name          string
		input, hidden int
		least, most   int // floats of a block
	}{
		{"none", minInput - 1, 40, 0, 0},
		{"small", minInput, 16, 1, len(smallScratch{})},
		{"medium", minInput, 130, len(smallScratch{}) + 1, len(mediumScratch{})},
		{"large", minInput, 550, len(mediumScratch{}) + 1, len(largeScratch{})},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, err := New(&Model{Layers: []Weights{sparseLayer(c.input, c.hidden)}})
			require.NoError(t, err)
			const steps = 3
			block := n.blockFloats(steps)
			require.True(t, c.least <= block && block <= c.most, "the block has %d floats", block)

			x := normals(newRand(12), steps*c.input, 1)
			steply, last := n.NewState(), make([]float32, c.hidden)
			for step := range steps {
				n.Step(steply, x[step*c.input:][:c.input], last)
			}
			eachPath(t, func(t *testing.T) {
				whole, y := n.NewState(), make([]float32, steps*c.hidden)
				require.Zero(t, testing.AllocsPerRun(3, func() {
					whole.Reset()
					n.Forward(whole, x, y)
				}))
				requireValues(t, values(steply), whole, "%s", c.name)
				requireBits(t, last, y[(steps-1)*c.hidden:], "%s", c.name)
			})
		})
	}
}

// Whatever the sizes, a block of at least two steps fits the scratch, or there
// is none. (Larger scratch would be moved to the heap.)
func TestBlocksFitTheScratch(t *testing.T) {
	without := 0
	for hidden := 1; hidden < 10_000; hidden += 1 + hidden/100 {
		n := &Network{layers: []layer{{input: minInput, hidden: hidden}}}
		for _, steps := range []int{0, 1, 2, 3, blockSteps - 1, blockSteps, blockSteps + 1, 1000} {
			block := n.blockFloats(steps)
			require.LessOrEqual(t, block, len(largeScratch{}), "hidden %d", hidden)
			require.Zero(t, block%n.stepFloats(), "hidden %d", hidden)
			if block == 0 {
				without++
				require.True(t, steps < minBlock || n.stepFloats() > len(largeScratch{})/minBlock, "hidden %d, %d steps", hidden, steps)
				continue
			}
			require.GreaterOrEqual(t, block, minBlock*n.stepFloats(), "hidden %d", hidden)
			require.LessOrEqual(t, block, min(blockSteps, steps)*n.stepFloats(), "hidden %d", hidden)
		}
	}
	require.NotZero(t, without)
}

// sparseLayer makes a layer of any size quickly: most weights are zero.
func sparseLayer(input, hidden int) Weights {
	w := Weights{
		InputSize:  input,
		HiddenSize: hidden,
		WeightIH:   make([]float32, panel.Gates*hidden*input),
		WeightHH:   make([]float32, panel.Gates*hidden*hidden),
		BiasIH:     normals(newRand(13), panel.Gates*hidden, 1),
	}
	r := newRand(14)
	for _, tensor := range [][]float32{w.WeightIH, w.WeightHH} {
		for i := r.IntN(40); i < len(tensor); i += 1 + r.IntN(40) {
			tensor[i] = float32(r.NormFloat64())
		}
	}
	return w
}
