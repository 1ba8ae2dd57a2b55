package grpcapi

import (
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
)

// A codec encodes and decodes the messages of requests and their answers, and leaves all
// others to gRPC's own.
type codec struct{ encoding.CodecV2 }

func newCodec() codec { return codec{encoding.GetCodecV2(proto.Name)} }

func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	switch a := v.(type) {
	case *streamAnswer:
		return mem.BufferSlice{mem.SliceBuffer(a.encode())}, nil
	case *callAnswer:
		b, h := a.encode(), a.held
		(*request)(a).release() // nobody else knows when the answer is encoded
		if h != nil {
			return mem.BufferSlice{mem.NewBuffer(&b, h)}, nil
		}
		return mem.BufferSlice{mem.SliceBuffer(b)}, nil
	}
	return c.CodecV2.Marshal(v)
}

func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	r, ok := v.(*request)
	if !ok {
		return c.CodecV2.Unmarshal(data, v)
	}
	b := data.MaterializeToBuffer(mem.DefaultBufferPool())
	defer b.Free()
	return r.decode(b.ReadOnlyData())
}
