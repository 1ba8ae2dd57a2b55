package restapi

import (
	"context"
	"net/http"
	"strconv"

	"google.golang.org/grpc/codes"

	"example.com/lstm/cmd/lstm-serve/internal/inferr"
	"example.com/lstm/cmd/lstm-serve/internal/sequences"
)

// sequence returns the sequences of the model that the path names, and the id of one. Any
// id has a path, but for "/", which http.ServeMux takes for the end of a folder.
func (a *server) sequence(r *http.Request) (*sequences.Sequences, string, error) {
	m, err := a.infer.Model(r.PathValue("model"), r.PathValue("version"))
	if err != nil {
		return nil, "", err
	}
	if m.Stream == nil {
		return nil, "", inferr.Errorf(codes.InvalidArgument, "model %q reads whole sequences only, and keeps none", m.Name)
	}
	return m.Stream, r.PathValue("id"), nil
}

func writeDescription(w http.ResponseWriter, d sequences.Description) {
	writeJSON(w, http.StatusOK, struct {
		ID         string `json:"sequence_id"`
		Step       uint64 `json:"sequence_step"`
		StoredStep uint64 `json:"sequence_stored_step"`
		Live       bool   `json:"live"`
		Ended      bool   `json:"ended"`
		Moved      bool   `json:"moved"`
	}{d.ID, d.Step, d.StoredStep, d.Live, d.Ended, d.Moved})
}

// describe says where a sequence is.
func (a *server) describe(w http.ResponseWriter, r *http.Request) error {
	s, id, err := a.sequence(r)
	if err != nil {
		return err
	}
	d, err := s.Describe(id)
	if err != nil {
		return err
	}
	writeDescription(w, d)
	return nil
}

// export answers with the record of a sequence, which goes on here.
func (a *server) export(w http.ResponseWriter, r *http.Request) error { return a.record(w, r, false) }

// release answers with the record of a sequence, which is refused here from then on.
func (a *server) release(w http.ResponseWriter, r *http.Request) error { return a.record(w, r, true) }

func (a *server) record(w http.ResponseWriter, r *http.Request, release bool) error {
	s, id, err := a.sequence(r)
	if err != nil {
		return err
	}
	record, err := s.Export(r.Context(), id, release)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.Itoa(len(record)))
	_, _ = w.Write(record) // the client may have gone
	return nil
}

// take lets a sequence go on here as its record, the body, says.
func (a *server) take(w http.ResponseWriter, r *http.Request) error {
	s, id, err := a.sequence(r)
	if err != nil {
		return err
	}
	record, end, err := a.bodies.read(w, r, a.options.MostBytes)
	if err != nil {
		return err
	}
	defer end()
	d, err := s.Import(r.Context(), id, record)
	if err != nil {
		return err
	}
	writeDescription(w, d)
	return nil
}

// remove ends a sequence, wherever it is.
func (a *server) remove(w http.ResponseWriter, r *http.Request) error {
	s, id, err := a.sequence(r)
	if err != nil {
		return err
	}
	if err := s.Remove(r.Context(), id); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// contextError is the error of a context that has ended.
func contextError(ctx context.Context) error {
	if ctx.Err() == context.DeadlineExceeded {
		return inferr.Errorf(codes.DeadlineExceeded, "the time for the request was over before it was answered")
	}
	return inferr.Errorf(codes.Canceled, "the client has gone before it was answered")
}
