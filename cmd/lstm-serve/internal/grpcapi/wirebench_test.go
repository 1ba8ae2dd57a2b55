package grpcapi

import (
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"example.com/lstm/cmd/lstm-serve/internal/infer"
	"example.com/lstm/cmd/lstm-serve/internal/inference"
)

// benchmarkRequest is one for a step with 64 inputs.
func benchmarkRequest(b *testing.B) []byte {
	encoded, err := proto.Marshal(&inference.ModelInferRequest{ModelName: "plain", Parameters: map[string]*inference.InferParameter{
		infer.SequenceID: {ParameterChoice: &inference.InferParameter_Int64Param{Int64Param: 1234}}, infer.SequenceStep: referenceStep(1234)},
		Inputs:           []*inference.ModelInferRequest_InferInputTensor{{Name: "input", Datatype: "FP32", Shape: []int64{1, 64}}},
		RawInputContents: [][]byte{make([]byte, 256)}})
	require.NoError(b, err)
	return encoded
}

func BenchmarkDecode(b *testing.B) {
	encoded := benchmarkRequest(b)
	b.Run("impl=wire", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			r := newRequest()
			if err := r.decode(encoded); err != nil {
				b.Fatal(err)
			}
			r.release()
		}
	})
	b.Run("impl=generated", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var m inference.ModelInferRequest
			if err := proto.Unmarshal(encoded, &m); err != nil {
				b.Fatal(err)
			}
			if err := new(reference).take(&m); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	response := &infer.Response{Model: "plain", Version: "1", SequenceID: "1234", Step: 1234, StoredStep: 1200,
		Outputs: []infer.Tensor{{Name: "output", Datatype: infer.FP32, Shape: []int64{1, 64}, Data: make([]float32, 64)}}}
	b.Run("impl=wire", func(b *testing.B) {
		r := &request{raw: true, id: integer(1234), hasID: true, response: response}
		b.ReportAllocs()
		for b.Loop() {
			(*streamAnswer)(r).encode()
		}
	})
	b.Run("impl=generated", func(b *testing.B) {
		r := &reference{raw: true, id: referenceStep(1234)}
		b.ReportAllocs()
		for b.Loop() {
			if _, err := proto.Marshal(&inference.ModelStreamInferResponse{InferResponse: r.answer(response)}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
