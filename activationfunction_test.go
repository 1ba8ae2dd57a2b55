package lstm

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm/internal/lstmtest"
)

func TestActivationText(t *testing.T) {
	require.Equal(t, "leaky_relu", ActivationLeakyReLU.String())
	require.Equal(t, "ActivationFunction(200)", ActivationFunction(200).String())
	require.Equal(t, "sigmoid", Activation{Function: ActivationSigmoid}.String())
	require.Equal(t, "leaky_relu(0.01)", ActivationLeakyReLU.WithDefaults().String())
	require.Equal(t, "hard_sigmoid(0.2, 0.5)", ActivationHardSigmoid.WithDefaults().String())
	require.Equal(t, "ActivationFunction(200)", ActivationFunction(200).WithDefaults().String())
}

func TestActivationCheck(t *testing.T) {
	for f := range ActivationFunction(len(activationTable)) {
		require.NotEmpty(t, f.String(), "%d", f)
		if f.WithDefaults().check("x") == nil && !activationTable[f].hasAlpha {
			require.EqualError(t, Activation{Function: f, Alpha: 0.5}.check("layer 2"),
				"lstm: layer 2: Alpha is 0.5, want 0: "+f.String()+" has no such parameter")
		}
	}
	require.EqualError(t, Activation{Function: ActivationTanh, Beta: -1}.check("layer 2"), "lstm: layer 2: Beta is -1, want 0: tanh has no such parameter")
	require.EqualError(t, Activation{Function: 99}.check("layer 2"),
		"lstm: layer 2: Function is ActivationFunction(99), want one of the functions that have a name")
	require.ErrorIs(t, Activation{Function: 99}.check("layer 2"), ErrUnsupported)
}

func TestActivationApply(t *testing.T) {
	x := lstmtest.Normals(lstmtest.NewRand(1), 100, 3)
	want, got := make([]float32, len(x)), make([]float32, len(x))
	Tanh(want, x)
	Activation{Function: ActivationTanh}.apply(got, x)
	lstmtest.RequireBits(t, want, got, "tanh")
	Activation{Function: ActivationIdentity}.apply(got, x)
	lstmtest.RequireBits(t, x, got, "identity")
	require.True(t, isFinite(math.MaxFloat32) && isFinite(0) && !isFinite(inf) && !isFinite(nan))
}
