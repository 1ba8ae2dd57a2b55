package load

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
)

// A Report is what a run has measured, and with what.
type Report struct {
	Target      string    `json:"target"`
	Model       string    `json:"model"`
	InputSize   int       `json:"input_size"`
	OutputSize  int       `json:"output_size"`
	Sequences   int       `json:"sequences"`
	Connections int       `json:"connections"`
	Lengths     string    `json:"lengths"`
	Steps       string    `json:"steps_a_request"`
	Constant    bool      `json:"constant"`
	Processors  int       `json:"processors"`
	Bare        float64   `json:"bare,omitempty"` // steps a second of StepBatch alone, 0 if not known
	Results     []*Result `json:"results"`
}

// Describe sets what does not change from result to result.
func (r *Report) Describe(target Target, o *Options) {
	r.InputSize, r.OutputSize = target.Sizes()
	r.Sequences, r.Connections, r.Constant = o.Sequences, o.Lanes, o.Constant
	r.Lengths, r.Steps = o.Lengths.String(), o.Steps.String()
	r.Processors = runtime.NumCPU()
}

// RunAll runs all rates, and before those that are parts of the greatest rate that one.
// It tells say what it is doing.
func RunAll(ctx context.Context, g *Generator, rates []Rate, say func(string)) []*Result {
	var results []*Result
	greatest := 0.0
	for i, rate := range rates {
		if ctx.Err() != nil {
			break
		}
		if rate.Part && greatest == 0 {
			say("looking for the greatest rate")
			if greatest = g.Run(ctx, 0).Had; greatest == 0 {
				break
			}
		}
		value := rate.Value
		if rate.Part {
			value *= greatest
		}
		say(fmt.Sprintf("rate %d of %d: %s requests a second", i+1, len(rates), wanted(value)))
		r := g.Run(ctx, value)
		if rate.Greatest {
			greatest = r.Had
		}
		results = append(results, r)
	}
	return results
}

func wanted(rate float64) string {
	if rate == 0 {
		return "max"
	}
	return fmt.Sprintf("%.0f", rate)
}

// title says what was measured, in a line.
func (r *Report) title() string {
	return fmt.Sprintf("%s, %s (%d, %d), %d sequences", r.Target, r.Model, r.InputSize, r.OutputSize, r.Sequences)
}

// WriteText writes a table.
func (r *Report) WriteText(w io.Writer) error {
	arrivals := "a Poisson process"
	if r.Constant {
		arrivals = "equal distances"
	}
	text := fmt.Sprintf("%s, %d connections, %s steps a request, %s a sequence, %s, %d processors\n",
		r.title(), r.Connections, r.Steps, r.Lengths, arrivals, r.Processors)
	if r.Bare > 0 {
		text += fmt.Sprintf("bare StepBatch of 32, all processors: %.0f steps a second\n", r.Bare)
	}
	if _, err := io.WriteString(w, text); err != nil {
		return err
	}
	return writeTable(w, r.Results)
}

// WriteJSON writes r, times in seconds.
func (r *Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// WriteSVG draws percentiles of latency, against load if there are several rates.
func (r *Report) WriteSVG(w io.Writer) error { return writeSVG(w, r.title(), r.Results) }
