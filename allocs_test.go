package lstm

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNoAllocations(t *testing.T) {
	eachPath(t, func(t *testing.T) {
		requireNone := func(what string, call func()) {
			t.Helper()
			require.Zero(t, testing.AllocsPerRun(2, call), what)
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
		for _, length := range []int{0, 1, 100, 2*maxActivation + 1} {
			dst, x := make([]float32, length), make([]float32, length)
			requireNone(fmt.Sprintf("Sigmoid of %d", length), func() { Sigmoid(dst, x) })
			requireNone(fmt.Sprintf("Tanh of %d", length), func() { Tanh(dst, x) })
		}
	})
}

// Each size of Forward's scratch, and the way without: no network is so large
// that a block of steps would not fit and be allocated instead.
func TestForwardScratch(t *testing.T) {
	sizes := map[string]struct {
		sizes []int
		want  func(block int) bool
	}{
		"none, the input is narrow": {[]int{minInput - 1, 40}, func(b int) bool { return b == 0 }},
		"small":                     {[]int{8, 16}, func(b int) bool { return 0 < b && b <= len(smallScratch{}) }},
		"medium":                    {[]int{8, 130}, func(b int) bool { return len(smallScratch{}) < b && b <= len(mediumScratch{}) }},
		"large":                     {[]int{8, 550}, func(b int) bool { return len(mediumScratch{}) < b && b <= len(largeScratch{}) }},
	}
	if !testing.Short() {
		// Nothing but a hidden size of thousands makes one step fill the scratch.
		hidden := len(largeScratch{})/(5*minBlock) + 16
		sizes["none, a step fills it"] = struct {
			sizes []int
			want  func(block int) bool
		}{[]int{8, hidden}, func(b int) bool { return b == 0 }}
	}
	for name, c := range sizes {
		t.Run(name, func(t *testing.T) {
			layer := sparseLayer(c.sizes[0], c.sizes[1])
			n, err := New(&Model{Layers: []Weights{layer}})
			require.NoError(t, err)
			const steps = 3
			require.True(t, c.want(n.blockFloats(steps)), "the block has %d floats", n.blockFloats(steps))
			r := newRand(12)
			x, y := normals(r, steps*n.InputSize(), 1), make([]float32, steps*n.OutputSize())
			whole, steply, want := n.NewState(), n.NewState(), make([]float32, n.OutputSize())
			for step := range steps {
				n.Step(steply, x[step*n.InputSize():][:n.InputSize()], want)
			}
			eachPath(t, func(t *testing.T) {
				require.Zero(t, testing.AllocsPerRun(1, func() {
					whole.Reset()
					n.Forward(whole, x, y)
				}))
				requireValues(t, values(steply), whole, "%v", c.sizes)
				requireBits(t, want, y[(steps-1)*n.OutputSize():], "%v", c.sizes)
			})
		})
	}
}

// sparseLayer makes a layer of any size quickly: most weights are zero.
func sparseLayer(input, hidden int) Weights {
	w := Weights{
		InputSize:  input,
		HiddenSize: hidden,
		WeightIH:   make([]float32, gates*hidden*input),
		WeightHH:   make([]float32, gates*hidden*hidden),
		BiasIH:     normals(newRand(13), gates*hidden, 1),
	}
	r := newRand(14)
	for _, tensor := range [][]float32{w.WeightIH, w.WeightHH} {
		for i := r.IntN(40); i < len(tensor); i += 1 + r.IntN(40) {
			tensor[i] = float32(r.NormFloat64())
		}
	}
	return w
}
