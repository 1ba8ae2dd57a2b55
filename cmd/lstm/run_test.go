package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm"
)

func TestPlainModelTakesAllColumnsAsTheyAre(t *testing.T) {
	m := randomModel(3, 2, nil)
	r := lstmWith(t, "a,b,c\n1,2,3\n0.1,-7e-3, 16777217 \n-0,1e30,5\n", "run", "-model", writeModel(t, m))
	require.Zero(t, r.code, r.err)

	net, err := lstm.New(m)
	require.NoError(t, err)
	state, y := net.NewState(), make([]float32, 2)
	want := []string{"y0,y1"}
	for _, x := range [][]float32{{1, 2, 3}, {0.1, -7e-3, 16777217}, {0, 1e30, 5}} {
		net.Step(state, x, y)
		want = append(want, shortest(y[0])+","+shortest(y[1]))
	}
	require.Equal(t, want, r.lines())
	require.Regexp(t, `rows +3 of standard input\n`, r.err)
	require.Regexp(t, `path +`+lstm.Path()+`\n`, r.err)
	require.Regexp(t, `time a step +mean .*s, p99 .*s\n`, r.err)
	require.NotContains(t, r.err, "forecast error")
}

// A model with layers of all kinds and several heads runs as any other: the outputs
// are those of the heads, one after another.
func TestRunOfLayersAndHeads(t *testing.T) {
	m := randomModel(3, 2, nil)
	m.Layers = append([]lstm.Layer{lstm.Activation{Function: lstm.ActivationSoftsign}}, m.Layers...)
	m.Heads[0].Layers = append(m.Heads[0].Layers, lstm.Activation{Function: lstm.ActivationSoftmax})
	m.Heads = append(m.Heads, lstm.Head{Name: "sum", Layers: []lstm.Layer{&lstm.Linear{InFeatures: 5, OutFeatures: 1, Weight: []float32{1, 1, 1, 1, 1}}}})
	r := lstmWith(t, "a,b,c\n1,2,3\n0.1,-7e-3,5\n", "run", "-model", writeModel(t, m))
	require.Zero(t, r.code, r.err)

	net, err := lstm.New(m)
	require.NoError(t, err)
	state, y := net.NewState(), make([]float32, 3)
	want := []string{"y0,y1,y2"}
	for _, x := range [][]float32{{1, 2, 3}, {0.1, -7e-3, 5}} {
		net.Step(state, x, y)
		want = append(want, shortest(y[0])+","+shortest(y[1])+","+shortest(y[2]))
	}
	require.Equal(t, want, r.lines())
}

// shortest has all digits of a float32 and none more.
func shortest(y float32) string { return strconv.FormatFloat(float64(y), 'g', -1, 32) }

func TestColumnsAreFoundByNameAndScaled(t *testing.T) {
	m := randomModel(2, 1, weatherMetadata())
	r := lstmWith(t, weatherTable, "run", "-model", writeModel(t, m))
	require.Zero(t, r.code, r.err)

	net, err := lstm.New(m)
	require.NoError(t, err)
	state, y := net.NewState(), make([]float32, 1)
	want := []string{"day,warmth_next"}
	for i, row := range [][2]float64{{2, 0.5}, {2.5, 1}, {1, 1.5}, {3, 0}, {2, -1}} {
		net.Step(state, []float32{float32((row[0] - 2) / 0.5), float32(row[1])}, y)
		want = append(want, "d"+strconv.Itoa(i+1)+","+shortest(float32(float64(float64(y[0])*4)+10)))
	}
	require.Equal(t, want, r.lines())

	// d3 and d4 count: their truths are in d4 and d5.
	require.Contains(t, r.err, "warmth_next, 2 rows with day d3 and later:")
	require.Contains(t, r.err, "for persistence (warmth stays as it is)")
}

