package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestFramePointer: profilers follow the frame pointer through every function
// that they interrupt, so none may hold data in it.
func TestFramePointer(t *testing.T) {
	framePointer := regexp.MustCompile(`\bE?BP[LW]?\b`)
	for _, name := range []string{"kernels_amd64.s", filepath.Join("internal", "peak", "peak_amd64.s")} {
		text, err := os.ReadFile(filepath.Join("..", name))
		require.NoError(t, err)
		for i, line := range strings.Split(string(text), "\n") {
			code, _, _ := strings.Cut(line, "//")
			require.NotRegexp(t, framePointer, code, "%s:%d", name, i+1)
		}
	}
}
