// Package apitest tests what users of package lstm see, through its exported
// names only. What needs more is tested beside the code.
package apitest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm"
	"example.com/lstm/internal/lstmtest"
)

// newNetwork makes a network with random parameters.
func newNetwork(t testing.TB, outputs int, sizes ...int) *lstm.Network {
	t.Helper()
	n, err := lstm.New(lstm.RandomModel(1, outputs, sizes...))
	require.NoError(t, err)
	return n
}

// weightsOf is a layer of a model of LSTM layers, headOf the one layer of its head.
func weightsOf(m *lstm.Model, layer int) *lstm.Weights { return m.Layers[layer].(*lstm.Weights) }
func headOf(m *lstm.Model) *lstm.Linear                { return m.Heads[0].Layers[0].(*lstm.Linear) }

// advance runs some random steps, so that the state is not that of a beginning
// and its buffers have changed places an odd number of times or an even one.
func advance(n *lstm.Network, s *lstm.State, seed, steps int) {
	r := lstmtest.NewRand(seed)
	for range steps {
		n.Step(s, lstmtest.Normals(r, n.InputSize(), 1), nil)
	}
}

// requireSameFuture steps both states and compares.
func requireSameFuture(t testing.TB, n *lstm.Network, a *lstm.State, m *lstm.Network, b *lstm.State, what string, args ...any) {
	t.Helper()
	r := lstmtest.NewRand(8)
	for range 3 {
		x := lstmtest.Normals(r, n.InputSize(), 1)
		ya, yb := make([]float32, n.OutputSize()), make([]float32, m.OutputSize())
		n.Step(a, x, ya)
		m.Step(b, x, yb)
		lstmtest.RequireBits(t, ya, yb, what, args...)
		lstmtest.RequireValues(t, lstmtest.Values(a, n.Layers()), b, what, args...)
	}
}
