package main

import (
	"encoding/xml"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/lstm"
	"example.com/lstm/internal/bench"
	"example.com/lstm/internal/dispatch"
)

// measured writes the report of a moment's measurement of small layers to a file.
func measured(t *testing.T, paths []string, shapes ...bench.Shape) string {
	t.Helper()
	best := lstm.Path()
	defer func() { require.NoError(t, dispatch.Set(best)) }()
	groups, err := bench.Suite(shapes, paths)
	require.NoError(t, err)
	require.NoError(t, bench.Measure(t.Context(), groups, time.Millisecond, nil))
	report := bench.NewReport()
	report.Path = paths[len(paths)-1]
	report.Add(groups)
	require.NoError(t, report.AddMemory(shapes))
	path := filepath.Join(t.TempDir(), "report.json")
	require.NoError(t, writeFileWith(path, report.Write))
	return path
}

func TestBenchFromFile(t *testing.T) {
	report := measured(t, lstm.Paths(), bench.Shape{Input: 1, Hidden: 8}, bench.Shape{Input: 16, Hidden: 32})
	charts := filepath.Join(t.TempDir(), "charts")
	copied := filepath.Join(t.TempDir(), "copy.json")
	r := lstmWith(t, "", "bench", "-from", report, "-svg", charts, "-png", charts, "-json", copied)
	require.Zero(t, r.code, r.err)
	require.Contains(t, r.out, "One stream, one step a call\n")
	require.Contains(t, r.out, "Memory and beginnings\n")
	require.Contains(t, r.out, "16, 32")
	require.Equal(t, readFile(t, report), readFile(t, copied))

	names := []string{"step"}
	if len(lstm.Paths()) > 1 {
		names = append(names, "sequence", "throughput")
	}
	for _, name := range names {
		f, err := os.Open(filepath.Join(charts, name+".png"))
		require.NoError(t, err)
		defer f.Close()
		_, err = png.Decode(f)
		require.NoError(t, err)
		require.Contains(t, requireXML(t, readFile(t, filepath.Join(charts, name+".svg"))), "16, 32")
	}

	r = lstmWith(t, "", "bench", "-from", report, "-compare", report)
	require.Zero(t, r.code, r.err)
	require.Contains(t, r.out, "Change since ")
	require.Contains(t, r.out, "Step/input=16/hidden=32/path=generic")
	require.Contains(t, r.out, "+0.0 %")
}

// requireXML checks that text is XML and returns its character data.
func requireXML(t *testing.T, text string) string {
	t.Helper()
	var data strings.Builder
	for d := xml.NewDecoder(strings.NewReader(text)); ; {
		token, err := d.Token()
		if err == io.EOF {
			return data.String()
		}
		require.NoError(t, err)
		if c, ok := token.(xml.CharData); ok {
			data.Write(c)
		}
	}
}

// On a machine without vectors there is one curve and no batches.
func TestBenchChartsOfPureGo(t *testing.T) {
	report := measured(t, []string{"generic"}, bench.Shape{Input: 1, Hidden: 8})
	charts := t.TempDir()
	r := lstmWith(t, "", "bench", "-from", report, "-svg", charts)
	require.Zero(t, r.code, r.err)
	files, err := os.ReadDir(charts)
	require.NoError(t, err)
	require.Len(t, files, 1)
	require.Equal(t, "step.svg", files[0].Name())
}

func TestBenchChartsOfPeers(t *testing.T) {
	path := measured(t, []string{lstm.Path()}, bench.Shape{Input: 64, Hidden: 64})
	report, err := readReport(path)
	require.NoError(t, err)
	for _, f := range report.Figures {
		if f.Kind == bench.Step {
			f.Path, f.Peer = "", "another"
			report.Figures = append(report.Figures, f)
		}
	}
	charts := benchCharts(report)
	require.NotEmpty(t, charts)
	require.NoError(t, drawBenchCharts(t.TempDir(), formatPNG, report))
}

