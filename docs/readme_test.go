package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The program in the README is the package's example, so it runs, and the
// example's output is what it prints.
func TestReadmeProgramIsTheExample(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	program := regexp.MustCompile("(?s)```go\n(.*?)```").FindSubmatch(readme)
	require.NotNil(t, program, "no program in README.md")
	example, err := os.ReadFile("../example_test.go")
	require.NoError(t, err)

	body := functionBody(t, "README.md", program[1], "main")
	require.NotEmpty(t, body)
	require.Equal(t, functionBody(t, "example_test.go", example, "Example"), body)
}

// So is the program of docs/weights.md another example.
func TestWeightsProgramIsTheExample(t *testing.T) {
	page, err := os.ReadFile("weights.md")
	require.NoError(t, err)
	program := regexp.MustCompile("(?s)```go\n(.*?)```").FindSubmatch(page)
	require.NotNil(t, program, "no program in weights.md")
	example, err := os.ReadFile("../example_test.go")
	require.NoError(t, err)
	body := functionBody(t, "example_test.go", example, "ExampleModel_Write")
	require.Equal(t, strings.ReplaceAll(body, "\n\t", "\n"), strings.TrimSpace(string(program[1])))
}

// functionBody returns the text of a function's body, up to the comment that
// says what an example prints.
func functionBody(t *testing.T, name string, source []byte, function string) string {
	t.Helper()
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, source, parser.SkipObjectResolution)
	require.NoError(t, err)
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Name.Name == function {
			text := string(source[set.Position(f.Body.Lbrace).Offset+1 : set.Position(f.Body.Rbrace).Offset])
			text, _, _ = strings.Cut(text, "// Output:")
			return strings.TrimSpace(text)
		}
	}
	t.Fatalf("%s has no function %s", name, function)
	return ""
}
