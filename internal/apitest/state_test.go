package apitest

import (
	"cmp"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm"
	"example.com/lstm/internal/aligned"
	"example.com/lstm/internal/lstmtest"
)

// A network begins where its layers say, and so does a state that it has adopted.
func TestInitialStates(t *testing.T) {
	initial := func(m *lstm.Model) {
		weightsOf(m, 0).InitialH = []float32{1, -0x1p-65}
		weightsOf(m, 1).InitialC = []float32{lstmtest.Inf, 2, lstmtest.NegativeZero}
	}
	n := newVariant(t, initial, 1, 0, 3, 2, 3)
	want := [][]float32{{1, 0}, {0, 0}, {0, 0, 0}, {lstmtest.Inf, 2, 0}}
	s := n.NewState()
	lstmtest.RequireValues(t, want, s, "new")
	advance(n, s, 1, 3)
	s.Reset()
	lstmtest.RequireValues(t, want, s, "reset")
	s.H(0)[0], s.C(1)[1] = 5, 5
	lstmtest.RequireValues(t, want, n.NewState(), "another")

	plain := newNetwork(t, 0, 3, 2, 3)
	require.NoError(t, plain.Adopt(s))
	s.Reset()
	lstmtest.RequireValues(t, lstmtest.Values(plain.NewState(), 2), s, "adopted and reset")
	require.NoError(t, n.Adopt(s))
	s.Reset()
	lstmtest.RequireValues(t, want, s, "adopted back and reset")

	require.Equal(t, plain.Parameters()+2+3, n.Parameters())
	require.Equal(t, plain.MemorySize()+4*(2+2+3+3), n.MemorySize())
}

func TestNewStateIsZero(t *testing.T) {
	for _, shape := range lstmtest.Shapes {
		n := newNetwork(t, shape.Outputs, shape.Sizes...)
		s := n.NewState()
		for _, v := range lstmtest.Values(s, n.Layers()) {
			lstmtest.RequireBits(t, make([]float32, len(v)), v, "%v", shape)
		}
	}
}

func TestReset(t *testing.T) {
	for i, shape := range lstmtest.Shapes {
		for steps := range 3 {
			n := newVariant(t, variants[i%len(variants)].change, 1, shape.Outputs, shape.Sizes...)
			s := n.NewState()
			advance(n, s, 1, steps)
			s.C(0)[0] = lstmtest.NaN // must not survive anywhere
			advance(n, s, 2, steps)
			s.Reset()
			lstmtest.RequireValues(t, lstmtest.Values(n.NewState(), n.Layers()), s, "%v after %d steps", shape, steps)
			requireSameFuture(t, n, n.NewState(), n, s, "%v reset after %d steps", shape, steps)
		}
	}
}

// A network without biases decays to nothing when its inputs are zero. Its state
// becomes zero, and on the way has no number below 2^-64.
func TestStateDecaysToZero(t *testing.T) {
	m := lstm.RandomModel(1, 0, 3, 20, 9)
	for l := range m.Layers {
		weightsOf(m, l).BiasIH, weightsOf(m, l).BiasHH = nil, nil
	}
	n, err := lstm.New(m)
	require.NoError(t, err)
	lstmtest.EachPath(t, func(t *testing.T) {
		s := n.NewState()
		advance(n, s, 1, 10)
		x := make([]float32, n.InputSize())
		for range 400 {
			n.Step(s, x, nil)
			for _, v := range slices.Concat(lstmtest.Values(s, n.Layers())...) {
				require.False(t, v != 0 && -0x1p-64 < v && v < 0x1p-64, "%x", v)
			}
		}
		lstmtest.RequireValues(t, lstmtest.Values(n.NewState(), n.Layers()), s, "at rest")
	})
}

