package lstm

import (
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm/internal/lstmtest"
	"example.com/lstm/internal/panel"
)

// A chain that is too long for one kernel call stops over in memory. It must
// not show: lengths on both sides of every limit, few units.
func TestLongChains(t *testing.T) {
	lengths := map[int]bool{
		maxTileChain - 1: true, maxTileChain: true, maxTileChain + 1: true, 2*maxTileChain + 1: true,
		maxStepChain - 1: true, maxStepChain: true, maxStepChain + 1: true, maxStepChain + 52: true,
	}
	lstmtest.EachPath(t, func(t *testing.T) {
		for length := range lengths {
			// The chain is [x; h]: the limits lie in the input, or at its end,
			// or in what follows.
			for _, sizes := range [][]int{{length, 17}, {length - 17, 17}, {length - 5, 9}, {length - 1, 1}} {
				testEveryWay(t, sizes, 2)
			}
		}
	})
}

// A layer of many units takes several calls a step, and a hidden state that is
// too long for one call splits the recurrent chain as well.
func TestManyUnits(t *testing.T) {
	lstmtest.EachPath(t, func(t *testing.T) {
		for _, sizes := range [][]int{
			{1, 300},
			{40, 330},
			{maxStepChain - 200, 200 - panel.Units + 1}, // the longest chain of step, one unit more than panels
		} {
			testEveryWay(t, sizes, 2)
		}
		if !testing.Short() {
			testEveryWay(t, []int{9, maxStepChain + 40}, 1)
		}
	})
}

// A head with more weights than one call reads.
func TestLargeHead(t *testing.T) {
	lstmtest.EachPath(t, func(t *testing.T) {
		const hidden = 33
		for _, outputs := range []int{maxCallFloats / 48, maxCallFloats/48 + 1, 2*maxCallFloats/48 + 3} {
			r := lstmtest.NewRand(15, outputs)
			m := randomModel(r, outputs, 1, hidden)
			n, err := New(m)
			require.NoError(t, err)
			x, y := []float32{0.5}, make([]float32, outputs)
			n.Step(n.NewState(), x, y)
			lstmtest.RequireBits(t, newReference(m).step(x), y, "%d outputs", outputs)
		}
	})
}

// testEveryWay compares Step, StepBatch and Forward with the reference.
func testEveryWay(t *testing.T, sizes []int, steps int) {
	t.Helper()
	m := &Model{Layers: []Weights{sparseLayer(sizes[0], sizes[1])}}
	fused, err := New(m)
	require.NoError(t, err)
	testWays(t, m, fused, sizes, steps)
	testWays(t, m, unfused(fused), sizes, steps)
}

func testWays(t *testing.T, m *Model, n *Network, sizes []int, steps int) {
	t.Helper()
	r := lstmtest.NewRand(sizes...)
	input, output := n.InputSize(), n.OutputSize()
	// One more than a tile has columns. They get the same input, except one that
	// must not be mistaken for its neighbours.
	const streams = panel.MaxColumns + 1
	initial := lstmtest.Normals(r, output, 0.3)
	begin := func() *State {
		s := n.NewState()
		copy(s.H(0), initial)
		return s
	}
	want, steply, whole := newReference(m), begin(), begin()
	copy(want.h[0], initial)
	var batch []*State
	for range streams {
		batch = append(batch, begin())
	}
	x, y := lstmtest.Normals(r, steps*input, 1), make([]float32, steps*output)
	got, other := make([]float32, output), make([]float32, output)
	for step := range steps {
		xt, yt := x[step*input:][:input], y[step*output:][:output]
		copy(yt, want.step(xt))
		n.Step(steply, xt, got)
		lstmtest.RequireBits(t, yt, got, "Step of %v", sizes)
		requireState(t, want, steply, "Step of %v", sizes)

		xs, ys := make([][]float32, streams), make([][]float32, streams)
		for i := range streams {
			xs[i], ys[i] = xt, make([]float32, output)
		}
		xs[1] = lstmtest.Normals(r, input, 1)
		alone := batch[1].Clone()
		n.Step(alone, xs[1], other)
		n.StepBatch(batch, xs, ys)
		for i := range streams {
			if i == 1 {
				lstmtest.RequireBits(t, other, ys[i], "StepBatch of %v, column %d", sizes, i)
				lstmtest.RequireValues(t, lstmtest.Values(alone, n.Layers()), batch[i], "StepBatch of %v, column %d", sizes, i)
				continue
			}
			lstmtest.RequireBits(t, yt, ys[i], "StepBatch of %v, column %d", sizes, i)
			requireState(t, want, batch[i], "StepBatch of %v, column %d", sizes, i)
		}
	}
	all := make([]float32, len(y))
	n.Forward(whole, x, all)
	lstmtest.RequireBits(t, y, all, "Forward of %v", sizes)
	requireState(t, want, whole, "Forward of %v", sizes)
}
