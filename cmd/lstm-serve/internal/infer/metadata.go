package infer

import (
	"strings"

	"google.golang.org/grpc/codes"

	"example.com/lstm/cmd/lstm-serve/internal/inferr"
	"example.com/lstm/cmd/lstm-serve/internal/repository"
)

// What the server says of itself.
const (
	Name     = "lstm-serve"
	Platform = "lstm"
)

// Extensions are the extensions of the protocol, by Triton's names, that there are.
var Extensions = []string{"sequence", "sequence(string_id)", "model_repository", "binary_tensor_data", "parameters"}

// Metadata says what a model is.
type Metadata struct {
	Name            string
	Versions        []string
	Platform        string
	Inputs, Outputs []TensorMetadata
	Properties      map[string]string
}

// TensorMetadata says what a tensor must be. -1 in the shape is any size.
type TensorMetadata struct {
	Name, Datatype string
	Shape          []int64
}

// Models returns all models, by name.
func (s *Server) Models() []*repository.Model { return s.models.Models() }

// Model returns the model of a name. The version may be empty. The error has the code
// NotFound.
func (s *Server) Model(name, version string) (*repository.Model, error) {
	return s.models.Model(name, version)
}

// Metadata says what a model is. Its properties are the fingerprint of the network,
// whether it takes sequences step by step, and the metadata of the model's file with
// "metadata." before their names.
func (s *Server) Metadata(name, version string) (*Metadata, error) {
	m, err := s.models.Model(name, version)
	if err != nil {
		return nil, err
	}
	n := m.Network()
	metadata := &Metadata{
		Name: m.Name, Versions: []string{m.Version}, Platform: Platform,
		Inputs:     []TensorMetadata{{InputName, FP32, []int64{-1, int64(n.InputSize())}}},
		Properties: map[string]string{"fingerprint": n.Fingerprint().String(), "sequences": "true"},
	}
	if m.Stream == nil {
		metadata.Properties["sequences"] = "false"
	}
	for _, o := range m.Outputs(n) {
		metadata.Outputs = append(metadata.Outputs, TensorMetadata{o.Name, FP32, []int64{-1, int64(o.Size)}})
	}
	for key, value := range n.Metadata() {
		metadata.Properties["metadata."+strings.ToValidUTF8(key, "\uFFFD")] = strings.ToValidUTF8(value, "\uFFFD")
	}
	return metadata, nil
}

// ModelReady returns why a model cannot be used, nil if it can. The code is NotFound if
// there is none of this name, and otherwise Unavailable.
func (s *Server) ModelReady(name, version string) error {
	m, err := s.models.Model(name, version)
	if err != nil {
		return err
	}
	if m.Stream != nil {
		if err := m.Stream.Ready(); err != nil {
			return inferr.Errorf(codes.Unavailable, "model %q is not ready: %v", name, err)
		}
	}
	return nil
}

// Ready returns why the server should get no requests, nil if it should: it is starting
// or stopping, or one of its models cannot be used. Everybody may ask that, so that the
// error does not say which, and why: ModelReady does.
func (s *Server) Ready() error {
	if err := s.models.Ready(); err != nil {
		return err
	}
	for _, m := range s.models.Models() {
		if s.ModelReady(m.Name, "") != nil {
			return inferr.Errorf(codes.Unavailable, "a model is not ready")
		}
	}
	return nil
}

// A ModelStatus says of a model whether it can be used.
type ModelStatus struct {
	Name, Version string
	Ready         bool
	Reason        string // what is wrong, if something is
}

// Index returns the status of all models, those that could not be read included, by name.
func (s *Server) Index() []ModelStatus {
	var index []ModelStatus
	for _, e := range s.models.Index() {
		index = append(index, ModelStatus{e.Name, e.Version, e.Ready, e.Reason})
	}
	return index
}

// State is what the protocol calls the status.
func (s *ModelStatus) State() string {
	if s.Ready {
		return "READY"
	}
	return "UNAVAILABLE"
}
