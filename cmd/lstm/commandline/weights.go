package commandline

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v3"

	"example.com/lstm"
)

// WeightFormats are those that weights are stored in, the most exact one first.
var WeightFormats = []lstm.WeightFormat{lstm.Float32, lstm.Float16, lstm.Int8}

// WeightFlags are the flags that say how networks store their weights, for ParseWeights.
// Commands below the one that has them have none of them.
func WeightFlags(category string) []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Local: true, Name: "weights", Category: category,
			Usage: "store all weights as `FORMAT`: float32, float16 or int8, if not as the file says"},
		&cli.IntFlag{Local: true, Name: "input-bits", Category: category,
			Usage: "of layers with int8 weights, round inputs to `BITS`: 7, or 14, as the first layer does if not told"},
	}
}

// ParseWeights is what the flags of WeightFlags say of the weights of layers: their
// format, nil for what the file says, and the bits of the inputs of int8 layers, 0 for
// what the file says.
func ParseWeights(cmd *cli.Command) (format *lstm.WeightFormat, inputBits int, err error) {
	if cmd.IsSet("weights") {
		f, err := parseWeightFormat(cmd.String("weights"))
		if err != nil {
			return nil, 0, NewUsageError(cmd, err)
		}
		format = &f
	}
	if cmd.IsSet("input-bits") {
		if inputBits = cmd.Int("input-bits"); inputBits != 7 && inputBits != 14 {
			return nil, 0, NewUsageError(cmd, fmt.Errorf("-input-bits is %d, want 7 or 14", inputBits))
		}
		if format != nil && *format != lstm.Int8 {
			return nil, 0, NewUsageError(cmd, fmt.Errorf("-input-bits is of no use with -weights %v, want int8", *format))
		}
	}
	return format, inputBits, nil
}

func parseWeightFormat(name string) (lstm.WeightFormat, error) {
	var names []string
	for _, f := range WeightFormats {
		if f.String() == name {
			return f, nil
		}
		names = append(names, f.String())
	}
	return 0, fmt.Errorf("-weights is %q, want %s", name, strings.Join(names, ", "))
}
