package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/urfave/cli/v3"

	"example.com/lstm"
	"example.com/lstm/cmd/lstm/commandline"
	"example.com/lstm/formats/rtneural"
)

// modelFlags are the flags that say what of a model file is meant, one for each
// option of package lstm, and of its formats' packages.
func modelFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "prefix",
			Usage: "of several networks in the model file read `MODULE`, such as encoder for encoder.lstm and encoder.fc"},
		&cli.StringFlag{Name: "lstm",
			Usage: "of several LSTMs in the model file run `MODULE`, such as encoder for encoder.weight_ih_l0, or several as one stack, from the input up: lstm1,lstm2; of an ONNX graph the LSTM nodes of those names alone"},
		&cli.StringFlag{Name: "head",
			Usage: "take `MODULE` for the linear layer after the LSTM, such as fc for fc.weight, and pass over other tensors"},
		&cli.BoolFlag{Name: "no-head",
			Usage: "run the LSTM without a linear layer, and pass over other tensors"},
		&cli.StringFlag{Name: "output",
			Usage: "read the ONNX graph up to the `VALUE` of that name, or up to several as heads of one network: y1,y2"},
		&cli.BoolFlag{Name: "non-finite",
			Usage: "accept weights that are NaN or infinite"},
	}
}

// A modelChoice is what the flags say of a model file.
type modelChoice struct {
	options   []lstm.Option
	names     []string // the flags that are set and say what of a file is read
	lstms     []string // of -lstm
	outputs   []string // of -output
	nonFinite bool
	weights   weightChoice
}

// modelFlagsOf returns what the flags of cmd say.
func modelFlagsOf(cmd *cli.Command) (c modelChoice, err error) {
	name := func(flag string, option func(module string) lstm.Option) {
		if cmd.IsSet(flag) {
			c.names = append(c.names, flag)
			c.options = append(c.options, option(cmd.String(flag)))
		}
	}
	name("prefix", lstm.WithPrefix)
	name("lstm", func(modules string) lstm.Option { return lstm.WithLSTM(strings.Split(modules, ",")...) })
	name("head", lstm.WithHead)
	if cmd.IsSet("lstm") {
		c.lstms = strings.Split(cmd.String("lstm"), ",")
	}
	if cmd.IsSet("output") {
		if cmd.IsSet("lstm") {
			return c, commandline.NewUsageError(cmd, fmt.Errorf("-lstm and -output contradict each other"))
		}
		c.names, c.outputs = append(c.names, "output"), strings.Split(cmd.String("output"), ",")
	}
	if cmd.Bool("no-head") {
		if cmd.IsSet("head") {
			return c, commandline.NewUsageError(cmd, fmt.Errorf("-head and -no-head contradict each other"))
		}
		c.names = append(c.names, "no-head")
		c.options = append(c.options, lstm.WithoutHead())
	}
	if cmd.Bool("non-finite") {
		c.nonFinite = true
		c.options = append(c.options, lstm.WithNonFinite())
	}
	c.weights, err = weightFlagsOf(cmd)
	return c, err
}

// describeSource prints which tensors of its file a network was made from.
func describeSource(w io.Writer, m *model) {
	source := m.Source()
	fmt.Fprintf(w, "format\t%s\n", m.format.name)
	if !m.format.modules || source.LSTM == rtneural.Layers {
		fmt.Fprintf(w, "structure\twhich the file describes\n")
		if source.LSTM != "" {
			fmt.Fprintf(w, "LSTM\t%s\n", printable(source.LSTM, 100))
		}
		return
	}
	fmt.Fprintf(w, "LSTM\t%s\n", describeModule(source.LSTM))
	switch {
	case !m.HasHead():
		fmt.Fprintf(w, "head\tnone\n")
	case source.Head == "" && m.isStructured():
		fmt.Fprintf(w, "heads\t%d, which the file describes\n", len(m.model.Heads))
	default:
		fmt.Fprintf(w, "head\t%s\n", describeModule(source.Head))
	}
	if !m.isStructured() {
		fmt.Fprintf(w, "not shown\twhat has no parameters, such as an activation between modules: compare some outputs\n")
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
	for _, layer := range m.model.Layers {
		switch layer.(type) {
		case *lstm.Weights, *lstm.Bidirectional:
		default:
			return true
		}
	}
	for _, head := range m.model.Heads {
		d, ok := head.Layers[0].(*lstm.Linear)
		if !ok || len(head.Layers) > 1 || head.Name != "" || d.Format != lstm.Float32 && m.Source().Head == "" {
			return true
		}
	}
	return len(m.model.Heads) > 1
}

// describeModule warns of a module that is not the first of its Sequential: what
// is before it and has no parameters is not in the file.
func describeModule(name string) string {
	if name == "" {
		return "names without a prefix"
	}
	text := printable(name, 100)
	if strings.Contains(name, ", ") {
		return text + "; one stack, from the input up"
	}
	last := name[strings.LastIndexByte(name, '.')+1:]
	if place, err := strconv.ParseUint(last, 10, 64); err == nil && place > 0 {
		text += "; the number says that other modules precede it: an activation there would be missing here"
	}
	return text
}
