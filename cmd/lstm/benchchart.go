package main

import (
	"fmt"
	"image/color"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"example.com/lstm/internal/bench"
	"example.com/lstm/internal/dispatch"
)

// A benchChart is one file: plots under each other.
type benchChart struct {
	name  string
	plots []*plot.Plot
}

// benchCharts draws a report: the time of a step against the size of a layer,
// step by step and in a sequence, and throughput against the size of a batch.
func benchCharts(r *bench.Report) []benchChart {
	var charts []benchChart
	add := func(name string, plots ...*plot.Plot) {
		if len(plots) > 0 {
			charts = append(charts, benchChart{name, plots})
		}
	}
	add("step", latencyPlots(r, "One stream, one step a call", bench.Figure{Kind: bench.Step}, 1)...)
	add("sequence", latencyPlots(r, fmt.Sprintf("One stream, %d steps a call", bench.SequenceSteps),
		bench.Figure{Kind: bench.Forward, Steps: bench.SequenceSteps}, bench.SequenceSteps)...)
	add("throughput", throughputPlots(r)...)
	return charts
}

// A curve is one line of a chart. Points that are not known are left out.
type curve struct {
	name   string
	color  color.Color
	width  vg.Length
	dashes []vg.Length
	mark   bool
	points plotter.XYs
}

func (c *curve) add(x, y float64) {
	if !math.IsNaN(y) {
		c.points = append(c.points, plotter.XY{X: x, Y: y})
	}
}

// A contender is what a curve shows: a path of this package, or a peer.
type contender struct {
	name  string
	color color.Color
	width vg.Length
	who   bench.Figure // its Path or Peer
}

// Colors that people with any kind of sight can tell apart, from Okabe and Ito.
var (
	orange     = color.RGBA{0xd5, 0x5e, 0x00, 0xff}
	blue       = color.RGBA{0x00, 0x72, 0xb2, 0xff}
	green      = color.RGBA{0x00, 0x9e, 0x73, 0xff}
	purple     = color.RGBA{0xaa, 0x54, 0x8a, 0xff}
	gold       = color.RGBA{0xc9, 0x8a, 0x00, 0xff}
	grey       = color.RGBA{0x9a, 0xa0, 0xa6, 0xff}
	peakColor  = color.RGBA{0x22, 0x26, 0x2a, 0xff}
	peakDashes = []vg.Length{vg.Points(5), vg.Points(3)}
	peerColors = []color.Color{blue, green, purple, gold, grey}
)

// contenders are the paths, the best one last and in the color that stands out,
// or beside peers only the best.
func contenders(r *bench.Report) []contender {
	best := contender{"lstm, " + r.Path, orange, vg.Points(2.4), bench.Figure{Path: r.Path}}
	var list []contender
	if peers := r.Peers(); len(peers) > 0 {
		for i, peer := range peers {
			list = append(list, contender{peer, peerColors[i%len(peerColors)], vg.Points(1.6), bench.Figure{Peer: peer}})
		}
		return append(list, best)
	}
	for _, path := range r.Paths() {
		switch path {
		case r.Path:
		case dispatch.Generic.String():
			list = append(list, contender{"pure Go, the oracle", grey, vg.Points(1.6), bench.Figure{Path: path}})
		case dispatch.Portable.String():
			list = append(list, contender{"pure Go", gold, vg.Points(1.6), bench.Figure{Path: path}})
		default:
			list = append(list, contender{path, blue, vg.Points(1.6), bench.Figure{Path: path}})
		}
	}
	best.name = r.Path
	return append(list, best)
}

