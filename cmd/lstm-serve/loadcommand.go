package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/urfave/cli/v3"

	"example.com/lstm/cmd/lstm-serve/internal/load"
	"example.com/lstm/cmd/lstm/commandline"
)

// loadOptions are the flags of lstm-serve load; a name that is not given is "".
type loadOptions struct {
	target             string
	model, random      string
	address, name      string
	tokenFile, tlsCA   string
	workers, batchSize int
	calls              int
	rates              []load.Rate
	generator          load.Options
	svg, json          string
}

// targets are what -target may be.
var targets = []string{"direct", "process", "grpc", "grpc-unary", "rest", "rest-json"}

func newLoadCommand(std streams) *cli.Command {
	var o loadOptions
	g := &o.generator
	return &cli.Command{
		Name:      "load",
		Usage:     "put load on a server, and measure latency",
		UsageText: "lstm-serve load [-target TARGET] [-rate RATES] [FLAGS]\n       lstm-serve load -address ADDRESS -name MODEL [FLAGS]",
		Description: `Sends requests of many sequences at times that a schedule has, whatever has become of
those before, and counts latency from when each was due (an open loop). Without -address
the server is in this process, with the model that is part of it; TARGET is how much of
it is used:
   direct       package batch alone
   process      the server without its front ends
   grpc         streams of gRPC, each connection one
   grpc-unary   calls of gRPC
   rest         REST, tensors as bytes
   rest-json    REST, tensors as numbers in JSON

RATES are requests a second: 5000, or max for as many as are answered while -in-flight
are on their way, or 50% of that; several with commas, or 10%..90%/9 for nine with equal
ratios. STEPS are whole numbers with probabilities: 1,8:0.1,100:0.01 is 100 once in a
hundred times, 8 once in ten, and else 1.

The table has percentiles of latency, and how late requests were sent (lag): the
generator's own part, since it shares the processors with the server. Errors and wrong
answers make the exit code 1.

Examples:
   lstm-serve load -random 64,64 -rate 10%..90%/9 -svg curve.svg
   lstm-serve load -target direct -random 64,64 -sequences 10000 -rate 50%
   lstm-serve load -address localhost:8001 -name seattle -rate 2000 -time 1m`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "target", Destination: &o.target, Value: "grpc",
				Usage: "put load on `TARGET`, by default grpc"},
			&cli.StringFlag{Name: "model", Destination: &o.model,
				Usage: "serve the model in `FILE`, by default the weather model that is part of the program"},
			&cli.StringFlag{Name: "random", Destination: &o.random,
				Usage: "serve a model of random weights, of `SIZES` such as 64,64: of the input, and of each layer"},
			&cli.StringFlag{Name: "address", Destination: &o.address,
				Usage: "do not serve, but use the server at `ADDRESS`"},
			&cli.StringFlag{Name: "name", Destination: &o.name, Value: "seattle",
				Usage: "use the model `NAME` of that server, by default seattle"},
			&cli.StringFlag{Name: "token-file", Destination: &o.tokenFile,
				Usage: "send that server the token in `FILE`"},
			&cli.StringFlag{Name: "tls-ca", Destination: &o.tlsCA,
				Usage: "speak TLS with that server, whose certificate one of those in `FILE`, PEM, has signed"},
			&cli.IntFlag{Name: "workers", Destination: &o.workers,
				Usage: "compute `N` batches at the same time, by default one on each processor"},
			&cli.IntFlag{Name: "batch-size", Destination: &o.batchSize,
				Usage: "take the steps of at most `N` sequences together, by default 8"},

			&cli.StringFlag{Name: "rate", Value: "1000",
				Usage: "send `RATES` of requests, by default 1000 a second"},
			&cli.BoolFlag{Name: "constant", Destination: &g.Constant,
				Usage: "send requests at equal distances, instead of as a Poisson process"},
			&cli.IntFlag{Name: "sequences", Destination: &g.Sequences, Value: 1000,
				Usage: "have `N` sequences at a time, by default 1000"},
			&cli.StringFlag{Name: "length", Value: "1000",
				Usage: "end a sequence after `STEPS` and begin another, by default 1000"},
			&cli.StringFlag{Name: "steps", Value: "1",
				Usage: "send `STEPS` with a request, by default 1"},
			&cli.BoolFlag{Name: "unnumbered",
				Usage: "send steps without numbers, and nothing again"},
			&cli.IntFlag{Name: "connections", Destination: &g.Lanes, Value: 2,
				Usage: "send over `N` connections, by default 2"},
			&cli.IntFlag{Name: "in-flight", Destination: &g.InFlight, Value: 256,
				Usage: "with rate max, have `N` requests on their way, by default 256"},
			&cli.IntFlag{Name: "calls", Destination: &o.calls, Value: 128,
				Usage: "have at most `N` calls at a time on a connection, by default 128, with grpc-unary and REST"},
			&cli.BoolFlag{Name: "spin", Destination: &g.Spin,
				Usage: "send requests when they are due to the microsecond, at the price of a busy processor"},

			&cli.DurationFlag{Name: "warm-up", Destination: &g.WarmUp, Value: 2 * time.Second,
				Usage: "do not count requests of the first `TIME` of each rate, by default 2s"},
			&cli.DurationFlag{Name: "time", Destination: &g.Time, Value: 10 * time.Second,
				Usage: "measure each rate for `TIME`, by default 10s"},
			&cli.DurationFlag{Name: "retry", Destination: &g.Retry, Value: 5 * time.Second,
				Usage: "send requests again that the server could not take, for `TIME`, by default 5s"},
			&cli.Uint64Flag{Name: "seed", Destination: &g.Seed, Value: 1,
				Usage: "begin all that is random with `SEED`, by default 1"},

			&cli.StringFlag{Name: "svg", Destination: &o.svg,
				Usage: "draw percentiles of latency in `FILE`: against load, or those of a single rate"},
			&cli.StringFlag{Name: "json", Destination: &o.json,
				Usage: "write what was measured to `FILE`, - for standard output, which then has no table"},
		},
		OnUsageError: commandline.OnUsageError,
		Action: func(ctx context.Context, cmd *cli.Command) error {
			if err := o.finish(cmd); err != nil {
				return commandline.NewUsageError(cmd, err)
			}
			return runLoad(ctx, std, &o)
		},
	}
}

