package bench

import (
	"fmt"
	"math"

	"example.com/lstm/internal/units"
)

// CompareTable says how every figure of r has changed since the report before.
func (r *Report) CompareTable(before *Report) *Table {
	t := &Table{
		Title:   fmt.Sprintf("Change since %s", before.When.Format("2006-01-02 15:04")),
		Note:    "Times of both runs, and their change in percent, less being faster.",
		Columns: []string{"figure", "median", "before", "change", "minimum", "before", "change"},
	}
	var sums, counts = map[Kind]float64{}, map[Kind]int{}
	var kinds []Kind
	for _, f := range r.Figures {
		old, ok := before.Find(f.What())
		if !ok {
			continue
		}
		t.Rows = append(t.Rows, []string{
			f.Name(),
			units.Duration(f.Median), units.Duration(old.Median), change(f.Median / old.Median),
			units.Duration(f.Min), units.Duration(old.Min), change(f.Min / old.Min),
		})
		if counts[f.Kind] == 0 {
			kinds = append(kinds, f.Kind)
		}
		counts[f.Kind]++
		sums[f.Kind] += math.Log(f.Median / old.Median)
	}
	for _, kind := range kinds {
		mean := math.Exp(sums[kind] / float64(counts[kind]))
		t.Rows = append(t.Rows, []string{fmt.Sprintf("%s, geometric mean of %d", kind, counts[kind]), "", "", change(mean), "", "", ""})
	}
	return t
}

func change(ratio float64) string { return fmt.Sprintf("%+.1f %%", 100*(ratio-1)) }
