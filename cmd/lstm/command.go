package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v3"
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
	help := &firstErrorWriter{w: stdout}
	root.Writer = help
	err := root.Run(ctx, args)
	if err == nil && help.err != nil {
		err = fmt.Errorf("writing to standard output: %w", help.err)
	}
	if err == nil {
		return 0
	}
	// The package's errors begin with its name, which is the command's too.
	fmt.Fprintf(stderr, "lstm: %s\n", strings.TrimPrefix(err.Error(), "lstm: "))
	var usage *usageError
	switch {
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "\nusage: %s\n       %s -h explains\n", usage.text, usage.command)
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
	cli.FlagStringer = describeFlag
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
				return newUsageError(cmd, fmt.Errorf("unknown command %q", cmd.Args().First()))
			}
			return cli.ShowRootCommandHelp(cmd)
		},
		OnUsageError:    onUsageError,
		HideHelpCommand: true,
		// The exit code is execute's to choose: the library's own handler
		// would end the process from within a test.
		ExitErrHandler: func(context.Context, *cli.Command, error) {},
		ErrWriter:      std.err,
	}
}

// A firstErrorWriter remembers the first error of writing to w.
type firstErrorWriter struct {
	w   io.Writer
	err error
}

func (f *firstErrorWriter) Write(p []byte) (int, error) {
	n, err := f.w.Write(p)
	if f.err == nil {
		f.err = err
	}
	return n, err
}

// A usageError is a command line that cannot be understood.
type usageError struct {
	err           error
	command, text string // the command's name and how it is used
}

func newUsageError(cmd *cli.Command, err error) error {
	return &usageError{err, cmd.FullName(), cmd.UsageText}
}

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func onUsageError(_ context.Context, cmd *cli.Command, err error, _ bool) error {
	return newUsageError(cmd, err)
}

// describeFlag is a flag's line in the help text. Flags are shown with one
// dash, as in the documentation and as the go command has them; two work too.
func describeFlag(f cli.Flag) string {
	name := f.Names()[0]
	usage := f.(cli.DocGenerationFlag).GetUsage()
	// The value's name is the word in backquotes, as in package flag.
	if _, rest, ok := strings.Cut(usage, "`"); ok {
		value, _, _ := strings.Cut(rest, "`")
		name += " " + value
		usage = strings.ReplaceAll(usage, "`", "")
	}
	return "-" + name + "\t" + usage
}
