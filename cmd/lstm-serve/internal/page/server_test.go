package page

import (
	"bytes"
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm"
	"example.com/lstm/cmd/lstm-serve/internal/infer"
	"example.com/lstm/cmd/lstm-serve/internal/repository"
	"example.com/lstm/cmd/lstm-serve/internal/sequences"
	"example.com/lstm/cmd/lstm/seattle"
)

// newServer makes a server of the weather model, another one, and one that takes whole
// sequences.
func newServer(t *testing.T) *infer.Server {
	weather, err := lstm.Read(bytes.NewReader(seattle.Model))
	require.NoError(t, err)
	other, err := lstm.New(lstm.RandomModel(1, 3, 5, 24, 16))
	require.NoError(t, err)
	layer := func(seed uint64) *lstm.Weights { return lstm.RandomModel(seed, 0, 5, 8).Layers[0].(*lstm.Weights) }
	whole, err := lstm.NewSequenceNetwork(&lstm.Model{Layers: []lstm.Layer{&lstm.Bidirectional{Forward: layer(1), Backward: layer(2)}}})
	require.NoError(t, err)
	keep := func(n *lstm.Network) *sequences.Sequences {
		s, err := sequences.New(n, &sequences.Options{Workers: 1})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close(context.Background())) })
		return s
	}
	return infer.New(repository.New(
		&repository.Model{Name: "seattle", Version: "1", Stream: keep(weather)},
		&repository.Model{Name: "anomalies", Version: "1", Stream: keep(other)},
		&repository.Model{Name: "tagger", Version: "1", Whole: whole},
	), nil)
}

// ask makes a request of one step of the model "anomalies".
func ask(ctx context.Context, s *infer.Server, sequence string, start bool, done func(error)) {
	s.Infer(ctx, &infer.Request{
		Model: "anomalies", Sequence: infer.Sequence{ID: sequence, Start: start},
		Inputs: []infer.Tensor{{Name: "input", Datatype: "FP32", Shape: []int64{5}, Data: make([]float32, 5)}},
	}, func(_ *infer.Response, err error) { done(err) })
}

func TestSnapshotOfServer(t *testing.T) {
	s := newServer(t)
	source := server{s}
	before := source.snapshot()
	require.Equal(t, []string{"anomalies", "seattle", "tagger"}, []string{before.models[0].Name, before.models[1].Name, before.models[2].Name})
	m := before.models[0]
	require.Equal(t, []int{24, 16}, m.Hidden)
	require.Equal(t, []int{5, 3}, []int{m.Inputs, m.Outputs})
	require.True(t, m.Ready)
	require.Equal(t, 4897, before.models[1].Parameters)
	require.Nil(t, before.models[2].Hidden)
	require.Equal(t, 16, before.models[2].Outputs)

	answers := make(chan error, 1)
	for _, id := range []string{"a", "b", "c"} {
		ask(t.Context(), s, id, id != "c", func(err error) { answers <- err })
		require.Equal(t, id == "c", <-answers != nil)
	}
	after := source.snapshot()
	require.Equal(t, before.requests+3, after.requests)
	require.Equal(t, before.errors+1, after.errors)
	require.Equal(t, before.latency.Total()+3, after.latency.Total())
	m = after.models[0]
	require.Equal(t, 2, m.Live)
	require.Zero(t, m.Stored)
	require.Equal(t, uint64(2), m.Steps)
	require.Equal(t, uint64(2), m.BatchSizes[0])
}
