// Package lstmtest has what the tests of several packages need: the paths to
// run on, random numbers and awkward ones, and the comparison of bits. It does
// not import lstm, whose own tests use it.
package lstmtest

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm/internal/dispatch"
)

// EachPath runs a test once with every set of kernels for float32 weights, as a
// sub-test named after its path. Paths that differ in the kernels of int8 weights
// alone are left out: see [EveryPath]. A path that this machine lacks is skipped,
// unless it is required (see [NeedPath]).
func EachPath(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	eachPath(t, func(d dispatch.Description) bool { return !d.Dot }, test)
}

// EveryPath is EachPath with all paths, for tests of int8 weights.
func EveryPath(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	eachPath(t, func(dispatch.Description) bool { return true }, test)
}

func eachPath(t *testing.T, takes func(dispatch.Description) bool, test func(t *testing.T)) {
	t.Helper()
	for _, path := range dispatch.All {
		if !takes(path) {
			continue
		}
		t.Run(path.Name, func(t *testing.T) {
			NeedPath(t, path.Name)
			UsePath(t, path.Name)
			test(t)
		})
	}
}

// NeedPath skips a test or a benchmark if this machine lacks a path, unless the
// environment variable LSTM_REQUIRE (names separated by commas) says that the
// machine must have it: then the test fails.
func NeedPath(t testing.TB, name string) {
	t.Helper()
	required := requiredPaths(t)
	if slices.Contains(dispatch.Available(), name) {
		return
	}
	if slices.Contains(required, name) {
		t.Fatalf("LSTM_REQUIRE names path %s, and this machine has only %v", name, dispatch.Available())
	}
	t.Skipf("this machine has only %v", dispatch.Available())
}

// UsePath sets the path until the end of the test.
func UsePath(t testing.TB, name string) {
	t.Helper()
	before := dispatch.Active().String()
	require.NoError(t, dispatch.Set(name))
	t.Cleanup(func() { _ = dispatch.Set(before) })
}

func requiredPaths(t testing.TB) []string {
	t.Helper()
	value := os.Getenv("LSTM_REQUIRE")
	if value == "" {
		return nil
	}
	names := strings.Split(value, ",")
	for _, name := range names {
		known := slices.ContainsFunc(dispatch.All[:], func(p dispatch.Description) bool { return p.Name == name })
		require.True(t, known, "LSTM_REQUIRE names path %q, which does not exist", name)
	}
	return names
}

// BenchEachPath runs a benchmark once with the kernels of every path that this
// machine has, which is the last part of its name.
func BenchEachPath(b *testing.B, run func(b *testing.B, path string)) {
	for _, path := range dispatch.Available() {
		b.Run("path="+path, func(b *testing.B) {
			UsePath(b, path)
			run(b, path)
		})
	}
}
