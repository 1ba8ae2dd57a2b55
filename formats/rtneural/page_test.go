package rtneural

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

// The tables of docs/rtneural.md are those of the reader.
func TestPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/rtneural.md")
	require.NoError(t, err)
	types := "| type of layer | |\n|---|---|\n"
	for _, l := range layerTypes {
		types += fmt.Sprintf("| `%s` | %s |\n", l.name, l.does)
	}
	functions := "| activation | is |\n|---|---|\n"
	for _, a := range activations {
		functions += fmt.Sprintf("| `%s` | %v |\n", a.name, a.is)
	}
	for _, table := range []string{types, functions} {
		assert.Contains(t, string(page), table)
	}

	// The programs are those that tests run: Example_page, and page.py, which wrote
	// model.json.
	source, err := os.ReadFile("page_test.go")
	require.NoError(t, err)
	body := regexp.MustCompile(`(?s)\nfunc Example_page\(\) \{\n(.*?)\n\t// Output:`).FindSubmatch(source)
	require.NotNil(t, body)
	program := strings.ReplaceAll(strings.ReplaceAll("\n"+string(body[1]), "\n\t", "\n"), `Open("testdata/`, `rtneural.Open("`)
	assert.Contains(t, string(page), "```go"+program+"\n```")
	python, err := os.ReadFile("testdata/page.py")
	require.NoError(t, err)
	assert.Contains(t, string(page), "```python\n"+string(python)+"```")
}

func Example_page() {
	model, err := Open("testdata/model.json", lstm.WithHead("dense"))
	if err != nil {
		log.Fatal(err)
	}
	net, err := lstm.New(model)
	if err != nil {
		log.Fatal(err)
	}
	state, y := net.NewState(), make([]float32, net.OutputSize())
	net.Step(state, []float32{0.5}, y) // for every sample
	// Output:
}
