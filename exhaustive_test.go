package lstm_test

import (
	"flag"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm"
	"example.com/lstm/internal/exhaustive"
)

var everything = flag.Bool("exhaustive", false, "try all 2^32 inputs, which takes minutes")

// The exponential function is not exported, and so no part of lstm verify.
func TestExpOfAll(t *testing.T) {
	if !*everything {
		t.Skip("takes minutes; run with -exhaustive")
	}
	result, err := exhaustive.Exp(lstm.Exp).Verify(t.Context(), lstm.Paths(), func(int) {})
	require.NoError(t, err)
	t.Logf("exp: on %v, at most %.6f ulp, at %x", result.Paths, result.Ulps, result.At)
	require.InDelta(t, 0.6706, result.Ulps, 0.00005, "the documented bound")
}

// TestExpSample is the same with one input in fifteen.
func TestExpSample(t *testing.T) {
	if !*everything {
		t.Skip("takes minutes; run with -exhaustive")
	}
	result, err := exhaustive.Exp(lstm.Exp).VerifySample(t.Context(), lstm.Paths())
	require.NoError(t, err)
	require.LessOrEqual(t, result.Ulps, 0.67065, "the documented bound")
}
