package lstm

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// eachPath runs a test once with the kernels of every path there is, as a
// sub-test named after it. A path that this machine lacks is skipped, unless
// the environment variable LSTM_REQUIRE (names separated by commas) says that
// the machine must have it: then it fails.
func eachPath(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	required := requiredPaths(t)
	for _, name := range pathNames {
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
	require.NoError(t, SetPath(name))
	t.Cleanup(func() { _ = SetPath(before) })
}

func requiredPaths(t *testing.T) []string {
	t.Helper()
	value := os.Getenv("LSTM_REQUIRE")
	if value == "" {
		return nil
	}
	names := strings.Split(value, ",")
	for _, name := range names {
		require.Contains(t, pathNames, name, "LSTM_REQUIRE")
	}
	return names
}

func TestPathIsTheBest(t *testing.T) {
	paths := Paths()
	require.Equal(t, "generic", paths[0])
	require.Equal(t, paths[len(paths)-1], Path())
}

func TestSetPathUnknown(t *testing.T) {
	before := Path()
	err := SetPath("avx1024")
	require.ErrorContains(t, err, `path is "avx1024", want one of those that this machine has: generic`)
	require.Equal(t, before, Path())
}
