package grpcapi

import (
	"bytes"
	"encoding/binary"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"example.com/lstm"
	"example.com/lstm/cmd/lstm-serve/internal/infer"
	"example.com/lstm/cmd/lstm-serve/internal/inference"
	"example.com/lstm/cmd/lstm-serve/internal/inferr"
	"example.com/lstm/cmd/lstm-serve/internal/repository"
)

func bytesField(number protowire.Number, parts ...[]byte) []byte {
	all := bytes.Join(parts, nil)
	return append(appendHeader(nil, number, len(all)), all...)
}

// messages are encoded requests of all kinds.
func messages(t testing.TB) map[string][]byte {
	choice := map[string]*inference.InferParameter{
		"int64":  {ParameterChoice: &inference.InferParameter_Int64Param{Int64Param: -5}},
		"uint64": {ParameterChoice: &inference.InferParameter_Uint64Param{Uint64Param: math.MaxUint64}},
		"text":   {ParameterChoice: &inference.InferParameter_StringParam{StringParam: "ü"}},
		"empty":  {ParameterChoice: &inference.InferParameter_StringParam{}},
		"double": {ParameterChoice: &inference.InferParameter_DoubleParam{DoubleParam: 1.5}},
		"bool":   {ParameterChoice: &inference.InferParameter_BoolParam{BoolParam: true}},
		"false":  {ParameterChoice: &inference.InferParameter_BoolParam{}},
		"none":   {},
	}
	typed := func() *inference.ModelInferRequest {
		return &inference.ModelInferRequest{ModelName: "plain", ModelVersion: "1", Id: "ä", Inputs: []*inference.ModelInferRequest_InferInputTensor{
			{Name: "input", Datatype: "FP32", Shape: []int64{1, 2, 3}, Parameters: choice,
				Contents: &inference.InferTensorContents{Fp32Contents: []float32{1, 2, 3, 4, float32(math.NaN()), 6}}}}}
	}
	raw := func() *inference.ModelInferRequest {
		r := typed()
		r.Inputs[0].Contents, r.RawInputContents = nil, [][]byte{make([]byte, 24)}
		return r
	}
	many := typed()
	many.Outputs = []*inference.ModelInferRequest_InferRequestedOutputTensor{{Name: "output", Parameters: choice}, {Name: "b"}, {}}
	all := map[string]*inference.ModelInferRequest{"nothing": {}, "typed": typed(), "raw": raw(), "outputs": many}
	for kind, p := range choice {
		for i, name := range parameterNames {
			r := raw()
			r.Parameters = map[string]*inference.InferParameter{name: p, "other": p}
			if i > 0 {
				r.Parameters[infer.SequenceID] = choice["int64"]
			}
			all[kind+" as "+name] = r
		}
	}
	for name, c := range map[string]*inference.InferTensorContents{
		"no": {}, "bool": {BoolContents: []bool{true}}, "int": {IntContents: []int32{-1}}, "int64": {Int64Contents: []int64{-1}},
		"uint": {UintContents: []uint32{1}}, "uint64": {Uint64Contents: []uint64{1}}, "fp64": {Fp64Contents: []float64{1}}, "bytes": {BytesContents: [][]byte{nil}},
	} {
		r := typed()
		r.Inputs[0].Contents = c
		all[name+" contents"] = r
		r = raw()
		r.Inputs[0].Contents = c
		all[name+" contents and raw"] = r
	}
	both := raw()
	both.Inputs = append(both.Inputs, both.Inputs...)
	all["two inputs, one raw"] = both
	odd := raw()
	odd.RawInputContents[0] = make([]byte, 23)
	all["raw length"] = odd
	encoded := map[string][]byte{}
	for name, m := range all {
		b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
		require.NoError(t, err)
		encoded[name] = b
	}

	tensor := bytesField(1, []byte("input"))
	tensor = append(tensor, bytesField(2, []byte("FP32"))...)
	fixed := protowire.AppendFixed32(protowire.AppendTag(nil, 6, protowire.Fixed32Type), math.Float32bits(7))
	varint := protowire.AppendVarint(protowire.AppendTag(nil, 3, protowire.VarintType), 3)
	start := bytesField(1, []byte("sequence_start"))
	yes := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 1)
	number := protowire.AppendVarint(protowire.AppendTag(nil, 2, protowire.VarintType), 9)
	encoded["not packed"] = bytesField(5, tensor, varint, varint, bytesField(5, fixed, fixed), bytesField(5, fixed))
	encoded["raw first"] = append(bytesField(7, make([]byte, 12)), bytesField(5, tensor, varint)...)
	encoded["twice"] = bytes.Join([][]byte{bytesField(1, []byte("a")), bytesField(1, []byte("b")), bytesField(5, tensor, bytesField(1, []byte("c")), varint)}, nil)
	encoded["parameter in parts"] = bytesField(4, start, bytesField(2, number), bytesField(2, yes))
	encoded["parameter again"] = append(bytesField(4, start, bytesField(2, yes)), bytesField(4, start)...)
	encoded["parameter without name"] = bytesField(4, bytesField(2, yes))
	encoded["unknown"] = bytes.Join([][]byte{bytesField(1, []byte("a")), bytesField(15, []byte("b")), number, protowire.AppendFixed64(protowire.AppendTag(nil, 2, protowire.Fixed64Type), 1)}, nil)
	encoded["group"] = append(protowire.AppendTag(protowire.AppendTag(nil, 1, protowire.StartGroupType), 1, protowire.EndGroupType), bytesField(1, []byte("a"))...)
	return encoded
}

