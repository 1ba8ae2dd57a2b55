package dispatch

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBestIsActive(t *testing.T) {
	names := Available()
	require.Equal(t, []string{Generic.String(), Portable.String()}, names[:2])
	require.Equal(t, names[len(names)-1], Active().String())
}

func TestSet(t *testing.T) {
	before := Active().String()
	defer func() { require.NoError(t, Set(before)) }()
	for _, name := range Available() {
		require.NoError(t, Set(name))
		require.Equal(t, name, Active().String())
	}
	err := Set("avx1024")
	require.ErrorContains(t, err, `path is "avx1024", want one of those that this machine has: generic, portable`)
	require.Equal(t, available[len(available)-1], Active(), "an error changes nothing")
}

// A path that this machine has is pure Go or one of its architecture.
func TestDescriptions(t *testing.T) {
	for _, p := range available {
		require.Contains(t, []string{"", runtime.GOARCH}, All[p].GOARCH)
	}
	for p, d := range All {
		require.Equal(t, Path(p).String(), d.Name)
		require.Equal(t, d.GOARCH == "", PureGo(d.Name), d.Name)
		require.Equal(t, strings.ToUpper(d.Name), strings.ToUpper(d.Suffix))
	}
}

// What GODEBUG takes away takes along what builds on it.
func TestSwitchedOff(t *testing.T) {
	const variable = "LSTM_TEST_PATHS"
	if os.Getenv(variable) != "" {
		_, _ = os.Stdout.WriteString("paths: " + strings.Join(Available(), " ") + "\n")
		return
	}
	for _, feature := range []string{"avx", "avx2", "fma", "f16c"} {
		child := exec.Command(os.Args[0], "-test.run=^TestSwitchedOff$")
		child.Env = append(os.Environ(), variable+"=1", "GODEBUG=cpu."+feature+"=off")
		output, err := child.CombinedOutput()
		require.NoError(t, err)
		if runtime.GOARCH == "amd64" {
			require.Contains(t, string(output), "paths: generic portable\n", feature)
		} else {
			require.Contains(t, string(output), "paths: "+strings.Join(Available(), " "), feature)
		}
	}
}
