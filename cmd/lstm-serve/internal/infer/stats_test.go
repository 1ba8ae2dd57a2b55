package infer_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"example.com/lstm/cmd/lstm-serve/internal/infer"
)

func TestStats(t *testing.T) {
	f := newFixture(t, nil)
	want := f.Stats()
	require.Zero(t, want.Latency.Total())
	ended, end := context.WithCancel(t.Context())
	end()
	right := infer.Tensor{Name: "input", Datatype: "FP32", Shape: []int64{1, 3}, Data: numbers(3)}
	for _, r := range []struct {
		ctx     context.Context
		request infer.Request
		code    codes.Code
	}{
		{t.Context(), infer.Request{Model: "plain", Inputs: []infer.Tensor{right}}, codes.OK},
		{t.Context(), infer.Request{Model: "plain", Inputs: []infer.Tensor{right}, Sequence: infer.Sequence{ID: "a", Start: true}}, codes.OK},
		{t.Context(), infer.Request{Model: "plain", Inputs: []infer.Tensor{right}, Sequence: infer.Sequence{ID: "b"}}, codes.NotFound},
		{t.Context(), infer.Request{Model: "other", Inputs: []infer.Tensor{right}}, codes.NotFound},
		{t.Context(), infer.Request{Model: "plain"}, codes.InvalidArgument},
		{ended, infer.Request{Model: "plain", Inputs: []infer.Tensor{right}}, codes.Canceled},
	} {
		_, err := f.infer(r.ctx, &r.request)
		require.Equal(t, r.code == codes.OK, err == nil, "%v", err)
		want.Answered[r.code]++
		got := f.Stats()
		require.Equal(t, want.Answered, got.Answered)
		var all uint64
		for _, n := range got.Answered {
			all += n
		}
		require.Equal(t, all, got.Latency.Total())
	}
}

// A part counts what comes by it, and so does the whole.
func TestStatsOfParts(t *testing.T) {
	f := newFixture(t, nil)
	one, other := f.Part(), f.Part()
	for part, n := range map[*infer.Server]int{one: 2, other: 3, f.Server: 1} {
		for range n {
			part.Infer(t.Context(), &infer.Request{Model: "other"}, func(*infer.Response, error) {})
		}
	}
	for part, n := range map[*infer.Server]uint64{one: 2, other: 3, f.Server: 6} {
		stats := part.Stats()
		require.Equal(t, n, stats.Answered[codes.NotFound])
		require.Equal(t, n, stats.Latency.Total())
	}
}
