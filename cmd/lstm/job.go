package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"example.com/lstm/cmd/lstm/seattle"
)

// A job is one run of a network over a table.
type job struct {
	model   *model
	columns *columns

	in    *inputFile
	out   *outputFile
	plot  *outputFile // nil for none
	chart plotFormat

	modelName string
	rows      *rowWriter
	fields    []string // of the row being written
	scores    []*score // by output; nil where the truth is not in the table
	times     *stepTimes
	whole     time.Duration // of a whole sequence
}

// openJob opens all files and checks all that can be checked before the first
// row. Unless it returns an error, the file of the rows is empty afterwards; all
// other files are as they were.
func openJob(ctx context.Context, std streams, o runOptions) (_ *job, err error) {
	j := &job{times: newStepTimes(), modelName: modelName(o.model), chart: o.chart}
	if j.model, err = await(ctx, func() (*model, error) { return openModel(o.model, o.modelChoice) }); err != nil {
		return nil, err
	}
	layout, err := parseLayout(j.model.Metadata(), j.model.InputSize(), j.model.OutputSize())
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
	if j.columns, err = bind(layout, j.model.InputSize(), table); err != nil {
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
	if j.in, err = openRows(ctx, std, o.model, o.in); err != nil {
		return err
	}
	if j.out, err = openOutput(ctx, o.out, std.out); err != nil {
		return err
	}
	j.rows = newRowWriter(j.out)
	var files fileSet
	files.addModel(o.model)
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

// openRows opens the file in, or the embedded table if neither that nor a model is
// given.
func openRows(ctx context.Context, std streams, model, in string) (*inputFile, error) {
	switch {
	case in != "":
		return openInput(ctx, in, std.in)
	case model == "":
		return &inputFile{embeddedTable, bytes.NewReader(seattle.Data), nothing}, nil
	}
	return openInput(ctx, standardStream, std.in)
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
