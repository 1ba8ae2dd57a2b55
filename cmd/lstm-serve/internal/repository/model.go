// Package repository has the models that are served, and loads them from files.
package repository

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"google.golang.org/grpc/codes"

	"example.com/lstm"
	"example.com/lstm/cmd/lstm-serve/internal/inferr"
	"example.com/lstm/cmd/lstm-serve/internal/sequences"
)

// A Model is a network that is served. One of Stream and Whole is set. It must not be
// copied, and any number of goroutines may use it.
type Model struct {
	Name, Version string
	Stream        *sequences.Sequences  // step by step, of many sequences
	Whole         *lstm.SequenceNetwork // whole sequences only

	outputs atomic.Pointer[outputs]
}

// A Network is what *lstm.Network and *lstm.SequenceNetwork both are.
type Network interface {
	InputSize() int
	OutputSize() int
	Heads() []lstm.HeadOutput
	Metadata() map[string]string
	Fingerprint() lstm.Fingerprint
}

// outputs are those of a network.
type outputs struct {
	of   Network
	list []lstm.HeadOutput
}

// Network returns the network that the model has now; a reload may change it.
func (m *Model) Network() Network {
	if m.Stream != nil {
		return m.Stream.Network()
	}
	return m.Whole
}

// Outputs returns the output tensors of n, a network of the model: "output", or one for
// each head, with the head's name if no other has it before. Nobody may change them.
func (m *Model) Outputs(n Network) []lstm.HeadOutput {
	if o := m.outputs.Load(); o != nil && o.of == n {
		return o.list
	}
	list := n.Heads()
	if len(list) == 0 || len(list) == 1 && list[0].Name == "" {
		list = []lstm.HeadOutput{{Name: "output", Size: n.OutputSize()}}
	}
	taken := map[string]bool{"": true}
	for i := range list {
		name := strings.ToValidUTF8(list[i].Name, "\uFFFD")
		for j := i; taken[name]; j++ {
			name = "output_" + strconv.Itoa(j)
		}
		list[i].Name, taken[name] = name, true
	}
	m.outputs.Store(&outputs{n, list})
	return list
}

// A Repository finds models by their names. It may change while it is used.
type Repository struct {
	models  atomic.Pointer[map[string]*Model] // replaced, never changed
	loader  atomic.Pointer[loader]            // nil until Open
	unready atomic.Pointer[inferr.Error]      // nil if it is ready
}

// New makes a Repository of some models, whose names differ.
func New(models ...*Model) *Repository {
	r := &Repository{}
	r.set(models)
	return r
}

// set replaces all models.
func (r *Repository) set(models []*Model) {
	byName := make(map[string]*Model, len(models))
	for _, m := range models {
		byName[m.Name] = m
	}
	r.models.Store(&byName)
}

// Model returns the model of a name. The version may be empty. The error is an
// *inferr.Error with the code NotFound, or that of Ready, since there may be such a model
// when the repository is ready: a client must not take its sequences for lost.
func (r *Repository) Model(name, version string) (*Model, error) {
	unready := r.Ready() // before the models, which come first when it becomes ready
	m := (*r.models.Load())[name]
	if m == nil && unready != nil {
		return nil, unready
	}
	if m == nil {
		return nil, inferr.Errorf(codes.NotFound, "there is no model %.100q", name)
	}
	if version != "" && version != m.Version {
		return nil, inferr.Errorf(codes.NotFound, "model %q has no version %.100q, want %q or none", name, version, m.Version)
	}
	return m, nil
}

// Models returns all models, by name.
func (r *Repository) Models() []*Model {
	return slices.SortedFunc(maps.Values(*r.models.Load()), func(a, b *Model) int { return strings.Compare(a.Name, b.Name) })
}
