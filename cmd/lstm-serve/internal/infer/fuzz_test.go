package infer_test

import (
	"encoding/binary"
	"errors"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"example.com/lstm/cmd/lstm-serve/internal/infer"
	"example.com/lstm/cmd/lstm-serve/internal/inferr"
)

// FuzzInfer answers requests that may be anything: each gets one answer, which has the
// shape that the input says, or an error that is the client's fault.
func FuzzInfer(f *testing.F) {
	f.Add("plain", "", "input", "FP32", "output", "a", true, false, uint64(1), []byte{2, 3}, make([]byte, 24))
	f.Add("heads", "1", "input", "FP32", "spread", "", false, false, uint64(0), []byte{2, 1, 3}, make([]byte, 24))
	f.Add("both", "1", "input", "FP32", "", "", false, false, uint64(0), []byte{1, 2, 2}, make([]byte, 16))
	f.Add("plain", "2", "x", "INT8", "y", "\xff", true, true, uint64(math.MaxUint64), []byte{255, 254, 3}, make([]byte, 23))
	fixture := newFixture(f, &infer.Options{MaxSteps: 100})
	f.Fuzz(func(t *testing.T, model, version, name, datatype, output, id string, start, end bool, step uint64, sizes, data []byte) {
		r := &infer.Request{Model: model, Version: version, Sequence: infer.Sequence{ID: id, Start: start, End: end, Step: step},
			Inputs: []infer.Tensor{{Name: name, Datatype: datatype}}}
		in := &r.Inputs[0]
		product := int64(1) // which may overflow, as it does not where a request is answered
		for _, size := range sizes {
			n := int64(int8(size))
			if n > 100 {
				n <<= 56
			}
			in.Shape = append(in.Shape, n)
			product *= n
		}
		for ; len(data) >= 4; data = data[4:] {
			in.Data = append(in.Data, math.Float32frombits(binary.LittleEndian.Uint32(data)))
		}
		if output != "" {
			r.Outputs = []string{output}
		}
		response, err := fixture.infer(t.Context(), r)
		if err != nil {
			var e *inferr.Error
			require.True(t, errors.As(err, &e))
			require.Contains(t, []codes.Code{codes.InvalidArgument, codes.NotFound, codes.FailedPrecondition}, e.Code, e.Message)
			return
		}
		require.EqualValues(t, product, len(in.Data))
		for _, o := range response.Outputs {
			require.Equal(t, in.Shape[:len(in.Shape)-1], o.Shape[:len(o.Shape)-1])
			require.Len(t, o.Data, len(in.Data)/int(in.Shape[len(in.Shape)-1])*int(o.Shape[len(o.Shape)-1]))
		}
		if id != "" {
			require.Equal(t, id, response.SequenceID)
			require.NotZero(t, response.Step)
		}
	})
}
