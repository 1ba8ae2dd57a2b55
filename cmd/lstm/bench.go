package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/urfave/cli/v3"
	"golang.org/x/term"

	"example.com/lstm"
	"example.com/lstm/cmd/lstm/commandline"
	"example.com/lstm/internal/bench"
	"example.com/lstm/internal/dispatch"
)

func newBenchCommand(std streams) *cli.Command {
	var o benchOptions
	return &cli.Command{
		Name:      "bench",
		Usage:     "measure this machine, and the package on it",
		UsageText: "lstm bench [-time DURATION] [-json FILE] [-svg FOLDER] [-png FOLDER]\n       lstm bench -from FILE [-json FILE] [-svg FOLDER] [-png FOLDER]\n       lstm bench -page FILE",
		Description: `Times steps, sequences, batches and activations on every path, over layers from
(1, 8) to (1024, 1024), beside what limits them: loads of as many bytes as the
weights, multiply-adds that wait for nothing, and the clock. All of it alternates,
in slices of 60 µs, of which the median and the minimum are kept: a figure means
something as a ratio to a peak of the same run, less as a time. What a change of the
code changes, scripts/compare shows.

Examples:
   lstm bench                             a minute, and tables
   lstm bench -json new.json -svg charts  keep the figures, draw them
   lstm bench -from new.json -svg charts  draw what was measured before
   lstm bench -page docs/benchmarks.md    renew the tables of a page

Pinned to one core (taskset -c 1 lstm bench), the figures are quieter.`,
		Flags: []cli.Flag{
			&cli.DurationFlag{Name: "time", Destination: &o.time, Value: time.Minute,
				Usage: "measure for about `DURATION`, a minute if not given"},
			&cli.StringFlag{Name: "json", Destination: &o.json,
				Usage: "write the figures to `FILE`, - for standard output, which then has no tables"},
			&cli.StringFlag{Name: "svg", Destination: &o.svg,
				Usage: "draw charts in `FOLDER`, as .svg"},
			&cli.StringFlag{Name: "png", Destination: &o.png,
				Usage: "draw charts in `FOLDER`, as .png"},
			&cli.StringFlag{Name: "page", Destination: &o.page,
				Usage: "do not measure, renew the tables in the Markdown `FILE` from the reports it names"},
			&cli.StringFlag{Name: "from", Destination: &o.from,
				Usage: "do not measure, read the figures from `FILE`"},
		},
		OnUsageError: commandline.OnUsageError,
		Action: func(ctx context.Context, cmd *cli.Command) error {
			if cmd.Args().Present() {
				return commandline.NewUsageError(cmd, fmt.Errorf("unexpected argument %q", cmd.Args().First()))
			}
			for _, flag := range cmd.LocalFlagNames() {
				if flag != "time" && cmd.String(flag) == "" {
					return commandline.NewUsageError(cmd, fmt.Errorf("-%s is empty, want a name", flag))
				}
			}
			if o.time <= 0 {
				return commandline.NewUsageError(cmd, fmt.Errorf("-time is %s, want more than nothing", o.time))
			}
			if o.page != "" && len(cmd.LocalFlagNames()) > 1 {
				return commandline.NewUsageError(cmd, errors.New("-page stands alone: it shows the reports that the page names"))
			}
			if o.from != "" && cmd.IsSet("time") {
				return commandline.NewUsageError(cmd, errors.New("-time is of no use with -from, which does not measure"))
			}
			return runBench(ctx, std, o)
		},
	}
}

// benchOptions are the flags of lstm bench; one that is not given is "".
type benchOptions struct {
	time                       time.Duration
	json, svg, png, page, from string
}

func runBench(ctx context.Context, std streams, o benchOptions) error {
	if o.page != "" {
		return awaitDone(ctx, func() error { return fillPage(o.page) })
	}
	// What can be wrong with the files is found before anything is measured.
	for _, folder := range []string{o.svg, o.png} {
		if folder != "" {
			if err := prepareFolder(folder); err != nil {
				return err
			}
		}
	}
	var json *outputFile
	if o.json != "" {
		var err error
		if json, err = openOutput(ctx, o.json, std.out); err != nil {
			return err
		}
		defer json.close()
	}
	report, err := await(ctx, func() (*bench.Report, error) { return o.report(ctx, std) })
	if err != nil {
		return err
	}
	if json != nil {
		if err := errors.Join(json.replace(), report.Write(json), json.close()); err != nil {
			return err
		}
	}
	for format, folder := range map[plotFormat]string{formatSVG: o.svg, formatPNG: o.png} {
		if folder != "" {
			if err := drawBenchCharts(folder, format, report); err != nil {
				return err
			}
		}
	}
	if o.json == standardStream {
		return nil
	}
	if _, err := fmt.Fprintln(std.out, report.Heading()); err != nil {
		return err
	}
	for _, t := range report.Tables() {
		if err := t.WriteText(std.out); err != nil {
			return err
		}
	}
	return nil
}

// report measures, or reads what has been measured.
func (o *benchOptions) report(ctx context.Context, std streams) (*bench.Report, error) {
	if o.from != "" {
		return readReport(o.from)
	}
	best := lstm.Path()
	defer func() { _ = dispatch.Set(best) }() // it was set before
	groups, err := bench.Suite(bench.Shapes, lstm.Paths())
	if err != nil {
		return nil, err
	}
	report := bench.NewReport()
	bar := progressbar.NewOptions(1,
		progressbar.OptionSetWriter(std.err),
		progressbar.OptionSetVisibility(isTerminal(std.err)),
		progressbar.OptionSetDescription("measuring"),
		progressbar.OptionClearOnFinish(),
	)
	err = bench.Measure(ctx, groups, o.time, func(done, iterations int) {
		bar.ChangeMax(iterations)
		_ = bar.Set(done) // a terminal that is gone is no reason to stop
	})
	if err != nil {
		return nil, err
	}
	report.Add(groups)
	_ = dispatch.Set(best)
	if err := report.AddMemory(bench.Shapes); err != nil {
		return nil, err
	}
	report.Finish()
	return report, nil
}

// fillPage renews the tables of a page.
func fillPage(path string) error {
	page, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	filled, err := bench.FillPage(page, func(name string) (*bench.Report, error) {
		return readReport(filepath.Join(filepath.Dir(path), filepath.FromSlash(name)))
	})
	if err != nil {
		return fmt.Errorf("renewing %s: %w", path, err)
	}
	return os.WriteFile(path, filled, 0o666)
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func readReport(path string) (*bench.Report, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	report, err := bench.Read(f)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return report, nil
}

// writeFileWith makes the file and has it written.
func writeFileWith(path string, write func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Close())
}

// prepareFolder makes a folder, if it is not there, and tries to write to it.
func prepareFolder(folder string) error {
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return err
	}
	f, err := os.CreateTemp(folder, "lstm-bench-*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// drawBenchCharts draws the charts of a report in a folder.
func drawBenchCharts(folder string, format plotFormat, report *bench.Report) error {
	for _, chart := range benchCharts(report) {
		path := filepath.Join(folder, chart.name+string(format))
		err := writeFileWith(path, func(w io.Writer) error { return writeCharts(w, format, chart.plots) })
		if err != nil {
			return err
		}
	}
	return nil
}
