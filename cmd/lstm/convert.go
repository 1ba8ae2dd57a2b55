package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v3"

	"example.com/lstm"
	"example.com/lstm/cmd/lstm/commandline"
	"example.com/lstm/formats/onnx"
)

// writers are the formats that are written, by the extensions of their files.
var writers = []struct {
	extension string
	write     func(w io.Writer, m *lstm.Model) error
}{
	{".safetensors", func(w io.Writer, m *lstm.Model) error { return m.Write(w) }},
	{".onnx", func(w io.Writer, m *lstm.Model) error { return onnx.Write(w, m) }},
}

func newConvertCommand() *cli.Command {
	return &cli.Command{
		Name:      "convert",
		Usage:     "write the network of a model file as another file",
		UsageText: "lstm convert [-weights FORMAT] [-prefix MODULE] [-lstm MODULES] [-head MODULE] IN OUT",
		Description: `Reads the network in the file IN, of any format that lstm run reads, and writes it to
OUT, whose extension says in which format: ` + extensions() + `. The numbers are those that
lstm run computes with.

With -weights float16 a .safetensors file is half as large, and with int8 a quarter; lstm
run then computes in that format, which is faster and less exact: lstm accuracy says by
how much. With -weights float32 a network is computed in float32 again, with the rounded
weights; other files than .safetensors hold no others.

OUT is written when the whole of IN has been read, and nothing is wrong with it.

Examples:
   lstm convert checkpoint.pt model.safetensors
   lstm convert model.safetensors model.onnx
   lstm convert -weights int8 model.safetensors small.safetensors
   lstm convert -prefix encoder -head fc networks.pt encoder.safetensors`,
		Flags:        append(modelFlags(), commandline.WeightFlags("")...),
		OnUsageError: commandline.OnUsageError,
		Action: func(ctx context.Context, cmd *cli.Command) error {
			if n := cmd.Args().Len(); n != 2 {
				return commandline.NewUsageError(cmd, fmt.Errorf("there are %d arguments, want the names of two files, IN and OUT", n))
			}
			in, out := cmd.Args().Get(0), cmd.Args().Get(1)
			if in == "" || out == "" {
				return commandline.NewUsageError(cmd, errors.New("an argument is empty, want the name of a file"))
			}
			write, err := writerOf(out)
			if err != nil {
				return commandline.NewUsageError(cmd, err)
			}
			choice, err := modelFlagsOf(cmd)
			if err != nil {
				return err
			}
			return convert(ctx, in, out, choice, write)
		},
	}
}

// extensions lists those of writers.
func extensions() string {
	var list []string
	for _, w := range writers {
		list = append(list, w.extension)
	}
	return strings.Join(list, " or ")
}

func writerOf(path string) (func(io.Writer, *lstm.Model) error, error) {
	extension := strings.ToLower(filepath.Ext(path))
	for _, w := range writers {
		if w.extension == extension {
			return w.write, nil
		}
	}
	return nil, fmt.Errorf("%s: its extension is %q, want %s", path, extension, extensions())
}

// convert writes the model in a file to another.
func convert(ctx context.Context, in, out string, choice modelChoice, write func(io.Writer, *lstm.Model) error) (err error) {
	m, err := await(ctx, func() (*lstm.Model, error) {
		m, _, err := readModel(in, choice)
		return m, err
	})
	if err != nil {
		return err
	}
	// What the format cannot say is known before the file is there.
	if err := write(io.Discard, m); err != nil {
		return inFile(in, err)
	}
	target, err := openOutput(ctx, out, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, target.close()) }()
	var files fileSet
	if info, err := os.Stat(in); err == nil {
		files.addRead(in, info)
	}
	files.addWritten(out, regularFile(target.Writer))
	if err := files.checkDistinct(); err != nil {
		return err
	}
	if err := target.replace(); err != nil {
		return err
	}
	return awaitDone(ctx, func() error { return write(target, m) })
}