// requireSame compares what becomes of a message with what becomes of the generated one.
func requireSame(t testing.TB, b []byte) {
	t.Helper()
	var m inference.ModelInferRequest
	r := newRequest()
	defer r.release()
	err := r.decode(b)
	if (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(b, &m) != nil {
		return // decode need not look into everything that is not used
	}
	require.NoError(t, err)
	var want reference
	wrong := want.take(&m)
	require.Equal(t, []string{want.Model, want.Version, want.ID}, []string{r.Model, r.Version, r.ID})
	require.Equal(t, want.raw, r.raw)
	if want.id == nil {
		require.False(t, r.hasID)
	} else {
		require.True(t, r.hasID)
		var id inference.InferParameter
		encoded := r.id.append(nil)
		require.Len(t, encoded, r.id.size())
		require.NoError(t, proto.Unmarshal(encoded, &id))
		require.True(t, proto.Equal(want.id, &id), "%v and %v", want.id, &id)
	}
	if len(want.Inputs) != 1 || len(want.Inputs[0].Shape) > mostDimensions || len(want.Outputs) > mostOutputs {
		require.True(t, wrong != nil || r.wrong != nil)
		return
	}
	require.Equal(t, wrong == nil, r.wrong == nil, "%v and %v", wrong, r.wrong)
	if wrong != nil {
		require.Equal(t, codes.InvalidArgument, inError(r.wrong).Code)
		return
	}
	require.Equal(t, want.Sequence, r.Sequence)
	require.True(t, slices.Equal(want.Outputs, r.Outputs))
	require.Len(t, r.Inputs, 1)
	w, g := want.Inputs[0], r.Inputs[0]
	require.Equal(t, []string{w.Name, w.Datatype}, []string{g.Name, g.Datatype})
	require.True(t, slices.Equal(w.Shape, g.Shape), "%d and %d", w.Shape, g.Shape)
	require.True(t, slices.EqualFunc(w.Data, g.Data, func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }))
}

func TestDecode(t *testing.T) {
	for name, b := range messages(t) {
		t.Run(name, func(t *testing.T) {
			requireSame(t, b)
			for n := range b {
				requireSame(t, b[:n])
			}
		})
	}
}

func TestDecodeRefusesTextThatIsNone(t *testing.T) {
	for number := range protowire.Number(3) {
		require.ErrorIs(t, newRequest().decode(bytesField(number+1, []byte("\xff"))), errUTF8)
	}
	entry := func(name, text string) []byte {
		return bytesField(4, bytesField(1, []byte(name)), bytesField(2, bytesField(3, []byte(text))))
	}
	require.ErrorIs(t, newRequest().decode(entry("\xff", "")), errUTF8)
	require.ErrorIs(t, newRequest().decode(entry("sequence_id", "\xff")), errUTF8)
	require.ErrorIs(t, newRequest().decode(bytesField(6, bytesField(1, []byte("\xff")))), errUTF8)
	require.ErrorIs(t, newRequest().decode(bytesField(5, bytesField(1, []byte("\xff")))), errUTF8)
}

// A message of many tiny parts takes no more memory than it has bytes.
func TestDecodeHostile(t *testing.T) {
	const n = 1 << 20
	for name, part := range map[string][]byte{
		"inputs":     bytesField(5),
		"outputs":    bytesField(6),
		"raws":       bytesField(7),
		"parameters": bytesField(4, bytesField(1, []byte("abc"))),
	} {
		t.Run(name, func(t *testing.T) {
			b := bytes.Repeat(part, n/len(part))
			r := newRequest()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := r.decode(b)
			runtime.ReadMemStats(&after)
			require.NoError(t, err)
			require.Error(t, r.wrong)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(n))
		})
	}
	r := newRequest()
	require.NoError(t, r.decode(bytesField(5, bytesField(3, make([]byte, n)))))
	require.ErrorContains(t, r.wrong, "1048576 dimensions")
}

// What comes in many parts takes memory, and so time, in proportion to its length.
func TestMessageInParts(t *testing.T) {
	const n = 64 << 10 // parts
	value := bytesField(stringChoice, []byte("a"))
	for name, b := range map[string][]byte{
		"contents":  bytesField(5, bytesField(5, bytes.Repeat(bytesField(fp32Contents, make([]byte, 4)), n))),
		"inputs":    bytesField(5, bytes.Repeat(bytesField(5, bytesField(fp32Contents, make([]byte, 4))), n)),
		"parameter": bytesField(4, bytesField(1, []byte(infer.SequenceID)), bytes.Repeat(bytesField(2, value), n)),
	} {
		t.Run(name, func(t *testing.T) {
			r := &request{}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := r.decode(b)
			runtime.ReadMemStats(&after)
			require.NoError(t, err)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(10*len(b)))
		})
	}
}

