package infer_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"example.com/lstm"
	"example.com/lstm/cmd/lstm-serve/internal/infer"
	"example.com/lstm/cmd/lstm-serve/internal/inferr"
	"example.com/lstm/cmd/lstm-serve/internal/repository"
	"example.com/lstm/cmd/lstm-serve/internal/sequences"
)

// fixture serves three models: "plain" with inputs of 3 and outputs of 2, "heads" with
// inputs of 3 and heads "mean" of 1 and "spread" of 2, and "both", of both directions,
// with inputs of 2 and outputs of 8.
type fixture struct {
	*infer.Server
	plain, heads *lstm.Network
	both         *lstm.SequenceNetwork
}

func newFixture(t testing.TB, o *infer.Options) *fixture {
	f := &fixture{}
	plain := lstm.RandomModel(1, 2, 3, 8)
	plain.Metadata = map[string]string{"author": "nobody"}
	f.plain = network(t, plain)
	heads := lstm.RandomModel(2, 0, 3, 8)
	for seed, name := range []string{"mean", "spread"} {
		head := lstm.RandomModel(uint64(seed), seed+1, 3, 8).Heads[0]
		head.Name = name
		heads.Heads = append(heads.Heads, head)
	}
	f.heads = network(t, heads)
	layer := func(seed uint64) *lstm.Weights { return lstm.RandomModel(seed, 0, 2, 4).Layers[0].(*lstm.Weights) }
	var err error
	f.both, err = lstm.NewSequenceNetwork(&lstm.Model{Layers: []lstm.Layer{&lstm.Bidirectional{Forward: layer(1), Backward: layer(2)}}})
	require.NoError(t, err)
	f.Server = infer.New(repository.New(
		&repository.Model{Name: "plain", Version: "1", Stream: keep(t, f.plain)},
		&repository.Model{Name: "heads", Version: "1", Stream: keep(t, f.heads)},
		&repository.Model{Name: "both", Version: "1", Whole: f.both},
	), o)
	return f
}

func network(t testing.TB, m *lstm.Model) *lstm.Network {
	n, err := lstm.New(m)
	require.NoError(t, err)
	return n
}

func keep(t testing.TB, n *lstm.Network) *sequences.Sequences {
	s, err := sequences.New(n, &sequences.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close(context.Background())) })
	return s
}

func (f *fixture) infer(ctx context.Context, r *infer.Request) (*infer.Response, error) {
	type result struct {
		response *infer.Response
		err      error
	}
	results := make(chan result, 2)
	f.Infer(ctx, r, func(response *infer.Response, err error) { results <- result{response, err} })
	first := <-results
	return first.response, first.err
}

// numbers are n numbers that differ, with a NaN and an infinity if there is room.
func numbers(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(i%7) - 3
	}
	return x
}

func input(data []float32, shape ...int64) []infer.Tensor {
	return []infer.Tensor{{Name: "input", Datatype: "FP32", Shape: shape, Data: data}}
}

// requireBits compares numbers bit by bit.
func requireBits(t testing.TB, want, got []float32) {
	t.Helper()
	require.Len(t, got, len(want))
	for i := range want {
		require.Equal(t, math.Float32bits(want[i]), math.Float32bits(got[i]), "element %d: %v and %v", i, want[i], got[i])
	}
}

func TestWithoutSequence(t *testing.T) {
	f := newFixture(t, nil)
	for _, shape := range [][]int64{{3}, {1, 3}, {600, 3}, {1, 600, 3}, {4, 300, 3}, {70, 2, 3}} {
		elements := int64(1)
		for _, s := range shape {
			elements *= s
		}
		x := numbers(int(elements))
		response, err := f.infer(t.Context(), &infer.Request{Model: "plain", ID: "a", Inputs: input(x, shape...)})
		require.NoError(t, err)
		batch := 1
		if len(shape) == 3 {
			batch = int(shape[0])
		}
		var want []float32
		for i := range batch {
			xs := x[i*len(x)/batch:][:len(x)/batch]
			y := make([]float32, len(xs)/3*2)
			f.plain.Forward(f.plain.NewState(), xs, y)
			want = append(want, y...)
		}
		require.Equal(t, infer.Response{Model: "plain", Version: "1", ID: "a", Outputs: []infer.Tensor{{
			Name: "output", Datatype: "FP32", Shape: append(append([]int64{}, shape[:len(shape)-1]...), 2), Data: response.Outputs[0].Data}}}, *response)
		requireBits(t, want, response.Outputs[0].Data)
	}
}

