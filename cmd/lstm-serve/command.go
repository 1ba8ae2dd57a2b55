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
	exitFailure = 1
	exitUsage   = 2
)

// streams are the standard streams of one execution, so that tests can bring
// their own.
type streams struct {
	out, err io.Writer
}

// execute runs the command line args, whose first element is the program's
// name, and returns the exit code. A server that ctx has ended, and that has
// stored its sequences, has done what it should: that is 0.
func execute(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRootCommand(streams{stdout, stderr})
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
	fmt.Fprintf(stderr, "lstm-serve: %s\n", strings.TrimPrefix(err.Error(), "lstm: "))
	var usage *usageError
	if errors.As(err, &usage) {
		fmt.Fprintf(stderr, "\nusage: %s\n       %s -h explains\n", usage.text, usage.command)
		return exitUsage
	}
	return exitFailure
}

func newRootCommand(std streams) *cli.Command {
	cli.FlagStringer = describeFlag
	root := newServeCommand(std)
	root.Commands = []*cli.Command{newLoadCommand(std)}
	root.HideHelpCommand = true
	// The exit code is execute's to choose: the library's own handler would end
	// the process from within a test.
	root.ExitErrHandler = func(context.Context, *cli.Command, error) {}
	root.ErrWriter = std.err
	return root
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
// dash, as the go command has them; two work too.
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