func TestByteOrderMarkAndLineEnds(t *testing.T) {
	model := writeModel(t, randomModel(2, 1, weatherMetadata()))
	want := lstmWith(t, weatherTable, "run", "-model", model)
	require.Zero(t, want.code, want.err)
	windows := "\ufeff" + strings.ReplaceAll(weatherTable, "\n", "\r\n")
	quoted := "\ufeff" + strings.Replace(weatherTable, "day", `"day"`, 1)
	unfinished := strings.TrimSuffix(weatherTable, "\n")
	for _, table := range []string{windows, quoted, unfinished} {
		r := lstmWith(t, table, "run", "-model", model)
		require.Zero(t, r.code, r.err)
		require.Equal(t, want.out, r.out)
	}
}

// A bad row ends the run, is named by file, line and column, and costs none of
// the rows before it.
func TestBadRows(t *testing.T) {
	model := writeModel(t, randomModel(2, 1, weatherMetadata()))
	for name, test := range map[string]struct{ row, want string }{
		"not a number":        {"d3,warm,?,1", `:4:4: column "warmth": warm is not a finite number`},
		"NaN":                 {"d3,1,?,NaN", `:4:8: column "wind": NaN is not a finite number`},
		"infinite":            {"d3,-Inf,?,1", `:4:4: column "warmth": -Inf is not a finite number`},
		"hexadecimal":         {"d3,0x1p3,?,1", `:4:4: column "warmth": 0x1p3 is not a finite number`},
		"underscores":         {"d3,1_000,?,1", `:4:4: column "warmth": 1_000 is not a finite number`},
		"many digits":         {"d3," + strings.Repeat("7", 1000) + ",?,1", `:4:4: column "warmth": ` + strings.Repeat("7", 60) + "… is beyond float32"},
		"carriage return":     {"d3,1\rd4,?,1", ":4:1: a carriage return alone ends no line, want a line feed (LF) or both (CR LF)"},
		"no value":            {"d3,1,?,", `:4:8: column "wind": the field is empty, want a number`},
		"beyond float64":      {"d3,1,?,1e999", `:4:8: column "wind": 1e999 is beyond float64`},
		"beyond float32":      {"d3,1e39,?,1", `:4:4: column "warmth": 1e39 is beyond float32`},
		"scaled too large":    {"d3,1,?,3e38", `:4:8: column "wind": 3e+38, normalized with mean 2 and std 0.5, is beyond float32`},
		"too few fields":      {"d3,1,?", `:4:6: the row ends after 3 fields, want 4: column "wind" is missing`},
		"too many fields":     {"d3,1,?,1,7", `:4:10: the row has 5 fields, want 4`},
		"empty row":           {"", `:4:1: the row is empty`},
		"empty row, CRLF":     {"\r", `:4:1: the row is empty`},
		"only spaces":         {"  ", `:4:1: the row ends after 1 field, want 4: column "warmth" is missing`},
		"stray quote":         {`d3,1"2,?,1`, `:4:5: bare " in non-quoted`},
		"control characters":  {"d3,\x1b[31m,?,1", `:4:4: column "warmth": "\x1b[31m" is not a finite number`},
		"after a quoted line": {"\"d3\nor so\",1,?,x", `:5:12: column "wind": x is not a finite number`},
	} {
		t.Run(name, func(t *testing.T) {
			table := "day,warmth,other,wind\nd1,0.5,?,2\nd2,1,?,2.5\n" + test.row + "\nd4,0,?,3\n"
			in := writeFile(t, "in.csv", table)
			r := lstmWith(t, "", "run", "-model", model, "-in", in)
			require.Equal(t, exitFailure, r.code)
			require.Contains(t, r.err, in+test.want)
			require.Len(t, r.lines(), 3, r.out)
			require.True(t, strings.HasPrefix(r.lines()[2], "d2,"), r.out)
			require.Regexp(t, `rows +2 of `, r.err)

			// The same at the end of the table.
			if name != "stray quote" {
				in = writeFile(t, "in.csv", strings.TrimSuffix(table, "d4,0,?,3\n"))
				r = lstmWith(t, "", "run", "-model", model, "-in", in)
				require.Equal(t, exitFailure, r.code)
				require.Contains(t, r.err, in+test.want)
			}
		})
	}
}

