package main

import (
	"fmt"
	"maps"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMalformedMetadata(t *testing.T) {
	for name, test := range map[string]struct{ key, text, want string }{
		"no JSON":           {keyInputs, "wind, warmth", "lstm.inputs: invalid character"},
		"two values":        {keyInputs, `[{"name":"a"},{"name":"b"}] []`, "lstm.inputs: there is more after its JSON value"},
		"wrong type":        {keyInputs, `{"name": "wind"}`, "lstm.inputs: json: cannot unmarshal object"},
		"too few inputs":    {keyInputs, `[{"name": "wind"}]`, "lstm.inputs: it names 1 column, want 2, the network's input size"},
		"null":              {keyInputs, `null`, "lstm.inputs: it names 0 columns, want 2"},
		"no name":           {keyInputs, `[{"name": "a"}, {"mean": 1}]`, `lstm.inputs: entry 2: it has no "name"`},
		"std 0":             {keyInputs, `[{"name": "a", "std": 0}, {"name": "b"}]`, `lstm.inputs: entry 1: "a": std is 0`},
		"infinite":          {keyInputs, `[{"name": "a", "std": 1e999}, {"name": "b"}]`, "lstm.inputs: json: cannot unmarshal number 1e999"},
		"mistyped field":    {keyInputs, `[{"name": "a", "maen": 1}, {"name": "b"}]`, `lstm.inputs: json: unknown field "maen"`},
		"too many outputs":  {keyOutputs, `[{"name": "a"}, {"name": "b"}]`, "lstm.outputs: it names 2 outputs, want 1, the network's output size"},
		"ahead of nothing":  {keyOutputs, `[{"name": "a", "ahead": 1}]`, `lstm.outputs: entry 1: "a": ahead is 1, but there is no "truth"`},
		"back in time":      {keyOutputs, `[{"name": "a", "truth": "b", "ahead": -1}]`, "ahead is -1, want 0 to"},
		"too far":           {keyOutputs, `[{"name": "a", "truth": "b", "ahead": 2000000000}]`, "ahead is 2000000000, want 0 to"},
		"unprintable name":  {keyOutputs, `[{"name": "a\u001b[2J"}]`, `lstm.outputs: entry 1: "a\x1b[2J": there are characters in its name`},
		"long name":         {keyOutputs, `[{"name": "` + strings.Repeat("a", 1000) + `", "ahead": 1}]`, `entry 1: "` + strings.Repeat("a", 80) + `…": ahead is 1`},
		"long number":       {keyInputs, strings.Repeat("7", 1000), strings.Repeat("7", 100) + "…"},
		"no column":         {keyEvaluate, `{"from": "2015"}`, `lstm.evaluate: it names no "column"`},
		"evaluate nothing":  {keyEvaluate, `null`, `lstm.evaluate: it names no "column"`},
		"evaluate in words": {keyEvaluate, `all`, "lstm.evaluate: invalid character"},
	} {
		t.Run(name, func(t *testing.T) {
			metadata := weatherMetadata()
			metadata[test.key] = test.text
			model := writeModel(t, randomModel(2, 1, metadata))
			r := lstmWith(t, weatherTable, "run", "-model", model)
			require.Equal(t, exitFailure, r.code)
			require.Contains(t, r.err, model+": metadata ")
			require.Contains(t, r.err, test.want)
			require.Empty(t, r.out)
			require.Less(t, len(r.err), 1000)
			require.NotContains(t, r.err, "\x1b")
		})
	}
}

// The forecasts of all outputs together are bounded, not only those of each.
func TestForecastsThatWaitAreBounded(t *testing.T) {
	outputs := func(ahead int) map[string]string {
		const entry = `{"name": "a", "truth": "b", "ahead": %d}`
		return map[string]string{keyOutputs: fmt.Sprintf("["+entry+","+entry+"]", ahead, ahead)}
	}
	_, err := parseLayout(outputs(maxAhead/2), 1, 2)
	require.NoError(t, err)
	_, err = parseLayout(outputs(maxAhead/2+1), 1, 2)
	require.EqualError(t, err, "metadata lstm.outputs: entry 2: ahead of the outputs up to this one is 1048578 in all, want at most 1048576")
}

func TestIndexNeedsInputs(t *testing.T) {
	metadata := maps.Clone(weatherMetadata())
	delete(metadata, keyInputs)
	_, err := parseLayout(metadata, 2, 1)
	require.EqualError(t, err, `metadata lstm.index is "day", but there is no lstm.inputs`)
}

func TestRestoreInvertsNormalize(t *testing.T) {
	std := 4.0
	q := quantity{Name: "a", Mean: 10, Std: &std}
	require.Equal(t, float32(0.5), q.normalize(12))
	require.Equal(t, float32(12), q.restore(0.5))
	negativeZero := float32(math.Copysign(0, -1))
	require.Equal(t, "-0", shortest((&quantity{}).restore(negativeZero)))
}
