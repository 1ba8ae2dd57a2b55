package restapi

import (
	"net/http"
	"strconv"

	"example.com/lstm/cmd/lstm-serve/internal/infer"
)

// modelInfer answers an inference request. One that has been accepted is taken, even if
// the client goes before it is answered.
func (a *server) modelInfer(w http.ResponseWriter, r *http.Request) error {
	c, end, err := a.readCall(w, r)
	if err != nil {
		return err
	}
	defer end()
	type answer struct {
		response *infer.Response
		err      error
	}
	answers := make(chan answer, 1)
	a.infer.Infer(r.Context(), &c.Request, func(response *infer.Response, err error) { answers <- answer{response, err} })
	select {
	case got := <-answers:
		if got.err != nil {
			return got.err
		}
		writeAnswer(w, c, got.response)
		return nil
	case <-r.Context().Done():
		return contextError(r.Context())
	}
}

// readCall reads a request. Without an error, end is to be called when it is answered.
func (a *server) readCall(w http.ResponseWriter, r *http.Request) (c *call, end func(), err error) {
	// Before its body is read, which may be large.
	if _, err := a.infer.Model(r.PathValue("model"), r.PathValue("version")); err != nil {
		return nil, nil, err
	}
	if err := checkType(r); err != nil {
		return nil, nil, err
	}
	body, end, err := a.bodies.read(w, r, a.options.MostBytes)
	if err != nil {
		return nil, nil, err
	}
	header, err := headerLength(r.Header.Get(headerLengthField), body)
	if err == nil {
		c, err = decodeCall(body, header, a.infer.Options().MaxElements)
	}
	if err != nil {
		end()
		return nil, nil, err
	}
	c.Model, c.Version = r.PathValue("model"), r.PathValue("version")
	return c, end, nil
}

func writeAnswer(w http.ResponseWriter, c *call, r *infer.Response) {
	size := 512
	for _, t := range r.Outputs {
		size += 128 + 12*len(t.Data)
	}
	body, header := appendAnswer(make([]byte, 0, size), c, r)
	kind := "application/json"
	if header < len(body) {
		kind = "application/octet-stream"
		w.Header().Set(headerLengthField, strconv.Itoa(header))
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // the client may have gone
}