func TestCloneAndCopyFrom(t *testing.T) {
	for i, shape := range lstmtest.Shapes {
		n := newVariant(t, variants[i%len(variants)].change, 1, shape.Outputs, shape.Sizes...)
		for steps := range 3 {
			for before := range 2 {
				s := n.NewState()
				advance(n, s, 1, steps)
				want := lstmtest.Values(s, n.Layers())

				clone := s.Clone()
				lstmtest.RequireValues(t, want, clone, "%v clone", shape)
				copied := n.NewState()
				advance(n, copied, 2, before)
				copied.CopyFrom(s)
				lstmtest.RequireValues(t, want, copied, "%v copy", shape)

				advance(n, s, 3, 1)
				lstmtest.RequireValues(t, want, clone, "%v clone of a state that went on", shape)
				lstmtest.RequireValues(t, want, copied, "%v copy of a state that went on", shape)
				requireSameFuture(t, n, clone, n, copied, "%v", shape)

				s.CopyFrom(s)
				requireSameFuture(t, n, s.Clone(), n, s, "%v copied from itself", shape)
			}
		}
	}
}

func TestViewsAreTheState(t *testing.T) {
	for i, shape := range lstmtest.Shapes {
		n := newVariant(t, variants[i%len(variants)].change, 1, shape.Outputs, shape.Sizes...)
		for steps := range 3 {
			a, b := n.NewState(), n.NewState()
			advance(n, a, 1, 7)
			advance(n, b, 2, steps)
			for l := range n.Layers() {
				h := cmp.Or(n.ProjSize(l), n.HiddenSize(l))
				require.Len(t, b.H(l), h)
				require.Len(t, b.C(l), n.HiddenSize(l))
				// Appending to a view never reaches what lies after it.
				require.Equal(t, h, cap(b.H(l)))
				require.Equal(t, n.HiddenSize(l), cap(b.C(l)))
				copy(b.H(l), a.H(l))
				copy(b.C(l), a.C(l))
			}
			lstmtest.RequireValues(t, lstmtest.Values(a, n.Layers()), b, "%v", shape)
			requireSameFuture(t, n, a, n, b, "%v set by its views", shape)
		}
	}
}

func TestStateMemorySize(t *testing.T) {
	// Two buffers of 3 + 20 + padding to 32 for the head, and 24 cells.
	n := newNetwork(t, 0, 3, 20)
	size := n.NewState().MemorySize()
	require.GreaterOrEqual(t, size, 4*(2*(3+32)+24))
	require.LessOrEqual(t, size, 4*(2*(3+32)+24)+3*2*aligned.Bytes)

	// Two buffers of 3 + 3 + 3 + padding to 16, the output behind h; 24 cells, and 20
	// units that wait for their projection.
	n = newVariant(t, makeResidual, 1, 0, 3, 20)
	size = n.NewState().MemorySize()
	require.GreaterOrEqual(t, size, 4*(2*(3+3+16)+24+20))
	require.LessOrEqual(t, size, 4*(2*(3+3+16)+24+20)+4*2*aligned.Bytes)
}

func TestFinite(t *testing.T) {
	n := newNetwork(t, 2, 3, 17, 5)
	s := n.NewState()
	require.True(t, s.Finite())
	advance(n, s, 1, 3)
	require.True(t, s.Finite())
	for l := range n.Layers() {
		for _, view := range []func(int) []float32{s.H, s.C} {
			for _, i := range []int{0, n.HiddenSize(l) - 1} {
				for _, v := range []float32{lstmtest.NaN, lstmtest.Inf, -lstmtest.Inf} {
					before := view(l)[i]
					view(l)[i] = v
					require.False(t, s.Finite(), "layer %d element %d is %v", l, i, v)
					view(l)[i] = before
				}
			}
		}
	}
	s.C(0)[3], s.C(0)[4], s.H(1)[0] = math.MaxFloat32, math.SmallestNonzeroFloat32, lstmtest.NegativeZero
	require.True(t, s.Finite())
}

// One NaN in one input, and its stream is lost; the other streams of the batch
// are not.
func TestNaNIsForGood(t *testing.T) {
	lstmtest.EachPath(t, func(t *testing.T) {
		n := newNetwork(t, 2, 3, 17, 5)
		lost, other, alone := n.NewState(), n.NewState(), n.NewState()
		x := []float32{1, 2, 3}
		for step := range 5 {
			mine := slices.Clone(x)
			if step == 1 {
				mine[1] = lstmtest.NaN
			}
			n.StepBatch([]*lstm.State{lost, other}, [][]float32{mine, x}, nil)
			n.Step(alone, x, nil)
			require.Equal(t, step < 1, lost.Finite(), "step %d", step)
			lstmtest.RequireValues(t, lstmtest.Values(alone, n.Layers()), other, "step %d", step)
			if step >= 1 {
				for _, part := range lstmtest.Values(lost, n.Layers()) {
					for _, v := range part {
						require.True(t, v != v, "step %d: a number", step)
					}
				}
			}
		}
		lost.Reset()
		requireSameFuture(t, n, n.NewState(), n, lost, "reset")
	})
}

