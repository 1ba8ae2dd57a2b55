package lstm

import (
	"errors"
	"fmt"
)

// Kinds of errors, for errors.Is. The errors themselves say in words what is
// wrong with what.
var (
	// ErrUnsupported: the data are what they claim to be, and of a kind that
	// this version of the package does not handle, or not without being told how.
	ErrUnsupported = errors.New("lstm: unsupported")
	// ErrShape: a length or a size is not the one that is needed.
	ErrShape = errors.New("lstm: wrong shape")
	// ErrDamaged: the data are not what they should be: truncated, altered,
	// weights that are not finite, or something else altogether.
	ErrDamaged = errors.New("lstm: damaged data")
)

// kindError is an error of one of these kinds with a text of its own.
type kindError struct{ kind, err error }

func (e *kindError) Error() string   { return e.err.Error() }
func (e *kindError) Unwrap() []error { return []error{e.kind, e.err} }

// errorOf makes an error of a kind.
func errorOf(kind error, format string, args ...any) error {
	return &kindError{kind, fmt.Errorf(format, args...)}
}
