// Package inferr has the errors of inference requests, with the codes that gRPC gives
// them and REST translates.
package inferr

import (
	"fmt"

	"google.golang.org/grpc/codes"
)

// An Error is why a request was refused.
type Error struct {
	Code    codes.Code
	Message string
	// Step is the number of the last step that was taken in the sequence, with which
	// a client knows how to go on. It counts if HasStep is set.
	HasStep bool
	Step    uint64
}

func (e *Error) Error() string { return e.Message }

// Errorf returns an Error.
func Errorf(code codes.Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// At returns e with the number of the last step of the sequence.
func (e *Error) At(step uint64) *Error {
	e.HasStep, e.Step = true, step
	return e
}
