package docs

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm/internal/gen"
)

// The table of kernels is the list in internal/gen.
func TestKernelsPage(t *testing.T) {
	page, err := os.ReadFile("kernels.md")
	require.NoError(t, err)
	table := "| function | kernels | what it does |\n|---|---|---|\n"
	for _, f := range gen.Functions {
		var names []string
		for _, k := range f.Kernels {
			names = append(names, k.Name)
		}
		table += fmt.Sprintf("| %s | %s | %s |\n", f.Name, strings.Join(names, ", "), f.Does)
	}
	require.True(t, strings.Contains(string(page), table), "docs/kernels.md lacks this table:\n%s", table)
}
