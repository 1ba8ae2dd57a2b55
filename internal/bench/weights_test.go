package bench

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/lstm"
)

// Everything that is measured of formats runs, has figures of its own that a report
// can have, and tables.
func TestOurFormats(t *testing.T) {
	report := NewReport()
	for _, s := range []Shape{{3, 5}, {8, 8}} {
		groups, err := s.OurFormats()
		require.NoError(t, err)
		for _, group := range groups {
			require.Len(t, group, len(Formats), "one of each beside the others")
		}
		require.NoError(t, Measure(t.Context(), groups, time.Millisecond, nil))
		report.Add(groups)
	}
	names := map[string]bool{}
	for _, f := range report.Figures {
		require.False(t, names[f.Name()], f.Name())
		names[f.Name()] = true
	}
	require.Equal(t, Formats, report.Formats())
	path := "/path=" + lstm.Path()
	require.True(t, names["Step/input=3/hidden=5/weights=float32"+path])
	require.True(t, names["StepBatch/input=8/hidden=8/batch=32/weights=int8,x=7"+path])

	var file bytes.Buffer
	require.NoError(t, report.Write(&file))
	read, err := Read(&file)
	require.NoError(t, err)
	require.Len(t, read.Tables(), 2+len(FormatBatches))
}

// Networks have the format that they are asked for, in the bytes of memory that it
// takes.
func TestNetworkOfFormat(t *testing.T) {
	s := Shape{64, 64}
	sizes := map[Weights]int{}
	for _, w := range Formats {
		n, err := s.Network(w)
		require.NoError(t, err)
		sizes[w] = n.MemorySize()
	}
	require.Less(t, sizes[Float16], sizes[Float32]*6/10)
	require.Less(t, sizes[Int8], sizes[Float32]*3/10)
	require.Equal(t, sizes[Int8], sizes[Int8NarrowInput])

	x, y := s.Inputs(1), map[Weights][]float32{}
	for _, w := range Formats {
		n, err := s.Network(w)
		require.NoError(t, err)
		y[w] = make([]float32, s.Hidden)
		n.Step(n.NewState(), x, y[w])
	}
	for i, w := range Formats {
		for _, other := range Formats[:i] {
			require.NotEqual(t, y[other], y[w], "%s, %s", other, w)
		}
	}
}

// formatReport has figures of formats in round numbers, and another program's.
func formatReport() *Report {
	r := someReport()
	r.Figures = nil
	add := func(f Figure, s Shape, w Weights, peer string, median float64) {
		f.Input, f.Hidden, f.Weights = s.Input, s.Hidden, w
		if f.Peer = peer; peer == "" {
			f.Path = r.Path
		}
		f.Work, f.Median, f.Min, f.Slices = 1, median, median*0.9, 100
		r.Figures = append(r.Figures, f)
	}
	for f, steps := range map[Figure]float64{
		{Kind: Step}: 1, {Kind: Forward, Steps: SequenceSteps}: SequenceSteps, {Kind: StepBatch, Batch: 32}: 32,
	} {
		s := Shape{64, 64}
		add(f, s, Float32, "", 1000*steps)
		add(f, s, Float16, "", 700*steps)
		add(f, s, Int8, "", 500*steps)
		add(f, s, Int8NarrowInput, "", 400*steps)
		add(f, s, Int8, "A", 2000*steps)
	}
	return r
}

func TestFormatTables(t *testing.T) {
	r := formatReport()
	for _, id := range []string{"formats-step", "formats-forward", "formats-batch-32"} {
		text := markdown(t, r, id)
		require.Contains(t, text, "| I, H | float32 | float16 | int8 | int8,x=7 | A | / x=14 | / x=7 |\n")
		require.Contains(t, text, "| 64, 64 | 1.00 µs | × 0.70 | × 0.50 | × 0.40 | 2.00 µs | × 4.00 | × 5.00 |\n")
	}
	require.Len(t, r.Tables(), 3)
	require.Contains(t, markdown(t, r, "formats-batch-32"), "**Formats of weights, 32 streams, one step a call.**")
}

// Beside all else that lstm bench measures, formats have a table of their own.
func TestFormatsTable(t *testing.T) {
	r := someReport()
	require.Empty(t, r.formatsTable().Rows)
	step := r.Figures[7]
	require.Equal(t, Step, step.Kind)
	for i, w := range Formats[1:] {
		f := step
		f.Weights, f.Median = w, step.Median/float64(2*(i+1))
		r.Figures = append(r.Figures, f)
	}
	table := r.formatsTable()
	require.Equal(t, []string{"I, H", step.Path, "float16", "int8", "int8,x=7"}, table.Columns[:5])
	require.Equal(t, []string{"× 0.50", "× 0.25", "× 0.17"}, table.Rows[0][2:5])
}
