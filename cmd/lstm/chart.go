package main

import (
	"fmt"
	"image/color"
	"math"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

var (
	truthColor    = color.RGBA{0x8a, 0x93, 0x9c, 0xff} // slate
	forecastColor = color.RGBA{0xd9, 0x4f, 0x04, 0xff} // orange
	textColor     = color.RGBA{0x33, 0x38, 0x3d, 0xff}
	axisColor     = color.RGBA{0x9a, 0xa0, 0xa6, 0xff}
	gridColor     = color.RGBA{0xe0, 0xe3, 0xe6, 0xff}
)

// newChart draws the truth of one output against the forecasts of it, by the
// index column of the rows if it holds dates, else by the number of the row.
func newChart(o *output, index string, s *score) *plot.Plot {
	p := plot.New()
	a := s.accuracy()
	p.Title.Text = fmt.Sprintf("%s, RMSE %.3g", printable(o.Name, mostOfName), a.rmse)
	if s.hasBaseline() {
		p.Title.Text += fmt.Sprintf(" (persistence %.3g)", a.baseRMSE)
	}
	p.Y.Label.Text = printable(o.Truth, mostOfName)
	p.Y.Tick.Marker = decimalTicks{}
	p.X.Label.Text = "row"
	xs, areDates := positions(s.points)
	if areDates {
		p.X.Label.Text = printable(index, mostOfName)
		p.X.Tick.Marker = calendarTicks{}
	}
	style(p)

	grid := plotter.NewGrid()
	grid.Horizontal.Color, grid.Vertical.Color = gridColor, gridColor
	p.Add(grid)
	truth := func(pt point) float64 { return pt.truth }
	forecast := func(pt point) float64 { return pt.forecast }
	addLine(p, "truth", s.points, xs, truth, draw.LineStyle{Color: truthColor, Width: vg.Points(1.3)})
	addLine(p, "forecast", s.points, xs, forecast, draw.LineStyle{Color: forecastColor, Width: vg.Points(1)})
	// Air below and above the lines, there with room for the legend.
	span := p.Y.Max - p.Y.Min
	p.Y.Min -= 0.03 * span
	p.Y.Max += 0.12 * span
	return p
}

func style(p *plot.Plot) {
	sans := func(size vg.Length) font.Font { return font.Font{Typeface: "Liberation", Variant: "Sans", Size: size} }
	p.Title.TextStyle.Font = sans(vg.Points(13))
	p.Title.TextStyle.Color = textColor
	p.Title.Padding = vg.Points(10)
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.Label.TextStyle.Font = sans(vg.Points(11))
		axis.Label.TextStyle.Color = textColor
		axis.Label.Padding = vg.Points(5)
		axis.Tick.Label.Font = sans(vg.Points(10))
		axis.Tick.Label.Color = textColor
		axis.Tick.LineStyle.Color = axisColor
		axis.Tick.Length = vg.Points(4)
		axis.LineStyle.Color = axisColor
		axis.Padding = 0
	}
	p.Legend.TextStyle.Font = sans(vg.Points(11))
	p.Legend.TextStyle.Color = textColor
	p.Legend.Top, p.Legend.Left = true, true
	p.Legend.XOffs, p.Legend.YOffs = vg.Points(8), vg.Points(-6)
	p.Legend.Padding = vg.Points(3)
}

// addLine adds a line through the points, broken where rows are missing
// between them or a value is no finite number.
func addLine(p *plot.Plot, name string, points []point, xs []float64, y func(point) float64, style draw.LineStyle) {
	var line *plotter.Line
	var part plotter.XYs
	end := func() {
		if len(part) > 0 {
			line = &plotter.Line{XYs: part, LineStyle: style}
			p.Add(line)
			part = nil
		}
	}
	for i, pt := range points {
		if i > 0 && pt.row != points[i-1].row+1 {
			end()
		}
		if v := y(pt); !math.IsNaN(v) && !math.IsInf(v, 0) {
			part = append(part, plotter.XY{X: xs[i], Y: v})
		} else {
			end()
		}
	}
	end()
	if line != nil {
		p.Legend.Add(name, line)
	}
}

// positions returns where on the x axis points are: at the date in their
// label, in seconds, if every label is one, else at their row.
func positions(points []point) (xs []float64, areDates bool) {
	for _, format := range []string{time.DateOnly, time.DateTime, time.RFC3339} {
		if xs, ok := dates(points, format); ok {
			return xs, true
		}
	}
	for _, pt := range points {
		xs = append(xs, float64(pt.row))
	}
	return xs, false
}

func dates(points []point, format string) ([]float64, bool) {
	var xs []float64
	for _, pt := range points {
		t, err := time.Parse(format, pt.label)
		if err != nil {
			return nil, false
		}
		xs = append(xs, float64(t.Unix()))
	}
	return xs, true
}

// decimalTicks marks multiples of 1, 2 or 5 times a power of ten.
type decimalTicks struct{}

func (decimalTicks) Ticks(from, to float64) []plot.Tick {
	const most = 10 // steps that have room
	step := math.Pow(10, math.Floor(math.Log10((to-from)/most)))
	for _, factor := range []float64{1, 2, 5, 10} {
		if (to-from)/(factor*step) <= most {
			step *= factor
			break
		}
	}
	var ticks []plot.Tick
	first := math.Ceil(from / step)
	for i := range most + 1 {
		x := (first+float64(i))*step + 0 // + 0 because -0 would be labelled so
		if x > to {
			break
		}
		// Ten digits are more than a label has, and fewer than rounding spoils.
		ticks = append(ticks, plot.Tick{Value: x, Label: fmt.Sprintf("%.10g", x)})
	}
	return ticks
}

// calendarTicks marks a time axis where the months or years begin, and leaves
// shorter times to plot.TimeTicks.
type calendarTicks struct{}

func (calendarTicks) Ticks(from, to float64) []plot.Tick {
	const day, most = 24 * 60 * 60, 14 // labels that have room
	days := (to - from) / day
	switch {
	case days < 1:
		return plot.TimeTicks{Format: "15:04:05"}.Ticks(from, to)
	case days < 60:
		return plot.TimeTicks{Format: "2 Jan 2006"}.Ticks(from, to)
	}
	months := 1
	for _, months = range []int{1, 3, 6, 12, 24, 60, 120, 600, 1200} {
		if days/30 <= float64(most*months) {
			break
		}
	}
	format := "Jan 2006"
	if months >= 12 {
		format = "2006"
	}
	var ticks []plot.Tick
	// Counting from January of the year 0 puts the ticks at the starts of
	// quarters, years and decades.
	first := time.Unix(int64(from), 0).UTC()
	month := (first.Year()*12 + int(first.Month()) - 1) / months * months
	for ; ; month += months {
		t := time.Date(0, time.Month(month+1), 1, 0, 0, 0, 0, time.UTC)
		x := float64(t.Unix())
		if x > to {
			return ticks
		}
		if x >= from {
			ticks = append(ticks, plot.Tick{Value: x, Label: t.Format(format)})
		}
	}
}
