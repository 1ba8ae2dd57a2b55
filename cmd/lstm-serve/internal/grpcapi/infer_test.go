package grpcapi_test

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/metadata"

	"example.com/lstm/cmd/lstm-serve/internal/grpcapi"
	"example.com/lstm/cmd/lstm-serve/internal/infer"
	"example.com/lstm/cmd/lstm-serve/internal/inference"
)

// An answer comes as its request has come: raw, or typed.
func TestContents(t *testing.T) {
	f := newFixture(t, nil, nil)
	x := numbers(1, 4*3)
	want := steps(f.plain, x)
	r := typedRequest(x, 4, 3)
	r.Id = "a"
	typed, err := f.ModelInfer(t.Context(), r)
	require.NoError(t, err)
	requireMessage(t, &inference.ModelInferResponse{ModelName: "plain", ModelVersion: "1", Id: "a",
		Outputs: []*inference.ModelInferResponse_InferOutputTensor{{Name: "output", Datatype: "FP32", Shape: []int64{4, 2},
			Contents: &inference.InferTensorContents{Fp32Contents: want}}}}, typed)
	r = rawRequest(x, 1, 4, 3)
	r.Id = "b"
	raw, err := f.ModelInfer(t.Context(), r)
	require.NoError(t, err)
	requireMessage(t, &inference.ModelInferResponse{ModelName: "plain", ModelVersion: "1", Id: "b",
		Outputs:           []*inference.ModelInferResponse_InferOutputTensor{{Name: "output", Datatype: "FP32", Shape: []int64{1, 4, 2}}},
		RawOutputContents: [][]byte{rawBytes(want)}}, raw)
}

func TestHeads(t *testing.T) {
	f := newFixture(t, nil, nil)
	x := numbers(1, 3)
	want := steps(f.heads, x)
	r := rawRequest(x, 3)
	r.ModelName = "heads"
	r.Outputs = []*inference.ModelInferRequest_InferRequestedOutputTensor{{Name: "spread"}, {Name: "mean"}}
	a, err := f.ModelInfer(t.Context(), r)
	require.NoError(t, err)
	require.Len(t, a.Outputs, 2)
	require.Equal(t, "spread", a.Outputs[0].Name)
	require.Equal(t, [][]byte{rawBytes(want[1:]), rawBytes(want[:1])}, a.RawOutputContents)
}

// A sequence goes on from call to call, by ids of all kinds, which come back as they came.
func TestSequence(t *testing.T) {
	for name, id := range map[string]*inference.InferParameter{
		"text": text("a"), "int64": integer(-7), "uint64": unsigned(math.MaxUint64)} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, nil, nil)
			x := numbers(3, 6*3)
			want := steps(f.plain, x)
			var got []float32
			done := 0
			for i, n := range []int{1, 3, 2} {
				r := inSequence(rawRequest(x[done*3:][:n*3], int64(n), 3), id, int64(done+1), i == 0, false)
				done += n
				a, err := f.ModelInfer(t.Context(), r)
				require.NoError(t, err)
				requireMessage(t, id, a.Parameters["sequence_id"])
				requireMessage(t, integer(int64(done)), a.Parameters["sequence_step"])
				requireMessage(t, integer(0), a.Parameters["sequence_stored_step"])
				got = append(got, rawFloats(t, a.RawOutputContents[0])...)

				again, err := f.ModelInfer(t.Context(), r)
				require.NoError(t, err)
				requireMessage(t, a, again)
			}
			requireBits(t, want, got)
		})
	}
}

// Who has lost count learns from the trailer where the sequence is.
func TestStepTrailer(t *testing.T) {
	f := newFixture(t, nil, nil)
	_, err := f.ModelInfer(t.Context(), inSequence(rawRequest(numbers(0, 6), 2, 3), text("a"), 1, true, false))
	require.NoError(t, err)
	var trailer metadata.MD
	_, err = f.ModelInfer(t.Context(), inSequence(rawRequest(numbers(0, 3), 3), text("a"), 9, false, false), grpc.Trailer(&trailer))
	requireStatus(t, err, codes.FailedPrecondition, "9", "3")
	require.Equal(t, []string{"2"}, trailer.Get(grpcapi.StepTrailer))
	trailer = nil
	_, err = f.ModelInfer(t.Context(), inSequence(rawRequest(numbers(0, 3), 3), text("b"), 9, false, false), grpc.Trailer(&trailer))
	requireStatus(t, err, codes.NotFound, `"b"`)
	require.Equal(t, []string{"0"}, trailer.Get(grpcapi.StepTrailer))
}

