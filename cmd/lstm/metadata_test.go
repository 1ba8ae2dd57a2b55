package main

import (
	"maps"
	"math"
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
		})
	}
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