// finish puts into o what the flags say and the library cannot, and returns what makes
// no sense.
func (o *loadOptions) finish(cmd *cli.Command) (err error) {
	if cmd.Args().Present() {
		return fmt.Errorf("unexpected argument %q", cmd.Args().First())
	}
	for _, flag := range []string{"model", "random", "address", "name", "token-file", "tls-ca", "svg", "json"} {
		if cmd.IsSet(flag) && cmd.String(flag) == "" {
			return fmt.Errorf("-%s is empty", flag)
		}
	}
	if !slices.Contains(targets, o.target) {
		return fmt.Errorf("-target is %q, want one of %v", o.target, targets)
	}
	if o.model != "" && o.random != "" {
		return errors.New("-model and -random are two models, want one")
	}
	ours, theirs := []string{"model", "random", "workers", "batch-size"}, []string{"name", "token-file", "tls-ca"}
	if o.address == "" {
		for _, flag := range theirs {
			if cmd.IsSet(flag) {
				return fmt.Errorf("-%s is of no use without -address", flag)
			}
		}
	} else {
		for _, flag := range ours {
			if cmd.IsSet(flag) {
				return fmt.Errorf("-%s is of no use with -address, whose server has its own", flag)
			}
		}
		if o.target == "direct" || o.target == "process" {
			return fmt.Errorf("-target %s is of no use with -address", o.target)
		}
	}
	if o.calls < 1 {
		return fmt.Errorf("-calls is %d, want at least 1", o.calls)
	}
	for _, flag := range []string{"workers", "batch-size"} {
		if cmd.IsSet(flag) && cmd.Int(flag) < 1 {
			return fmt.Errorf("-%s is %d, want at least 1", flag, cmd.Int(flag))
		}
	}
	g := &o.generator
	g.Numbered = !cmd.Bool("unnumbered")
	if o.rates, err = load.ParseRates(cmd.String("rate")); err != nil {
		return fmt.Errorf("-rate: %w", err)
	}
	if g.Lengths, err = load.ParseDistribution(cmd.String("length")); err != nil {
		return fmt.Errorf("-length: %w", err)
	}
	if g.Steps, err = load.ParseDistribution(cmd.String("steps")); err != nil {
		return fmt.Errorf("-steps: %w", err)
	}
	return g.Check()
}

func runLoad(ctx context.Context, std streams, o *loadOptions) (err error) {
	// What can be wrong with the files is found before anything is measured.
	for _, path := range []string{o.svg, o.json} {
		if path != "" && path != "-" {
			f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o666)
			if err != nil {
				return err
			}
			f.Close()
		}
	}
	target, report, closeTarget, err := o.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeTarget()) }()
	g, err := load.New(ctx, target, o.generator)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.Close()) }()
	report.Describe(target, &o.generator)
	report.Results = load.RunAll(ctx, g, o.rates, func(now string) { fmt.Fprintln(std.err, now) })
	if err := o.write(std.out, report); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return errors.New("interrupted, and has written what there was")
	}
	return nil
}

// write writes what was measured, and returns an error if requests had one.
func (o *loadOptions) write(out io.Writer, report *load.Report) error {
	switch o.json {
	case "":
	case "-":
		if err := report.WriteJSON(out); err != nil {
			return err
		}
	default:
		if err := writeFile(o.json, report.WriteJSON); err != nil {
			return err
		}
	}
	if o.json != "-" {
		if err := report.WriteText(out); err != nil {
			return err
		}
	}
	if o.svg != "" {
		if err := writeFile(o.svg, report.WriteSVG); err != nil {
			return err
		}
	}
	failed := uint64(0)
	for _, r := range report.Results {
		failed += r.Failed()
	}
	if failed > 0 {
		return fmt.Errorf("%d requests had errors", failed)
	}
	return nil
}

func writeFile(path string, write func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Close())
}
