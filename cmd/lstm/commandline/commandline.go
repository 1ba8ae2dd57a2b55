// Package commandline is what the project's commands have in common: how they describe
// flags, what a mistake on the command line is, and the flags that say how weights are
// stored.
package commandline

import (
	"context"
	"io"
	"strings"

	"github.com/urfave/cli/v3"
)

// A FirstErrorWriter remembers the first error of writing to W.
type FirstErrorWriter struct {
	W   io.Writer
	Err error
}

func (f *FirstErrorWriter) Write(p []byte) (int, error) {
	n, err := f.W.Write(p)
	if f.Err == nil {
		f.Err = err
	}
	return n, err
}

// A UsageError is a command line that cannot be understood.
type UsageError struct {
	err           error
	Command, Text string // the command's name and how it is used
}

// NewUsageError makes err one of the use of cmd.
func NewUsageError(cmd *cli.Command, err error) error {
	return &UsageError{err, cmd.FullName(), cmd.UsageText}
}

func (e *UsageError) Error() string { return e.err.Error() }

// Unwrap returns what is wrong.
func (e *UsageError) Unwrap() error { return e.err }

// OnUsageError is a cli.OnUsageErrorFunc that makes UsageErrors.
func OnUsageError(_ context.Context, cmd *cli.Command, err error, _ bool) error {
	return NewUsageError(cmd, err)
}

// DescribeFlag is a flag's line in the help text. Flags are shown with one
// dash, as in the documentation and as the go command has them; two work too.
func DescribeFlag(f cli.Flag) string {
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
