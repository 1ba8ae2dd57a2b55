package keras

import (
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const pagePath = "../../docs/keras.md"

var write = flag.Bool("write", false, "write the tables of docs/keras.md anew")

// The tables of layers are those of the reader.
func TestKerasPage(t *testing.T) {
	text, err := os.ReadFile(pagePath)
	require.NoError(t, err)
	const begin, end = "<!-- keras layers -->\n", "\nActivations are "
	before, rest, ok := strings.Cut(string(text), begin)
	require.True(t, ok)
	_, after, ok := strings.Cut(rest, end)
	require.True(t, ok)
	want := before + begin + "\n" + classTable() + end + after
	if *write {
		require.NoError(t, os.WriteFile(pagePath, []byte(want), 0o644))
		return
	}
	require.True(t, string(text) == want, "docs/keras.md has other tables, want these, which go test ./formats/keras -run KerasPage -write puts there:\n%s", classTable())
}

func TestKerasPageNamesActivations(t *testing.T) {
	text, err := os.ReadFile(pagePath)
	require.NoError(t, err)
	sentence := regexp.MustCompile(`Activations are (.*?)\.`).FindStringSubmatch(strings.ReplaceAll(string(text), "0.2", ""))
	require.NotNil(t, sentence)
	for name := range strings.SplitSeq(knownActivations(), ", ") {
		require.Contains(t, strings.ToLower(sentence[1]), name)
	}
}

// The programs of the page are the examples, in at most ten lines, without the
// printing.
func TestKerasPageProgramsAreTheExamples(t *testing.T) {
	text, err := os.ReadFile(pagePath)
	require.NoError(t, err)
	examples, err := os.ReadFile("example_test.go")
	require.NoError(t, err)
	code := regexp.MustCompile(`testdata/models/\w+/`).ReplaceAllString(string(examples), "model/")
	for mark, example := range map[string]string{"stream": "ExampleOpen", "sequence": "ExampleOpen_sequence"} {
		program := regexp.MustCompile("(?s)<!-- keras " + mark + " -->\n```go\n(.*?)```").FindStringSubmatch(string(text))
		require.NotNil(t, program, mark)
		_, body, ok := strings.Cut(code, "func "+example+"() {\n")
		require.True(t, ok, example)
		body, _, _ = strings.Cut(body, "\tfmt.Printf")
		require.LessOrEqual(t, strings.Count(body, "\n"), 10, mark)
		require.Equal(t, regexp.MustCompile(`(?m)^\t`).ReplaceAllString(body, ""), program[1])
	}
}
