package bench

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/lstm"
)

// Everything that is measured of variants runs, has figures of its own that a
// report can have, and tables.
func TestOurVariants(t *testing.T) {
	report := NewReport()
	for _, s := range []Shape{{3, 5}, {8, 8}} {
		groups, err := s.OurVariants()
		require.NoError(t, err)
		require.NoError(t, Measure(t.Context(), groups, time.Millisecond, nil))
		report.Add(groups)
	}
	names := map[string]bool{}
	for _, f := range report.Figures {
		require.False(t, names[f.Name()], f.Name())
		names[f.Name()] = true
	}
	require.ElementsMatch(t, Variants, report.Variants())
	path := "/path=" + lstm.Path()
	require.True(t, names["Step/input=3/hidden=5/variant=projection"+path])
	require.True(t, names["Forward/input=8/hidden=8/steps=100/variant=bidirectional"+path])
	require.False(t, names["Forward/input=3/hidden=5/steps=100/variant=residual"+path], "x and h are not as long")

	var file bytes.Buffer
	require.NoError(t, report.Write(&file))
	read, err := Read(&file)
	require.NoError(t, err)
	require.Len(t, read.Tables(), 2)
}

// No two variants are the same layer, each is always the same, and the work of its
// figure is that of its weights.
func TestVariantLayers(t *testing.T) {
	s := Shape{6, 6}
	for i, v := range Variants {
		layer := s.Layer(v)
		require.Equal(t, layer, s.Layer(v), v)
		for _, other := range Variants[:i] {
			require.NotEqual(t, s.Layer(other), layer, "%s, %s", v, other)
		}
		weights := 0
		directions := []*lstm.Weights{}
		switch l := layer.(type) {
		case *lstm.Weights:
			directions = append(directions, l)
		case *lstm.Bidirectional:
			directions = append(directions, l.Forward, l.Backward)
		}
		for _, w := range directions {
			weights += len(w.WeightIH) + len(w.WeightHH) + len(w.WeightHR)
		}
		require.Equal(t, float64(2*weights*7), s.OfVariant(v, 7).Work, v)
	}
	require.Nil(t, Shape{5, 6}.Layer(Residual))
}

// variantReport has figures of three variants in round numbers, of which another
// program has two.
func variantReport() *Report {
	r := someReport()
	r.Figures = nil
	add := func(s Shape, v Variant, steps int, peer string, median float64) {
		f := s.OfVariant(v, steps)
		if f.Peer = peer; peer == "" {
			f.Path = r.Path
		}
		f.Median, f.Min, f.Slices = median, median*0.9, 100
		r.Figures = append(r.Figures, f)
	}
	small, large := Shape{1, 8}, Shape{64, 64}
	for _, steps := range []int{1, SequenceSteps} {
		add(small, Plain, steps, "", 50*float64(steps))
		add(small, Projection, steps, "", 40*float64(steps))
		add(small, Plain, steps, "A", 500*float64(steps))
		add(large, Plain, steps, "", 1000*float64(steps))
		add(large, Projection, steps, "", 900*float64(steps))
		add(large, Residual, steps, "", 1010*float64(steps))
		add(large, Plain, steps, "A", 2000*float64(steps))
		add(large, Residual, steps, "A", 2020*float64(steps))
	}
	add(large, Bidirectional, SequenceSteps, "", 2050*SequenceSteps)
	return r
}

func TestVariantTables(t *testing.T) {
	r := variantReport()
	for id, rows := range map[string][]string{
		"variants-step": {
			"| I, H | plain | projection | residual |",
			"| 1, 8 | 50.0 ns | × 0.80 (0.67) | – |", // 4·8·(1+4) + 4·8 weights of 4·8·(1+8)
			"| 64, 64 | 1.00 µs | × 0.90 (0.81) | × 1.01 |",
		},
		"variants-forward": {
			"| I, H | plain | projection | residual | bidirectional |",
			"| 1, 8 | 50.0 ns | × 0.80 (0.67) | – | – |",
			"| 64, 64 | 1.00 µs | × 0.90 (0.81) | × 1.01 | × 2.05 (2.00) |",
		},
		"variants-step-peer":    {"| I, H | plain | residual |", "| 1, 8 | × 10.0 | – |", "| 64, 64 | × 2.00 | × 2.00 |"},
		"variants-forward-peer": {"| I, H | plain | residual |", "| 1, 8 | × 10.0 | – |", "| 64, 64 | × 2.00 | × 2.00 |"},
	} {
		text := markdown(t, r, id)
		for _, row := range rows {
			require.Contains(t, text, row+"\n")
		}
	}
	require.Len(t, r.Tables(), 4)
	require.Contains(t, markdown(t, r, "variants-step-peer"), "**Variants in A, one stream, one step a call.**")
}