// latencyPlots draw the time of a step against the size of the layer, and the
// peak of the best path, if it has been measured. what is a figure without a
// shape, and steps how many steps it has.
func latencyPlots(r *bench.Report, title string, what bench.Figure, steps int) []*plot.Plot {
	var curves []*curve
	for _, c := range contenders(r) {
		line := &curve{name: c.name, color: c.color, width: c.width, mark: true}
		for _, s := range bySize(r) {
			what.Input, what.Hidden = s.Input, s.Hidden
			what.Path, what.Peer = c.who.Path, c.who.Peer
			line.add(float64(s.WeightBytes()), r.Median(what)/float64(steps))
		}
		if len(line.points) > 0 {
			curves = append(curves, line)
		}
	}
	if len(curves) == 0 {
		return nil
	}
	peak := &curve{name: "peak: loading the weights", color: peakColor, width: vg.Points(1.2), dashes: peakDashes}
	if steps > 1 {
		peak.name = "peak: loading the recurrent weights, multiplying the inputs"
	}
	for _, s := range bySize(r) {
		y := r.Median(s.Of(bench.Load, r.Path))
		if steps > 1 {
			y = r.ForwardPeak(s, r.Path)
		}
		peak.add(float64(s.WeightBytes()), y)
	}
	if len(peak.points) > 0 {
		curves = append(curves, peak)
	}
	p := newBenchPlot(title, "time of a step", curves)
	p.X.Scale, p.Y.Scale = plot.LogScale{}, plot.LogScale{}
	p.X.Tick.Marker = shapeTicks(bySize(r))
	p.X.Label.Text = "input, hidden size" // short: the library keeps room for a long one at the end of the axis
	p.Y.Tick.Marker = timeTicks{}
	p.X.Min /= 1.25
	p.X.Max *= 1.25
	p.Y.Min /= 1.6
	p.Y.Max *= 1.6
	return []*plot.Plot{p}
}

// throughputShapes are those whose curves a chart has room for.
var throughputShapes = []bench.Shape{{Input: 16, Hidden: 32}, {Input: 64, Hidden: 64}, {Input: 128, Hidden: 128}, {Input: 512, Hidden: 512}, {Input: 1024, Hidden: 1024}}

// throughputPlots draw throughput against the size of the batch: a plot for each
// path, or beside peers for some shapes.
func throughputPlots(r *bench.Report) []*plot.Plot {
	shapes := slices.DeleteFunc(slices.Clone(throughputShapes), func(s bench.Shape) bool { return !slices.Contains(r.Shapes(), s) })
	var plots []*plot.Plot
	add := func(title, path string, curves []*curve) {
		curves = slices.DeleteFunc(curves, func(c *curve) bool { return len(c.points) == 0 })
		if len(curves) > 0 {
			plots = append(plots, newThroughputPlot(r, title, path, curves))
		}
	}
	if len(r.Peers()) > 0 {
		for _, s := range shapes[max(0, len(shapes)-4):] {
			var curves []*curve
			for _, c := range contenders(r) {
				curves = append(curves, throughputCurve(r, s, c))
			}
			add("Throughput at input, hidden "+s.String(), r.Path, curves)
		}
		return plots
	}
	for _, c := range contenders(r) {
		if dispatch.PureGo(c.who.Path) {
			continue
		}
		var curves []*curve
		for i, s := range shapes {
			c := c
			c.name, c.width = s.String(), vg.Points(2)
			c.color = ramp(float64(i) / float64(max(1, len(shapes)-1)))
			curves = append(curves, throughputCurve(r, s, c))
		}
		add("Throughput, "+c.who.Path, c.who.Path, curves)
	}
	return plots
}

func throughputCurve(r *bench.Report, s bench.Shape, c contender) *curve {
	line := &curve{name: c.name, color: c.color, width: c.width, mark: true}
	step := s.Of(bench.Step, c.who.Path)
	step.Peer = c.who.Peer
	line.add(1, r.Rate(step))
	for _, batch := range r.Batches() {
		what := step
		what.Kind, what.Batch = bench.StepBatch, batch
		line.add(float64(batch), r.Rate(what))
	}
	return line
}

func newThroughputPlot(r *bench.Report, title, path string, curves []*curve) *plot.Plot {
	most := 0.0
	if rate := r.Rate(bench.Figure{Kind: bench.FMA, Path: path}); !math.IsNaN(rate) {
		peak := &curve{name: "peak", color: peakColor, width: vg.Points(1.2), dashes: peakDashes}
		for _, batch := range append([]int{1}, r.Batches()...) {
			peak.add(float64(batch), rate)
		}
		curves = append(curves, peak)
	}
	p := newBenchPlot(title, "GFLOP/s", curves)
	for _, c := range curves {
		for _, pt := range c.points {
			most = max(most, pt.Y)
		}
	}
	p.X.Scale = plot.LogScale{}
	p.X.Tick.Marker = batchTicks(r.Batches())
	p.X.Label.Text = "streams in a batch"
	// The legend has the room right of the largest batch, where there are no curves.
	p.X.Min, p.X.Max = 1/1.1, p.X.Max*2.1
	p.Legend.Left, p.Legend.XOffs = false, vg.Points(-4)
	p.Y.Min, p.Y.Max = 0, 1.08*most
	p.Y.Tick.Marker = decimalTicks{}
	return p
}

