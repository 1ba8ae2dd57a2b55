package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v3"

	"example.com/lstm/cmd/lstm/commandline"
)

// The exit codes, as shells and other tools use them.
const (
	exitFailure     = 1
	exitUsage       = 2
	exitInterrupted = 128 + 2  // SIGINT is signal 2
	exitTerminated  = 128 + 15 // SIGTERM is signal 15
)

// streams are the standard streams of one execution, so that tests can bring
// their own.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// execute runs the command line args, whose first element is the program's
// name, and returns the exit code.
func execute(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRootCommand(streams{stdin, stdout, stderr})
	// The library that prints the help does not say if that fails.
	help := &commandline.FirstErrorWriter{W: stdout}
	root.Writer = help
	err := root.Run(ctx, args)
	if err == nil && help.Err != nil {
		err = fmt.Errorf("writing to standard output: %w", help.Err)
	}
	if err == nil {
		return 0
	}
	// The package's errors begin with its name, which is the command's too.
	fmt.Fprintf(stderr, "lstm: %s\n", strings.TrimPrefix(err.Error(), "lstm: "))
	var usage *commandline.UsageError
	switch {
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "\nusage: %s\n       %s -h explains\n", usage.Text, usage.Command)
		return exitUsage
	case errors.Is(err, errInterrupted):
		if errors.Is(context.Cause(ctx), errTerminated) {
			return exitTerminated
		}
		return exitInterrupted
	}
	return exitFailure
}

func newRootCommand(std streams) *cli.Command {
	cli.FlagStringer = commandline.DescribeFlag
	return &cli.Command{
		Name:      "lstm",
		Usage:     "run trained LSTM networks over tables of numbers",
		UsageText: "lstm COMMAND [FLAGS]",
		Commands: []*cli.Command{
			newRunCommand(std),
			newInfoCommand(std),
			newConvertCommand(),
			newAccuracyCommand(std),
			newBenchCommand(std),
			newVerifyCommand(std),
		},
		Action: func(_ context.Context, cmd *cli.Command) error {
			if cmd.Args().Present() {
				return commandline.NewUsageError(cmd, fmt.Errorf("unknown command %q", cmd.Args().First()))
			}
			return cli.ShowRootCommandHelp(cmd)
		},
		OnUsageError:    commandline.OnUsageError,
		HideHelpCommand: true,
		// The exit code is execute's to choose: the library's own handler
		// would end the process from within a test.
		ExitErrHandler: func(context.Context, *cli.Command, error) {},
		ErrWriter:      std.err,
	}
}