// Answers, and errors in a stream, decode to the generated messages.
func TestEncode(t *testing.T) {
	id := parameter{choice: uint64Choice, bits: 7}
	idMessage := &inference.InferParameter{ParameterChoice: &inference.InferParameter_Uint64Param{Uint64Param: 7}}
	response := &infer.Response{Model: "m", Version: "1", ID: "ü", SequenceID: "7", Step: 1 << 40, Outputs: []infer.Tensor{
		{Name: "a", Datatype: "FP32", Shape: []int64{1, 100, 2}, Data: make([]float32, 200)},
		{Name: "b", Datatype: "FP32", Shape: []int64{1, 100, 1}, Data: make([]float32, 100)}}}
	for i := range response.Outputs[0].Data {
		response.Outputs[0].Data[i] = float32(i) - 100
	}
	for _, raw := range []bool{false, true} {
		for _, sequence := range []string{"", "7"} {
			response.SequenceID = sequence
			want := (&reference{raw: raw, id: idMessage}).answer(response)
			r := &request{raw: raw, id: id, hasID: true, response: response}
			var got inference.ModelInferResponse
			b := (*callAnswer)(r).encode()
			var m answerMessage
			m.set(r)
			require.Len(t, b, m.size())
			require.NoError(t, proto.Unmarshal(b, &got))
			require.True(t, proto.Equal(want, &got), "want %v, got %v", want, &got)
			var inStream inference.ModelStreamInferResponse
			require.NoError(t, proto.Unmarshal((*streamAnswer)(r).encode(), &inStream))
			require.True(t, proto.Equal(&inference.ModelStreamInferResponse{InferResponse: want}, &inStream))
		}
	}
	for _, e := range []*inferr.Error{inferr.Errorf(codes.NotFound, "no"), inferr.Errorf(codes.FailedPrecondition, "%s", strings.Repeat("long", 100)).At(1 << 50)} {
		of := infer.Request{Model: "m", ID: "i"}
		want := (&reference{Request: of, id: idMessage}).refusal(e)
		var got inference.ModelStreamInferResponse
		require.NoError(t, proto.Unmarshal((*streamAnswer)(&request{Request: of, id: id, hasID: true, err: e}).encode(), &got))
		require.True(t, proto.Equal(want, &got), "want %v, got %v", want, &got)
	}
	for message, want := range map[string]string{"": "Internal", "\xff": "\uFFFD"} {
		var got inference.ModelStreamInferResponse
		require.NoError(t, proto.Unmarshal((*streamAnswer)(&request{err: &inferr.Error{Code: codes.Internal, Message: message}}).encode(), &got))
		require.Equal(t, want, got.ErrorMessage)
	}
}

// A request of the same client allocates nothing but what differs: the id of a sequence.
func TestDecodeAllocates(t *testing.T) {
	m := &inference.ModelInferRequest{ModelName: "plain", Parameters: map[string]*inference.InferParameter{
		"sequence_id":   {ParameterChoice: &inference.InferParameter_Int64Param{Int64Param: 123456}},
		"sequence_step": {ParameterChoice: &inference.InferParameter_Int64Param{Int64Param: 123456}},
	}, Inputs: []*inference.ModelInferRequest_InferInputTensor{{Name: "input", Datatype: "FP32", Shape: []int64{1, 64}}}, RawInputContents: [][]byte{make([]byte, 256)}}
	b, err := proto.Marshal(m)
	require.NoError(t, err)
	r := newRequest()
	require.LessOrEqual(t, testing.AllocsPerRun(100, func() {
		if r.decode(b) != nil || r.wrong != nil {
			panic(r.wrong)
		}
	}), 1.0)
}

// FuzzDecode compares requests with those of the generated messages, and has them
// checked and answered, which must not panic whatever they are.
func FuzzDecode(f *testing.F) {
	for _, b := range messages(f) {
		f.Add(b)
	}
	n, err := lstm.NewSequenceNetwork(lstm.RandomModel(1, 2, 3, 4))
	require.NoError(f, err)
	server := infer.New(repository.New(&repository.Model{Name: "plain", Version: "1", Whole: n}), &infer.Options{MaxSteps: 100})
	f.Fuzz(func(t *testing.T, b []byte) {
		requireSame(t, b)
		r := newRequest()
		if r.decode(b) != nil || r.wrong != nil {
			return
		}
		r.answers = r.own
		server.Infer(t.Context(), &r.Request, r.done)
		<-r.own
		var m inference.ModelStreamInferResponse
		require.NoError(t, proto.Unmarshal((*streamAnswer)(r).encode(), &m))
		require.Equal(t, r.err != nil, m.ErrorMessage != "")
		if r.err == nil {
			require.Len(t, m.InferResponse.Outputs, max(1, len(r.Outputs)))
			for _, raw := range m.InferResponse.RawOutputContents {
				require.Len(t, raw, int(binary.Size(r.response.Outputs[0].Data)))
			}
		}
	})
}
