package bench

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// markdown is the table of that name.
func markdown(t *testing.T, r *Report, id string) string {
	t.Helper()
	for _, table := range r.Tables() {
		for _, row := range table.Rows {
			require.Len(t, row, len(table.Columns), table.Title)
		}
		if table.ID == id {
			var b bytes.Buffer
			require.NoError(t, table.WriteMarkdown(&b))
			return b.String()
		}
	}
	t.Fatalf("no table %q", id)
	return ""
}

func TestTables(t *testing.T) {
	r := someReport()
	for id, rows := range map[string][]string{
		"machine": {"| clock | GHz | 4.00 |", "| multiply-adds | GFLOP/s | 96.0 |", "| loads of 1.25 KiB | GB/s | 128 |"},
		// In the order in which they were measured.
		"step": {"| I, H | weights | avx2 | / loads | generic |", "| 1, 8 | 1.25 KiB | 50.0 ns | × 5.00 | 2.90 µs |"},
		// 64 multiplications and additions for the input, 96 a nanosecond.
		"forward":     {"| 1, 8 | 40.0 ns | × 4.14 |"},
		"batches":     {"| I, H | avx2, 8 | avx2, 32 | avx2, 128 |", "| 1, 8 | 48.0 (50 %) | 48.0 (50 %) | 48.0 (50 %) |"},
		"sequences":   {"| I, H | avx2 | even / equal |", "| 1, 8 | 48.0 (50 %) | × 1.05 |"},
		"activations": {"| Sigmoid | 0.500 ns | 16.0 | – | – |", "| Tanh | 0.250 ns | 8.00 | – | – |"},
		"memory":      {"| 1, 8 | 1.38 KiB | +10.0 % | 200 B | 2.00 KiB | 10 objects | 12.0 µs | 2.30 µs | 95.4 ns |"},
	} {
		text := markdown(t, r, id)
		for _, row := range rows {
			require.Contains(t, text, row+"\n")
		}
	}
	var text bytes.Buffer
	require.NoError(t, r.Tables()[0].WriteText(&text))
	require.Contains(t, text.String(), "\nThe machine\n")
	require.Contains(t, text.String(), "GFLOP/s  96.0\n")
}

// A machine whose paths have no peaks, and one with pure Go alone.
func TestTablesWithoutPeaks(t *testing.T) {
	r := someReport()
	r.Figures = r.Figures[6:]
	require.Contains(t, markdown(t, r, "step"), "| 1, 8 | 1.25 KiB | 2.90 µs | 50.0 ns |")
	require.Contains(t, markdown(t, r, "forward"), "| 1, 8 | 40.0 ns | – |")
	require.Contains(t, markdown(t, r, "batches"), "| 1, 8 | 48.0 (–) |")
	r.Figures, r.Memory = r.Figures[:1], nil
	require.Len(t, r.Tables(), 1)
}

func TestPeerTables(t *testing.T) {
	r := someReport()
	for peer, median := range map[string]float64{"A": 500, "B": 200} {
		f := Shape{1, 8}.Of(Step, "")
		f.Peer, f.Work, f.Median = peer, 1, median
		r.Figures = append(r.Figures, f)
	}
	text := markdown(t, r, "peers-step")
	require.Contains(t, text, "50.0 ns")
	require.Contains(t, text, "500 ns | × 10.0")
	require.Contains(t, text, "200 ns | × 4.00")
	require.True(t, strings.HasSuffix(text, "| × 4.00 |\n"), "the geometric mean of one shape")

	// Of sequences there is one peer less, and of the rest no table.
	for lengths, median := range map[string]float64{EqualLengths: 24_000, EvenLengths: 18_900} {
		f := Figure{Kind: ForwardBatch, Input: 1, Hidden: 8, Batch: SequenceStreams, Steps: SequenceSteps, Lengths: lengths,
			Peer: "B", Work: 1, Median: median}
		r.Figures = append(r.Figures, f)
	}
	text = markdown(t, r, "peers-sequences-equal")
	require.Contains(t, text, "sequences of 32 streams a call, 100 steps each.")
	require.Contains(t, text, "| I, H | lstm | B | / lstm | fastest peer / lstm |\n")
	require.Contains(t, text, "| 1, 8 | 3.75 ns | 7.50 ns | × 2.00 | × 2.00 |\n")
	text = markdown(t, r, "peers-sequences-even")
	require.Contains(t, text, "sequences of 32 streams a call, 1 to 100 steps each, spread evenly.")
	require.Contains(t, text, "| 1, 8 | 7.87 ns | 11.8 ns | × 1.50 | × 1.50 |\n") // of 1601 steps
	require.Len(t, r.Tables(), 3)
}

func TestFillPage(t *testing.T) {
	const page = "# Title\n\n<!-- figures a.json#activations -->\nstale\n<!-- end of figures -->\n\ntext\n\n" +
		"<!-- figures b.json -->\n<!-- end of figures -->\nend\n"
	var names []string
	read := func(name string) (*Report, error) {
		names = append(names, name)
		return someReport(), nil
	}
	filled, err := FillPage([]byte(page), read)
	require.NoError(t, err)
	require.Equal(t, []string{"a.json", "b.json"}, names)
	text := string(filled)
	require.True(t, strings.HasPrefix(text, "# Title\n\n<!-- figures a.json#activations -->\n\n**Activations.**"), text)
	require.True(t, strings.HasSuffix(text, "\n<!-- end of figures -->\nend\n"))
	require.NotContains(t, text, "stale")
	require.Equal(t, 1, strings.Count(text, "**Batches.**"))
	require.Equal(t, 2, strings.Count(text, "**Activations.**"))
	require.Equal(t, 2, strings.Count(text, "a processor, linux/amd64, go1.26, 2026-03-04, path avx2, 60 s; lstm commit 123."))

	again, err := FillPage(filled, read)
	require.NoError(t, err)
	require.Equal(t, text, string(again))

	_, err = FillPage([]byte("text"), read)
	require.ErrorContains(t, err, "no marks")
	_, err = FillPage([]byte("<!-- figures a.json#speed -->\n<!-- end of figures -->"), read)
	require.ErrorContains(t, err, `a.json has no table "speed", want one of machine, step`)
	_, err = FillPage([]byte(page), func(string) (*Report, error) { return nil, errors.New("no such file") })
	require.ErrorContains(t, err, "no such file")
}
