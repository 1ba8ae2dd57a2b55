package main

import (
	"fmt"
	"math"
	"strings"
	"text/tabwriter"

	"example.com/lstm"
	"example.com/lstm/internal/units"
)

// summary says what came of a job.
func (j *job) summary() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "model\t%s\n", j.modelName)
	fmt.Fprintf(w, "rows\t%d of %s\n", j.rows.rows, j.in.name)
	fmt.Fprintf(w, "path\t%s\n", lstm.Path())
	if j.times.count() > 0 {
		fmt.Fprintf(w, "time a step\tmean %s, p99 %s\n", units.Duration(float64(j.times.mean())), units.Duration(float64(j.times.p99())))
	}
	if j.whole > 0 {
		fmt.Fprintf(w, "time\t%s, all rows as one sequence\n", units.Duration(float64(j.whole)))
	}
	for i := range j.scores {
		for l, line := range j.forecastError(i) {
			label := ""
			if l == 0 {
				label = "forecast error"
			}
			fmt.Fprintf(w, "%s\t%s\n", label, line)
		}
	}
	w.Flush() // into memory
	return b.String()
}

// forecastError says, in lines, how far the forecasts of an output were off.
func (j *job) forecastError(output int) []string {
	o := &j.columns.layout.outputs[output]
	s := j.scores[output]
	name, truth := printable(o.Name, mostOfName), printable(o.Truth, mostOfName)
	switch {
	case o.Truth == "":
		return nil
	case s == nil:
		return []string{fmt.Sprintf("%s: not known, %s has no column %s", name, j.in.name, quoted(o.Truth))}
	case s.counted == 0:
		return []string{fmt.Sprintf("%s: not known, no truth has come for a row%s", name, j.evaluatedRange())}
	}
	a := s.accuracy()
	head := fmt.Sprintf("%s, %s%s:", name, count(a.rows, "row"), j.evaluatedRange())
	if !s.hasBaseline() {
		return []string{head, fmt.Sprintf("RMSE %.4g, MAE %.4g", a.rmse, a.mae)}
	}
	return []string{
		head,
		fmt.Sprintf("RMSE %s for persistence (%s stays as it is)%s", against(a.rmse, a.baseRMSE), truth, difference(a.rmse, a.baseRMSE)),
		fmt.Sprintf("MAE  %s%s", against(a.mae, a.baseMAE), difference(a.mae, a.baseMAE)),
	}
}

// evaluatedRange says which rows count, if not all.
func (j *job) evaluatedRange() string {
	if j.columns.evaluate == absent {
		return ""
	}
	e := j.columns.layout.evaluate
	return fmt.Sprintf(" with %s %s and later", printable(e.Column, mostOfName), printable(e.From, mostOfName))
}

func against(e, baseline float64) string { return fmt.Sprintf("%.4g against %.4g", e, baseline) }

// difference says by how much an error is better or worse than the baseline's.
func difference(e, baseline float64) string {
	percent := 100 * (1 - e/baseline)
	switch {
	case math.IsNaN(percent) || math.IsInf(percent, 0): // a baseline that is never wrong
		return ""
	case percent < 0:
		return fmt.Sprintf(": %.1f %% worse", -percent)
	}
	return fmt.Sprintf(": %.1f %% better", percent)
}
