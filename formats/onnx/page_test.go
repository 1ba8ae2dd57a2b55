package onnx

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The tables of docs/onnx.md are those of the reader.
func TestPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/onnx.md")
	require.NoError(t, err)
	table := "| operator | attributes | |\n|---|---|---|\n" + operatorRows()
	require.True(t, strings.Contains(string(page), table), "docs/onnx.md lacks this table:\n%s", table)
	names := strings.Join(slices.Sorted(maps.Values(cellNames)), ", ")
	require.True(t, strings.Contains(string(page), names), "docs/onnx.md lacks this list: %s", names)
	require.Len(t, cellFunctions, len(cellNames))
	for f, name := range cellNames {
		require.Equal(t, f, cellFunctions[strings.ToLower(name)])
	}
}

// The programs of docs/onnx.md are the ones that are run: the example's body, and the
// script that made its file.
func TestPagePrograms(t *testing.T) {
	page, err := os.ReadFile("../../docs/onnx.md")
	require.NoError(t, err)
	block := func(language string) string {
		found := regexp.MustCompile("(?s)```" + language + "\n(.*?)```").FindSubmatch(page)
		require.NotNil(t, found, "docs/onnx.md has no program in %s", language)
		return string(found[1])
	}
	script, err := os.ReadFile("testdata/example.py")
	require.NoError(t, err)
	require.Equal(t, string(script), block("python"))
	example, err := os.ReadFile("example_test.go")
	require.NoError(t, err)
	body := regexp.MustCompile("(?s)func Example\\(\\) {\n(.*?)\t// Output:").FindSubmatch(example)
	require.NotNil(t, body)
	want := strings.ReplaceAll(strings.ReplaceAll("\n"+string(body[1]), "\n\t", "\n"), "testdata/example.onnx", "model.onnx")
	require.Equal(t, strings.TrimSpace(want), strings.TrimSpace(block("go")))
}

// operatorRows are the rows of the table of docs/onnx.md.
func operatorRows() string {
	text := ""
	for _, name := range slices.Sorted(maps.Keys(operators)) {
		op := operators[name]
		text += "| " + name + " | " + strings.Join(op.attributes, ", ") + " | " + op.what + " |\n"
	}
	return text
}
