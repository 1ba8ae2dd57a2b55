package repository

import (
	"google.golang.org/grpc/codes"

	"example.com/lstm/cmd/lstm-serve/internal/inferr"
)

// Ready returns why no model should get requests, nil if they may: whoever serves them
// says so with SetReady and SetUnready.
func (r *Repository) Ready() error {
	if e := r.unready.Load(); e != nil {
		return e
	}
	return nil
}

// SetReady says that the models may get requests, as they may from the beginning.
func (r *Repository) SetReady() { r.unready.Store(nil) }

// SetUnready says that they should not, and why: the server is starting, or stopping.
// Requests that come nevertheless are still answered.
func (r *Repository) SetUnready(reason string) {
	r.unready.Store(inferr.Errorf(codes.Unavailable, "%s", reason))
}