func TestNaNIsData(t *testing.T) {
	f := newFixture(t, nil)
	x := numbers(6 * 3)
	x[7], x[13] = float32(math.NaN()), float32(math.Inf(1))
	response, err := f.infer(t.Context(), &infer.Request{Model: "plain", Inputs: input(x, 3, 2, 3)})
	require.NoError(t, err)
	want := make([]float32, 2*2)
	f.plain.Forward(f.plain.NewState(), x[:6], want)
	requireBits(t, want, response.Outputs[0].Data[:4])
	require.True(t, math.IsNaN(float64(response.Outputs[0].Data[4])))
}

func TestHeads(t *testing.T) {
	f := newFixture(t, nil)
	x := numbers(5 * 3)
	want := make([]float32, 5*3)
	f.heads.Forward(f.heads.NewState(), x, want)
	column := func(from, to int) (part []float32) {
		for i := range 5 {
			part = append(part, want[i*3+from:i*3+to]...)
		}
		return part
	}
	response, err := f.infer(t.Context(), &infer.Request{Model: "heads", Inputs: input(x, 5, 3)})
	require.NoError(t, err)
	require.Len(t, response.Outputs, 2)
	require.Equal(t, infer.Tensor{Name: "mean", Datatype: "FP32", Shape: []int64{5, 1}, Data: column(0, 1)}, response.Outputs[0])
	require.Equal(t, infer.Tensor{Name: "spread", Datatype: "FP32", Shape: []int64{5, 2}, Data: column(1, 3)}, response.Outputs[1])

	response, err = f.infer(t.Context(), &infer.Request{Model: "heads", Inputs: input(x, 5, 3), Outputs: []string{"spread", "mean"}})
	require.NoError(t, err)
	require.Len(t, response.Outputs, 2)
	requireBits(t, column(1, 3), response.Outputs[0].Data)
	requireBits(t, column(0, 1), response.Outputs[1].Data)

	response, err = f.infer(t.Context(), &infer.Request{Model: "heads", Inputs: input(x[:3], 3), Outputs: []string{"spread"}})
	require.NoError(t, err)
	require.Len(t, response.Outputs, 1)
	requireBits(t, want[1:3], response.Outputs[0].Data)
}

func TestBothDirections(t *testing.T) {
	f := newFixture(t, nil)
	x := numbers(2 * 5 * 2)
	response, err := f.infer(t.Context(), &infer.Request{Model: "both", Inputs: input(x, 2, 5, 2)})
	require.NoError(t, err)
	want := make([]float32, 2*5*8)
	f.both.Forward(x[:10], want[:40], nil, nil)
	f.both.Forward(x[10:], want[40:], nil, nil)
	require.Equal(t, []int64{2, 5, 8}, response.Outputs[0].Shape)
	requireBits(t, want, response.Outputs[0].Data)
}

func TestSequence(t *testing.T) {
	f := newFixture(t, nil)
	x := numbers(6 * 3)
	want := make([]float32, 6*3)
	f.heads.Forward(f.heads.NewState(), x, want)
	taken := 0
	for _, c := range []struct {
		steps int
		shape []int64
	}{{1, []int64{3}}, {3, []int64{3, 3}}, {2, []int64{1, 2, 3}}} {
		r := &infer.Request{Model: "heads", ID: "r", Inputs: input(x[taken*3:][:c.steps*3], c.shape...),
			Sequence: infer.Sequence{ID: "a", Start: taken == 0, Step: uint64(taken + 1)}, Outputs: []string{"spread"}}
		taken += c.steps
		response, err := f.infer(t.Context(), r)
		require.NoError(t, err)
		shape := append(slices.Clone(c.shape[:len(c.shape)-1]), 2)
		require.Equal(t, infer.Response{Model: "heads", Version: "1", ID: "r", SequenceID: "a", Step: uint64(taken),
			Outputs: []infer.Tensor{{Name: "spread", Datatype: "FP32", Shape: shape, Data: response.Outputs[0].Data}}}, *response)
		var part []float32
		for i := taken - c.steps; i < taken; i++ {
			part = append(part, want[i*3+1:i*3+3]...)
		}
		requireBits(t, part, response.Outputs[0].Data)
	}
	_, err := f.infer(t.Context(), &infer.Request{Model: "heads", Inputs: input(x[:3], 3), Sequence: infer.Sequence{ID: "a", Step: 9}})
	requireError(t, err, codes.FailedPrecondition)
	var e *inferr.Error
	require.ErrorAs(t, err, &e)
	require.True(t, e.HasStep)
	require.EqualValues(t, 6, e.Step)
}

