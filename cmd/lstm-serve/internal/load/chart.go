package load

import (
	"bytes"
	"fmt"
	"image/color"
	"io"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

var (
	textColor = color.RGBA{0x33, 0x38, 0x3d, 0xff}
	axisColor = color.RGBA{0x9a, 0xa0, 0xa6, 0xff}
	gridColor = color.RGBA{0xe0, 0xe3, 0xe6, 0xff}

	// Of percentiles, the higher the warmer: colors that people with any kind of
	// sight can tell apart, from Okabe and Ito.
	percentileColors = []color.Color{
		color.RGBA{0x9a, 0xa0, 0xa6, 0xff}, color.RGBA{0x00, 0x9e, 0x73, 0xff},
		color.RGBA{0x00, 0x72, 0xb2, 0xff}, color.RGBA{0xd5, 0x5e, 0x00, 0xff},
	}
)

// writeSVG draws percentiles of latency against load, or of one result the latency
// against the percentile.
func writeSVG(w io.Writer, title string, results []*Result) error {
	results = slices.DeleteFunc(slices.Clone(results), func(r *Result) bool { return r.Requests == 0 })
	if len(results) == 0 {
		return fmt.Errorf("nothing to draw: no request was answered")
	}
	var p *plot.Plot
	if len(results) == 1 {
		p = percentilePlot(title, results[0])
	} else {
		p = loadPlot(title, results)
	}
	image := vgsvg.New(9*vg.Inch, 5*vg.Inch)
	area := draw.New(image)
	area.SetColor(color.White)
	area.Fill(area.Rectangle.Path())
	margin := vg.Points(14)
	p.Draw(draw.Crop(area, margin, -margin, margin, -margin))
	var svg bytes.Buffer
	if _, err := image.WriteTo(&svg); err != nil {
		return err
	}
	// A machine without the font that the text was measured with has one of the same
	// widths.
	const family = "font-family:Liberation Sans"
	_, err := w.Write(bytes.ReplaceAll(svg.Bytes(), []byte(family+";"), []byte(family+",Arial,Helvetica,sans-serif;")))
	return err
}

func loadPlot(title string, results []*Result) *plot.Plot {
	results = slices.SortedFunc(slices.Values(results), func(a, b *Result) int { return int(math.Copysign(1, load(a)-load(b))) })
	p := newPlot(title)
	p.X.Label.Text = "requests a second"
	for i, of := range []struct {
		name string
		at   func(Percentiles) float64
	}{
		{"p50", func(l Percentiles) float64 { return l.P50 }},
		{"p90", func(l Percentiles) float64 { return l.P90 }},
		{"p99", func(l Percentiles) float64 { return l.P99 }},
		{"p99.9", func(l Percentiles) float64 { return l.P999 }},
	} {
		var points plotter.XYs
		for _, r := range results {
			points = append(points, plotter.XY{X: load(r), Y: 1e9 * of.at(r.Latency)})
		}
		addCurve(p, of.name, percentileColors[i], points, true)
	}
	p.X.Min, p.X.Max = 0, 1.03*p.X.Max
	p.Y.Max *= 3 // room for the legend
	p.X.Tick.Marker = thousandTicks{}
	return p
}

// load is where on the axis of load a result is.
func load(r *Result) float64 {
	if r.Wanted > 0 {
		return r.Wanted
	}
	return r.Had
}

func percentilePlot(title string, r *Result) *plot.Plot {
	p := newPlot(title)
	p.X.Label.Text = "percentile"
	var points plotter.XYs
	for _, c := range r.Curve {
		// The last requests' own steps are no percentiles any more.
		if x := 1 / (1 - c.Part); x*2 <= float64(r.Requests) {
			points = append(points, plotter.XY{X: max(x, 1), Y: 1e9 * c.Seconds})
		}
	}
	if len(points) == 0 {
		points = plotter.XYs{{X: 1, Y: 1e9 * r.Latency.P50}, {X: 2, Y: 1e9 * r.Latency.Max}}
	}
	name := fmt.Sprintf("%.0f requests a second", load(r))
	addCurve(p, name, percentileColors[2], points, false)
	p.X.Scale = plot.LogScale{}
	p.X.Tick.Marker = percentileTicks{}
	p.X.Min, p.X.Max = 1, max(10, p.X.Max)
	return p
}

func addCurve(p *plot.Plot, name string, c color.Color, points plotter.XYs, mark bool) {
	line := &plotter.Line{XYs: points, LineStyle: draw.LineStyle{Color: c, Width: vg.Points(2)}}
	p.Add(line)
	if !mark {
		p.Legend.Add(name, line)
	} else {
		dots := &plotter.Scatter{XYs: points, GlyphStyle: draw.GlyphStyle{Color: c, Radius: vg.Points(2.8), Shape: draw.CircleGlyph{}}}
		p.Add(dots)
		p.Legend.Add(name, line, dots)
	}
	// Air, and a whole decade at least.
	p.Y.Min, p.Y.Max = p.Y.Min/1.05, p.Y.Max*1.05
	if p.Y.Max < 10*p.Y.Min {
		p.Y.Max = 10 * p.Y.Min
	}
}

func newPlot(title string) *plot.Plot {
	sans := func(size vg.Length) font.Font {
		return font.Font{Typeface: "Liberation", Variant: "Sans", Size: size}
	}
	p := plot.New()
	p.Title.Text = title
	p.Title.TextStyle.Font, p.Title.TextStyle.Color = sans(vg.Points(13)), textColor
	p.Title.Padding = vg.Points(10)
	p.Y.Label.Text = "latency"
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.Label.TextStyle.Font, axis.Label.TextStyle.Color = sans(vg.Points(11)), textColor
		axis.Label.Padding = vg.Points(5)
		axis.Tick.Label.Font, axis.Tick.Label.Color = sans(vg.Points(10)), textColor
		axis.Tick.LineStyle.Color, axis.LineStyle.Color = axisColor, axisColor
		axis.Tick.Length = vg.Points(4)
		axis.Padding = 0
	}
	p.Legend.TextStyle.Font, p.Legend.TextStyle.Color = sans(vg.Points(11)), textColor
	p.Legend.Top, p.Legend.Left = true, true
	p.Legend.XOffs, p.Legend.YOffs = vg.Points(8), vg.Points(-6)
	p.Legend.Padding = vg.Points(3)
	p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, timeTicks{}
	grid := plotter.NewGrid()
	grid.Horizontal.Color, grid.Vertical.Color = gridColor, gridColor
	p.Add(grid)
	return p
}

