package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm"
)

// bidirectionalModel is a network that reads whole sequences: a layer in both
// directions, one in reverse, and a head.
func bidirectionalModel(inputs int, metadata map[string]string) *lstm.Model {
	m := lstm.RandomModel(3, 1, 7, 4)
	weights := func(seed uint64, input, hidden int) *lstm.Weights {
		return lstm.RandomModel(seed, 0, input, hidden).Layers[0].(*lstm.Weights)
	}
	m.Layers = []lstm.Layer{
		&lstm.Bidirectional{Forward: weights(1, inputs, 5), Backward: weights(2, inputs, 6)},
		&lstm.Bidirectional{Forward: weights(4, 11, 7), Backward: weights(5, 11, 7), Merge: lstm.MergeSum},
		&lstm.Bidirectional{Backward: m.Layers[0].(*lstm.Weights)},
	}
	m.Metadata = metadata
	return m
}

func TestInfoOfBidirectional(t *testing.T) {
	m := bidirectionalModel(3, nil)
	r := lstmWith(t, "", "info", writeModel(t, m))
	require.Zero(t, r.code, r.err)
	net, err := lstm.NewSequenceNetwork(m)
	require.NoError(t, err)
	require.Regexp(t, `fingerprint +`+net.Fingerprint().String()+`\n`, r.out)
	require.Regexp(t, `runs +whole sequences only`, r.out)
	require.NotContains(t, r.out, "memory a stream")
	for _, line := range []string{
		`lstm 0 forward +3 +5 +160 +float32 +plain`, `lstm 0 backward +3 +6 +216 +float32 +plain`, ` both, concat +11`,
		`lstm 1 forward +11 +7 +504 +float32 +plain`, `lstm 1 backward +11 +7 +504 +float32 +plain`, ` both, sum +7`,
		`lstm 2 reverse +7 +4 +176 +float32 +plain`, `head: linear +4 +1 +4 +float32`,
	} {
		require.Regexp(t, `\n *`+line+` *\n`, r.out)
	}

	for _, layer := range m.Layers {
		layer.(*lstm.Bidirectional).Last = true
	}
	r = lstmWith(t, "", "info", writeModel(t, m))
	require.Zero(t, r.code, r.err)
	for _, line := range []string{` both, concat, last +11`, ` both, sum, last +7`, `lstm 2 reverse, last +7 +4 +176 +float32 +plain`} {
		require.Regexp(t, `\n *`+line+` *\n`, r.out)
	}
}

// The rows are one sequence, and the outputs those of SequenceNetwork, with the
// scale, the index and the scores of the metadata.
func TestRunOfBidirectional(t *testing.T) {
	m := bidirectionalModel(2, weatherMetadata())
	r := lstmWith(t, weatherTable, "run", "-model", writeModel(t, m))
	require.Zero(t, r.code, r.err)
	net, err := lstm.NewSequenceNetwork(m)
	require.NoError(t, err)
	y := make([]float32, 5)
	net.Forward([]float32{0, 0.5, 1, 1, -2, 1.5, 2, 0, 0, -1}, y, nil, nil)
	want := []string{"day,warmth_next"}
	for i, v := range y {
		want = append(want, fmt.Sprintf("d%d,%s", i+1, strconv.FormatFloat(float64(float32(float64(float64(v)*4)+10)), 'g', -1, 32)))
	}
	require.Equal(t, want, r.lines())
	require.Regexp(t, `rows +5 of `, r.err)
	require.Regexp(t, `time +.*, all rows as one sequence\n`, r.err)
	require.NotContains(t, r.err, "time a step")
	require.Regexp(t, `warmth_next, 2 rows with day d3 and later:`, r.err)

	// No rows are an empty sequence.
	r = lstmWith(t, "day,warmth,wind\n", "run", "-model", writeModel(t, m))
	require.Zero(t, r.code, r.err)
	require.Equal(t, []string{"day,warmth_next"}, r.lines())
}

// A bad row leaves no sequence to run.
func TestRunOfBidirectionalEndsWithABadRow(t *testing.T) {
	m := bidirectionalModel(2, weatherMetadata())
	bad := slices.Insert(strings.SplitAfter(weatherTable, "\n"), 3, "d2b,x,?,1\n")
	r := lstmWith(t, strings.Join(bad, ""), "run", "-model", writeModel(t, m))
	require.Equal(t, exitFailure, r.code)
	require.Contains(t, r.err, `:4:5: column "warmth"`)
	require.Equal(t, []string{"day,warmth_next"}, r.lines())
	require.Regexp(t, `rows +0 of `, r.err)
}