// newBenchPlot draws curves, with a legend in their order from above.
func newBenchPlot(title, unit string, curves []*curve) *plot.Plot {
	p := plot.New()
	p.Title.Text = title
	p.Y.Label.Text = unit
	style(p)
	grid := plotter.NewGrid()
	grid.Horizontal.Color, grid.Vertical.Color = gridColor, gridColor
	p.Add(grid)
	for _, c := range curves {
		line := &plotter.Line{XYs: c.points, LineStyle: draw.LineStyle{Color: c.color, Width: c.width, Dashes: c.dashes}}
		p.Add(line)
		if !c.mark {
			p.Legend.Add(c.name, line)
			continue
		}
		dots := &plotter.Scatter{XYs: c.points, GlyphStyle: draw.GlyphStyle{Color: c.color, Radius: c.width + vg.Points(0.8), Shape: draw.CircleGlyph{}}}
		p.Add(dots)
		p.Legend.Add(c.name, line, dots)
	}
	return p
}

// ramp goes from light to dark blue, for sizes in order.
func ramp(at float64) color.Color {
	from, to := [3]float64{0x8f, 0xc9, 0xe8}, [3]float64{0x08, 0x2f, 0x6b}
	mix := func(i int) uint8 { return uint8(from[i] + at*(to[i]-from[i])) }
	return color.RGBA{mix(0), mix(1), mix(2), 0xff}
}

// bySize are the shapes of a report in the order of their weights' size.
func bySize(r *bench.Report) []bench.Shape {
	return slices.SortedFunc(slices.Values(r.Shapes()), func(a, b bench.Shape) int { return a.WeightBytes() - b.WeightBytes() })
}

// shapeTicks marks shapes, in the order of their weights' size, where that is.
// Labels that would touch their neighbors move down by lines.
type shapeTicks []bench.Shape

func (shapes shapeTicks) Ticks(from, to float64) []plot.Tick {
	const character = 0.01 // of the width of the chart
	place := func(x float64) float64 { return math.Log(x/from) / math.Log(to/from) }
	var ticks []plot.Tick
	var ends []float64 // where the last label of each line ends
	for _, s := range shapes {
		x, label := float64(s.WeightBytes()), s.String()
		half := character * float64(len(label)) / 2
		begin := place(x) - half
		line := slices.IndexFunc(ends, func(end float64) bool { return end+character < begin })
		if line < 0 {
			line, ends = len(ends), append(ends, 0)
		}
		ends[line] = place(x) + half
		ticks = append(ticks, plot.Tick{Value: x, Label: strings.Repeat("\n", line) + label})
	}
	return ticks
}

// batchTicks marks a batch of one and those that were measured.
type batchTicks []int

func (batches batchTicks) Ticks(_, _ float64) []plot.Tick {
	ticks := []plot.Tick{{Value: 1, Label: "1"}}
	for _, batch := range batches {
		ticks = append(ticks, plot.Tick{Value: float64(batch), Label: fmt.Sprint(batch)})
	}
	return ticks
}

// timeTicks marks the powers of ten of a logarithmic axis of nanoseconds, and
// the whole multiples between them without a label.
type timeTicks struct{}

func (timeTicks) Ticks(from, to float64) []plot.Tick {
	var ticks []plot.Tick
	for decade := math.Floor(math.Log10(from)); ; decade++ {
		for digit := 1; digit < 10; digit++ {
			x := float64(digit) * math.Pow(10, decade)
			if x > to*(1+1e-9) {
				return ticks
			}
			if x < from*(1-1e-9) {
				continue
			}
			label := ""
			if digit == 1 {
				label = decadeLabel(int(decade))
			}
			ticks = append(ticks, plot.Tick{Value: x, Label: label})
		}
	}
}

// decadeLabel is 10 to that power of nanoseconds.
func decadeLabel(power int) string {
	units := []string{"ns", "µs", "ms", "s"}
	unit := min(max(0, power/3), len(units)-1)
	return fmt.Sprintf("%g %s", math.Pow(10, float64(power-3*unit)), units[unit])
}
