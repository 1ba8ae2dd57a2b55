package load

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// writeTable writes a line for each result, and the errors.
func writeTable(w io.Writer, results []*Result) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "wanted/s\thad/s\tsteps/s\tp50\tp90\tp99\tp99.9\tmax\tlag p50\tlag p99\tlag max\tretries\tunsent\terrors\t")
	for _, r := range results {
		l, g := r.Latency, r.Lag
		fmt.Fprintf(t, "%s\t%.0f\t%.0f\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%d\t%d\t\n", wanted(r.Wanted), r.Had, r.Steps,
			duration(l.P50), duration(l.P90), duration(l.P99), duration(l.P999), duration(l.Max),
			duration(g.P50), duration(g.P99), duration(g.Max), r.Retries, r.Unsent, r.Failed())
	}
	if err := t.Flush(); err != nil {
		return err
	}
	var text strings.Builder
	for _, r := range results {
		for _, e := range r.Errors {
			fmt.Fprintf(&text, "%d × %s, for example: %s\n", e.Count, e.Code, e.Message)
		}
	}
	_, err := io.WriteString(w, text.String())
	return err
}

// duration has three digits.
func duration(seconds float64) string {
	for _, unit := range []struct {
		name  string
		value float64
	}{{"µs", 1e-6}, {"ms", 1e-3}} {
		if v := seconds / unit.value; v < 999.5 {
			return digits(v) + " " + unit.name
		}
	}
	return digits(seconds) + " s"
}

func digits(v float64) string {
	if v >= 99.5 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.3g", v)
}