// A stream goes on with another network of the same layers as if its h and c had
// been written to a state of that one.
func TestAdopt(t *testing.T) {
	for i, shape := range lstmtest.Shapes {
		for steps := range 3 {
			variant := variants[i%len(variants)]
			n := newVariant(t, variant.change, 1, shape.Outputs, shape.Sizes...)
			// Other weights, and another head.
			m := newVariant(t, variant.change, 2, shape.Outputs+1, shape.Sizes...)
			s, want := n.NewState(), m.NewState()
			advance(n, s, 1, steps)
			for l := range n.Layers() {
				copy(want.H(l), s.H(l))
				copy(want.C(l), s.C(l))
			}
			require.True(t, n.Owns(s))
			require.NoError(t, m.Adopt(s))
			require.True(t, m.Owns(s))
			require.False(t, n.Owns(s))
			lstmtest.RequireValues(t, lstmtest.Values(want, n.Layers()), s, "%v adopted", shape)
			requireSameFuture(t, m, want, m, s, "%v adopted", shape)
			require.NoError(t, m.Adopt(s), "once more")
			require.NoError(t, n.Adopt(s), "back")
			lstmtest.RequireValues(t, lstmtest.Values(want, n.Layers()), s, "%v adopted back", shape)
			require.True(t, n.Owns(s))
		}
	}
}

func TestAdoptErrors(t *testing.T) {
	n := newNetwork(t, 0, 3, 4, 5)
	for _, c := range []struct {
		sizes []int
		want  string
	}{
		{[]int{3, 4}, "lstm: Adopt: s has 1 layers, want 2"},
		{[]int{3, 4, 5, 5}, "lstm: Adopt: s has 3 layers, want 2"},
		{[]int{2, 4, 5}, "lstm: Adopt: layer 0 of s has input size 2 and hidden size 4, want 3 and 4"},
		{[]int{3, 5, 5}, "lstm: Adopt: layer 0 of s has input size 3 and hidden size 5, want 3 and 4"},
		{[]int{3, 4, 6}, "lstm: Adopt: layer 1 of s has input size 4 and hidden size 6, want 4 and 5"},
	} {
		other := newNetwork(t, 0, c.sizes...)
		s := other.NewState()
		advance(other, s, 1, 3)
		before := lstmtest.Values(s, other.Layers())
		err := n.Adopt(s)
		require.EqualError(t, err, c.want)
		require.ErrorIs(t, err, lstm.ErrShape)
		require.True(t, other.Owns(s))
		lstmtest.RequireValues(t, before, s, "%v", c.sizes)
	}
	square := func(change func(w *lstm.Weights, m *lstm.Model)) *lstm.Network {
		return newVariant(t, func(m *lstm.Model) { change(weightsOf(m, 1), m) }, 1, 0, 5, 5, 5, 5)
	}
	n = square(func(*lstm.Weights, *lstm.Model) {})
	for _, c := range []struct {
		change func(w *lstm.Weights, m *lstm.Model)
		want   string
	}{
		{func(_ *lstm.Weights, m *lstm.Model) { project(m, 1, 5) }, "lstm: Adopt: layer 1 of s has projection size 5, want 0"},
		{func(w *lstm.Weights, _ *lstm.Model) { w.Residual = true }, "lstm: Adopt: layer 1 of s has Residual true, want false"},
	} {
		other := square(c.change)
		s := other.NewState()
		require.EqualError(t, n.Adopt(s), c.want)
		require.True(t, other.Owns(s))
		require.ErrorIs(t, other.Adopt(n.NewState()), lstm.ErrShape)
	}
	require.EqualError(t, n.Adopt(nil), "lstm: Adopt: s is nil, want a State made by Network.NewState")
	require.EqualError(t, n.Adopt(new(lstm.State)), "lstm: Adopt: s is the zero State, want one made by Network.NewState")
}
