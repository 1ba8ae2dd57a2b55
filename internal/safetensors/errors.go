package safetensors

import (
	"errors"
	"fmt"
	"io"
)

// A FormatError is an error of a file, as opposed to one of its reader.
type FormatError struct {
	Kind Kind
	err  error
}

// Kind tells what a FormatError is about.
type Kind int

const (
	Damaged     Kind = iota // the bytes are not what the format says, or end too early
	Unsupported             // another format, an element type that is not read, or more than the limits
	NonFinite               // a number is NaN, infinite or too large for a float32
)

func (e *FormatError) Error() string { return e.err.Error() }
func (e *FormatError) Unwrap() error { return e.err }

func damaged(err error) error     { return withKind(Damaged, err) }
func unsupported(err error) error { return withKind(Unsupported, err) }

// withKind leaves an error that has a kind as it is.
func withKind(kind Kind, err error) error {
	if e := (*FormatError)(nil); errors.As(err, &e) {
		return err
	}
	return &FormatError{kind, err}
}

// truncated says how far reading came until err. The end of the file, where
// more was due, makes the file damaged.
func truncated(err error, format string, args ...any) error {
	end := err == io.EOF || err == io.ErrUnexpectedEOF
	if end {
		err = io.ErrUnexpectedEOF
	}
	err = fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), err)
	if end {
		return damaged(err)
	}
	return err
}
