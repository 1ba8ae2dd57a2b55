package grpcapi_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	"example.com/lstm/cmd/lstm-serve/internal/inference"
)

// asBytes is a codec for messages that are *[]byte, already encoded, so that benchmarks
// measure the server, and of the client what cannot be spared.
type asBytes struct{}

func (asBytes) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(*v.(*[]byte))}, nil
}

func (asBytes) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.MaterializeToBuffer(mem.DefaultBufferPool()).ReadOnlyData()[:0]
	return nil
}

func (asBytes) Name() string { return "proto" }

// encodedSteps are requests for a step of each of n sequences, which do not count.
func encodedSteps(b *testing.B, n int) [][]byte {
	encoded := make([][]byte, n)
	for i := range encoded {
		r := inSequence(rawRequest(numbers(i, 3), 1, 1, 3), integer(int64(i+1)), 0, false, false)
		var err error
		encoded[i], err = proto.Marshal(r)
		require.NoError(b, err)
	}
	return encoded
}

func startSequences(b *testing.B, f *fixture, n int) {
	for i := range n {
		_, err := f.ModelInfer(b.Context(), inSequence(rawRequest(numbers(i, 3), 1, 1, 3), integer(int64(i+1)), 0, true, false))
		require.NoError(b, err)
	}
}

// A step by a call, one after another.
func BenchmarkModelInfer(b *testing.B) {
	f := newFixture(b, nil, nil)
	startSequences(b, f, 1)
	in := encodedSteps(b, 1)
	b.ReportAllocs()
	var out []byte
	for b.Loop() {
		if err := f.connection.Invoke(context.Background(), inference.GRPCInferenceService_ModelInfer_FullMethodName,
			&in[0], &out, grpc.ForceCodecV2(asBytes{})); err != nil {
			b.Fatal(err)
		}
	}
}

// Steps of a thousand sequences over a stream, as many on their way as it takes.
func BenchmarkModelStreamInfer(b *testing.B) {
	const sequences = 1000
	f := newFixture(b, nil, nil)
	startSequences(b, f, sequences)
	in := encodedSteps(b, sequences)
	stream, err := f.connection.NewStream(b.Context(), &grpc.StreamDesc{ClientStreams: true, ServerStreams: true},
		inference.GRPCInferenceService_ModelStreamInfer_FullMethodName, grpc.ForceCodecV2(asBytes{}))
	require.NoError(b, err)
	b.ReportAllocs()
	b.ResetTimer()
	go func() {
		for i := range b.N {
			if stream.SendMsg(&in[i%sequences]) != nil {
				return
			}
		}
	}()
	var out []byte
	for range b.N {
		if err := stream.RecvMsg(&out); err != nil {
			b.Fatal(err)
		}
	}
}

// A step over a stream, one after another.
func BenchmarkModelStreamInferAlone(b *testing.B) {
	f := newFixture(b, nil, nil)
	startSequences(b, f, 1)
	in := encodedSteps(b, 1)
	stream, err := f.connection.NewStream(b.Context(), &grpc.StreamDesc{ClientStreams: true, ServerStreams: true},
		inference.GRPCInferenceService_ModelStreamInfer_FullMethodName, grpc.ForceCodecV2(asBytes{}))
	require.NoError(b, err)
	b.ReportAllocs()
	var out []byte
	for b.Loop() {
		if err := stream.SendMsg(&in[0]); err != nil {
			b.Fatal(err)
		}
		if err := stream.RecvMsg(&out); err != nil {
			b.Fatal(err)
		}
	}
}
