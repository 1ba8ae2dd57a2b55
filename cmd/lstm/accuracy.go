package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/schollz/progressbar/v3"
	"github.com/urfave/cli/v3"

	"example.com/lstm"
	"example.com/lstm/cmd/lstm/commandline"
)

func newAccuracyCommand(std streams) *cli.Command {
	var o accuracyOptions
	return &cli.Command{
		Name:      "accuracy",
		Usage:     "say how much less exact a network is with smaller weights",
		UsageText: "lstm accuracy [-model FILE] [-in FILE] [-weights FORMAT] [-input-bits BITS] [-plot FILE]",
		Description: `Runs the network over the rows of a CSV file with its weights as float32, as float16
and as int8, or only as -weights says, and compares: the root mean square and the
largest difference of the outputs from those of float32, all rows and outputs together
and in the units of the rows that lstm run writes, and what becomes of the forecast
error where the table has the truth. Then each layer alone is in the format, int8 if
-weights does not say, and all others are float32: the layers that cost most come first.

Rows are those of lstm run, and so are the embedded model and data. All are kept in
memory.

Examples:
   lstm accuracy                          the embedded model and data
   lstm accuracy -model m.safetensors -in a.csv
   lstm accuracy -model m.safetensors -in a.csv -weights int8 -plot a.svg`,
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "model", Destination: &o.model,
				Usage: "run the network in `FILE`, of any format that lstm run reads"},
			&cli.StringFlag{Name: "in", Destination: &o.in,
				Usage: "read rows from `FILE`, - for standard input"},
			&cli.StringFlag{Name: "plot", Destination: &o.plot,
				Usage: "draw the differences in `FILE`, .svg or .png"},
		}, append(modelFlags(), commandline.WeightFlags("")...)...),
		OnUsageError: commandline.OnUsageError,
		Action: func(ctx context.Context, cmd *cli.Command) (err error) {
			if cmd.Args().Present() {
				return commandline.NewUsageError(cmd, fmt.Errorf("unexpected argument %q", cmd.Args().First()))
			}
			for _, flag := range []string{"model", "in", "plot"} {
				if cmd.IsSet(flag) && cmd.String(flag) == "" {
					return commandline.NewUsageError(cmd, fmt.Errorf("-%s is empty, want the name of a file", flag))
				}
			}
			if o.modelChoice, err = modelFlagsOf(cmd); err != nil {
				return err
			}
			if o.plot != "" {
				if o.chart, err = plotFormatOf(o.plot); err != nil {
					return commandline.NewUsageError(cmd, err)
				}
			}
			return runAccuracy(ctx, std, o)
		},
	}
}

// accuracyOptions are the flags of lstm accuracy; one that is not given is "".
type accuracyOptions struct {
	model, in, plot string
	chart           plotFormat // of plot
	modelChoice     modelChoice
}

// compared are the formats to compare, and in which of them each layer is looked at
// alone.
func (o *accuracyOptions) compared(m *lstm.Model) (all []weightChoice, alone weightChoice) {
	w := o.modelChoice.weights
	if w.format != nil {
		return []weightChoice{w}, w
	}
	half, whole := lstm.Float16, lstm.Int8
	alone = weightChoice{&whole, w.inputBits}
	all = []weightChoice{{format: &half}, alone}
	if readsInput(m) && w.inputBits == 0 {
		all = append(all, weightChoice{&whole, 7})
	}
	return all, alone
}

// readsInput reports whether an LSTM layer reads the input of the network, which has
// 14 bits there if not told.
func readsInput(m *lstm.Model) bool {
	_, isLSTM := m.Layers[0].(*lstm.Weights)
	return isLSTM || isBidirectional(m.Layers[0])
}

func runAccuracy(ctx context.Context, std streams, o accuracyOptions) (err error) {
	choice := o.modelChoice
	choice.weights = weightChoice{} // of the comparison, not of the model
	m, err := await(ctx, func() (*model, error) { return openModel(o.model, choice) })
	if err != nil {
		return err
	}
	plot, in, err := o.openFiles(ctx, std)
	if err != nil {
		return err
	}
	defer func() {
		in.close() // it was only read
		if plot != nil {
			err = errors.Join(err, plot.close())
		}
	}()
	s, err := readSample(ctx, m, modelName(o.model), in)
	if err != nil {
		return err
	}
	formats, alone := o.compared(m.model)
	layers := places(m.model)

	bar := progressbar.NewOptions(s.count()*(1+len(formats)+len(layers)),
		progressbar.OptionSetWriter(std.err),
		progressbar.OptionSetVisibility(isTerminal(std.err)),
		progressbar.OptionSetDescription("comparing"),
		progressbar.OptionClearOnFinish(),
	)
	c, err := s.compare(ctx, m.model, formats, alone, func(rows int) {
		_ = bar.Add(rows) // a terminal that is gone is no reason to stop
	})
	if errors.Is(err, errInterrupted) {
		return err
	} else if err != nil {
		return fmt.Errorf("%s: %w", modelName(o.model), err)
	}
	_ = bar.Finish()
	if plot != nil {
		if err := plot.draw(ctx, o.chart, c.charts()); err != nil {
			return err
		}
	}
	return c.write(std.out, modelName(o.model))
}

// openFiles opens the table, and the plot if there is one.
func (o *accuracyOptions) openFiles(ctx context.Context, std streams) (plot *outputFile, in *inputFile, err error) {
	if in, err = openRows(ctx, std, o.model, o.in); err != nil || o.plot == "" {
		return nil, in, err
	}
	if plot, err = openOutput(ctx, o.plot, std.out); err != nil {
		in.close()
		return nil, nil, err
	}
	var files fileSet
	files.addModel(o.model)
	files.addRead("-in "+in.name, regularFile(in.Reader))
	files.addWritten("-plot "+plot.name, regularFile(plot.Writer))
	if err := files.checkDistinct(); err != nil {
		in.close()
		return nil, nil, errors.Join(err, plot.close())
	}
	return plot, in, nil
}
