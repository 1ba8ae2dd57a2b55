package grpcapi_test

import (
	"context"
	"encoding/binary"
	"math"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"example.com/lstm"
	"example.com/lstm/cmd/lstm-serve/internal/grpcapi"
	"example.com/lstm/cmd/lstm-serve/internal/infer"
	"example.com/lstm/cmd/lstm-serve/internal/inference"
	"example.com/lstm/cmd/lstm-serve/internal/repository"
	"example.com/lstm/cmd/lstm-serve/internal/sequences"
)

// fixture is a server of two models, "plain" with inputs of 3 and outputs of 2, and
// "heads" with inputs of 3 and heads "mean" of 1 and "spread" of 2, and a client.
type fixture struct {
	inference.GRPCInferenceServiceClient
	connection   *grpc.ClientConn
	server       *grpcapi.Server
	plain, heads *lstm.Network
	sequences    *sequences.Sequences // of plain
}

func newFixture(t testing.TB, o *grpcapi.Options, limits *infer.Options) *fixture {
	f := &fixture{}
	var err error
	f.plain, err = lstm.New(lstm.RandomModel(1, 2, 3, 8))
	require.NoError(t, err)
	heads := lstm.RandomModel(2, 0, 3, 8)
	for seed, name := range []string{"mean", "spread"} {
		head := lstm.RandomModel(uint64(seed), seed+1, 3, 8).Heads[0]
		head.Name = name
		heads.Heads = append(heads.Heads, head)
	}
	f.heads, err = lstm.New(heads)
	require.NoError(t, err)
	f.sequences = keep(t, f.plain)
	f.server = grpcapi.New(infer.New(repository.New(
		&repository.Model{Name: "plain", Version: "1", Stream: f.sequences},
		&repository.Model{Name: "heads", Version: "1", Stream: keep(t, f.heads)},
	), limits), o)

	l := bufconn.Listen(256 << 10)
	served := make(chan error, 1)
	go func() { served <- f.server.Serve(l) }()
	f.connection = dial(t, l)
	f.GRPCInferenceServiceClient = inference.NewGRPCInferenceServiceClient(f.connection)
	t.Cleanup(func() {
		f.connection.Close()
		require.NoError(t, f.server.Shutdown(context.Background()))
		require.NoError(t, <-served)
	})
	return f
}

func dial(t testing.TB, l *bufconn.Listener) *grpc.ClientConn {
	c, err := grpc.NewClient("passthrough:bufconn", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithInitialWindowSize(65535), grpc.WithInitialConnWindowSize(65535),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }))
	require.NoError(t, err)
	return c
}

func keep(t testing.TB, n *lstm.Network) *sequences.Sequences {
	s, err := sequences.New(n, &sequences.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close(context.Background())) })
	return s
}

// numbers are n numbers that depend on seed.
func numbers(seed, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32((seed*31+i*17)%101)/50 - 1
	}
	return x
}

func rawBytes(x []float32) (raw []byte) {
	for _, v := range x {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	return raw
}

func rawFloats(t testing.TB, raw []byte) []float32 {
	require.Zero(t, len(raw)%4)
	x := make([]float32, len(raw)/4)
	for i := range x {
		x[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	return x
}

// typedRequest is a request with fp32_contents, rawRequest one with raw_input_contents.
func typedRequest(x []float32, shape ...int64) *inference.ModelInferRequest {
	return &inference.ModelInferRequest{ModelName: "plain", Parameters: map[string]*inference.InferParameter{}, Inputs: []*inference.ModelInferRequest_InferInputTensor{
		{Name: "input", Datatype: "FP32", Shape: shape, Contents: &inference.InferTensorContents{Fp32Contents: x}}}}
}

func rawRequest(x []float32, shape ...int64) *inference.ModelInferRequest {
	r := typedRequest(nil, shape...)
	r.Inputs[0].Contents = nil
	r.RawInputContents = [][]byte{rawBytes(x)}
	return r
}

// inSequence adds parameters to r.
func inSequence(r *inference.ModelInferRequest, id *inference.InferParameter, step int64, start, end bool) *inference.ModelInferRequest {
	r.Parameters["sequence_id"], r.Parameters["sequence_step"] = id, integer(step)
	r.Parameters["sequence_start"], r.Parameters["sequence_end"] = flag(start), flag(end)
	return r
}

func text(s string) *inference.InferParameter {
	return &inference.InferParameter{ParameterChoice: &inference.InferParameter_StringParam{StringParam: s}}
}

func integer(i int64) *inference.InferParameter {
	return &inference.InferParameter{ParameterChoice: &inference.InferParameter_Int64Param{Int64Param: i}}
}

func unsigned(i uint64) *inference.InferParameter {
	return &inference.InferParameter{ParameterChoice: &inference.InferParameter_Uint64Param{Uint64Param: i}}
}

func flag(b bool) *inference.InferParameter {
	return &inference.InferParameter{ParameterChoice: &inference.InferParameter_BoolParam{BoolParam: b}}
}

// steps returns what n puts out for a stream of inputs.
func steps(n *lstm.Network, x []float32) []float32 {
	y := make([]float32, len(x)/n.InputSize()*n.OutputSize())
	state := n.NewState()
	for i := range len(x) / n.InputSize() {
		n.Step(state, x[i*n.InputSize():][:n.InputSize()], y[i*n.OutputSize():][:n.OutputSize()])
	}
	return y
}

func requireBits(t testing.TB, want, got []float32) {
	t.Helper()
	require.Equal(t, rawBytes(want), rawBytes(got), "%v and %v", want, got)
}

func requireStatus(t testing.TB, err error, code codes.Code, say ...string) {
	t.Helper()
	require.Equal(t, code, status.Code(err), "%v", err)
	for _, s := range say {
		require.Contains(t, err.Error(), s)
	}
}
