package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"

	"example.com/lstm"
	"example.com/lstm/internal/units"
)

// A comparison is what becomes of a network's outputs when its weights are stored in
// other formats than float32.
type comparison struct {
	sample  *sample
	exact   outcome
	formats []outcome // of the whole network
	alone   weightChoice
	layers  []outcome // of each layer alone in the format alone, the most expensive first
}

// An outcome is that of one network.
type outcome struct {
	name   string
	memory int
	scores []*score
	deviation
}

// A deviation is how far outputs are from those of float32.
type deviation struct {
	rms, largest float64   // over all rows and outputs
	rows         []float64 // of each, the root mean square over its outputs
}

func deviationOf(exact, y [][]float32) (d deviation) {
	all, numbers := 0.0, 0
	for t := range y {
		row := 0.0
		for i := range y[t] {
			e := float64(y[t][i]) - float64(exact[t][i])
			if y[t][i] == exact[t][i] {
				e = 0 // also for infinities
			}
			row += e * e
			d.largest = max(d.largest, math.Abs(e))
		}
		d.rows = append(d.rows, math.Sqrt(row/float64(len(y[t]))))
		all, numbers = all+row, numbers+len(y[t])
	}
	d.rms = math.Sqrt(all / float64(numbers))
	return d
}

// compare runs m with float32 weights, in each of the formats, and then each layer in
// the format alone.
func (s *sample) compare(ctx context.Context, m *lstm.Model, formats []weightChoice, alone weightChoice, done func(rows int)) (*comparison, error) {
	var exact [][]float32
	run := func(name string, m *lstm.Model) (o outcome, err error) {
		o.name = name
		var y [][]float32
		if y, o.memory, err = s.run(ctx, m, done); errors.Is(err, errInterrupted) {
			return o, err
		} else if err != nil {
			return o, fmt.Errorf("as %s: %s", name, strings.TrimPrefix(err.Error(), "lstm: "))
		}
		if exact == nil {
			exact = y
		}
		o.scores, o.deviation = s.scores(y), deviationOf(exact, y)
		return o, nil
	}
	full := lstm.Float32
	plain := withWeights(m, weightChoice{format: &full})
	c := &comparison{sample: s, alone: alone}
	var err error
	if c.exact, err = run(full.String(), plain); err != nil {
		return nil, err
	}
	for _, f := range formats {
		// From m, whose int8 weights may have scales.
		o, err := run(f.String(), withWeights(m, f))
		if err != nil {
			return nil, err
		}
		c.formats = append(c.formats, o)
	}
	original := places(m)
	for l := range original {
		mixed := copyModel(plain)
		p := places(mixed)[l]
		*p.layer = *places(copyModel(m))[l].layer
		alone.applyTo(*p.layer)
		o, err := run(p.name, mixed)
		if err != nil {
			return nil, err
		}
		o.rows = nil // there may be many layers, and no chart of them
		c.layers = append(c.layers, o)
	}
	slices.SortStableFunc(c.layers, func(a, b outcome) int {
		switch {
		case a.rms > b.rms:
			return -1
		case a.rms < b.rms:
			return 1
		}
		return 0
	})
	return c, nil
}

// write prints the tables.
func (c *comparison) write(out io.Writer, modelName string) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "model\t%s\n", modelName)
	fmt.Fprintf(w, "rows\t%d of %s\n", c.sample.count(), c.sample.name)
	fmt.Fprintf(w, "\nweights\tmemory\tdifference of outputs, rms\tlargest\n")
	fmt.Fprintf(w, "%s\t%s\t\t\n", c.exact.name, units.Bytes(c.exact.memory))
	for i := range c.formats {
		c.formats[i].write(w)
	}
	c.writeErrors(w)
	fmt.Fprintf(w, "\none layer as %v\tmemory\tdifference of outputs, rms\tlargest\n", c.alone)
	for i := range c.layers {
		c.layers[i].write(w)
	}
	return w.Flush()
}

func (o *outcome) write(w io.Writer) {
	fmt.Fprintf(w, "%s\t%s\t%.3g\t%.3g\n", o.name, units.Bytes(o.memory), o.rms, o.largest)
}

// writeErrors prints the forecast error of each output whose truth is known.
func (c *comparison) writeErrors(w io.Writer) {
	for i, s := range c.exact.scores {
		if s == nil || s.counted == 0 {
			continue
		}
		a := s.accuracy()
		fmt.Fprintf(w, "\nforecast error of %s, %s\tRMSE\tchange\tMAE\tchange\n", printable(s.output.Name, mostOfName), count(a.rows, "row"))
		fmt.Fprintf(w, "%s\t%.4g\t\t%.4g\t\n", c.exact.name, a.rmse, a.mae)
		for _, o := range c.formats {
			b := o.scores[i].accuracy()
			fmt.Fprintf(w, "%s\t%.4g\t%+.2g %%\t%.4g\t%+.2g %%\n", o.name, b.rmse, 100*(b.rmse/a.rmse-1), b.mae, 100*(b.mae/a.mae-1))
		}
	}
}
