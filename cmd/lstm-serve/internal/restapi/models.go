package restapi

import (
	"net/http"
	"unicode/utf8"

	"google.golang.org/grpc/codes"

	"example.com/lstm/cmd/lstm-serve/internal/infer"
	"example.com/lstm/cmd/lstm-serve/internal/inferr"
)

func (a *server) serverLive(w http.ResponseWriter, r *http.Request) error {
	writeJSON(w, http.StatusOK, map[string]bool{"live": true})
	return nil
}

func (a *server) serverReady(w http.ResponseWriter, r *http.Request) error {
	if a.options.Ready != nil {
		if err := a.options.Ready(); err != nil {
			return inferr.Errorf(codes.Unavailable, "%v", err)
		}
	}
	if err := a.infer.Ready(); err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, map[string]bool{"ready": true})
	return nil
}

func (a *server) serverMetadata(w http.ResponseWriter, r *http.Request) error {
	writeJSON(w, http.StatusOK, struct {
		Name       string   `json:"name"`
		Version    string   `json:"version"`
		Extensions []string `json:"extensions"`
	}{infer.Name, a.options.Version, infer.Extensions})
	return nil
}

func (a *server) modelReady(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("model")
	if err := a.infer.ModelReady(name, r.PathValue("version")); err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, struct {
		Name  string `json:"name"`
		Ready bool   `json:"ready"`
	}{name, true})
	return nil
}

type tensorMetadata struct {
	Name     string  `json:"name"`
	Datatype string  `json:"datatype"`
	Shape    []int64 `json:"shape"`
}

func (a *server) modelMetadata(w http.ResponseWriter, r *http.Request) error {
	m, err := a.infer.Metadata(r.PathValue("model"), r.PathValue("version"))
	if err != nil {
		return err
	}
	tensors := func(from []infer.TensorMetadata) []tensorMetadata {
		to := make([]tensorMetadata, len(from))
		for i, t := range from {
			to[i] = tensorMetadata(t)
		}
		return to
	}
	writeJSON(w, http.StatusOK, struct {
		Name       string            `json:"name"`
		Versions   []string          `json:"versions"`
		Platform   string            `json:"platform"`
		Inputs     []tensorMetadata  `json:"inputs"`
		Outputs    []tensorMetadata  `json:"outputs"`
		Properties map[string]string `json:"properties"`
	}{m.Name, m.Versions, m.Platform, tensors(m.Inputs), tensors(m.Outputs), m.Properties})
	return nil
}

type modelIndex struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	State   string `json:"state"`
	Reason  string `json:"reason"`
}

// repositoryIndex lists the models; only those that are ready if the body wants that.
func (a *server) repositoryIndex(w http.ResponseWriter, r *http.Request) error {
	var ready bool
	err := a.readOptions(w, r, func(d *reader, key string) (err error) {
		if key == "ready" {
			ready, err = d.boolean(key)
			return err
		}
		return d.skip()
	})
	if err != nil {
		return err
	}
	list := []modelIndex{}
	for _, m := range a.infer.Index() {
		if m.Ready || !ready {
			list = append(list, modelIndex{m.Name, m.Version, m.State(), m.Reason})
		}
	}
	writeJSON(w, http.StatusOK, list)
	return nil
}

// repositoryLoad loads a model from its file.
func (a *server) repositoryLoad(w http.ResponseWriter, r *http.Request) error {
	err := a.readOptions(w, r, func(d *reader, key string) error {
		if key != "parameters" {
			return d.skip()
		}
		return d.object(key, func(key string) error {
			return d.errorf("there is a parameter %q for loading, want none", clip(key, 64))
		})
	})
	if err != nil {
		return err
	}
	if a.options.Load == nil {
		return inferr.Errorf(codes.Unimplemented, "models cannot be loaded, there is no folder of models")
	}
	if err := a.options.Load(r.Context(), r.PathValue("model")); err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, struct{}{})
	return nil
}

// readOptions reads a body that is an object of JSON, or empty. value is called for each
// of its keys.
func (a *server) readOptions(w http.ResponseWriter, r *http.Request, value func(d *reader, key string) error) error {
	if err := checkType(r); err != nil {
		return err
	}
	body, end, err := a.bodies.read(w, r, min(a.options.MostBytes, 64<<10))
	if err != nil {
		return err
	}
	defer end()
	if !utf8.Valid(body) {
		return inferr.Errorf(codes.InvalidArgument, "the JSON text is not UTF-8")
	}
	d := &reader{text: string(body)}
	if d.next() == 0 && d.at == len(d.text) {
		return nil
	}
	if err := d.object("the request", func(key string) error { return value(d, key) }); err != nil {
		return err
	}
	return d.end()
}