func TestRefused(t *testing.T) {
	f := newFixture(t, &infer.Options{MaxSteps: 50, MaxElements: 60})
	huge := int64(math.MaxInt64)
	x := numbers(6)
	with := func(change func(*infer.Request)) *infer.Request {
		r := &infer.Request{Model: "plain", Inputs: input(x, 2, 3)}
		change(r)
		return r
	}
	shape := func(shape ...int64) *infer.Request {
		return with(func(r *infer.Request) { r.Inputs[0].Shape = shape })
	}
	for name, c := range map[string]struct {
		r    *infer.Request
		code codes.Code
		say  []string
	}{
		"model":         {with(func(r *infer.Request) { r.Model = "none" }), codes.NotFound, []string{`"none"`}},
		"version":       {with(func(r *infer.Request) { r.Version = "2" }), codes.NotFound, []string{`"plain"`, `"2"`, `"1"`}},
		"no input":      {with(func(r *infer.Request) { r.Inputs = nil }), codes.InvalidArgument, []string{"0 inputs", `"input"`}},
		"two inputs":    {with(func(r *infer.Request) { r.Inputs = append(r.Inputs, r.Inputs...) }), codes.InvalidArgument, []string{"2 inputs"}},
		"name":          {with(func(r *infer.Request) { r.Inputs[0].Name = "x" }), codes.InvalidArgument, []string{`"x"`, `"input"`}},
		"datatype":      {with(func(r *infer.Request) { r.Inputs[0].Datatype = "FP64" }), codes.InvalidArgument, []string{`"input"`, `"FP64"`, "FP32"}},
		"output":        {with(func(r *infer.Request) { r.Outputs = []string{"y"} }), codes.InvalidArgument, []string{`"y"`, "output"}},
		"outputs":       {with(func(r *infer.Request) { r.Outputs = make([]string, 1e6) }), codes.InvalidArgument, []string{"1000000", "at most 1"}},
		"output twice":  {with(func(r *infer.Request) { r.Model, r.Outputs = "heads", []string{"mean", "mean"} }), codes.InvalidArgument, []string{`"mean"`, "twice"}},
		"no shape":      {shape(), codes.InvalidArgument, []string{`"input"`, "[]"}},
		"rank":          {shape(1, 1, 2, 3), codes.InvalidArgument, []string{"[1 1 2 3]", "[B T 3]"}},
		"great rank":    {shape(make([]int64, 1e6)...), codes.InvalidArgument, []string{"1000000 dimensions"}},
		"size":          {shape(3, 2), codes.InvalidArgument, []string{"[3 2]", "[T 3]"}},
		"no steps":      {shape(0, 3), codes.InvalidArgument, []string{"[0 3]"}},
		"no sequences":  {shape(0, 2, 3), codes.InvalidArgument, []string{"[0 2 3]"}},
		"negative":      {shape(-2, -1, 3), codes.InvalidArgument, []string{"[-2 -1 3]"}},
		"negative size": {shape(-2, -3), codes.InvalidArgument, []string{"[-2 -3]"}},
		"too few":       {shape(3, 3), codes.InvalidArgument, []string{"6 elements", "[3 3]"}},
		"too many":      {shape(1, 3), codes.InvalidArgument, []string{"6 elements", "[1 3]"}},
		"overflow":      {shape(huge, 3), codes.InvalidArgument, []string{"6 elements"}},
		"overflow to 2": {shape(1<<62+1, 2, 3), codes.InvalidArgument, []string{"6 elements"}},
		"not rows":      {with(func(r *infer.Request) { r.Inputs[0].Data = numbers(7) }), codes.InvalidArgument, []string{"7 elements"}},
		"no data":       {with(func(r *infer.Request) { r.Inputs[0].Data = nil }), codes.InvalidArgument, []string{"0 elements"}},
		"steps": {with(func(r *infer.Request) { r.Model, r.Inputs = "both", input(numbers(51*2), 51, 2) }), codes.InvalidArgument,
			[]string{"51 steps", "at most 50"}},
		"elements": {with(func(r *infer.Request) { r.Inputs = input(numbers(21*3), 21, 3) }), codes.InvalidArgument,
			[]string{"63 elements", "at most 60"}},
		"output elements": {with(func(r *infer.Request) { r.Model, r.Inputs = "both", input(numbers(8*2), 8, 2) }), codes.InvalidArgument,
			[]string{"8 steps", "8 elements", "60"}},
		"batch in sequence": {with(func(r *infer.Request) { r.Sequence.ID, r.Inputs[0].Shape = "a", []int64{2, 1, 3} }), codes.InvalidArgument,
			[]string{"[2 1 3]", "[1 T 3]"}},
		"whole in sequence": {with(func(r *infer.Request) { r.Model, r.Sequence.ID = "both", "a" }), codes.InvalidArgument,
			[]string{`"both"`, "sequence_id"}},
		"long id":  {with(func(r *infer.Request) { r.Sequence.ID = strings.Repeat("a", 257) }), codes.InvalidArgument, []string{"257 bytes"}},
		"id bytes": {with(func(r *infer.Request) { r.Sequence.ID = "\xff" }), codes.InvalidArgument, []string{"UTF-8"}},
		"start":    {with(func(r *infer.Request) { r.Sequence.Start = true }), codes.InvalidArgument, []string{"sequence_start", "sequence_id"}},
		"end":      {with(func(r *infer.Request) { r.Sequence.End = true }), codes.InvalidArgument, []string{"sequence_end", "sequence_id"}},
		"step":     {with(func(r *infer.Request) { r.Sequence.Step = 1 }), codes.InvalidArgument, []string{"sequence_step", "sequence_id"}},
	} {
		t.Run(name, func(t *testing.T) {
			response, err := f.infer(t.Context(), c.r)
			require.Nil(t, response)
			requireError(t, err, c.code, c.say...)
			require.Less(t, len(err.Error()), 500)
		})
	}
}