func TestTableThatDoesNotFit(t *testing.T) {
	named := writeModel(t, randomModel(2, 1, weatherMetadata()))
	plain := writeModel(t, randomModel(2, 1, nil))
	for name, test := range map[string]struct{ model, header, want string }{
		"missing input":      {named, "day,warmth\n", `there is no column "wind", only "day", "warmth"`},
		"missing index":      {named, "wind,warmth\n", `there is no column "day", only "wind", "warmth"`},
		"input twice":        {named, "day,wind,warmth,wind\n", `columns 2 and 4 are both named "wind"`},
		"too many columns":   {plain, "a,b,c\n", "it has 3 columns, want 2"},
		"no header":          {plain, "", "empty, want a header"},
		"an empty header":    {plain, "\na,b\n", ":1:1: the row is empty"},
		"unfinished quoting": {plain, "a,\"b\n", ":1:6: extraneous or missing"},
	} {
		t.Run(name, func(t *testing.T) {
			in := writeFile(t, "in.csv", test.header)
			out := writeFile(t, "out.csv", "dear\n")
			r := lstmWith(t, "", "run", "-model", test.model, "-in", in, "-out", out)
			require.Equal(t, exitFailure, r.code)
			require.Contains(t, r.err, in+":")
			require.Contains(t, r.err, test.want)
			require.Equal(t, "dear\n", readFile(t, out), "a table of another kind must not cost the output there was")
		})
	}
}

func TestUnusedColumnsMayHaveOneName(t *testing.T) {
	model := writeModel(t, randomModel(2, 1, weatherMetadata()))
	r := lstmWith(t, "day,wind,warmth,x,x\nd1,1,1,a,b\n", "run", "-model", model)
	require.Zero(t, r.code, r.err)
}

func TestNumericHeaderIsNoted(t *testing.T) {
	model := writeModel(t, randomModel(2, 1, nil))
	r := lstmWith(t, "1,2\n3,4\n", "run", "-model", model)
	require.Zero(t, r.code, r.err)
	require.Contains(t, r.err, "note: the first row of standard input is taken for its header")
	require.NotContains(t, lstmWith(t, "a,2\n3,4\n", "run", "-model", model).err, "note")
}

func TestOutputFile(t *testing.T) {
	model := writeModel(t, randomModel(2, 1, weatherMetadata()))
	want := lstmWith(t, weatherTable, "run", "-model", model)
	out := writeFile(t, "out.csv", strings.Repeat("what was there before\n", 1000))
	r := lstmWith(t, weatherTable, "run", "-model", model, "-out", out)
	require.Zero(t, r.code, r.err)
	require.Empty(t, r.out)
	require.Equal(t, want.out, readFile(t, out))
}

// What fails before the first row leaves no file behind that was not there, and
// those that were as they were.
func TestEarlyFailuresChangeNoFile(t *testing.T) {
	model := writeModel(t, randomModel(2, 1, weatherMetadata()))
	folder := t.TempDir()
	out, link := filepath.Join(folder, "new.csv"), filepath.Join(folder, "link.csv")
	require.NoError(t, os.Symlink(out, link))
	for name, test := range map[string]struct {
		table string
		plot  string
	}{
		"no such column": {"a,b\n1,2\n", filepath.Join(folder, "chart.svg")},
		"empty table":    {"", filepath.Join(folder, "chart.svg")},
		"no such folder": {weatherTable, filepath.Join(folder, "none", "chart.svg")},
		"same file":      {weatherTable, filepath.Join(folder, "link.svg")},
	} {
		t.Run(name, func(t *testing.T) {
			old := writeFile(t, "old.csv", "old")
			for _, path := range []string{out, link, old} {
				samePlot := filepath.Join(folder, "link.svg")
				require.NoError(t, os.Symlink(path, samePlot))
				r := lstmWith(t, test.table, "run", "-model", model, "-out", path, "-plot", test.plot)
				require.NoError(t, os.Remove(samePlot))
				require.Equal(t, exitFailure, r.code)
				require.NoFileExists(t, out)
				require.NoFileExists(t, filepath.Join(folder, "chart.svg"))
				require.Equal(t, "old", readFile(t, old))
			}
		})
	}
}

