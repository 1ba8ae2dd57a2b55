package main

import (
	"encoding/xml"
	"errors"
	"fmt"
	"image/color"
	"image/png"
	"io"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/recorder"
	"gonum.org/v1/plot/vg/vgimg"
)

func TestPlotFormats(t *testing.T) {
	dir := t.TempDir()

	path := filepath.Join(dir, "chart.png")
	r := lstmWith(t, "", "run", "-plot", path)
	require.Zero(t, r.code, r.err)
	image, err := png.Decode(strings.NewReader(readFile(t, path)))
	require.NoError(t, err)
	require.Equal(t, 12*chartDPI, image.Bounds().Dx())
	require.Equal(t, 5*chartDPI, image.Bounds().Dy())

	path = writeFile(t, "chart.SVG", strings.Repeat("longer than any chart ", 1<<16))
	r = lstmWith(t, "", "run", "-plot", path)
	require.Zero(t, r.code, r.err)
	svg := readFile(t, path)
	require.Contains(t, svg, "<svg ")
	require.Contains(t, svg, ">forecast</text>")
	require.Contains(t, svg, "sans-serif")
	for d := xml.NewDecoder(strings.NewReader(svg)); ; {
		if _, err := d.Token(); err == io.EOF {
			break
		} else {
			require.NoError(t, err)
		}
	}
}

func TestPlotOfSeveralOutputs(t *testing.T) {
	metadata := weatherMetadata()
	metadata[keyOutputs] = `[{"name": "a", "truth": "warmth", "ahead": 1}, {"name": "b"}, {"name": "c", "truth": "wind", "ahead": 2}]`
	model := writeModel(t, randomModel(2, 3, metadata))
	path := filepath.Join(t.TempDir(), "chart.png")
	r := lstmWith(t, weatherTable, "run", "-model", model, "-plot", path)
	require.Zero(t, r.code, r.err)
	image, err := png.Decode(strings.NewReader(readFile(t, path)))
	require.NoError(t, err)
	require.Equal(t, 2*5*chartDPI, image.Bounds().Dy())
}

func TestNothingToDraw(t *testing.T) {
	path := filepath.Join(t.TempDir(), "chart.svg")
	plain := writeModel(t, randomModel(2, 1, nil))
	r := lstmWith(t, "a,b\n1,2\n", "run", "-model", plain, "-plot", path)
	require.Equal(t, exitFailure, r.code)
	require.Contains(t, r.err, "names no truth for an output")
	require.Empty(t, r.out)
	require.NoFileExists(t, path)

	model := writeModel(t, randomModel(2, 1, weatherMetadata()))
	r = lstmWith(t, "day,wind,warmth\nd1,1,1\n", "run", "-model", model, "-plot", path)
	require.Equal(t, exitFailure, r.code)
	require.Contains(t, r.err, "no truth has come for a row with day d3 and later")
	require.Len(t, r.lines(), 2)
	require.NoFileExists(t, path)
	old := writeFile(t, "old.svg", "an older chart")
	r = lstmWith(t, "day,wind,warmth\nd1,1,1\n", "run", "-model", model, "-plot", old)
	require.Equal(t, exitFailure, r.code)
	require.Equal(t, "an older chart", readFile(t, old))

	metadata := weatherMetadata()
	metadata[keyOutputs] = `[{"name": "a", "truth": "rained", "ahead": 1}]`
	model = writeModel(t, randomModel(2, 1, metadata))
	r = lstmWith(t, weatherTable, "run", "-model", model, "-plot", path)
	require.Equal(t, exitFailure, r.code)
	require.Contains(t, r.err, "standard input has no column with the truth of an output")
	require.Empty(t, r.out)
}

// What was forecast before a bad row is drawn, and the bad row is still the error.
func TestPlotBeforeBadRow(t *testing.T) {
	model := writeModel(t, randomModel(2, 1, weatherMetadata()))
	path := filepath.Join(t.TempDir(), "chart.svg")
	r := lstmWith(t, weatherTable+"d6,bad,?,1\n", "run", "-model", model, "-plot", path)
	require.Equal(t, exitFailure, r.code)
	require.Contains(t, r.err, "bad is not a finite number")
	require.Contains(t, readFile(t, path), "<svg ")
}

