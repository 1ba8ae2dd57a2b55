package repository

import (
	"bytes"
	"context"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"example.com/lstm"
	"example.com/lstm/cmd/lstm-serve/internal/inferr"
	"example.com/lstm/cmd/lstm-serve/internal/sequences"
)

// options are for a folder; what is logged goes to the second result.
func options(t *testing.T, folder string) (Options, *bytes.Buffer) {
	var log bytes.Buffer
	return Options{
		Folder: folder,
		NewSequences: func(_ string, n *lstm.Network) (*sequences.Sequences, error) {
			s, err := sequences.New(n, &sequences.Options{Workers: 1})
			if err == nil {
				t.Cleanup(func() { s.Close(context.Background()) })
			}
			return s, err
		},
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
	}, &log
}

func file(t *testing.T, m *lstm.Model) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, m.Write(&b))
	return b.Bytes()
}

func write(t *testing.T, folder, name string, content []byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(folder, name), content, 0o666))
}

// reversed is a model that reads whole sequences only.
func reversed(seed uint64, inputs int) *lstm.Model {
	w := func(seed uint64) *lstm.Weights { return lstm.RandomModel(seed, 1, inputs, 4).Layers[0].(*lstm.Weights) }
	return &lstm.Model{Layers: []lstm.Layer{&lstm.Bidirectional{Forward: w(seed), Backward: w(seed + 1)}}}
}

func open(t *testing.T, o Options) *Repository {
	t.Helper()
	r := New()
	require.NoError(t, r.Open(t.Context(), o))
	t.Cleanup(func() { r.Close(context.Background()) })
	return r
}

func requireCode(t *testing.T, code codes.Code, err error) {
	t.Helper()
	var e *inferr.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, code, e.Code, "%v", err)
}

func TestOpen(t *testing.T) {
	folder := t.TempDir()
	write(t, folder, "a.safetensors", file(t, lstm.RandomModel(1, 2, 3, 4)))
	write(t, folder, "b-2.x_Y.safetensors", file(t, reversed(2, 3)))
	write(t, folder, "broken.safetensors", []byte("no model"))
	write(t, folder, "not a name.safetensors", file(t, lstm.RandomModel(1, 2, 3, 4)))
	write(t, folder, ".hidden.safetensors", nil)
	write(t, folder, "README.md", nil)
	require.NoError(t, os.Mkdir(filepath.Join(folder, "folder.safetensors"), 0o777))
	o, log := options(t, folder)
	r := open(t, o)

	index := r.Index()
	require.Len(t, index, 4)
	require.Equal(t, Entry{Name: "a", Version: "1", Ready: true}, index[0])
	require.Equal(t, Entry{Name: "b-2.x_Y", Version: "1", Ready: true}, index[1])
	require.Equal(t, "broken", index[2].Name)
	require.False(t, index[2].Ready)
	require.Regexp(t, `^broken\.safetensors: `, index[2].Reason)
	require.Equal(t, Entry{Name: "folder", Version: "1", Reason: "folder.safetensors: it is no regular file"}, index[3])
	require.Contains(t, log.String(), `file="not a name.safetensors"`)
	require.Contains(t, log.String(), `model=broken`)

	models := r.Models()
	require.Len(t, models, 2)
	require.NotNil(t, models[0].Stream)
	require.NotNil(t, models[1].Whole)

	require.EqualError(t, r.Open(t.Context(), o), "the repository is open already")
}

func TestOpenErrors(t *testing.T) {
	broken := t.TempDir()
	write(t, broken, "x.safetensors", []byte("no model"))
	write(t, broken, "y.safetensors", nil)
	for name, c := range map[string]struct{ folder, want string }{
		"missing": {filepath.Join(t.TempDir(), "missing"), "the folder of models: "},
		"a file":  {filepath.Join(broken, "x.safetensors"), "the folder of models: "},
		"empty":   {t.TempDir(), "has no model, want files NAME.safetensors"},
		"broken":  {broken, "x.safetensors: "},
	} {
		t.Run(name, func(t *testing.T) {
			o, _ := options(t, c.folder)
			require.ErrorContains(t, New().Open(t.Context(), o), c.want)
		})
	}
	o, _ := options(t, broken)
	ended, end := context.WithCancel(t.Context())
	end()
	require.ErrorIs(t, New().Open(ended, o), context.Canceled)
}

func TestEmbedded(t *testing.T) {
	o, _ := options(t, "")
	o.Embedded = map[string][]byte{"part": file(t, lstm.RandomModel(1, 2, 3, 4))}
	r := open(t, o)
	require.NoError(t, r.Load(t.Context(), "part"))
	requireCode(t, codes.NotFound, r.Load(t.Context(), "other"))
	require.Len(t, r.Index(), 1)
}

// No name leads out of the folder, nor to what is no file.
func TestNames(t *testing.T) {
	outside := t.TempDir()
	folder := filepath.Join(outside, "models")
	require.NoError(t, os.Mkdir(folder, 0o777))
	write(t, outside, "secret.safetensors", file(t, lstm.RandomModel(1, 2, 3, 4)))
	write(t, folder, "a.safetensors", file(t, lstm.RandomModel(1, 2, 3, 4)))
	o, _ := options(t, folder)
	r := open(t, o)
	for _, name := range []string{
		"", ".", "..", "../secret", "..\\secret", "/etc/passwd", "a/../../secret", ".a", "a\x00", "a b", "ä", "a%2f", "a:b",
		strings.Repeat("a", mostOfName+1), outside + "/secret",
	} {
		requireCode(t, codes.InvalidArgument, r.Load(t.Context(), name))
	}
	requireCode(t, codes.NotFound, r.Load(t.Context(), "missing"))
	require.Len(t, r.Index(), 1, "nothing is kept of names that strangers try")

	if runtime.GOOS == "windows" {
		t.Skip("links need a privilege")
	}
	require.NoError(t, os.Symlink(filepath.Join(outside, "secret.safetensors"), filepath.Join(folder, "absolute.safetensors")))
	require.NoError(t, os.Symlink("../secret.safetensors", filepath.Join(folder, "relative.safetensors")))
	require.NoError(t, os.Symlink("a.safetensors", filepath.Join(folder, "inside.safetensors")))
	for _, name := range []string{"absolute", "relative"} {
		requireCode(t, codes.FailedPrecondition, r.Load(t.Context(), name))
	}
	require.NoError(t, r.Load(t.Context(), "inside"))
}

