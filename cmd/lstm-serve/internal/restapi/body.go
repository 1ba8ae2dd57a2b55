package restapi

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"

	"google.golang.org/grpc/codes"

	"example.com/lstm/cmd/lstm-serve/internal/inferr"
)

// bodies are those that are in memory, whose requests have no answer yet.
type bodies struct {
	most  int64 // bytes of all of them
	taken atomic.Int64
}

// take takes n bytes more. It does not wait for others: they may send as slowly as the
// time for reading lets them.
func (b *bodies) take(n int64) error {
	if b.taken.Add(n) > b.most {
		b.taken.Add(-n)
		return inferr.Errorf(codes.ResourceExhausted, "the bodies of all requests together are too large, want at most %d bytes", b.most)
	}
	return nil
}

// read reads the body of a request, at most so many bytes. Without an error, end is to be
// called when the request is answered.
func (b *bodies) read(w http.ResponseWriter, r *http.Request, most int64) (body []byte, end func(), err error) {
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		w.Header().Set("Accept-Encoding", "identity")
		return nil, nil, &statusError{http.StatusUnsupportedMediaType, "the body has a Content-Encoding, want none"}
	}
	if r.ContentLength > most {
		return nil, nil, &http.MaxBytesError{Limit: most}
	}
	var taken int64
	give := func() { b.taken.Add(-taken) }
	defer func() {
		if err != nil {
			give()
		}
	}()
	limited := http.MaxBytesReader(w, r.Body, most)
	// What a client says it will send takes memory as it comes.
	grow := int(min(max(r.ContentLength, 0)+1, 4<<10))
	for {
		if len(body) == cap(body) {
			if err := b.take(int64(grow)); err != nil {
				return nil, nil, err
			}
			taken += int64(grow)
			body = slices.Grow(body, grow)
			grow = int(min(taken, most+1-taken))
		}
		n, err := limited.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		if err == io.EOF {
			return body, give, nil
		}
		if err != nil {
			return nil, nil, bodyError(err)
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
