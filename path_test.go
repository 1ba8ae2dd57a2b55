package lstm

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm/internal/dispatch"
)

// eachPath runs a test once with the kernels of every path there is, as a
// sub-test named after it. A path that this machine lacks is skipped, unless
// the environment variable LSTM_REQUIRE (names separated by commas) says that
// the machine must have it: then it fails.
func eachPath(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	required := requiredPaths(t)
	for _, path := range dispatch.All {
		name := path.Name
		t.Run(name, func(t *testing.T) {
			if !slices.Contains(Paths(), name) {
				if slices.Contains(required, name) {
					t.Fatalf("LSTM_REQUIRE names path %s, and this machine has only %v", name, Paths())
				}
				t.Skipf("this machine has only %v", Paths())
			}
			usePath(t, name)
			test(t)
		})
	}
}

// usePath sets the path until the end of the test.
func usePath(t testing.TB, name string) {
	t.Helper()
	before := Path()
	require.NoError(t, dispatch.Set(name))
	t.Cleanup(func() { _ = dispatch.Set(before) })
}

func requiredPaths(t *testing.T) []string {
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

func TestPathIsTheBest(t *testing.T) {
	paths := Paths()
	require.Equal(t, "generic", paths[0])
	require.Equal(t, paths[len(paths)-1], Path())
}
