package restapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"google.golang.org/grpc/codes"

	"example.com/lstm/cmd/lstm-serve/internal/inferr"
)

// statuses are the HTTP statuses of gRPC's codes.
var statuses = map[codes.Code]int{
	codes.OK:                 http.StatusOK,
	codes.Canceled:           499, // as proxies say it; nobody is there to read it
	codes.Unknown:            http.StatusInternalServerError,
	codes.InvalidArgument:    http.StatusBadRequest,
	codes.DeadlineExceeded:   http.StatusGatewayTimeout,
	codes.NotFound:           http.StatusNotFound,
	codes.AlreadyExists:      http.StatusConflict,
	codes.PermissionDenied:   http.StatusForbidden,
	codes.ResourceExhausted:  http.StatusTooManyRequests,
	codes.FailedPrecondition: http.StatusConflict,
	codes.Aborted:            http.StatusConflict,
	codes.OutOfRange:         http.StatusBadRequest,
	codes.Unimplemented:      http.StatusNotImplemented,
	codes.Internal:           http.StatusInternalServerError,
	codes.Unavailable:        http.StatusServiceUnavailable,
	codes.DataLoss:           http.StatusInternalServerError,
	codes.Unauthenticated:    http.StatusUnauthorized,
}

// A failure is what the body of an error says.
type failure struct {
	Error string `json:"error"`
	// Step is the number of the last step that was taken in the sequence.
	Step *uint64 `json:"sequence_step,omitempty"`
}

// writeError answers with err: with the status of its code if it is an *inferr.Error.
func writeError(w http.ResponseWriter, err error) {
	f := failure{Error: err.Error()}
	status := http.StatusInternalServerError
	var e *inferr.Error
	var tooLarge *http.MaxBytesError
	var refused *statusError
	switch {
	case errors.As(err, &e):
		if s, ok := statuses[e.Code]; ok {
			status = s
		}
		if e.HasStep {
			f.Step = &e.Step
		}
	case errors.As(err, &tooLarge):
		status = http.StatusRequestEntityTooLarge
		f.Error = fmt.Sprintf("the body is too large, want at most %d bytes", tooLarge.Limit)
	case errors.As(err, &refused):
		status = refused.status
	}
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	writeJSON(w, status, f)
}

// A statusError has a status for which gRPC has no code.
type statusError struct {
	status  int
	message string
}

func (e *statusError) Error() string { return e.message }

func writeJSON(w http.ResponseWriter, status int, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		panic(err) // our own types always can
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may have gone
}

// noSuchCall answers calls for which there is no handler, with an error as all others,
// and with the status that notFound, the handler of http.ServeMux, has for them.
func noSuchCall(w http.ResponseWriter, r *http.Request, notFound http.Handler) {
	s := &statusOnly{header: w.Header()}
	notFound.ServeHTTP(s, r)
	message := fmt.Sprintf("there is no call %.20s %.200q", r.Method, r.URL.Path)
	if allowed := w.Header().Get("Allow"); allowed != "" {
		message += ", only " + strings.ReplaceAll(allowed, ", ", " and ")
	}
	writeError(w, &statusError{s.status, message})
}

// A statusOnly keeps the status of an answer, and nothing of its body.
type statusOnly struct {
	header http.Header
	status int
}

func (s *statusOnly) Header() http.Header         { return s.header }
func (s *statusOnly) WriteHeader(status int)      { s.status = status }
func (s *statusOnly) Write(b []byte) (int, error) { return len(b), nil }