func TestNoFileIsWrittenOverWhatIsRead(t *testing.T) {
	model := writeModel(t, randomModel(2, 1, weatherMetadata()))
	in := writeFile(t, "in.csv", weatherTable)
	link := filepath.Join(t.TempDir(), "link.csv")
	require.NoError(t, os.Link(in, link))
	image := filepath.Join(filepath.Dir(in), "chart.svg")
	require.NoError(t, os.Link(in, image))
	other := filepath.Join(t.TempDir(), "other.svg")
	modelContent := readFile(t, model)

	for name, flags := range map[string][]string{
		"in and out":       {"-in", in, "-out", in},
		"by another path":  {"-in", in, "-out", filepath.Dir(in) + "/../" + filepath.Base(filepath.Dir(in)) + "/in.csv"},
		"by a link":        {"-in", in, "-out", link},
		"in and plot":      {"-in", in, "-plot", image},
		"model and out":    {"-in", in, "-out", model},
		"new out and plot": {"-in", in, "-out", other, "-plot", other},
	} {
		t.Run(name, func(t *testing.T) {
			r := lstmWith(t, "", append([]string{"run", "-model", model}, flags...)...)
			require.Equal(t, exitFailure, r.code)
			require.Contains(t, r.err, "are the same file")
			require.Equal(t, weatherTable, readFile(t, in))
			require.Equal(t, modelContent, readFile(t, model))
		})
	}
}

// rowByRow is standard output that remembers what each Write brought, and may
// fail.
type rowByRow struct {
	writes []string
	room   int // writes before the failure, if there is an error
	err    error
}

func (w *rowByRow) Write(p []byte) (int, error) {
	if w.err != nil && len(w.writes) == w.room {
		return 0, w.err
	}
	w.writes = append(w.writes, string(p))
	return len(p), nil
}

func TestEachRowIsOneWrite(t *testing.T) {
	var out rowByRow
	code := execute(t.Context(), []string{"lstm", "run"}, nil, &out, io.Discard)
	require.Zero(t, code)
	require.Greater(t, len(out.writes), 1000)
	for _, row := range out.writes {
		require.Equal(t, 1, strings.Count(row, "\n"), row)
		require.True(t, strings.HasSuffix(row, "\n"), row)
	}
}

func TestFailingOutputIsAnError(t *testing.T) {
	for _, room := range []int{0, 1, 7} {
		out := rowByRow{room: room, err: io.ErrClosedPipe}
		var stderr strings.Builder
		code := execute(t.Context(), []string{"lstm", "run"}, nil, &out, &stderr)
		require.Equal(t, exitFailure, code)
		require.Contains(t, stderr.String(), "writing line "+strconv.Itoa(room+1)+" of standard output: io: read/write on closed pipe")
		require.Regexp(t, `rows +`+strconv.Itoa(max(0, room-1))+` of`, stderr.String())
	}
}

// fullDisk has room for some bytes and takes a part of a row if it must.
type fullDisk struct {
	content []byte
	room    int
}

func (d *fullDisk) Write(p []byte) (int, error) {
	n := min(len(p), d.room-len(d.content))
	d.content = append(d.content, p[:n]...)
	if n < len(p) {
		return n, io.ErrShortWrite
	}
	return n, nil
}

func TestFullDiskLeavesWholeRows(t *testing.T) {
	disk := &fullDisk{room: 10}
	rows := newRowWriter(&outputFile{name: "out.csv", Writer: disk, truncate: func(size int64) error {
		disk.content = disk.content[:size]
		return nil
	}})
	require.NoError(t, rows.write([]string{"a", "b"}))
	require.NoError(t, rows.write([]string{"1", "2"}))
	require.ErrorContains(t, rows.write([]string{"3", "4"}), "writing line 3 of out.csv")
	require.Equal(t, "a,b\n1,2\n", string(disk.content))
}