func TestPlotThatCannotBeWritten(t *testing.T) {
	s := newScore(&output{Truth: "t"}, true)
	s.add("a", known(1), 3, true)
	full := errors.New("full")
	charts := newChart(s.output, "", s)
	for _, format := range []plotFormat{formatPNG, formatSVG} {
		out := &rowByRow{err: full}
		require.ErrorIs(t, writeCharts(out, format, []*plot.Plot{charts}), full)
	}
}

// An image takes time with its points, not with their square: no line is drawn
// whole that has very many. That changes next to nothing of it.
func TestLongLinesAreDrawnInParts(t *testing.T) {
	s := newScore(&output{Truth: "t"}, true)
	for i := range 5000 {
		s.add("", known(math.Sin(float64(i)/300)), math.Cos(float64(i)/200), true)
	}
	charts := []*plot.Plot{newChart(s.output, "", s)}
	var strokes recorder.Canvas
	drawCharts(shortStrokes{sized{&strokes}}, charts)
	points := 0
	for _, action := range strokes.Actions {
		if stroke, ok := action.(*recorder.Stroke); ok {
			require.LessOrEqual(t, len(stroke.Path), strokePoints)
			points += len(stroke.Path)
		}
	}
	require.Greater(t, points, 2*5000)

	size := vgimg.UseWH(chartWidth, chartHeight)
	parts, whole := vgimg.NewWith(size), vgimg.NewWith(size)
	drawCharts(shortStrokes{parts}, charts)
	drawCharts(whole, charts)
	worst := 0.0
	for y := range parts.Image().Bounds().Dy() {
		for x := range parts.Image().Bounds().Dx() {
			a := color.GrayModel.Convert(parts.Image().At(x, y)).(color.Gray).Y
			b := color.GrayModel.Convert(whole.Image().At(x, y)).(color.Gray).Y
			worst = max(worst, math.Abs(float64(a)-float64(b)))
		}
	}
	require.Less(t, worst, 64.0, "of 255, where parts meet")
}

// sized gives a recorder the size of a chart.
type sized struct{ vg.Canvas }

func (sized) Size() (x, y vg.Length) { return chartWidth, chartHeight }

func TestPointsAreDrawnByDate(t *testing.T) {
	xs, areDates := positions([]point{{row: 3, label: "2015-01-01"}, {row: 4, label: "2015-01-02"}})
	require.True(t, areDates)
	require.Equal(t, 24*60*60.0, xs[1]-xs[0])
	xs, areDates = positions([]point{{row: 3, label: "2015-01-01"}, {row: 4, label: "tomorrow"}})
	require.False(t, areDates)
	require.Equal(t, []float64{3, 4}, xs)
}

func TestDecimalTicks(t *testing.T) {
	labels := func(from, to float64) (labels []string) {
		for _, tick := range (decimalTicks{}).Ticks(from, to) {
			labels = append(labels, tick.Label)
		}
		return labels
	}
	require.Equal(t, []string{"-5", "0", "5", "10", "15", "20", "25", "30", "35"}, labels(-6, 36))
	require.Equal(t, []string{"0", "0.1", "0.2", "0.3", "0.4", "0.5"}, labels(-0.05, 0.55))
	require.LessOrEqual(t, len(labels(1e17, 1e17+32)), 11, "where adding a step changes nothing")
}

func TestCalendarTicks(t *testing.T) {
	date := func(text string) float64 {
		d, err := time.Parse(time.DateOnly, text)
		require.NoError(t, err)
		return float64(d.Unix())
	}
	for _, test := range []struct{ from, to, first string }{
		{"2015-01-05", "2015-01-30", ""},
		{"2015-01-02", "2015-12-31", "Feb 2015"},
		{"2012-01-02", "2015-01-01", "Apr 2012"},
		{"2001-06-01", "2015-01-01", "2002"},
		{"1901-06-01", "2015-01-01", "1910"},
		{"0001-01-02", "9999-01-01", "100"},
	} {
		t.Run(fmt.Sprint(test.from, " to ", test.to), func(t *testing.T) {
			ticks := calendarTicks{}.Ticks(date(test.from), date(test.to))
			require.NotEmpty(t, ticks)
			if test.first != "" {
				require.Equal(t, test.first, strings.TrimLeft(ticks[0].Label, "0"))
				require.LessOrEqual(t, len(ticks), 120)
			}
		})
	}
}
