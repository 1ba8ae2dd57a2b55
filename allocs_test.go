package lstm

import (
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm/internal/dispatch"
	"example.com/lstm/internal/lstmtest"
	"example.com/lstm/internal/race"
)

// newVariants makes two networks of one of the variants.
func newVariants(t *testing.T, i, outputs int, sizes ...int) (n, twin *Network) {
	t.Helper()
	r := lstmtest.NewRand(sizes...)
	m := randomModel(r, outputs, sizes...)
	variants[i%len(variants)].change(r, m)
	n, err := New(m)
	require.NoError(t, err)
	twin, err = New(m)
	require.NoError(t, err)
	return n, twin
}

func TestNoAllocations(t *testing.T) {
	lstmtest.EachPath(t, func(t *testing.T) {
		requireNone := func(what string, call func()) {
			t.Helper()
			require.Zero(t, testing.AllocsPerRun(3, call), what)
		}
		variant := 0
		for i, shape := range lstmtest.Shapes {
			if inPart() && i%3 != 0 {
				continue
			}
			variant++
			n, twin := newVariants(t, variant, shape.Outputs, shape.Sizes...)
			requireNoneOfCells(t, shape.Outputs, shape.Sizes)
			requireNoneOfFormats(t, shape.Outputs, shape.Sizes)
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
				x, y := make([]float32, size*n.InputSize()), make([]float32, size*n.OutputSize())
				requireNone(fmt.Sprintf("StepBatchFlat of %d × %v", size, shape), func() { n.StepBatchFlat(states[:size], x, y) })
				requireNone(fmt.Sprintf("Checks of %d × %v", size, shape), func() {
					_, _, _ = n.CheckStepBatch(states[:size], xs[:size], nil), n.CheckStepBatchFlat(states[:size], x, y), n.CheckForward(s, x, nil)
				})
			}
			for _, steps := range []int{0, 1, 2, 3, blockSteps, 2*blockSteps + 1} {
				x, y := make([]float32, steps*n.InputSize()), make([]float32, steps*n.OutputSize())
				requireNone(fmt.Sprintf("Forward of %d × %v", steps, shape), func() { n.Forward(s, x, y) })
				requireNone(fmt.Sprintf("Forward of %d × %v without y", steps, shape), func() { n.Forward(s, x, nil) })
			}
			for size := range len(states) + 1 {
				xs, ys := make([][]float32, size), make([][]float32, size)
				for i := range size {
					steps := i * 5 % 7
					xs[i], ys[i] = make([]float32, steps*n.InputSize()), make([]float32, steps*n.OutputSize())
				}
				requireNone(fmt.Sprintf("ForwardBatch of %d × %v", size, shape), func() { n.ForwardBatch(states[:size], xs, ys) })
				requireNone(fmt.Sprintf("ForwardBatch of %d × %v without ys", size, shape), func() { n.ForwardBatch(states[:size], xs, nil) })
				requireNone(fmt.Sprintf("CheckForwardBatch of %d × %v", size, shape), func() { _ = n.CheckForwardBatch(states[:size], xs, ys) })
			}
			buffer, err := s.AppendBinary(nil)
			require.NoError(t, err)
			requireNone(fmt.Sprintf("AppendBinary of %v", shape), func() { buffer, _ = s.AppendBinary(buffer[:0]) })
			requireNone(fmt.Sprintf("UnmarshalBinary of %v", shape), func() { _ = s.UnmarshalBinary(buffer) })
			requireNone(fmt.Sprintf("Reset and CopyFrom of %v", shape), func() { s.CopyFrom(states[1]); s.Reset() })
			requireNone(fmt.Sprintf("Finite and Owns of %v", shape), func() { _, _ = s.Finite(), n.Owns(s) })
			values, err := DecodeState(buffer)
			require.NoError(t, err)
			requireNone(fmt.Sprintf("SetValues of %v", shape), func() { _ = s.SetValues(values) })
			requireNone(fmt.Sprintf("Adopt of %v", shape), func() { _, _ = twin.Adopt(s), n.Adopt(s) })
		}
		for _, length := range []int{0, 1, 100, 2*maxElements + 1} {
			dst, x := make([]float32, length), make([]float32, length)
			requireNone(fmt.Sprintf("Sigmoid of %d", length), func() { Sigmoid(dst, x) })
			requireNone(fmt.Sprintf("Tanh of %d", length), func() { Tanh(dst, x) })
			for _, f := range []ActivationFunction{ActivationELU, ActivationSoftplus, ActivationIdentity} {
				requireNone(fmt.Sprintf("%v of %d", f, length), func() { f.WithDefaults().Apply(dst, x) })
			}
		}
	})
}

