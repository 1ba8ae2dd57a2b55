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
// It returns the name under which messages speak of it.
func openModel(path string, options ...lstm.Option) (net *lstm.Network, name string, err error) {
	if path != "" {
		net, err = lstm.Open(path, options...)
		return net, path, err
	}
	net, err = lstm.Read(bytes.NewReader(seattle.Model), options...)
	return net, embeddedModel, err
}
