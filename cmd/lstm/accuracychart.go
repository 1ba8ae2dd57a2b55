package main

import (
	"fmt"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

// chartStretches are how many points the curves of a chart have at most.
const chartStretches = 200

// formatColors are those of the formats, in the order of a comparison.
var formatColors = peerColors

// charts draw the differences of the formats along the rows, and those of the layers.
func (c *comparison) charts() []*plot.Plot {
	charts := []*plot.Plot{c.rowsChart()}
	if len(c.layers) > 1 {
		charts = append(charts, c.layersChart())
	}
	return charts
}

// rowsChart draws the root mean square of each stretch of rows, of which there are few
// enough to be told apart.
func (c *comparison) rowsChart() *plot.Plot {
	var curves []*curve
	for i := range c.formats {
		f := &c.formats[i]
		line := &curve{name: f.name, color: formatColors[i%len(formatColors)], width: vg.Points(1.6)}
		stretch := (len(f.rows) + chartStretches - 1) / chartStretches
		for first := 0; first < len(f.rows); first += stretch {
			part := f.rows[first:min(first+stretch, len(f.rows))]
			squares := 0.0
			for _, e := range part {
				squares += e * e
			}
			// A logarithm cannot show that there is no difference, nor one that is no number.
			if rms := math.Sqrt(squares / float64(len(part))); rms > 0 && !math.IsInf(rms, 0) {
				line.add(float64(first)+float64(len(part)-1)/2, rms)
			}
		}
		if len(line.points) > 0 {
			curves = append(curves, line)
		}
	}
	p := newBenchPlot("Difference of outputs from those of float32 weights", "root mean square", curves)
	p.X.Label.Text = "row"
	p.X.Tick.Marker = decimalTicks{}
	if len(curves) > 0 {
		p.Y.Scale = plot.LogScale{}
		p.Y.Tick.Marker = plot.LogTicks{Prec: -1}
		p.Y.Min /= 2
		p.Y.Max *= 5 // room for the legend
	}
	return p
}

// layersChart draws a bar for each layer.
func (c *comparison) layersChart() *plot.Plot {
	p := plot.New()
	p.Title.Text = fmt.Sprintf("Difference of outputs with one layer as %v", c.alone)
	p.Y.Label.Text = "root mean square"
	style(p)
	grid := plotter.NewGrid()
	grid.Vertical.Width = 0
	grid.Horizontal.Color = gridColor
	p.Add(grid)
	const most = 24 // bars that have room
	var heights plotter.Values
	var names []string
	for _, l := range c.layers[:min(len(c.layers), most)] {
		height := l.rms
		if math.IsNaN(height) || math.IsInf(height, 0) {
			height = 0
		}
		heights, names = append(heights, height), append(names, l.name)
	}
	bars, err := plotter.NewBarChart(heights, min(vg.Inch, (chartWidth-2*vg.Inch)/vg.Length(2*len(heights))))
	if err != nil {
		panic(err) // there are bars, and all of them are numbers
	}
	bars.Color, bars.LineStyle.Width = orange, 0
	p.Add(bars)
	p.NominalX(names...)
	p.X.Min, p.X.Max = -0.5, float64(len(heights))-0.5
	p.Y.Min, p.Y.Max = 0, max(p.Y.Max, math.SmallestNonzeroFloat32) // where there are no differences
	return p
}