func TestRefused(t *testing.T) {
	f := newFixture(t, nil, &infer.Options{MaxSteps: 10})
	with := func(r *inference.ModelInferRequest, change func(*inference.ModelInferRequest)) *inference.ModelInferRequest {
		change(r)
		return r
	}
	raw := func(change func(*inference.ModelInferRequest)) *inference.ModelInferRequest {
		return with(rawRequest(numbers(0, 6), 2, 3), change)
	}
	typed := func(change func(*inference.ModelInferRequest)) *inference.ModelInferRequest {
		return with(typedRequest(numbers(0, 6), 2, 3), change)
	}
	for name, c := range map[string]struct {
		r    *inference.ModelInferRequest
		code codes.Code
		say  []string
	}{
		"nothing":    {&inference.ModelInferRequest{}, codes.InvalidArgument, []string{"0 inputs"}},
		"model":      {raw(func(r *inference.ModelInferRequest) { r.ModelName = "none" }), codes.NotFound, []string{`"none"`}},
		"version":    {raw(func(r *inference.ModelInferRequest) { r.ModelVersion = "9" }), codes.NotFound, []string{`"9"`}},
		"no input":   {&inference.ModelInferRequest{ModelName: "plain"}, codes.InvalidArgument, []string{"0 inputs"}},
		"no tensor":  {&inference.ModelInferRequest{ModelName: "plain", Inputs: make([]*inference.ModelInferRequest_InferInputTensor, 1)}, codes.InvalidArgument, []string{`""`}},
		"raw length": {raw(func(r *inference.ModelInferRequest) { r.RawInputContents[0] = make([]byte, 23) }), codes.InvalidArgument, []string{`"input"`, "23 bytes"}},
		"raw empty":  {raw(func(r *inference.ModelInferRequest) { r.RawInputContents[0] = nil }), codes.InvalidArgument, []string{`"input"`, "0 elements"}},
		"raw elements": {raw(func(r *inference.ModelInferRequest) { r.RawInputContents[0] = make([]byte, 28) }), codes.InvalidArgument,
			[]string{`"input"`, "7 elements"}},
		"raw more": {raw(func(r *inference.ModelInferRequest) { r.RawInputContents = make([][]byte, 3) }), codes.InvalidArgument, []string{"3 raw_input_contents", "1"}},
		"raw and typed": {typed(func(r *inference.ModelInferRequest) { r.RawInputContents = [][]byte{make([]byte, 24)} }), codes.InvalidArgument,
			[]string{`"input"`, "contents beside"}},
		"other contents": {typed(func(r *inference.ModelInferRequest) { r.Inputs[0].Contents.Fp64Contents = make([]float64, 6) }), codes.InvalidArgument,
			[]string{`"input"`, "fp64_contents"}},
		"datatype": {raw(func(r *inference.ModelInferRequest) { r.Inputs[0].Datatype = "INT8" }), codes.InvalidArgument, []string{`"input"`, `"INT8"`, "FP32"}},
		"overflow": {raw(func(r *inference.ModelInferRequest) { r.Inputs[0].Shape = []int64{1 << 62, 4, 3} }), codes.InvalidArgument,
			[]string{"[4611686018427387904 4 3]"}},
		"negative": {raw(func(r *inference.ModelInferRequest) { r.Inputs[0].Shape = []int64{-1, -2, 3} }), codes.InvalidArgument, []string{"[-1 -2 3]"}},
		"steps":    {rawRequest(numbers(0, 33), 11, 3), codes.InvalidArgument, []string{"11 steps", "10"}},
		"output": {raw(func(r *inference.ModelInferRequest) {
			r.Outputs = []*inference.ModelInferRequest_InferRequestedOutputTensor{{Name: "y"}}
		}), codes.InvalidArgument, []string{`"y"`}},
		"id":    {inSequence(rawRequest(numbers(0, 3), 3), flag(true), 0, true, false), codes.InvalidArgument, []string{"sequence_id", "true"}},
		"empty": {inSequence(rawRequest(numbers(0, 3), 3), &inference.InferParameter{}, 0, true, false), codes.InvalidArgument, []string{"sequence_id"}},
		"start": {raw(func(r *inference.ModelInferRequest) { r.Parameters["sequence_start"] = integer(1) }), codes.InvalidArgument, []string{"sequence_start"}},
		"step":  {inSequence(rawRequest(numbers(0, 3), 3), text("a"), -1, true, false), codes.InvalidArgument, []string{"sequence_step", "-1"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := f.ModelInfer(t.Context(), c.r)
			requireStatus(t, err, c.code, c.say...)
		})
	}
}

func TestGreatMessage(t *testing.T) {
	f := newFixture(t, &grpcapi.Options{MaxMessageBytes: 1000}, nil)
	_, err := f.ModelInfer(t.Context(), rawRequest(numbers(0, 300), 100, 3))
	requireStatus(t, err, codes.ResourceExhausted)
	_, err = f.ModelInfer(t.Context(), rawRequest(numbers(0, 30), 10, 3))
	require.NoError(t, err)
}

// A client that calls again and again and does not read is cut off when it has some
// megabytes that it has not read, here 240,000 bytes.
func TestCallsWithoutReading(t *testing.T) {
	f := newFixture(t, &grpcapi.Options{WriteTimeout: 20 * time.Millisecond}, &infer.Options{MaxElements: 30_000})
	call := func() {
		stream, err := f.connection.NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true}, inference.GRPCInferenceService_ModelInfer_FullMethodName)
		if err == nil {
			_ = stream.SendMsg(rawRequest(numbers(0, 9000*3), 9000, 3)) // whose answer has 72,000 bytes
		}
	}
	// Who reads gets as many as they like.
	for range 10 {
		_, err := f.ModelInfer(t.Context(), rawRequest(numbers(0, 9000*3), 9000, 3))
		require.NoError(t, err)
	}
	require.Equal(t, connectivity.Ready, f.connection.GetState())
	for range 10 {
		call()
	}
	require.True(t, f.connection.WaitForStateChange(t.Context(), connectivity.Ready))
	_, err := f.ModelInfer(t.Context(), rawRequest(numbers(0, 3), 3))
	require.NoError(t, err)
}

func TestCancelled(t *testing.T) {
	f := newFixture(t, nil, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := f.ModelInfer(ctx, rawRequest(numbers(0, 3), 3))
	requireStatus(t, err, codes.Canceled)
}
