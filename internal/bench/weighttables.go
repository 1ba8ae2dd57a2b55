package bench

import (
	"fmt"
	"math"
	"slices"

	"example.com/lstm/internal/units"
)

// formatsTable compares the formats' steps on every path that has kernels for them,
// in a run that measured all else, too.
func (r *Report) formatsTable() *Table {
	t := &Table{
		ID:      "formats",
		Title:   "Formats of weights, one stream, one step a call",
		Note:    "Median time of a step with float32 weights, and of the others as multiples of it.",
		Columns: []string{"I, H"},
	}
	formats := r.Formats()
	if len(formats) == 0 {
		return t
	}
	for _, path := range r.tiled() {
		t.Columns = append(t.Columns, path)
		for _, w := range formats {
			t.Columns = append(t.Columns, string(w))
		}
	}
	for _, s := range r.Shapes() {
		row := []string{s.String()}
		for _, path := range r.tiled() {
			what := s.Of(Step, path)
			plain := r.Median(what)
			row = append(row, units.Duration(plain))
			for _, w := range formats {
				what.Weights = w
				row = append(row, factor(r.Median(what)/plain))
			}
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// formatTables are those of a run that measured formats beside peers.
func (r *Report) formatTables() []*Table {
	var tables []*Table
	add := func(id, title string, of Figure, streams int) {
		t := &Table{
			ID:    "formats-" + id,
			Title: "Formats of weights, " + title,
			Note: "Median time of a step of a stream with float32 weights, of the other formats as multiples of it, and of peers with int8 weights, " +
				"as it is and as a multiple of int8's with 14 and with 7 bits for x.",
		}
		r.fillFormats(t, of, streams)
		tables = append(tables, t)
	}
	add("step", "one stream, one step a call", Figure{Kind: Step}, 1)
	add("forward", fmt.Sprintf("one stream, %d steps a call", SequenceSteps), Figure{Kind: Forward, Steps: SequenceSteps}, SequenceSteps)
	for _, batch := range r.Batches() {
		add(fmt.Sprintf("batch-%d", batch), fmt.Sprintf("%d streams, one step a call", batch), Figure{Kind: StepBatch, Batch: batch}, batch)
	}
	return withRows(tables)
}

// fillFormats adds the figures of that kind, each of so many steps.
func (r *Report) fillFormats(t *Table, of Figure, steps int) {
	formats := r.Formats()
	t.Columns = []string{"I, H"}
	for _, w := range formats {
		t.Columns = append(t.Columns, string(w))
	}
	for _, peer := range r.Peers() {
		t.Columns = append(t.Columns, peer, "/ x=14", "/ x=7")
	}
	for _, s := range r.Shapes() {
		median := func(w Weights, peer string) float64 {
			what := of
			what.Input, what.Hidden, what.Weights = s.Input, s.Hidden, w
			if what.Peer = peer; peer == "" {
				what.Path = r.Path
			}
			return r.Median(what)
		}
		row := []string{s.String()}
		plain := median(Float32, "")
		for _, w := range formats {
			if w == Float32 {
				row = append(row, units.Duration(plain/float64(steps)))
			} else {
				row = append(row, factor(median(w, "")/plain))
			}
		}
		measured := !math.IsNaN(plain)
		for _, peer := range r.Peers() {
			took := median(Int8, peer)
			measured = measured || !math.IsNaN(took)
			row = append(row, units.Duration(took/float64(steps)), factor(took/median(Int8, "")), factor(took/median(Int8NarrowInput, "")))
		}
		if measured {
			t.Rows = append(t.Rows, row)
		}
	}
}

// Formats lists the formats that were measured.
func (r *Report) Formats() []Weights {
	list := values(r, func(f Figure) Weights { return f.Weights })
	slices.SortFunc(list, func(a, b Weights) int { return slices.Index(Formats, a) - slices.Index(Formats, b) })
	return list
}
