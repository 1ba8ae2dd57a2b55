package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"example.com/lstm"
	"example.com/lstm/cmd/lstm/seattle"
)

// The names under which messages speak of what is part of the program.
const (
	embeddedModel = "the embedded model.safetensors"
	embeddedTable = "the embedded seattle-weather.csv"
)

// A model is what is in a file, made ready to run: over streams, or, if it has
// layers that run in reverse, over whole sequences.
type model struct {
	network
	stream *lstm.Network         // or
	whole  *lstm.SequenceNetwork // one is nil
	format *format
	model  *lstm.Model // its parameters
}

// network is what both kinds of networks have in common.
type network interface {
	InputSize() int
	OutputSize() int
	HasHead() bool
	Parameters() int
	MemorySize() int
	Fingerprint() lstm.Fingerprint
	Metadata() map[string]string
	Source() lstm.Source
}

// openModel reads the model in a file, or the embedded one if path is "".
func openModel(path string, choice modelChoice) (*model, error) {
	file, is, err := readModel(path, choice)
	if err != nil {
		return nil, err
	}
	m := &model{format: is, model: file}
	if m.network, err = newNetwork(file); err != nil {
		return nil, inFile(path, err)
	}
	m.stream, _ = m.network.(*lstm.Network)
	m.whole, _ = m.network.(*lstm.SequenceNetwork)
	return m, nil
}

// newNetwork makes a network that runs over streams, or if m cannot, over whole
// sequences.
func newNetwork(m *lstm.Model) (network, error) {
	if slices.ContainsFunc(m.Layers, isBidirectional) {
		return lstm.NewSequenceNetwork(m)
	}
	return lstm.New(m)
}

func isBidirectional(layer lstm.Layer) bool {
	_, ok := layer.(*lstm.Bidirectional)
	return ok
}

// readModel reads the model in a file, or the embedded one if path is "", in the
// format that the flags say.
func readModel(path string, choice modelChoice) (m *lstm.Model, is *format, err error) {
	if path == "" {
		m, err = lstm.ReadModel(bytes.NewReader(seattle.Model), choice.options...)
		is = safetensors
	} else {
		m, is, err = readModelFile(path, choice)
	}
	if err != nil {
		return nil, nil, err
	}
	choice.weights.apply(m)
	return m, is, nil
}

// inFile puts the name of the file before an error of one of the packages, in place of the
// package's own name.
func inFile(path string, err error) error {
	text := err.Error()
	for _, f := range formats {
		text = strings.TrimPrefix(text, f.errors)
	}
	return fmt.Errorf("%s: %s", modelName(path), text)
}

// modelName is the name under which messages speak of the model that openModel
// reads.
func modelName(path string) string {
	if path != "" {
		return path
	}
	return embeddedModel
}
