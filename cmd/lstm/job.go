package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"time"

	"example.com/lstm"
	"example.com/lstm/cmd/lstm/seattle"
)

// A job is one run of a network over a table.
type job struct {
	net     *lstm.Network
	state   *lstm.State
	columns *columns

	in    *inputFile
	out   *outputFile
	plot  *outputFile // nil for none
	chart plotFormat

	modelName string
	rows      *rowWriter
	scores    []*score // by output; nil where the truth is not in the table
	times     *stepTimes
}

// openJob opens all files and checks all that can be checked before the first
// row. Unless it returns an error, the file of the rows is empty afterwards; all
// other files are as they were.
func openJob(ctx context.Context, std streams, o runOptions) (_ *job, err error) {
	j := &job{times: newStepTimes(), modelName: modelName(o.model), chart: o.chart}
	if j.net, err = await(ctx, func() (*lstm.Network, error) { return openModel(o.model, o.modelOptions...) }); err != nil {
		return nil, err
	}
	j.state = j.net.NewState()
	layout, err := parseLayout(j.net.Metadata(), j.net.InputSize(), j.net.OutputSize())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", j.modelName, err)
	}
	if o.plot != "" && !layout.hasTruth() {
		return nil, fmt.Errorf("nothing to draw in %s: the metadata of %s names no truth for an output", o.plot, j.modelName)
	}
	defer func() {
		if err != nil {
			j.close()
		}
	}()
	if err := j.openFiles(ctx, std, o); err != nil {
		return nil, err
	}
	table, err := openTable(j.in.name, interruptible(ctx, j.in))
	if err != nil {
		return nil, err
	}
	if j.columns, err = bind(layout, j.net.InputSize(), table); err != nil {
		return nil, err
	}
	for i := range layout.outputs {
		var s *score
		if j.columns.truth[i] != absent {
			s = newScore(&layout.outputs[i], o.plot != "")
		}
		j.scores = append(j.scores, s)
	}
	if layout.inputs == nil && table.headerIsNumbers() {
		fmt.Fprintf(std.err, "lstm: note: the first row of %s is taken for its header, though it is all numbers\n", j.in.name)
	}
	if o.plot != "" && !j.hasTruth() {
		return nil, fmt.Errorf("nothing to draw in %s: %s has no column with the truth of an output", o.plot, j.in.name)
	}
	// What the file held goes when the table has turned out to be the right one.
	return j, j.out.replace()
}

func (j *job) openFiles(ctx context.Context, std streams, o runOptions) (err error) {
	in := o.in
	if in == "" {
		in = standardStream
	}
	if o.in == "" && o.model == "" {
		j.in = &inputFile{embeddedTable, bytes.NewReader(seattle.Data), nothing}
	} else if j.in, err = openInput(ctx, in, std.in); err != nil {
		return err
	}
	if j.out, err = openOutput(ctx, o.out, std.out); err != nil {
		return err
	}
	j.rows = newRowWriter(j.out)
	var files fileSet
	if o.model != "" {
		if info, err := os.Stat(o.model); err == nil {
			files.addRead("-model "+o.model, info)
		}
	}
	files.addRead("-in "+j.in.name, regularFile(j.in.Reader))
	files.addWritten("-out "+j.out.name, regularFile(j.out.Writer))
	if o.plot != "" {
		if j.plot, err = openOutput(ctx, o.plot, std.out); err != nil {
			return err
		}
		files.addWritten("-plot "+j.plot.name, regularFile(j.plot.Writer))
	}
	return files.checkDistinct()
}

// hasTruth tells whether the table has a truth to compare an output with.
func (j *job) hasTruth() bool {
	return slices.ContainsFunc(j.scores, func(s *score) bool { return s != nil })
}

func (j *job) close() error {
	var errs []error
	if j.in != nil {
		j.in.close() // it was only read
	}
	if j.out != nil {
		errs = append(errs, j.out.close())
	}
	if j.plot != nil {
		errs = append(errs, j.plot.close())
	}
	return errors.Join(errs...)
}

// forecast runs the network over the rows until they end, one of them is bad,
// or ctx is done.
func (j *job) forecast(ctx context.Context) error {
	if err := j.rows.write(j.columns.outputHeader()); err != nil {
		return err
	}
	var (
		outputs = j.columns.layout.outputs
		x       = make([]float32, j.net.InputSize())
		y       = make([]float32, j.net.OutputSize())
		now     = make([]reading, len(outputs))
		fields  []string
	)
	for {
		if ctx.Err() != nil {
			return errInterrupted
		}
		if err := j.columns.table.next(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		// All of the row is read before the network's state changes.
		if err := j.columns.readInputs(x); err != nil {
			return err
		}
		if err := j.columns.readTruth(now); err != nil {
			return err
		}

		start := time.Now()
		j.net.Step(j.state, x, y)
		j.times.add(time.Since(start))

		fields = j.columns.appendIndex(fields[:0])
		for i := range outputs {
			value := outputs[i].restore(y[i])
			fields = append(fields, strconv.FormatFloat(float64(value), 'g', -1, 32))
			if s := j.scores[i]; s != nil {
				s.add(j.columns.index(), now[i], float64(value), j.columns.evaluated())
			}
		}
		if err := j.rows.write(fields); err != nil {
			return err
		}
	}
}
