package grpcapi_test

import (
	"context"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"example.com/lstm/cmd/lstm-serve/internal/grpcapi"
	"example.com/lstm/cmd/lstm-serve/internal/infer"
	"example.com/lstm/cmd/lstm-serve/internal/inference"
	"example.com/lstm/cmd/lstm-serve/internal/repository"
)

// A thousand sequences step in turn over one stream, each as if it were alone.
func TestThousandSequences(t *testing.T) {
	const sequences, rounds = 1000, 7
	f := newFixture(t, nil, nil)
	stream, err := f.ModelStreamInfer(t.Context())
	require.NoError(t, err)
	sent := make(chan error, 1)
	go func() {
		for round := range rounds {
			for s := range sequences {
				x := numbers(s, rounds*3)[round*3:][:3]
				r := rawRequest(x, 1, 1, 3)
				if s%2 == 1 {
					r = typedRequest(x, 1, 1, 3)
				}
				r.Id = fmt.Sprintf("%d/%d", s, round)
				inSequence(r, integer(int64(s+1)), int64(round+1), round == 0, round == rounds-1)
				if err := stream.Send(r); err != nil {
					sent <- err
					return
				}
			}
		}
		sent <- stream.CloseSend()
	}()
	got := make([][]float32, sequences)
	for range sequences * rounds {
		a, err := stream.Recv()
		require.NoError(t, err)
		require.Empty(t, a.ErrorMessage)
		r := a.InferResponse
		s := r.Parameters["sequence_id"].GetInt64Param() - 1
		round := len(got[s]) / 2
		require.Equal(t, fmt.Sprintf("%d/%d", s, round), r.Id, "out of order")
		require.EqualValues(t, round+1, r.Parameters["sequence_step"].GetInt64Param())
		if s%2 == 1 {
			got[s] = append(got[s], r.Outputs[0].Contents.Fp32Contents...)
		} else {
			got[s] = append(got[s], rawFloats(t, r.RawOutputContents[0])...)
		}
	}
	_, err = stream.Recv()
	require.ErrorIs(t, err, io.EOF)
	require.NoError(t, <-sent)
	for s := range sequences {
		requireBits(t, steps(f.plain, numbers(s, rounds*3)), got[s])
	}
}

// Refused requests are answers that say what they belong to, and the stream goes on.
func TestStreamGoesOn(t *testing.T) {
	f := newFixture(t, nil, nil)
	stream, err := f.ModelStreamInfer(t.Context())
	require.NoError(t, err)
	ask := func(id string, r *inference.ModelInferRequest) *inference.ModelStreamInferResponse {
		r.Id = id
		require.NoError(t, stream.Send(r))
		a, err := stream.Recv()
		require.NoError(t, err)
		require.Equal(t, id, a.InferResponse.Id)
		return a
	}
	x := numbers(0, 9)
	require.Empty(t, ask("1", inSequence(rawRequest(x[:6], 2, 3), text("a"), 1, true, false)).ErrorMessage)

	a := ask("2", inSequence(rawRequest(x[6:], 3), text("a"), 9, false, false))
	require.NotEmpty(t, a.ErrorMessage)
	requireMessage(t, &inference.ModelInferResponse{ModelName: "plain", Id: "2", Parameters: map[string]*inference.InferParameter{
		"sequence_id": text("a"), "sequence_step": integer(2), "error_code": text("FailedPrecondition")}}, a.InferResponse)

	broken := rawRequest(x[6:], 3)
	broken.RawInputContents[0] = broken.RawInputContents[0][1:]
	a = ask("3", inSequence(broken, unsigned(4), 1, true, false))
	require.Contains(t, a.ErrorMessage, "11 bytes")
	requireMessage(t, &inference.ModelInferResponse{ModelName: "plain", Id: "3", Parameters: map[string]*inference.InferParameter{
		"sequence_id": unsigned(4), "error_code": text("InvalidArgument")}}, a.InferResponse)

	unknown := rawRequest(x[6:], 3)
	unknown.ModelName = "none"
	a = ask("4", unknown)
	require.Contains(t, a.ErrorMessage, `"none"`)
	require.Equal(t, "NotFound", a.InferResponse.Parameters["error_code"].GetStringParam())

	a = ask("5", inSequence(rawRequest(x[6:], 3), text("a"), 3, false, false))
	require.Empty(t, a.ErrorMessage)
	requireBits(t, steps(f.plain, x)[4:], rawFloats(t, a.InferResponse.RawOutputContents[0]))

	// Without sequence, over the same stream.
	a = ask("6", rawRequest(x, 3, 1, 3))
	requireBits(t, steps(f.plain, x[6:]), rawFloats(t, a.InferResponse.RawOutputContents[0])[4:])
	require.Empty(t, a.InferResponse.Parameters)

	require.NoError(t, stream.CloseSend())
	_, err = stream.Recv()
	require.ErrorIs(t, err, io.EOF)
}

