package repository

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"

	"google.golang.org/grpc/codes"

	"example.com/lstm"
	"example.com/lstm/cmd/lstm-serve/internal/inferr"
	"example.com/lstm/cmd/lstm-serve/internal/sequences"
)

// extension is what files of models are called, after the model's name.
const extension = ".safetensors"

// version is that of all models: a file replaces the one before.
const version = "1"

// mostOfName is how long the name of a model may be, in bytes.
const mostOfName = 100

// Options are where models come from, and what is made of them.
type Options struct {
	// Folder has the files NAME.safetensors.
	Folder string
	// Embedded are models that are part of the program, by name, as the files would be.
	Embedded map[string][]byte
	// Read are options of lstm.ReadModel.
	Read []lstm.Option
	// NewSequences makes the sequences of a model that is read for the first time.
	NewSequences func(name string, n *lstm.Network) (*sequences.Sequences, error)
	Logger       *slog.Logger
}

// A loader reads models, one at a time, since each needs memory.
type loader struct {
	Options
	root   *os.Root
	busy   chan struct{} // has an element while a model is read
	closed bool          // guarded by busy

	mutex  sync.Mutex
	failed map[string]string // why the last attempt to read a model failed
}

// Open reads all models. One that cannot be read does not stop the others: the error is
// logged, and Index has it. It is an error if none can.
func (r *Repository) Open(ctx context.Context, o Options) error {
	l := &loader{Options: o, busy: make(chan struct{}, 1), failed: make(map[string]string)}
	if o.Folder != "" {
		root, err := os.OpenRoot(o.Folder)
		if err != nil {
			return fmt.Errorf("the folder of models: %w", err)
		}
		l.root = root
	}
	if !r.loader.CompareAndSwap(nil, l) {
		return errors.New("the repository is open already")
	}
	names, err := l.names()
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return fmt.Errorf("%s has no model, want files NAME%s", o.Folder, extension)
	}
	var errs []error
	for _, name := range names {
		if err := r.Load(ctx, name); err != nil {
			errs = append(errs, err)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	if len(errs) == len(names) {
		return errors.Join(errs...)
	}
	return nil
}

// names lists the models that there are to read, sorted.
func (l *loader) names() (names []string, err error) {
	for name := range l.Embedded {
		names = append(names, name)
	}
	if l.root == nil {
		slices.Sort(names)
		return names, nil
	}
	entries, err := fs.ReadDir(l.root.FS(), ".")
	if err != nil {
		return nil, fmt.Errorf("the folder of models: %w", err)
	}
	for _, entry := range entries {
		name, ok := strings.CutSuffix(entry.Name(), extension)
		if !ok {
			continue
		}
		if err := checkName(name); err != nil {
			l.Logger.Warn("passed over a file in the folder of models", "file", entry.Name(), "error", err)
			continue
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// checkName returns an error unless name can be that of a model: part of an address, and
// of a file in the folder.
func checkName(name string) error {
	ok := name != "" && len(name) <= mostOfName && name[0] != '.'
	for i := range len(name) {
		c := name[i]
		ok = ok && (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("._-", c) >= 0)
	}
	if !ok {
		return inferr.Errorf(codes.InvalidArgument,
			"%.100q is no name of a model, want at most %d letters, digits, '.', '_' and '-', not '.' first", name, mostOfName)
	}
	return nil
}

// Load reads a model from its file, for the first time, or again: then live sequences go
// on with the new weights, and the new network must have the shapes of the old one. After
// an error all is as it was. It is an *inferr.Error.
func (r *Repository) Load(ctx context.Context, name string) error {
	l := r.loader.Load()
	if l == nil {
		return inferr.Errorf(codes.Unavailable, "the models are not open yet")
	}
	if err := checkName(name); err != nil {
		return err
	}
	if err := l.lock(ctx); err != nil {
		return err
	}
	defer l.unlock()
	if l.closed {
		return inferr.Errorf(codes.Unavailable, "the server is stopping")
	}
	err := r.load(l, name)
	l.setFailed(name, err, r.find(name) != nil)
	if err == nil {
		return nil
	}
	l.Logger.Error("a model has not been read", "model", name, "error", err)
	var e *inferr.Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, fs.ErrNotExist):
		return inferr.Errorf(codes.NotFound, "%v", err)
	}
	return inferr.Errorf(codes.FailedPrecondition, "%v", err)
}

// setFailed keeps what came of reading a model, for Index.
func (l *loader) setFailed(name string, err error, served bool) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	switch {
	// Of names without model and file nothing is kept: there is no end of them.
	case err == nil || !served && errors.Is(err, fs.ErrNotExist):
		delete(l.failed, name)
	default:
		l.failed[name] = err.Error()
	}
}

func (l *loader) lock(ctx context.Context) error {
	select {
	case l.busy <- struct{}{}:
		return nil
	case <-ctx.Done():
		return inferr.Errorf(codes.Unavailable, "another model was being read all the time: %v", ctx.Err())
	}
}

func (l *loader) unlock() { <-l.busy }

// Reload reads all models again, and those that are new. Errors are logged, and Index has
// them.
func (r *Repository) Reload(ctx context.Context) {
	l := r.loader.Load()
	if l == nil {
		return
	}
	names, err := l.names()
	if err != nil {
		l.Logger.Error("the folder of models has not been read", "error", err)
		return
	}
	for _, m := range r.Models() {
		names = append(names, m.Name) // those whose file is gone are an error, too
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		r.Load(ctx, name)
	}
}

// open opens the file of a model.
func (l *loader) open(name string) (io.ReadCloser, error) {
	if data, ok := l.Embedded[name]; ok {
		return io.NopCloser(strings.NewReader(string(data))), nil
	}
	if l.root == nil {
		return nil, fmt.Errorf("there is no model %q: %w", name, fs.ErrNotExist)
	}
	path := name + extension
	// Before it is opened: a pipe would wait for somebody who writes.
	info, err := l.root.Stat(path)
	if err != nil {
		return nil, fileError(path, err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: it is no regular file", path)
	}
	f, err := l.root.Open(path)
	if err != nil {
		return nil, fileError(path, err)
	}
	return f, nil
}

// fileError says what is wrong with a file, without the name of the system's call.
func fileError(path string, err error) error {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		err = pathError.Err
	}
	return fmt.Errorf("%s: %w", path, err)
}

// An Entry of the Index says whether a model can be used.
type Entry struct {
	Name, Version string
	Ready         bool
	Reason        string // what is wrong, if something is
}

// Index lists all models, those that could not be read included, by name.
func (r *Repository) Index() []Entry {
	failed := map[string]string{}
	if l := r.loader.Load(); l != nil {
		l.mutex.Lock()
		maps.Copy(failed, l.failed)
		l.mutex.Unlock()
	}
	var list []Entry
	for _, m := range r.Models() {
		e := Entry{Name: m.Name, Version: m.Version, Ready: true}
		if reason, ok := failed[m.Name]; ok {
			e.Reason = "the model from before is served, since reading it again failed: " + reason
			delete(failed, m.Name)
		}
		if m.Stream != nil {
			if err := m.Stream.Ready(); err != nil {
				e.Ready, e.Reason = false, err.Error()
			}
		}
		list = append(list, e)
	}
	for name, reason := range failed {
		list = append(list, Entry{Name: name, Version: version, Reason: reason})
	}
	slices.SortFunc(list, func(a, b Entry) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// Close closes all models, which stores their sequences, at the same time. Models are
// still found after it, and refuse requests.
func (r *Repository) Close(ctx context.Context) error {
	// Those that there are do not wait for a model that is being read.
	closed := r.Models()
	errs := closeAll(ctx, closed)
	if l := r.loader.Load(); l != nil {
		if err := l.lock(ctx); err != nil {
			return errors.Join(append(errs, err)...)
		}
		l.closed = true
		if l.root != nil {
			l.root.Close()
		}
		l.unlock()
	}
	read := slices.DeleteFunc(r.Models(), func(m *Model) bool { return slices.Contains(closed, m) })
	return errors.Join(append(errs, closeAll(ctx, read)...)...)
}

// closeAll closes models at the same time.
func closeAll(ctx context.Context, models []*Model) (errs []error) {
	results := make(chan error)
	for _, m := range models {
		go func() {
			if m.Stream == nil {
				results <- nil
				return
			}
			if err := m.Stream.Close(ctx); err != nil {
				results <- fmt.Errorf("model %s: %w", m.Name, err)
				return
			}
			results <- nil
		}()
	}
	for range models {
		errs = append(errs, <-results)
	}
	return errs
}
