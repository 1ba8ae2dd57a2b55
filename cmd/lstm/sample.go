package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"example.com/lstm"
)

// A sample is all rows of a table, in memory, for networks to run over that differ in
// how their weights are stored.
type sample struct {
	name    string // of the table
	columns *columns
	x       []float32 // what the network sees of them, [rows, inputs]
	rows    []row
}

func (s *sample) count() int { return len(s.rows) }

// readSample reads the table in a file, as m has its columns.
func readSample(ctx context.Context, m *model, modelName string, in *inputFile) (*sample, error) {
	layout, err := parseLayout(m.Metadata(), m.InputSize(), m.OutputSize())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", modelName, err)
	}
	table, err := openTable(in.name, interruptible(ctx, in))
	if err != nil {
		return nil, err
	}
	c, err := bind(layout, m.InputSize(), table)
	if err != nil {
		return nil, err
	}
	s := &sample{name: in.name, columns: c}
	if s.x, s.rows, err = c.readAll(ctx); err != nil {
		return nil, err
	}
	if len(s.rows) == 0 {
		return nil, fmt.Errorf("%s: there are no rows after the header, want some to compare outputs with", in.name)
	}
	return s, nil
}

// readAll reads all rows: what the network sees of them, and the rest.
func (c *columns) readAll(ctx context.Context) (x []float32, rows []row, err error) {
	inputs := len(c.inputs)
	for {
		x = append(x, make([]float32, inputs)...)
		last := len(x) - inputs
		r := c.newRow()
		if err := c.read(ctx, x[last:], &r); err == io.EOF {
			return x[:last], rows, nil
		} else if err != nil {
			return nil, nil, err
		}
		r.index = strings.Clone(r.index) // a part of the whole row
		rows = append(rows, r)
	}
}

// sampleSteps are the rows after which somebody can be told how far it is, and stop it.
const sampleSteps = 256

// run returns the outputs of m for all rows, as lstm run writes them, and the bytes of
// its network. done is called with rows that are.
func (s *sample) run(ctx context.Context, m *lstm.Model, done func(rows int)) (y [][]float32, memory int, err error) {
	n, err := await(ctx, func() (network, error) { return newNetwork(m) })
	if err != nil {
		return nil, 0, err
	}
	inputs, outputs := n.InputSize(), n.OutputSize()
	flat := make([]float32, s.count()*outputs)
	if whole, ok := n.(*lstm.SequenceNetwork); ok {
		if err := awaitDone(ctx, func() error { whole.Forward(s.x, flat, nil, nil); return nil }); err != nil {
			return nil, 0, err
		}
		done(s.count())
	} else {
		stream := n.(*lstm.Network)
		state := stream.NewState()
		for first := 0; first < s.count(); first += sampleSteps {
			if ctx.Err() != nil {
				return nil, 0, errInterrupted
			}
			end := min(first+sampleSteps, s.count())
			stream.Forward(state, s.x[first*inputs:end*inputs], flat[first*outputs:end*outputs])
			done(end - first)
		}
	}
	for t := range s.count() {
		row := flat[t*outputs:][:outputs]
		for i := range row {
			row[i] = s.columns.layout.outputs[i].restore(row[i])
		}
		y = append(y, row)
	}
	return y, n.MemorySize(), nil
}

// scores compares outputs with the truth. The score of an output that has none is nil.
func (s *sample) scores(y [][]float32) []*score {
	list := make([]*score, len(s.columns.layout.outputs))
	for i := range list {
		if s.columns.truth[i] == absent {
			continue
		}
		list[i] = newScore(&s.columns.layout.outputs[i], false)
		for t := range s.rows {
			r := &s.rows[t]
			list[i].add(r.index, r.now[i], float64(y[t][i]), r.evaluated)
		}
	}
	return list
}
