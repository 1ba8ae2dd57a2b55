// Package errkind has the kinds of errors that package lstm exports, for the
// internal packages whose errors it returns.
package errkind

import (
	"errors"
	"fmt"
)

// The kinds, see package lstm.
var (
	ErrUnsupported = errors.New("lstm: unsupported")
	ErrContract    = errors.New("lstm: another contract")
	ErrWeights     = errors.New("lstm: other weights")
	ErrShape       = errors.New("lstm: wrong shape")
	ErrDamaged     = errors.New("lstm: damaged data")
)

// kindError is an error of one of these kinds with a text of its own.
type kindError struct{ kind, err error }

func (e *kindError) Error() string   { return e.err.Error() }
func (e *kindError) Unwrap() []error { return []error{e.kind, e.err} }

// Errorf is fmt.Errorf for an error that is also of a kind, which its text does
// not say.
func Errorf(kind error, format string, args ...any) error {
	return &kindError{kind, fmt.Errorf(format, args...)}
}
