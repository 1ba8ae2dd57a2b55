package main

import (
	"context"
	"io"
	"strconv"
	"time"
)

// A row is what is needed of a row of the table once its output is known.
type row struct {
	index     string
	now       []reading // the truth columns, by output
	evaluated bool
}

// forecast runs the network over the rows until they end, one of them is bad,
// or ctx is done.
func (j *job) forecast(ctx context.Context) error {
	if err := j.rows.write(j.columns.outputHeader()); err != nil {
		return err
	}
	if j.model.stream != nil {
		return j.forecastStream(ctx)
	}
	return j.forecastWhole(ctx)
}

// forecastStream writes an output for each row as soon as that has come.
func (j *job) forecastStream(ctx context.Context) error {
	var (
		net   = j.model.stream
		state = net.NewState()
		x     = make([]float32, net.InputSize())
		y     = make([]float32, net.OutputSize())
		r     = j.columns.newRow()
	)
	for {
		// All of the row is read before the network's state changes.
		if err := j.columns.read(ctx, x, &r); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		start := time.Now()
		net.Step(state, x, y)
		j.times.add(time.Since(start))
		if err := j.write(&r, y); err != nil {
			return err
		}
	}
}

// forecastWhole reads all rows before it writes any.
func (j *job) forecastWhole(ctx context.Context) error {
	net := j.model.whole
	x, rows, err := j.columns.readAll(ctx)
	if err != nil {
		return err
	}
	y := make([]float32, len(rows)*net.OutputSize())
	start := time.Now()
	if err := awaitDone(ctx, func() error { net.Forward(x, y, nil, nil); return nil }); err != nil {
		return err
	}
	j.whole = time.Since(start)
	for i := range rows {
		if ctx.Err() != nil {
			return errInterrupted
		}
		if err := j.write(&rows[i], y[i*net.OutputSize():][:net.OutputSize()]); err != nil {
			return err
		}
	}
	return nil
}

func (c *columns) newRow() row { return row{now: make([]reading, len(c.layout.outputs))} }

// read reads the next row of the table: what the network sees of it into x, and the
// rest into r. At the end of the table the error is io.EOF.
func (c *columns) read(ctx context.Context, x []float32, r *row) error {
	if ctx.Err() != nil {
		return errInterrupted
	}
	if err := c.table.next(); err != nil {
		return err
	}
	if err := c.readInputs(x); err != nil {
		return err
	}
	r.index, r.evaluated = c.index(), c.evaluated()
	return c.readTruth(r.now)
}

// write writes the output of a row, and scores it.
func (j *job) write(r *row, y []float32) error {
	outputs := j.columns.layout.outputs
	j.fields = j.columns.appendIndex(j.fields[:0], r.index)
	for i := range outputs {
		value := outputs[i].restore(y[i])
		j.fields = append(j.fields, strconv.FormatFloat(float64(value), 'g', -1, 32))
		if s := j.scores[i]; s != nil {
			s.add(r.index, r.now[i], float64(value), r.evaluated)
		}
	}
	return j.rows.write(j.fields)
}
