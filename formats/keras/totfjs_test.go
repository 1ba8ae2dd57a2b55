package keras_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm/formats/keras"
)

// python returns a Python that has h5py: LSTM_PYTHON, or python3. Where there is
// none the test is skipped, unless LSTM_REQUIRE_H5PY is set, as in CI.
func python(t *testing.T) string {
	t.Helper()
	name := os.Getenv("LSTM_PYTHON")
	if name == "" {
		name = "python3"
	}
	if output, err := exec.Command(name, "-c", "import h5py").CombinedOutput(); err != nil {
		if os.Getenv("LSTM_REQUIRE_H5PY") != "" {
			t.Fatalf("LSTM_REQUIRE_H5PY is set, and %s has no h5py: %v\n%s", name, err, output)
		}
		t.Skipf("totfjs.py is not tested: %s has no h5py, which Debian has as python3-h5py", name)
	}
	return name
}

func call(t *testing.T, name string, arguments ...string) {
	t.Helper()
	output, err := exec.Command(name, arguments...).CombinedOutput()
	require.NoError(t, err, "%s", output)
}

func TestFilesOfKeras(t *testing.T) {
	python := python(t)
	type file struct{ layout, model string }
	var files []file
	for layout, models := range map[string][]string{
		"keras2":         {"embedding", "stack", "both_stack", "functional_heads", "rnn_cells"},
		"old":            {"lstm_defaults", "both_concat"},
		"weights":        {"functional"},
		"keras3_h5":      {"both_stack"},
		"keras3":         {"embedding", "stack", "both_stack", "functional_heads", "functional_states", "rnn_cells", "no_bias"},
		"keras213":       {"stack"},
		"keras3_weights": {"both_concat"},
		"cudnn":          {"cudnn"},
		"cudnn_in_lstm":  {"cudnn"},
	} {
		for _, model := range models {
			files = append(files, file{layout, model})
		}
	}
	folder := t.TempDir()
	path := func(f file) string { return filepath.Join(folder, f.layout+"-"+f.model+".h5") }
	arguments := []string{"testdata/makeh5.py"}
	for _, f := range files {
		arguments = append(arguments, f.layout, filepath.Join("testdata", "models", f.model), path(f))
	}
	call(t, python, arguments...)
	for _, f := range files {
		t.Run(f.layout+"/"+f.model, func(t *testing.T) {
			source := filepath.Join("testdata", "models", f.model)
			got, want := open(t, convert(t, python, path(f))), open(t, source)
			if f.model == "cudnn" {
				requireRun(t, got, readRun(t, source)) // its bias is in two parts
				return
			}
			delete(want.Metadata, keras.VersionKey)
			delete(got.Metadata, keras.VersionKey)
			require.Equal(t, want, got)
		})
	}
}

// convert makes a folder of a file of Keras.
func convert(t *testing.T, python, file string) string {
	t.Helper()
	out := t.TempDir()
	arguments := []string{"totfjs.py", file, out}
	if architecture := file + ".json"; exists(architecture) {
		arguments = append(arguments, architecture)
	}
	call(t, python, arguments...)
	return out
}

// The command of docs/keras.md makes what the page's programs read.
func TestKerasPageCommand(t *testing.T) {
	python := python(t)
	page, err := os.ReadFile("../../docs/keras.md")
	require.NoError(t, err)
	command := regexp.MustCompile("(?s)<!-- keras script -->\n```sh\npython3 (.*?)\n```").FindSubmatch(page)
	require.NotNil(t, command)
	root, folder := filepath.Join("..", ".."), t.TempDir()
	source := filepath.Join("testdata", "models", "lstm_defaults")
	call(t, python, "testdata/makeh5.py", "keras2", source, filepath.Join(folder, "model.h5"))
	arguments := strings.Fields(string(command[1]))
	arguments[0], err = filepath.Abs(filepath.Join(root, arguments[0]))
	require.NoError(t, err)
	run := exec.Command(python, arguments...)
	run.Dir = folder
	output, err := run.CombinedOutput()
	require.NoError(t, err, "%s", output)
	require.Equal(t, open(t, source).Layers, open(t, filepath.Join(folder, "model")).Layers)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func TestWeightsOnlyNeedTheArchitecture(t *testing.T) {
	python := python(t)
	file := filepath.Join(t.TempDir(), "weights.h5")
	call(t, python, "testdata/makeh5.py", "weights", "testdata/models/lstm", file)
	output, err := exec.Command(python, "totfjs.py", file, t.TempDir()).CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(output), "has weights only: say what model.to_json() returns")
}
