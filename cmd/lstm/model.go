package main

import (
	"bytes"

	"example.com/lstm"
	"example.com/lstm/cmd/lstm/seattle"
)

// The names under which messages speak of what is part of the program.
const (
	embeddedModel = "the embedded model.safetensors"
	embeddedTable = "the embedded seattle-weather.csv"
)

// openModel reads the network in a file, or the embedded one if path is "".
func openModel(path string, options ...lstm.Option) (*lstm.Network, error) {
	if path != "" {
		return lstm.Open(path, options...)
	}
	return lstm.Read(bytes.NewReader(seattle.Model), options...)
}

// modelName is the name under which messages speak of the model that openModel
// reads.
func modelName(path string) string {
	if path != "" {
		return path
	}
	return embeddedModel
}