// A model is replaced under its live sequences.
func TestLoadAgain(t *testing.T) {
	folder := t.TempDir()
	first, second := lstm.RandomModel(1, 2, 3, 4), lstm.RandomModel(2, 2, 3, 4)
	write(t, folder, "a.safetensors", file(t, first))
	o, log := options(t, folder)
	r := open(t, o)
	m := r.find("a")
	x := []float32{1, 2, 3}
	step := func(start bool) []float32 {
		answer, err := m.Stream.Infer(t.Context(), sequences.Request{ID: "s", Start: start, X: x})
		require.NoError(t, err)
		return answer.Y
	}
	one, err := lstm.New(first)
	require.NoError(t, err)
	two, err := lstm.New(second)
	require.NoError(t, err)
	state, y := one.NewState(), make([]float32, one.OutputSize())
	one.Step(state, x, y)
	require.Equal(t, y, step(true))

	write(t, folder, "a.safetensors", file(t, second))
	require.NoError(t, r.Load(t.Context(), "a"))
	require.Same(t, m, r.find("a"))
	require.NoError(t, two.Adopt(state))
	two.Step(state, x, y)
	require.Equal(t, y, step(false))

	// What does not fit changes nothing, and says so.
	for name, bad := range map[string]*lstm.Model{
		"has input size 2, want 3 as before":                      lstm.RandomModel(1, 2, 2, 4),
		`the outputs "output" of size 1, want "output" of size 2`: lstm.RandomModel(1, 1, 3, 4),
		"hidden size": lstm.RandomModel(1, 2, 3, 5),
		"reads whole sequences only and the old one not": reversed(1, 3),
	} {
		write(t, folder, "a.safetensors", file(t, bad))
		err := r.Load(t.Context(), "a")
		requireCode(t, codes.FailedPrecondition, err)
		require.ErrorContains(t, err, name)
		require.Equal(t, two.Fingerprint(), m.Network().Fingerprint())
		index := r.Index()
		require.True(t, index[0].Ready)
		require.Contains(t, index[0].Reason, "the model from before is served")
	}
	two.Step(state, x, y)
	require.Equal(t, y, step(false))

	require.NoError(t, os.Remove(filepath.Join(folder, "a.safetensors")))
	write(t, folder, "b.safetensors", file(t, reversed(1, 3)))
	log.Reset()
	r.Reload(t.Context())
	require.Contains(t, log.String(), "a.safetensors: no such file")
	require.NotNil(t, r.find("b"), "a file that is new is read")

	before := r.find("b").Whole.Fingerprint()
	write(t, folder, "b.safetensors", file(t, reversed(7, 3)))
	write(t, folder, "a.safetensors", file(t, second))
	r.Reload(t.Context())
	require.NotEqual(t, before, r.find("b").Whole.Fingerprint())
	require.Equal(t, []Entry{{"a", "1", true, ""}, {"b", "1", true, ""}}, r.Index())
}

// A model is read while others are waited for no longer than the context lasts.
func TestLoadWaits(t *testing.T) {
	o, _ := options(t, "")
	o.Embedded = map[string][]byte{"a": file(t, lstm.RandomModel(1, 2, 3, 4))}
	r := open(t, o)
	l := r.loader.Load()
	require.NoError(t, l.lock(t.Context()))
	ended, end := context.WithCancel(t.Context())
	end()
	requireCode(t, codes.Unavailable, r.Load(ended, "a"))
	l.unlock()
	require.NoError(t, r.Close(t.Context()))
	requireCode(t, codes.Unavailable, r.Load(t.Context(), "a"))
	requireCode(t, codes.Unavailable, New().Load(t.Context(), "a"))
}

func TestReady(t *testing.T) {
	r := New()
	require.NoError(t, r.Ready())
	r.SetUnready("the server is starting")
	requireCode(t, codes.Unavailable, r.Ready())
	require.EqualError(t, r.Ready(), "the server is starting")
	r.SetReady()
	require.NoError(t, r.Ready())
}

func TestFileError(t *testing.T) {
	err := fileError("a.safetensors", &fs.PathError{Op: "openat", Path: "a.safetensors", Err: fs.ErrNotExist})
	require.EqualError(t, err, "a.safetensors: file does not exist")
	require.ErrorIs(t, err, fs.ErrNotExist)
}

// Sequences are closed, and so stored, even while another model is read that takes longer
// than there is time.
func TestCloseWhileReading(t *testing.T) {
	folder := t.TempDir()
	write(t, folder, "m.safetensors", file(t, lstm.RandomModel(1, 1, 2, 4)))
	o, _ := options(t, folder)
	r := open(t, o)
	l := r.loader.Load()
	require.NoError(t, l.lock(t.Context()))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- r.Close(ctx) }()
	m := r.find("m")
	require.Eventually(t, func() bool { return m.Stream.Ready() != nil }, time.Minute, time.Millisecond)
	cancel()
	require.Error(t, <-done)
	l.unlock()
}
