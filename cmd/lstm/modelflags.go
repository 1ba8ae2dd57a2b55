package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/urfave/cli/v3"

	"example.com/lstm"
)

// modelFlags are the flags that say what of a model file is meant, one for each
// option of package lstm.
func modelFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "lstm",
			Usage: "of several LSTMs in the model file run `MODULE`, such as encoder for encoder.weight_ih_l0"},
		&cli.StringFlag{Name: "head",
			Usage: "take `MODULE` for the linear layer after the LSTM, such as fc for fc.weight, and pass over other tensors"},
		&cli.BoolFlag{Name: "no-head",
			Usage: "run the LSTM without a linear layer, and pass over other tensors"},
		&cli.BoolFlag{Name: "non-finite",
			Usage: "accept weights that are NaN or infinite"},
	}
}

// modelOptions returns the options that the flags of cmd stand for.
func modelOptions(cmd *cli.Command) ([]lstm.Option, error) {
	var options []lstm.Option
	if cmd.IsSet("lstm") {
		options = append(options, lstm.WithLSTM(cmd.String("lstm")))
	}
	if cmd.IsSet("head") {
		options = append(options, lstm.WithHead(cmd.String("head")))
	}
	if cmd.Bool("no-head") {
		if cmd.IsSet("head") {
			return nil, newUsageError(cmd, fmt.Errorf("-head and -no-head contradict each other"))
		}
		options = append(options, lstm.WithoutHead())
	}
	if cmd.Bool("non-finite") {
		options = append(options, lstm.WithNonFinite())
	}
	return options, nil
}

// describeSource prints which tensors of its file a network was made from.
func describeSource(w io.Writer, net network) {
	source := net.Source()
	fmt.Fprintf(w, "LSTM\t%s\n", describeModule(source.LSTM))
	if net.HasHead() {
		fmt.Fprintf(w, "head\t%s\n", describeModule(source.Head))
	} else {
		fmt.Fprintf(w, "head\tnone\n")
	}
	for i, name := range source.Unused {
		const most = 20
		if i == most {
			fmt.Fprintf(w, "\tand %d more\n", len(source.Unused)-most)
			break
		}
		label := ""
		if i == 0 {
			label = "passed over"
		}
		fmt.Fprintf(w, "%s\t%s\n", label, printable(name, 100))
	}
}

// describeModule warns of a module that is not the first of its Sequential: what
// is before it and has no parameters is not in the file.
func describeModule(name string) string {
	if name == "" {
		return "names without a prefix"
	}
	text := printable(name, 100)
	last := name[strings.LastIndexByte(name, '.')+1:]
	if place, err := strconv.ParseUint(last, 10, 64); err == nil && place > 0 {
		text += "; the number says that other modules precede it: an activation there would be missing here"
	}
	return text
}
