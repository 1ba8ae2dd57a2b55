package main

import (
	"context"
	"fmt"

	"github.com/schollz/progressbar/v3"
	"github.com/urfave/cli/v3"

	"example.com/lstm"
	"example.com/lstm/cmd/lstm/commandline"
	"example.com/lstm/internal/digest"
	"example.com/lstm/internal/exhaustive"
)

func newVerifyCommand(std streams) *cli.Command {
	var everything bool
	return &cli.Command{
		Name:      "verify",
		Usage:     "prove that this machine computes the bits that all others do",
		UsageText: "lstm verify [-exhaustive]",
		Description: `Computes hundreds of cases on every path that this machine has, with weights in every
format, and compares their digests with those of the contract, which are part of the
program. A few seconds.

With -exhaustive it also tries the sigmoid, the hyperbolic tangent, ELU and
softplus with all 2^32 inputs, NaNs included: the same bits on every path, an
error of less than one unit in the last place, monotone, within their range,
tanh odd. That takes minutes of all processors.

The first difference ends it with an error that names the case and the number.

Examples:
   lstm verify
   lstm verify -exhaustive
   GODEBUG=cpu.avx512f=off lstm verify    as if the CPU had less`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "exhaustive", Destination: &everything,
				Usage: "try the activations with all inputs there are"},
		},
		OnUsageError: commandline.OnUsageError,
		Action: func(ctx context.Context, cmd *cli.Command) error {
			if cmd.Args().Present() {
				return commandline.NewUsageError(cmd, fmt.Errorf("unexpected argument %q", cmd.Args().First()))
			}
			return awaitDone(ctx, func() error {
				if err := verifyDigests(std); err != nil || !everything {
					return err
				}
				return verifyActivations(ctx, std)
			})
		},
	}
}

// verifyDigests prints a line for each path.
func verifyDigests(std streams) error {
	for _, path := range lstm.Paths() {
		if err := digest.Verify(path); err != nil {
			return fmt.Errorf("path %s: %w", path, err)
		}
		if _, err := fmt.Fprintf(std.out, "%-8s %s as in the table of contract %d\n", path, count(len(digest.Table()), "case"), lstm.Contract); err != nil {
			return err
		}
	}
	return nil
}

// verifyActivations prints a line for each function.
func verifyActivations(ctx context.Context, std streams) error {
	for _, f := range exhaustive.Functions {
		bar := progressbar.NewOptions64(exhaustive.Inputs,
			progressbar.OptionSetWriter(std.err),
			progressbar.OptionSetVisibility(isTerminal(std.err)),
			progressbar.OptionSetDescription(f.Name),
			progressbar.OptionClearOnFinish(),
		)
		result, err := f.Verify(ctx, lstm.Paths(), func(inputs int) {
			_ = bar.Add(inputs) // a terminal that is gone is no reason to stop
		})
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(std.out, "%-8s all 2^32 inputs: the same bits on every path, monotone, at most %.4f ulp from the exact value, at %x\n",
			f.Name, result.Ulps, result.At)
		if err != nil {
			return err
		}
	}
	return nil
}
