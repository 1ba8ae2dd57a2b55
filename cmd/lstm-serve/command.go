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
	help := &commandline.FirstErrorWriter{W: stdout}
	root.Writer = help
	err := root.Run(ctx, args)
	if err == nil && help.Err != nil {
		err = fmt.Errorf("writing to standard output: %w", help.Err)
	}
	if err == nil {
		return 0
	}
	fmt.Fprintf(stderr, "lstm-serve: %s\n", strings.TrimPrefix(err.Error(), "lstm: "))
	var usage *commandline.UsageError
	if errors.As(err, &usage) {
		fmt.Fprintf(stderr, "\nusage: %s\n       %s -h explains\n", usage.Text, usage.Command)
		return exitUsage
	}
	return exitFailure
}

func newRootCommand(std streams) *cli.Command {
	cli.FlagStringer = commandline.DescribeFlag
	root := newServeCommand(std)
	root.Commands = []*cli.Command{newLoadCommand(std)}
	root.HideHelpCommand = true
	// The exit code is execute's to choose: the library's own handler would end
	// the process from within a test.
	root.ExitErrHandler = func(context.Context, *cli.Command, error) {}
	root.ErrWriter = std.err
	return root
}
