package bench

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"

	"example.com/lstm/internal/units"
)

// A Table is figures for people.
type Table struct {
	ID      string // how pages name it
	Title   string
	Note    string // what the columns mean
	Columns []string
	Rows    [][]string
}

// WriteText writes t for a terminal.
func (t *Table) WriteText(w io.Writer) error {
	fmt.Fprintf(w, "\n%s\n", strings.ToUpper(t.Title[:1])+t.Title[1:])
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, row := range append([][]string{t.Columns}, t.Rows...) {
		for _, cell := range row {
			fmt.Fprintf(tw, "%s\t", cell)
		}
		fmt.Fprintln(tw)
	}
	return tw.Flush()
}

// WriteMarkdown writes t for a page.
func (t *Table) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "**%s.** %s\n\n", t.Title, t.Note)
	line := func(cells []string) { fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | ")) }
	line(t.Columns)
	rule := make([]string, len(t.Columns))
	for i := range rule {
		rule[i] = "--:"
	}
	line(rule)
	for _, row := range t.Rows {
		line(row)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func factor(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return units.Absent
	}
	return "× " + units.Digits(v)
}

func percent(v float64) string {
	if math.IsNaN(v) {
		return units.Absent
	}
	return fmt.Sprintf("%.0f %%", 100*v)
}
