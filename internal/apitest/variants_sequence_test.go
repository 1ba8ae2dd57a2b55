package apitest

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm"
)

// testSequences runs the sequences of a variant whole.
func (v *variant) testSequences(t *testing.T, n *lstm.SequenceNetwork) {
	initial := make([]*lstm.SequenceState, len(v.lengths)) // nil for where the model begins
	for i, s := range v.initial {
		initial[i] = &lstm.SequenceState{H: s.h, C: s.c}
	}
	room := func() (ys [][]float32, final []*lstm.SequenceState) {
		for _, y := range v.ys {
			ys, final = append(ys, make([]float32, len(y))), append(final, n.NewState())
		}
		return ys, final
	}

	t.Run("SequenceNetwork.Forward", func(t *testing.T) {
		ys, final := room()
		for i, x := range v.xs {
			n.Forward(x, ys[i], initial[i], final[i])
			v.requireState(t, i, ys[i], final[i])
		}
	})

	t.Run("SequenceNetwork.ForwardBatch", func(t *testing.T) {
		ys, final := room()
		n.ForwardBatch(v.xs, ys, initial, final)
		for i := range ys {
			v.requireState(t, i, ys[i], final[i])
		}
	})

	t.Run("SequenceNetwork.ForwardPadded", func(t *testing.T) {
		batch, steps, input, output := len(v.lengths), slices.Max(v.lengths), n.InputSize(), n.OutputSize()
		x, y := make([]float32, steps*batch*input), make([]float32, steps*batch*output)
		row := func(i, step int) int { return step*batch + i }
		for i, length := range v.lengths {
			for step := range length {
				copy(x[row(i, step)*input:], v.xs[i][step*input:][:input])
			}
		}
		_, final := room()
		n.ForwardPadded(v.lengths, x, y, initial, final)
		for i, length := range v.lengths {
			var got []float32
			for step := range steps {
				if out := y[row(i, step)*output:][:output]; step < length {
					got = append(got, out...)
				} else {
					require.Equal(t, make([]float32, output), out, "step %d of sequence %d, which has %d", step, i, length)
				}
			}
			v.requireState(t, i, got, final[i])
			if length == 0 {
				require.Equal(t, v.final[i], variantState{final[i].H, final[i].C}, "sequence %d, which has no steps", i)
			}
		}
	})
}

func (v *variant) requireState(t *testing.T, i int, y []float32, s *lstm.SequenceState) {
	t.Helper()
	require.Len(t, s.H, len(v.final[i].h))
	v.requireSequence(t, i, y, func(k int) []float32 { return s.H[k] }, func(k int) []float32 { return s.C[k] })
}
