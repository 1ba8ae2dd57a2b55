package bench

import (
	"fmt"
	"math"

	"example.com/lstm/internal/units"
)

// variantTables are those of a run that measured variants: how they compare with
// the plain layer, and then with each peer that has them.
func (r *Report) variantTables() []*Table {
	var tables []*Table
	for _, m := range []struct {
		id, title string
		steps     int
	}{
		{"step", "one stream, one step a call", 1},
		{"forward", fmt.Sprintf("one stream, %d steps a call", SequenceSteps), SequenceSteps},
	} {
		t := &Table{
			ID:    "variants-" + m.id,
			Title: "Variants, " + m.title,
			Note: "Median time of a step of the plain layer, and of variants as multiples of it; in parentheses that of their weights, " +
				"where they have not as many.",
		}
		r.fillVariants(t, m.steps, "")
		tables = append(tables, t)
		for _, peer := range r.Peers() {
			t := &Table{
				ID:    "variants-" + m.id + "-peer",
				Title: fmt.Sprintf("Variants in %s, %s", peer, m.title),
				Note:  fmt.Sprintf("Median time of %s as a multiple of lstm's for the same, measured alternately.", peer),
			}
			r.fillVariants(t, m.steps, peer)
			tables = append(tables, t)
		}
	}
	return withRows(tables)
}

// fillVariants adds what was measured in calls of so many steps: of the peer beside
// lstm, or, without one, of lstm's variants beside Plain.
func (r *Report) fillVariants(t *Table, steps int, peer string) {
	median := func(s Shape, v Variant, peer string) float64 {
		what := s.OfVariant(v, steps).What()
		if what.Peer = peer; peer == "" {
			what.Path = r.Path
		}
		return r.Median(what)
	}
	var variants []Variant
	for _, v := range r.Variants() {
		for _, s := range r.Shapes() {
			if !math.IsNaN(median(s, v, peer)) {
				variants = append(variants, v)
				break
			}
		}
	}
	if len(variants) == 0 {
		return
	}
	t.Columns = []string{"I, H"}
	for _, v := range variants {
		t.Columns = append(t.Columns, string(v))
	}
	for _, s := range r.Shapes() {
		row := []string{s.String()}
		plain := median(s, Plain, "")
		for _, v := range variants {
			took := median(s, v, peer)
			weights := s.OfVariant(v, steps).Work / s.OfVariant(Plain, steps).Work
			switch {
			case peer != "":
				row = append(row, factor(took/median(s, v, "")))
			case v == Plain:
				row = append(row, units.Duration(took/float64(steps)))
			case weights != 1 && !math.IsNaN(took):
				row = append(row, fmt.Sprintf("%s (%.2f)", factor(took/plain), weights))
			default:
				row = append(row, factor(took/plain))
			}
		}
		t.Rows = append(t.Rows, row)
	}
}
