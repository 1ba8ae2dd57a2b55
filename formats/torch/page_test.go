package torch

import (
	"fmt"
	"log"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/lstm"
)

// The tables of docs/torch.md are those of the reader.
func TestPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/torch.md")
	require.NoError(t, err)
	classes := "| class or function | is |\n|---|---|\n"
	for _, k := range knowns {
		classes += fmt.Sprintf("| `%s` | %s |\n", k.name, k.does)
	}
	types := "| storage | elements | |\n|---|---|---|\n"
	for _, e := range elementTypes {
		does := "read"
		if e.float32 == nil {
			does = "may be there, and cannot be parameters"
		}
		types += fmt.Sprintf("| `%s` | `%s` | %s |\n", e.class, e.name, does)
	}
	for _, table := range []string{classes, types} {
		assert.Contains(t, string(page), table)
	}

	// The programs are those that tests run: Example_page, and page.py, which wrote
	// model.pt.
	source, err := os.ReadFile("page_test.go")
	require.NoError(t, err)
	body := regexp.MustCompile(`(?s)\nfunc Example_page\(\) \{\n(.*?)\n\t// Output:`).FindSubmatch(source)
	require.NotNil(t, body)
	program := strings.ReplaceAll(strings.ReplaceAll("\n"+string(body[1]), "\n\t", "\n"), `Open("testdata/`, `torch.Open("`)
	assert.Contains(t, string(page), "```go"+program+"\n```")
	python, err := os.ReadFile("testdata/page.py")
	require.NoError(t, err)
	assert.Contains(t, string(page), "```python\n"+string(python)+"```")
}

func Example_page() {
	model, err := Open("testdata/model.pt")
	if err != nil {
		log.Fatal(err)
	}
	net, err := lstm.New(model)
	if err != nil {
		log.Fatal(err)
	}
	state, y := net.NewState(), make([]float32, net.OutputSize())
	net.Step(state, []float32{1, 0, 0, 0}, y) // as often as inputs come
	// Output:
}