// timeTicks marks a logarithmic axis of nanoseconds, with 1, 2 and 5 times the powers
// of ten as labels.
type timeTicks struct{}

func (timeTicks) Ticks(from, to float64) (ticks []plot.Tick) {
	for decade := math.Floor(math.Log10(from)); ; decade++ {
		for digit := 1.0; digit < 10; digit++ {
			x := digit * math.Pow(10, decade)
			switch {
			case x > to*(1+1e-9):
				return ticks
			case x < from*(1-1e-9):
			case digit == 1 || digit == 2 || digit == 5:
				ticks = append(ticks, plot.Tick{Value: x, Label: duration(x / 1e9)})
			default:
				ticks = append(ticks, plot.Tick{Value: x})
			}
		}
	}
}

// percentileTicks marks an axis of 1/(1 - part).
type percentileTicks struct{}

func (percentileTicks) Ticks(from, to float64) []plot.Tick {
	ticks := []plot.Tick{{Value: 1, Label: "0"}, {Value: 2, Label: "50"}}
	for nines := 1; math.Pow10(nines) <= to*(1+1e-9); nines++ {
		label := []byte("90")
		if nines > 1 {
			label = append([]byte("99."), bytes.Repeat([]byte("9"), nines-2)...)
			label = bytes.TrimSuffix(label, []byte("."))
		}
		ticks = append(ticks, plot.Tick{Value: math.Pow10(nines), Label: string(label)})
	}
	return ticks
}

// thousandTicks labels plain numbers with thousands apart.
type thousandTicks struct{}

func (thousandTicks) Ticks(from, to float64) []plot.Tick {
	ticks := plot.DefaultTicks{}.Ticks(from, to)
	for i, t := range ticks {
		if t.Label == "" {
			continue
		}
		digits := fmt.Sprintf("%.0f", t.Value)
		for at := len(digits) - 3; at > 0; at -= 3 {
			digits = digits[:at] + "," + digits[at:]
		}
		ticks[i].Label = digits
	}
	return ticks
}
