package main

import (
	"bytes"
	"context"
	"fmt"
	"image/color"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

// The size of a chart. Several, one for each output, are put under each other.
const (
	chartWidth  = 12 * vg.Inch
	chartHeight = 5 * vg.Inch
	chartDPI    = 150 // of a PNG
)

// A plotFormat is an image format, by its file extension.
type plotFormat string

const (
	formatSVG plotFormat = ".svg"
	formatPNG plotFormat = ".png"
)

func plotFormatOf(path string) (plotFormat, error) {
	switch format := plotFormat(strings.ToLower(filepath.Ext(path))); format {
	case formatSVG, formatPNG:
		return format, nil
	default:
		return "", fmt.Errorf("-plot %s: the file's extension is %q, want .svg or .png", path, format)
	}
}

// drawPlot draws the forecasts whose truth has come. Where that fails, the file
// is as it was.
func (j *job) drawPlot(ctx context.Context) error {
	if !j.hasPoints() {
		return fmt.Errorf("nothing to draw in %s: no truth has come for a row%s", j.plot.name, j.evaluatedRange())
	}
	var charts []*plot.Plot
	for i, s := range j.scores {
		if s != nil && len(s.points) > 0 {
			charts = append(charts, newChart(&j.columns.layout.outputs[i], j.columns.layout.index, s))
		}
	}
	if ctx.Err() != nil { // what there is by then is still worth a picture
		ctx = context.WithoutCancel(ctx)
	}
	return j.plot.draw(ctx, j.chart, charts)
}

// draw makes charts the content of o.
func (o *outputFile) draw(ctx context.Context, format plotFormat, charts []*plot.Plot) error {
	image, err := await(ctx, func() (*bytes.Buffer, error) {
		var b bytes.Buffer
		return &b, writeCharts(&b, format, charts)
	})
	if err != nil {
		return fmt.Errorf("drawing %s: %w", o.name, err)
	}
	err = o.replace()
	if err == nil {
		_, err = image.WriteTo(o)
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", o.name, err)
	}
	return nil
}

// hasPoints tells whether there is anything to draw.
func (j *job) hasPoints() bool {
	return slices.ContainsFunc(j.scores, func(s *score) bool { return s != nil && len(s.points) > 0 })
}

// writeCharts draws charts under each other.
func writeCharts(w io.Writer, format plotFormat, charts []*plot.Plot) error {
	height := chartHeight * vg.Length(len(charts))
	if format == formatPNG {
		image := vgimg.NewWith(vgimg.UseWH(chartWidth, height), vgimg.UseDPI(chartDPI))
		drawCharts(shortStrokes{image}, charts)
		_, err := vgimg.PngCanvas{Canvas: image}.WriteTo(w)
		return err
	}
	image := vgsvg.New(chartWidth, height)
	drawCharts(image, charts)
	var svg bytes.Buffer
	if _, err := image.WriteTo(&svg); err != nil {
		return err
	}
	_, err := w.Write(withFallbackFonts(svg.Bytes()))
	return err
}

func drawCharts(c vg.CanvasSizer, charts []*plot.Plot) {
	rows := make([][]*plot.Plot, len(charts))
	for i, chart := range charts {
		rows[i] = []*plot.Plot{chart}
	}
	margin := vg.Points(14)
	tiles := draw.Tiles{
		Rows: len(charts), Cols: 1, PadY: 2 * margin,
		PadTop: margin, PadBottom: margin, PadLeft: margin, PadRight: margin,
	}
	area := draw.New(c)
	area.SetColor(color.White)
	area.Fill(area.Rectangle.Path())
	for i, part := range plot.Align(rows, tiles, area) {
		charts[i].Draw(part[0])
	}
}

// shortStrokes is a canvas on which a long line is drawn in parts: rasterizing a
// line takes time with the square of its points. Where parts meet, their round
// ends make the joint that would be there.
type shortStrokes struct{ vg.CanvasSizer }

// strokePoints are the points of a part.
const strokePoints = 500

func (c shortStrokes) Stroke(path vg.Path) {
	isShape := func(p vg.PathComp) bool { return p.Type != vg.MoveComp && p.Type != vg.LineComp }
	if len(path) <= strokePoints || slices.ContainsFunc(path, isShape) {
		c.CanvasSizer.Stroke(path)
		return
	}
	for start := 0; start < len(path)-1; start += strokePoints - 1 { // the last point of a part begins the next one
		part := slices.Clone(path[start:min(start+strokePoints, len(path))])
		part[0].Type = vg.MoveComp
		c.CanvasSizer.Stroke(part)
	}
}

// withFallbackFonts lets a machine without the font that the text was measured
// with show an SVG in one of the same widths.
func withFallbackFonts(svg []byte) []byte {
	const family = "font-family:Liberation Sans"
	return bytes.ReplaceAll(svg, []byte(family+";"), []byte(family+",Arial,Helvetica,sans-serif;"))
}
