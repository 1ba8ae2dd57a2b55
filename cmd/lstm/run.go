package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v3"

	"example.com/lstm/cmd/lstm/commandline"
)

func newRunCommand(std streams) *cli.Command {
	var o runOptions
	return &cli.Command{
		Name:      "run",
		Usage:     "run a network over the rows of a table",
		UsageText: "lstm run [-model FILE] [-in FILE] [-out FILE] [-plot FILE] [-weights FORMAT]",
		Description: `Reads a CSV file with a header, runs the network over its rows as one sequence,
and writes a row of outputs for every row of inputs as soon as that has come, so
that it can stand in a pipe. A summary goes to standard error.

A network with layers that run in reverse, as bidirectional ones do, needs the last
row for its first output: all rows are read before any is written.

Without -model it is the embedded model, which forecasts tomorrow's highest
temperature in Seattle. Without -model and -in it runs over embedded
measurements; without -in alone it reads standard input.

Which columns are the inputs, their scale, and which column holds the truth, is
in the model file's metadata. A model without it takes all columns, in their
order, as they are, and its outputs are the columns y0, y1, and so on.

A row that is empty or has too few or too many fields, or a field that is not a
finite number (NaN and Inf are not), ends the run with an error that names file,
line and column. The rows before it are written, unless all had to be read first.

Examples:
   lstm run                               the embedded model and data
   lstm run -out /dev/null -plot a.svg    truth and forecast as a picture
   lstm run -model m.safetensors -in a.csv -out b.csv
   lstm run -model m.safetensors -in a.csv -weights int8
   lstm run -model checkpoint.pt -prefix encoder -in a.csv
   tail -n +1 -f a.csv | lstm run -model m.safetensors | consumer`,
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "model", Destination: &o.model,
				Usage: "run the network in `FILE`: safetensors with PyTorch's names, a checkpoint of torch.save, ONNX, model.json of TensorFlow.js or RTNeural's JSON"},
			&cli.StringFlag{Name: "in", Destination: &o.in,
				Usage: "read rows from `FILE`, - for standard input"},
			&cli.StringFlag{Name: "out", Destination: &o.out, Value: standardStream,
				Usage: "write rows to `FILE`, by default - for standard output"},
			&cli.StringFlag{Name: "plot", Destination: &o.plot,
				Usage: "draw truth and forecast in `FILE`, .svg or .png; keeps all points in memory"},
		}, append(modelFlags(), commandline.WeightFlags("")...)...),
		OnUsageError: commandline.OnUsageError,
		Action: func(ctx context.Context, cmd *cli.Command) error {
			if cmd.Args().Present() {
				return commandline.NewUsageError(cmd, fmt.Errorf("unexpected argument %q", cmd.Args().First()))
			}
			for _, flag := range []string{"model", "in", "out", "plot"} {
				if cmd.IsSet(flag) && cmd.String(flag) == "" {
					return commandline.NewUsageError(cmd, fmt.Errorf("-%s is empty, want the name of a file", flag))
				}
			}
			var err error
			if o.modelChoice, err = modelFlagsOf(cmd); err != nil {
				return err
			}
			if o.plot != "" {
				if o.chart, err = plotFormatOf(o.plot); err != nil {
					return commandline.NewUsageError(cmd, err)
				}
			}
			return run(ctx, std, o)
		},
	}
}

// runOptions are the flags of lstm run; a flag that is not given is "".
type runOptions struct {
	model, in, out, plot string
	chart                plotFormat // of plot
	modelChoice          modelChoice
}

// run does what lstm run does: forecasts as far as the rows go, and then says
// what came of it, whether they ended well or not.
func run(ctx context.Context, std streams, o runOptions) error {
	job, err := openJob(ctx, std, o)
	if err != nil {
		return err
	}
	err = job.forecast(ctx)
	fmt.Fprint(std.err, job.summary())
	if job.plot != nil && (err == nil || job.hasPoints()) {
		err = errors.Join(err, job.drawPlot(ctx))
	}
	return errors.Join(err, job.close())
}