// With room for one request at a time, and for less than one, all are answered.
func TestStreamWithLittleRoom(t *testing.T) {
	for _, o := range []*grpcapi.Options{{MaxPending: 1}, {MaxPending: 3}} {
		f := newFixture(t, o, &infer.Options{MaxElements: 30})
		stream, err := f.ModelStreamInfer(t.Context())
		require.NoError(t, err)
		sent := make(chan error, 1)
		go func() {
			for range 100 {
				for _, n := range []int{1, 10, 20} { // 20 are too many
					if err := stream.Send(rawRequest(numbers(0, n*3), int64(n), 3)); err != nil {
						sent <- err
						return
					}
				}
			}
			sent <- stream.CloseSend()
		}()
		for i := range 300 {
			a, err := stream.Recv()
			require.NoError(t, err)
			require.Equal(t, i%3 == 2, a.ErrorMessage != "", a.ErrorMessage)
		}
		_, err = stream.Recv()
		require.ErrorIs(t, err, io.EOF)
		require.NoError(t, <-sent)
	}
}

// What has been accepted is taken, whatever becomes of the stream.
func TestClientGoesAway(t *testing.T) {
	f := newFixture(t, nil, nil)
	ctx, cancel := context.WithCancel(t.Context())
	stream, err := f.ModelStreamInfer(ctx)
	require.NoError(t, err)
	x := numbers(0, 100*3)
	for i := range 100 {
		require.NoError(t, stream.Send(inSequence(rawRequest(x[i*3:][:3], 3), text("a"), int64(i+1), i == 0, false)))
	}
	_, err = stream.Recv()
	require.NoError(t, err)
	cancel()

	// Where the sequence is, the server says; from there it goes on.
	_, err = f.ModelInfer(t.Context(), inSequence(rawRequest(x[:3], 3), text("a"), 1000, false, false))
	requireStatus(t, err, codes.FailedPrecondition)
	require.NoError(t, f.server.Shutdown(t.Context()))
	d, err := f.sequences.Describe("a")
	require.NoError(t, err)
	require.GreaterOrEqual(t, d.Step, uint64(1))
	require.LessOrEqual(t, d.Step, uint64(100))
}

// A client that sends and never reads is cut off; others go on.
func TestClientDoesNotRead(t *testing.T) {
	f := newFixture(t, &grpcapi.Options{WriteTimeout: 20 * time.Millisecond}, nil)
	stream, err := f.ModelStreamInfer(t.Context())
	require.NoError(t, err)
	for err == nil {
		err = stream.Send(rawRequest(numbers(0, 1000*3), 1000, 3))
	}
	require.ErrorIs(t, err, io.EOF)
	require.NoError(t, stream.Context().Err(), "the test has waited too long")
	_, err = f.ModelInfer(t.Context(), rawRequest(numbers(0, 3), 3))
	require.NoError(t, err)
}

// A server that stops answers what it has accepted, and nothing else has been taken.
func TestShutdown(t *testing.T) {
	f := newFixture(t, nil, nil)
	stream, err := f.ModelStreamInfer(t.Context())
	require.NoError(t, err)
	go func() {
		for i := 0; ; i++ {
			if stream.Send(inSequence(rawRequest(numbers(i, 3), 3), text("a"), int64(i+1), i == 0, false)) != nil {
				return
			}
		}
	}()
	stopped := make(chan error, 1)
	answered := uint64(0)
	for {
		var a *inference.ModelStreamInferResponse
		a, err = stream.Recv()
		if err != nil {
			break
		}
		require.Empty(t, a.ErrorMessage)
		answered++
		require.EqualValues(t, answered, a.InferResponse.Parameters["sequence_step"].GetInt64Param())
		if answered == 100 {
			go func() { stopped <- f.server.Shutdown(t.Context()) }()
		}
	}
	requireStatus(t, err, codes.Unavailable, "stopping")
	require.NoError(t, <-stopped)
	d, err := f.sequences.Describe("a")
	require.NoError(t, err)
	require.Equal(t, answered, d.Step)
}

// Shutdown ends when its context does, with an error, even if a client does not read.
func TestShutdownEnds(t *testing.T) {
	f := newFixture(t, nil, nil)
	stream, err := f.ModelStreamInfer(t.Context())
	require.NoError(t, err)
	// The answers are more than what gRPC takes without a reader, twice 64 KiB.
	const requests = 30
	for i := range requests {
		require.NoError(t, stream.Send(inSequence(rawRequest(numbers(i, 1000*3), 1000, 3), text("a"), 0, i == 0, false)))
	}
	require.Eventually(t, func() bool {
		d, err := f.sequences.Describe("a")
		return err == nil && d.Step == requests*1000
	}, time.Minute, time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, f.server.Shutdown(ctx), context.DeadlineExceeded)
}

// A panic while requests are received is one of the call, which interceptors recover.
func TestStreamPanics(t *testing.T) {
	broken := infer.New(repository.New(&repository.Model{Name: "broken", Version: "1"}), nil) // has no network
	recovered := make(chan any, 1)
	server := grpcapi.New(broken, nil, grpc.ChainStreamInterceptor(
		func(s any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) (err error) {
			defer func() {
				recovered <- recover()
				err = status.Error(codes.Internal, "panic")
			}()
			return next(s, stream)
		}))
	l := bufconn.Listen(1 << 10)
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	connection := dial(t, l)
	stream, err := inference.NewGRPCInferenceServiceClient(connection).ModelStreamInfer(t.Context())
	require.NoError(t, err)
	r := rawRequest(numbers(0, 3), 3)
	r.ModelName = "broken"
	require.NoError(t, stream.Send(r))
	_, err = stream.Recv()
	requireStatus(t, err, codes.Internal, "panic")
	require.Contains(t, <-recovered, "infer")
	require.NoError(t, connection.Close())
	require.NoError(t, server.Shutdown(t.Context()))
	require.NoError(t, <-served)
}
