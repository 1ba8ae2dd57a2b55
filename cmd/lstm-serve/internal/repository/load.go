package repository

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"example.com/lstm"
)

// warmUpSteps is how many steps a network takes before it serves, so that the first
// request does not wait for memory, nor for weights.
const warmUpSteps = 3

// load reads a model and puts it in its place. l is locked.
func (r *Repository) load(l *loader, name string) error {
	f, err := l.open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	stream, whole, err := read(f, l.Read)
	if err != nil {
		return fmt.Errorf("%s%s: %s", name, extension, strings.TrimPrefix(err.Error(), "lstm: "))
	}
	old := r.find(name)
	m := &Model{Name: name, Version: version, Whole: whole}
	var n Network = whole
	if stream != nil {
		n = stream
	}
	if old != nil {
		if err := checkReplacement(old, m, n); err != nil {
			return err
		}
	}
	warmUp(stream, whole)
	switch {
	case stream == nil:
		r.put(m)
	case old != nil:
		if err := old.Stream.Swap(stream); err != nil {
			return fmt.Errorf("model %s: %w", name, err)
		}
	default:
		if m.Stream, err = l.NewSequences(name, stream); err != nil {
			return fmt.Errorf("model %s: %w", name, err)
		}
		r.put(m)
	}
	l.Logger.Info("a model is ready", "model", name, "again", old != nil, "sequences", stream != nil,
		"inputs", n.InputSize(), "outputs", n.OutputSize(), "fingerprint", n.Fingerprint().String())
	return nil
}

// read returns a network that runs step by step, or if the model cannot, one for whole
// sequences.
func read(f io.Reader, options []lstm.Option) (stream *lstm.Network, whole *lstm.SequenceNetwork, err error) {
	m, err := lstm.ReadModel(f, options...)
	if err != nil {
		return nil, nil, err
	}
	if slices.ContainsFunc(m.Layers, isBidirectional) {
		whole, err = lstm.NewSequenceNetwork(m)
	} else {
		stream, err = lstm.New(m)
	}
	return stream, whole, err
}

func isBidirectional(layer lstm.Layer) bool {
	_, ok := layer.(*lstm.Bidirectional)
	return ok
}

// checkReplacement returns an error if the network n of m cannot take the place of old's:
// clients have tensors of the old shapes. Whether states fit, Swap checks.
func checkReplacement(old, m *Model, n Network) error {
	before := old.Network()
	if (old.Stream == nil) != (m.Whole != nil) {
		return fmt.Errorf("model %s: the new file reads whole sequences only and the old one not, or the other way round; a restart serves it", m.Name)
	}
	if got, want := n.InputSize(), before.InputSize(); got != want {
		return fmt.Errorf("model %s: the new file has input size %d, want %d as before; a restart serves it", m.Name, got, want)
	}
	if got, want := (&Model{}).Outputs(n), old.Outputs(before); !slices.Equal(got, want) {
		return fmt.Errorf("model %s: the new file has the outputs %s, want %s as before; a restart serves it", m.Name, describe(got), describe(want))
	}
	return nil
}

func describe(outputs []lstm.HeadOutput) string {
	const most = 10
	var list []string
	for i, o := range outputs {
		if i == most {
			list = append(list, fmt.Sprintf("and %d more", len(outputs)-most))
			break
		}
		list = append(list, fmt.Sprintf("%.40q of size %d", o.Name, o.Size))
	}
	return strings.Join(list, ", ")
}

// warmUp takes some steps, and computes the fingerprint, which the network keeps.
func warmUp(stream *lstm.Network, whole *lstm.SequenceNetwork) {
	if stream != nil {
		s := stream.NewState()
		x, y := make([]float32, stream.InputSize()), make([]float32, stream.OutputSize())
		for range warmUpSteps {
			stream.Step(s, x, y)
		}
		stream.Fingerprint()
		return
	}
	x, y := make([]float32, warmUpSteps*whole.InputSize()), make([]float32, warmUpSteps*whole.OutputSize())
	whole.Forward(x, y, nil, nil)
	whole.Fingerprint()
}

// find returns a model, or nil.
func (r *Repository) find(name string) *Model {
	m, err := r.Model(name, "")
	if err != nil {
		return nil
	}
	return m
}

// put adds a model, or replaces the one of its name. The loader is locked.
func (r *Repository) put(m *Model) {
	models := slices.DeleteFunc(r.Models(), func(other *Model) bool { return other.Name == m.Name })
	r.set(append(models, m))
}
