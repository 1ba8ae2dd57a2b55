package main

import (
	"bytes"
	"encoding/xml"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
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
	if !dispatch.PureGo(lstm.Path()) {
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

	r = lstmWith(t, "", "bench", "-from", report, "-json", "-")
	require.Zero(t, r.code, r.err)
	require.Equal(t, readFile(t, report), r.out)
}

// A folder that cannot be written to, found out after a minute of measuring, is a
// minute lost. Here it would be an hour, and the end of the test.
func TestBenchChecksFilesFirst(t *testing.T) {
	file := writeFile(t, "file", "")
	for _, flag := range []string{"-json", "-svg", "-png"} {
		r := lstmWith(t, "", "bench", "-time", "1h", flag, filepath.Join(file, "below"))
		require.Equal(t, exitFailure, r.code)
		require.Contains(t, r.err, file)
	}
	folder := t.TempDir()
	r := lstmWith(t, "", "bench", "-json", filepath.Join(folder, "new.json"), "-from", "none.json", "-svg", folder)
	require.Equal(t, exitFailure, r.code)
	files, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Empty(t, files, "nothing was there to be written")
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
	odd := writeFile(t, "odd.json", `{"figures": [{"kind": "Clock"}]}`)
	for name, test := range map[string]struct {
		args string
		code int
		want string
	}{
		"stray argument":     {"bench all", exitUsage, `unexpected argument "all"`},
		"no time":            {"bench -time 0s", exitUsage, "-time is 0s, want more than nothing"},
		"no duration":        {"bench -time long", exitUsage, "long"},
		"empty name":         {"bench -json=", exitUsage, "-json is empty"},
		"page and json":      {"bench -page a.md -json a.json", exitUsage, "-page stands alone"},
		"time for nothing":   {"bench -from none.json -time 5s", exitUsage, "-time is of no use with -from"},
		"odd figures":        {"bench -from " + odd, exitFailure, "figure 1, Clock: work is 0, want more than 0"},
		"no such report":     {"bench -from none.json", exitFailure, "none.json"},
		"no report":          {"bench -from " + empty, exitFailure, "not a report"},
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

// No report that is read makes a table or a chart fail, whatever its figures
// are: here those of a run, of which one or all have another value somewhere.
func FuzzBenchReport(f *testing.F) {
	var reports []*bench.Report
	for _, name := range []string{"emerald-rapids", "emerald-rapids-peers"} {
		report, err := readReport("../../docs/benchmarks/" + name + ".json")
		require.NoError(f, err)
		reports = append(reports, report)
	}
	for i := range len(reports) {
		for field := range uint8(15) {
			for _, value := range []float64{0, -1, 1e-3, 1e15} {
				f.Add(uint8(i), -1, field, value)
				f.Add(uint8(i), 50, field, value)
			}
		}
	}
	f.Fuzz(func(t *testing.T, number uint8, figure int, field uint8, value float64) {
		report := *reports[int(number)%len(reports)]
		report.Figures, report.Memory = slices.Clone(report.Figures), slices.Clone(report.Memory)
		size := int(max(-1e9, min(value, 1e9)))
		for i := range report.Figures {
			f := &report.Figures[i]
			switch {
			case figure >= 0 && figure%len(report.Figures) != i:
			case field < 5:
				*[]*int{&f.Input, &f.Hidden, &f.Batch, &f.Steps, &f.N}[field] = size
			case field < 8:
				*[]*float64{&f.Work, &f.Min, &f.Median}[field-5] = value
			case field < 10:
				*[]*string{&f.Path, &f.Peer}[field-8] = []string{"", "generic", "another", report.Path}[uint(size)%4]
			case field == 10:
				f.Kind = []bench.Kind{bench.Step, bench.Clock, bench.FMA, bench.Load, bench.Sigmoid}[uint(size)%5]
				if f.Kind == bench.Clock || f.Kind == bench.FMA {
					f.Input, f.Hidden, f.Batch, f.Steps = 0, 0, 0, 0
				}
			case field == 11:
				report.Path = "another"
			case field == 12:
				report.Figures = report.Figures[:i+1]
			case field == 13:
				f.Variant = bench.Variants[uint(size)%uint(len(bench.Variants))]
			}
			if len(report.Figures) == i+1 {
				break
			}
		}
		for i := range report.Memory {
			report.Memory[i].NewTime = value
		}
		var file bytes.Buffer
		if report.Write(&file) != nil {
			return // NaN and infinities are not in JSON
		}
		read, err := bench.Read(&file)
		if err != nil {
			return
		}
		for _, table := range read.Tables() {
			require.NoError(t, table.WriteText(io.Discard))
			require.NoError(t, table.WriteMarkdown(io.Discard))
		}
		for _, chart := range benchCharts(read) {
			require.NoError(t, writeCharts(io.Discard, formatSVG, chart.plots))
		}
	})
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