// requireNoneOfCells is about the cells that are not PyTorch's.
func requireNoneOfCells(t *testing.T, outputs int, sizes []int) {
	for _, v := range cellVariants {
		r := lstmtest.NewRand(sizes...)
		m := randomModel(r, outputs, sizes...)
		v.change(r, m)
		requireNoneOfModel(t, m, v.name)
	}
}

// requireNoneOfFormats is about the formats of weights, with a projection and a cell
// of other kinds now and then.
func requireNoneOfFormats(t *testing.T, outputs int, sizes []int) {
	for i, f := range formats {
		r := lstmtest.NewRand(sizes...)
		m := randomModel(r, outputs, sizes...)
		variants[r.IntN(len(variants))].change(r, m)
		if i%2 == 0 {
			cellVariants[r.IntN(len(cellVariants))].change(r, m)
		}
		f.change(r, m)
		requireNoneOfModel(t, m, f.name)
	}
}

func requireNoneOfModel(t *testing.T, m *Model, name string) {
	t.Helper()
	n, err := New(m)
	require.NoError(t, err)
	const steps, streams = 5, 7
	var states []*State
	var xs, ys, sequences [][]float32
	for range streams {
		states = append(states, n.NewState())
		xs, ys = append(xs, make([]float32, n.InputSize())), append(ys, make([]float32, n.OutputSize()))
		sequences = append(sequences, make([]float32, steps*n.InputSize()))
	}
	require.Zero(t, testing.AllocsPerRun(3, func() {
		n.Step(states[0], xs[0], ys[0])
		n.StepBatch(states, xs, ys)
		n.Forward(states[0], sequences[0], nil)
		n.ForwardBatch(states, sequences, nil)
	}), "%s with inputs of %d", name, n.InputSize())
}

// Forward computes the same with room for blocks of steps and, for narrow
// inputs, without; and allocates nothing when there has been a call before.
func TestForwardRoom(t *testing.T) {
	for _, c := range []struct {
		name          string
		input, hidden int
		rooms         int
	}{
		{"step by step", minInput - 1, 40, 0},
		{"in blocks", minInput, 16, 1},
		{"in blocks of a wide layer", minInput, 550, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, err := New(&Model{Layers: []Layer{sparseLayer(c.input, c.hidden)}})
			require.NoError(t, err)
			const steps = 3
			x := lstmtest.Normals(lstmtest.NewRand(12), steps*c.input, 1)
			steply, last := n.NewState(), make([]float32, c.hidden)
			for step := range steps {
				n.Step(steply, x[step*c.input:][:c.input], last)
			}
			lstmtest.EachPath(t, func(t *testing.T) {
				whole, y := n.NewState(), make([]float32, steps*c.hidden)
				require.Zero(t, testing.AllocsPerRun(3, func() {
					whole.Reset()
					n.Forward(whole, x, y)
				}))
				lstmtest.RequireValues(t, lstmtest.Values(steply, n.Layers()), whole, "%s", c.name)
				lstmtest.RequireBits(t, last, y[(steps-1)*c.hidden:], "%s", c.name)
				require.Len(t, n.rooms.free, c.rooms, "given back")
			})
		})
	}
}

// A goroutine that calls Forward stays below 16 KiB of stack, however small or
// large the network and the sequence.
func TestForwardStack(t *testing.T) {
	if race.Enabled {
		t.Skip("the race detector's frames are larger")
	}
	for i, sizes := range [][]int{{1, 8}, {16, 32}, {40, 80}, {40, 80}} {
		m := randomModel(lstmtest.NewRand(sizes...), 3, sizes...)
		if i == 3 {
			formats[1].change(nil, m)
		}
		n, err := New(m)
		require.NoError(t, err)
		x := make([]float32, (blockSteps+1)*sizes[0])
		n.Forward(n.NewState(), x, nil)
		lstmtest.EachPath(t, func(t *testing.T) {
			goroutines, x := 200, x
			if testing.Short() {
				goroutines = 40
			}
			if dispatch.Active() == dispatch.Generic {
				x = x[:minBlock*sizes[0]] // what a longer one has more is the same on all paths
			}
			var before, after runtime.MemStats
			done, leave := make(chan bool), make(chan bool)
			states := make([]*State, goroutines)
			for i := range states {
				states[i] = n.NewState()
			}
			var group sync.WaitGroup
			runtime.GC()
			runtime.ReadMemStats(&before)
			for i := range goroutines {
				group.Go(func() {
					n.Forward(states[i], x[:0], nil)
					n.Forward(states[i], x, nil)
					done <- true
					<-leave
				})
			}
			for range goroutines {
				<-done
			}
			runtime.ReadMemStats(&after)
			close(leave)
			group.Wait() // or the next path would see stacks vanish
			require.Less(t, (after.StackInuse-before.StackInuse)/uint64(goroutines), uint64(16<<10), "%v", sizes)
		})
	}
}