func TestBenchPage(t *testing.T) {
	report := measured(t, lstm.Paths(), bench.Shape{Input: 1, Hidden: 8})
	folder := filepath.Dir(report)
	page := filepath.Join(folder, "page.md")
	require.NoError(t, os.WriteFile(page, []byte("a\n<!-- figures report.json#step -->\n<!-- end of figures -->\nb\n"), 0o666))
	r := lstmWith(t, "", "bench", "-page", page)
	require.Zero(t, r.code, r.err)
	require.Empty(t, r.out)
	text := readFile(t, page)
	require.Contains(t, text, "**One stream, one step a call.**")
	require.True(t, strings.HasPrefix(text, "a\n") && strings.HasSuffix(text, "\nb\n"))
}

// The pages of this repository show what their reports say.
func TestBenchPagesAreFresh(t *testing.T) {
	for _, path := range []string{"../../docs/benchmarks.md", "../../README.md"} {
		page, err := os.ReadFile(path)
		require.NoError(t, err)
		if !strings.Contains(string(page), "<!-- figures ") {
			continue
		}
		filled, err := bench.FillPage(page, func(name string) (*bench.Report, error) {
			return readReport(filepath.Join(filepath.Dir(path), name))
		})
		require.NoError(t, err)
		require.Equal(t, string(filled), string(page), "renew it with: go run ./cmd/lstm bench -page %s", strings.TrimPrefix(path, "../../"))
	}
}

func TestBenchCommandLine(t *testing.T) {
	empty := writeFile(t, "empty.json", "{}")
	for name, test := range map[string]struct {
		args string
		code int
		want string
	}{
		"stray argument":     {"bench all", exitUsage, `unexpected argument "all"`},
		"no time":            {"bench -time 0s", exitUsage, "-time is 0s, want more than nothing"},
		"no duration":        {"bench -time long", exitUsage, "long"},
		"empty name":         {"bench -json=", exitUsage, "-json is empty"},
		"no such report":     {"bench -from none.json", exitFailure, "none.json"},
		"no report":          {"bench -from " + empty, exitFailure, "not a report"},
		"nothing to compare": {"bench -compare none.json", exitFailure, "none.json"},
		"no such page":       {"bench -page none.md", exitFailure, "none.md"},
		"page without marks": {"bench -page " + empty, exitFailure, "no marks"},
	} {
		t.Run(name, func(t *testing.T) {
			r := lstmWith(t, "", strings.Fields(test.args)...)
			require.Equal(t, test.code, r.code, r.err)
			require.Contains(t, r.err, test.want)
			require.Empty(t, r.out)
		})
	}
}

func TestTimeTicks(t *testing.T) {
	labels := map[string]float64{}
	for _, tick := range (timeTicks{}).Ticks(7, 2e9) {
		require.GreaterOrEqual(t, tick.Value, 6.99)
		require.LessOrEqual(t, tick.Value, 2.01e9)
		if tick.Label != "" {
			labels[tick.Label] = tick.Value
		}
	}
	require.Len(t, labels, 9)
	require.InDelta(t, 1e1, labels["10 ns"], 1e-6)
	require.InDelta(t, 1e5, labels["100 µs"], 1e-3)
	require.InDelta(t, 1e9, labels["1 s"], 1)
}

// No two labels of shapes on one line touch.
func TestShapeTicks(t *testing.T) {
	shapes := shapeTicks(bySize(&bench.Report{Figures: figuresOf(bench.Shapes)}))
	from, to := float64(shapes[0].WeightBytes()), float64(shapes[len(shapes)-1].WeightBytes())
	ticks := shapes.Ticks(from, to)
	require.Len(t, ticks, len(bench.Shapes))
	ends := map[int]float64{}
	for _, tick := range ticks {
		label := strings.TrimLeft(tick.Label, "\n")
		line := len(tick.Label) - len(label)
		require.Less(t, line, 3)
		place, half := math.Log(tick.Value/from)/math.Log(to/from), 0.005*float64(len(label))
		if end, ok := ends[line]; ok {
			require.Less(t, end, place-half, label)
		}
		ends[line] = place + half
	}
}

func figuresOf(shapes []bench.Shape) (list []bench.Figure) {
	for _, s := range shapes {
		list = append(list, s.Of(bench.Step, "generic"))
	}
	return list
}