// One row is answered before the next one is asked for.
func TestRowsAreAnsweredAtOnce(t *testing.T) {
	model := writeModel(t, randomModel(2, 1, nil))
	stdin, feed := io.Pipe()
	answers, stdout := io.Pipe()
	code := make(chan int)
	go func() {
		c := execute(t.Context(), []string{"lstm", "run", "-model", model}, stdin, stdout, io.Discard)
		stdout.Close()
		code <- c
	}()
	send := func(row string) {
		_, err := io.WriteString(feed, row)
		require.NoError(t, err)
	}
	buf := make([]byte, 100)
	receive := func() string {
		n, err := answers.Read(buf)
		require.NoError(t, err)
		return string(buf[:n])
	}
	send("a,b\n")
	require.Equal(t, "y0\n", receive())
	for range 3 {
		send("0.25,")
		send("0.5\n")
		require.Regexp(t, `^-?[0-9.e-]+\n$`, receive())
	}
	require.NoError(t, feed.Close())
	require.Zero(t, <-code)
}

func TestInterruptWhileWaiting(t *testing.T) {
	model := writeModel(t, randomModel(2, 1, nil))
	ctx, interrupt := context.WithCancel(t.Context())
	stdin, feed := io.Pipe()
	answers, stdout := io.Pipe()
	var stderr strings.Builder
	code := make(chan int)
	go func() {
		c := execute(ctx, []string{"lstm", "run", "-model", model}, stdin, stdout, &stderr)
		stdout.Close()
		code <- c
	}()
	go func() {
		io.WriteString(feed, "a,b\n1,2\n") // and then nothing
	}()
	buf := make([]byte, 100)
	for range 2 {
		_, err := answers.Read(buf)
		require.NoError(t, err)
	}
	interrupt()
	require.Equal(t, exitInterrupted, <-code)
	require.Regexp(t, `rows +1 of standard input\n`, stderr.String())
	require.True(t, strings.HasSuffix(stderr.String(), "lstm: interrupted\n"), stderr.String())
	require.NoError(t, feed.Close())
}

// Data without the truth, as they are when a forecast is needed, can be run.
func TestTruthIsOptional(t *testing.T) {
	metadata := weatherMetadata()
	metadata[keyOutputs] = `[{"name": "rain", "truth": "rained", "ahead": 2}]`
	model := writeModel(t, randomModel(2, 1, metadata))

	r := lstmWith(t, weatherTable, "run", "-model", model)
	require.Zero(t, r.code, r.err)
	require.Contains(t, r.err, `rain: not known, standard input has no column "rained"`)

	r = lstmWith(t, "day,wind,warmth,rained\nd3,1,1,\nd4,1,1,5\n", "run", "-model", model)
	require.Zero(t, r.code, r.err)
	require.Contains(t, r.err, "rain: not known, no truth has come for a row with day d3 and later")

	r = lstmWith(t, "day,wind,warmth,rained\nd3,1,1,2\nd4,1,1,\nd5,1,1,2\nd6,1,1,2\n", "run", "-model", model)
	require.Zero(t, r.code, r.err)
	require.Contains(t, r.err, "rain, 1 row with day d3 and later:")

	r = lstmWith(t, "day,wind,warmth,rained\nd3,1,1,yes\n", "run", "-model", model)
	require.Equal(t, exitFailure, r.code)
	require.Contains(t, r.err, `standard input:2:8: column "rained": yes is not a finite number`)
}

// Names in a model file, whose author is not the user, give the terminal no
// commands and add no lines.
func TestSummaryOfUnprintableNames(t *testing.T) {
	metadata := weatherMetadata()
	metadata[keyOutputs] = `[{"name": "a", "truth": "b\u001b[2J\nrows 7", "ahead": 1}]`
	metadata[keyEvaluate] = `{"column": "day", "from": "\u001b[1md"}`
	model := writeModel(t, randomModel(2, 1, metadata))
	withTruth := strings.Replace(weatherTable, "other", "\"b\x1b[2J\nrows 7\"", 1)
	for _, table := range []string{weatherTable, strings.ReplaceAll(withTruth, "?", "3")} {
		r := lstmWith(t, table, "run", "-model", model)
		require.Zero(t, r.code, r.err)
		require.Contains(t, r.err, `b\x1b[2J\nrows 7`)
		require.NotContains(t, r.err, "\x1b")
		require.NotContains(t, r.err, "\nrows 7")
	}
}
