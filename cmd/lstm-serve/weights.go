package main

import (
	"github.com/urfave/cli/v3"

	"example.com/lstm"
	"example.com/lstm/cmd/lstm/commandline"
)

// weightOptionsOf is what flags say of the weights of networks, for package lstm.
func weightOptionsOf(cmd *cli.Command) (options []lstm.Option, err error) {
	format, bits, err := commandline.ParseWeights(cmd)
	if format != nil {
		options = append(options, lstm.WithWeights(*format))
	}
	if bits != 0 {
		options = append(options, lstm.WithInputBits(bits))
	}
	return options, err
}
