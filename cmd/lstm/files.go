package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// standardStream is what stands for standard input and output on the command
// line.
const standardStream = "-"

// An inputFile is opened for reading.
type inputFile struct {
	name string // for messages
	io.Reader
	close func() error
}

func openInput(ctx context.Context, path string, stdin io.Reader) (*inputFile, error) {
	if path == standardStream {
		return &inputFile{"standard input", stdin, nothing}, nil
	}
	// A pipe is open once somebody writes to it.
	f, err := await(ctx, func() (*os.File, error) { return os.Open(path) })
	if err != nil {
		return nil, err
	}
	return &inputFile{path, f, f.Close}, nil
}

// An outputFile is opened for writing, but keeps what it holds until replace.
// A file that was not there before and is closed without replace is gone again.
type outputFile struct {
	name string // for messages
	io.Writer
	truncate func(size int64) error // nil if it cannot be cut
	finish   func() error           // what close does; nil for nothing
	remove   func() error           // what it does before replace, too; nil for nothing
}

func openOutput(ctx context.Context, path string, stdout io.Writer) (*outputFile, error) {
	if path == standardStream {
		return &outputFile{name: "standard output", Writer: stdout}, nil
	}
	// A pipe is open once somebody reads it.
	f, err := await(ctx, func() (*os.File, error) { return os.OpenFile(path, os.O_WRONLY, 0) })
	isNew := errors.Is(err, fs.ErrNotExist)
	if isNew {
		f, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o666)
	}
	if err != nil {
		return nil, err
	}
	o := &outputFile{name: path, Writer: f, finish: f.Close}
	if regularFile(f) != nil { // pipes and devices hold nothing to replace
		o.truncate = f.Truncate
	}
	if isNew {
		o.remove = func() error { return removeTarget(path) }
	}
	return o, nil
}

// replace drops what the file held. It is called before the first write.
func (o *outputFile) replace() error {
	o.remove = nil
	if o.truncate == nil {
		return nil
	}
	return o.truncate(0)
}

// close may be called more than once.
func (o *outputFile) close() error {
	var errs []error
	for _, end := range []func() error{o.finish, o.remove} {
		if end != nil {
			errs = append(errs, end())
		}
	}
	o.finish, o.remove = nil, nil
	return errors.Join(errs...)
}

// removeTarget removes the file at path, or the one that a link there leads to.
func removeTarget(path string) error {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	return os.Remove(path)
}

// nothing is what closing standard input does.
func nothing() error { return nil }

// regularFile describes the regular file behind a stream; nil if there is
// none.
func regularFile(stream any) os.FileInfo {
	f, ok := stream.(*os.File)
	if !ok {
		return nil
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return nil
	}
	return info
}

// A fileSet is the regular files that one execution reads and writes. Others
// do not matter: a terminal or /dev/null may well be read and written at once.
type fileSet []fileUse

type fileUse struct {
	name    string
	info    os.FileInfo
	written bool
}

func (s *fileSet) addRead(name string, info os.FileInfo)    { s.add(fileUse{name, info, false}) }
func (s *fileSet) addWritten(name string, info os.FileInfo) { s.add(fileUse{name, info, true}) }

// addModel adds the file of a model, "" if it is embedded.
func (s *fileSet) addModel(path string) {
	if path == "" {
		return
	}
	if info, err := os.Stat(path); err == nil {
		s.addRead("-model "+path, info)
	}
}

func (s *fileSet) add(u fileUse) {
	if u.info != nil {
		*s = append(*s, u)
	}
}

// checkDistinct returns an error if a file that is written is also another one
// of the set, under whatever names or links. Before the first write, nothing
// is lost by it.
func (s fileSet) checkDistinct() error {
	for i, a := range s {
		for _, b := range s[:i] {
			if (a.written || b.written) && os.SameFile(a.info, b.info) {
				return fmt.Errorf("%s and %s are the same file, which is left as it was", b.name, a.name)
			}
		}
	}
	return nil
}