func requireError(t testing.TB, err error, code codes.Code, say ...string) {
	t.Helper()
	var e *inferr.Error
	require.True(t, errors.As(err, &e), "%v", err)
	require.Equal(t, code, e.Code, e.Message)
	for _, text := range say {
		require.Contains(t, e.Message, text)
	}
}

func TestContexts(t *testing.T) {
	f := newFixture(t, nil)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	for _, id := range []string{"", "a"} {
		r := &infer.Request{Model: "plain", Sequence: infer.Sequence{ID: id, Start: id != ""}, Inputs: input(numbers(3), 3)}
		_, err := f.infer(cancelled, r)
		requireError(t, err, codes.Canceled)
		_, err = f.infer(late, r)
		requireError(t, err, codes.DeadlineExceeded)
	}
}

func TestMetadata(t *testing.T) {
	f := newFixture(t, nil)
	m, err := f.Metadata("plain", "")
	require.NoError(t, err)
	require.Equal(t, &infer.Metadata{
		Name: "plain", Versions: []string{"1"}, Platform: "lstm",
		Inputs:     []infer.TensorMetadata{{Name: "input", Datatype: "FP32", Shape: []int64{-1, 3}}},
		Outputs:    []infer.TensorMetadata{{Name: "output", Datatype: "FP32", Shape: []int64{-1, 2}}},
		Properties: map[string]string{"fingerprint": f.plain.Fingerprint().String(), "sequences": "true", "metadata.author": "nobody"},
	}, m)
	m, err = f.Metadata("heads", "1")
	require.NoError(t, err)
	require.Equal(t, []infer.TensorMetadata{{"mean", "FP32", []int64{-1, 1}}, {"spread", "FP32", []int64{-1, 2}}}, m.Outputs)
	m, err = f.Metadata("both", "1")
	require.NoError(t, err)
	require.Equal(t, "false", m.Properties["sequences"])
	_, err = f.Metadata("none", "")
	requireError(t, err, codes.NotFound, `"none"`)
	requireError(t, f.ModelReady("both", "7"), codes.NotFound, `"7"`)
	require.NoError(t, f.ModelReady("both", ""))
	require.NoError(t, f.Ready())
	names := []string{}
	for _, m := range f.Models() {
		names = append(names, m.Name)
	}
	require.Equal(t, []string{"both", "heads", "plain"}, names)
	index := f.Index()
	require.Equal(t, []infer.ModelStatus{{Name: "both", Version: "1", Ready: true}, {Name: "heads", Version: "1", Ready: true}, {Name: "plain", Version: "1", Ready: true}}, index)
	require.Equal(t, "READY", index[0].State())
	require.Equal(t, "UNAVAILABLE", (&infer.ModelStatus{Reason: "disk full"}).State())
}

func TestElements(t *testing.T) {
	f := newFixture(t, nil)
	require.EqualValues(t, 6+4, f.Elements(&infer.Request{Model: "plain", Inputs: input(numbers(6), 2, 3)}))
	require.EqualValues(t, 6, f.Elements(&infer.Request{Model: "none", Inputs: input(numbers(6), 2, 3)}))
}
