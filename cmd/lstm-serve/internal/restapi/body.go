package restapi

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"

	"google.golang.org/grpc/codes"

	"example.com/lstm/cmd/lstm-serve/internal/inferr"
)

// readBody reads the body of a request, at most so many bytes.
func readBody(w http.ResponseWriter, r *http.Request, most int64) ([]byte, error) {
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		w.Header().Set("Accept-Encoding", "identity")
		return nil, &statusError{http.StatusUnsupportedMediaType, "the body has a Content-Encoding, want none"}
	}
	if r.ContentLength > most {
		return nil, &http.MaxBytesError{Limit: most}
	}
	limited := http.MaxBytesReader(w, r.Body, most)
	// What a client says it will send takes memory as it comes.
	body := make([]byte, 0, min(max(r.ContentLength, 0)+1, 64<<10))
	for {
		if len(body) == cap(body) {
			body = slices.Grow(body, len(body))
		}
		n, err := limited.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		if err == io.EOF {
			return body, nil
		}
		if err != nil {
			return nil, bodyError(err)
		}
	}
}

// bodyError is err if that says that the body is too large; else the client has broken off.
func bodyError(err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return err
	}
	return inferr.Errorf(codes.Canceled, "the body could not be read: %v", err)
}

// checkType refuses bodies that say that they are something else than requests. Triton's
// clients do not say anything, and curl -d says that the body is a form.
func checkType(r *http.Request) error {
	field := r.Header.Get("Content-Type")
	if field == "" {
		return nil
	}
	kind, _, err := mime.ParseMediaType(field)
	if err == nil {
		switch kind {
		case "application/json", "application/octet-stream", "application/x-www-form-urlencoded":
			return nil
		}
	}
	return &statusError{http.StatusUnsupportedMediaType,
		"the body has a Content-Type other than application/json and application/octet-stream"}
}
