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
func describeSource(w io.Writer, m *model) {
	source := m.Source()
	fmt.Fprintf(w, "LSTM\t%s\n", describeModule(source.LSTM))
	switch {
	case !m.HasHead():
		fmt.Fprintf(w, "head\tnone\n")
	case source.Head == "" && m.isStructured():
		fmt.Fprintf(w, "heads\t%d, which the file describes\n", len(m.heads))
	default:
		fmt.Fprintf(w, "head\t%s\n", describeModule(source.Head))
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

// isStructured reports whether the file has said what layers and heads there are, since
// tensors alone do not tell.
func (m *model) isStructured() bool {
	for _, layer := range m.layers {
		switch layer.(type) {
		case *lstm.Weights, *lstm.Bidirectional:
		default:
			return true
		}
	}
	for _, head := range m.heads {
		if _, ok := head.Layers[0].(*lstm.Linear); !ok || len(head.Layers) > 1 || head.Name != "" {
			return true
		}
	}
	return len(m.heads) > 1
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
