package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v3"

	"example.com/lstm"
)

// weightFormats are those that weights are stored in, the most exact one first.
var weightFormats = []lstm.WeightFormat{lstm.Float32, lstm.Float16, lstm.Int8}

// weightFlags are the flags that say how networks store their weights, as those of
// command lstm do.
func weightFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Local: true, Name: "weights", Category: categoryModels,
			Usage: "store all weights as `FORMAT`: float32, float16 or int8, if not as the file says"},
		&cli.IntFlag{Local: true, Name: "input-bits", Category: categoryModels,
			Usage: "of layers with int8 weights, round inputs to `BITS`: 7, or 14, as the first layer does if not told"},
	}
}

// weightOptionsOf is what these flags say, for package lstm.
func weightOptionsOf(cmd *cli.Command) (options []lstm.Option, err error) {
	format := lstm.Int8
	if cmd.IsSet("weights") {
		if format, err = parseWeightFormat(cmd.String("weights")); err != nil {
			return nil, newUsageError(cmd, err)
		}
		options = append(options, lstm.WithWeights(format))
	}
	if cmd.IsSet("input-bits") {
		bits := cmd.Int("input-bits")
		if bits != 7 && bits != 14 {
			return nil, newUsageError(cmd, fmt.Errorf("-input-bits is %d, want 7 or 14", bits))
		}
		if format != lstm.Int8 {
			return nil, newUsageError(cmd, fmt.Errorf("-input-bits is of no use with -weights %v, want int8", format))
		}
		options = append(options, lstm.WithInputBits(bits))
	}
	return options, nil
}

func parseWeightFormat(name string) (lstm.WeightFormat, error) {
	var names []string
	for _, f := range weightFormats {
		if f.String() == name {
			return f, nil
		}
		names = append(names, f.String())
	}
	return 0, fmt.Errorf("-weights is %q, want %s", name, strings.Join(names, ", "))
}
