package grpcapi

import (
	"context"
	"slices"
	"strconv"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"example.com/lstm/cmd/lstm-serve/internal/inference"
)

// StepTrailer is the trailer of a ModelInfer that was refused which has the number of the
// last step of the sequence.
const StepTrailer = "sequence-step"

// serviceDesc is the generated description of the service, with handlers for ModelInfer
// and ModelStreamInfer that do not use the generated messages.
func serviceDesc() *grpc.ServiceDesc {
	d := inference.GRPCInferenceService_ServiceDesc
	d.Methods, d.Streams = slices.Clone(d.Methods), slices.Clone(d.Streams)
	for i := range d.Methods {
		if d.Methods[i].MethodName == "ModelInfer" {
			d.Methods[i].Handler = handleModelInfer
		}
	}
	for i := range d.Streams {
		if d.Streams[i].StreamName == "ModelStreamInfer" {
			d.Streams[i].Handler = func(server any, stream grpc.ServerStream) error {
				return server.(*Server).modelStreamInfer(stream)
			}
		}
	}
	return &d
}

func handleModelInfer(server any, ctx context.Context, decode func(any) error, interceptor grpc.UnaryServerInterceptor) (any, error) {
	r := newRequest()
	if err := decode(r); err != nil {
		return nil, err
	}
	g := server.(*Server)
	if interceptor == nil {
		return g.modelInfer(ctx, r)
	}
	return interceptor(ctx, r, &grpc.UnaryServerInfo{Server: server, FullMethod: inference.GRPCInferenceService_ModelInfer_FullMethodName},
		func(ctx context.Context, _ any) (any, error) { return g.modelInfer(ctx, r) })
}

// modelInfer answers one request. A request that has been accepted is taken, even if the
// call ends before it is answered.
func (g *Server) modelInfer(ctx context.Context, r *request) (any, error) {
	if r.wrong != nil {
		return nil, toStatus(r.wrong)
	}
	r.answers = r.own
	g.infer.Infer(ctx, &r.Request, r.done)
	select {
	case <-r.own:
		if r.err == nil {
			return (*callAnswer)(r), g.holdAnswer(ctx, r)
		}
		if e := inError(r.err); e.HasStep {
			_ = grpc.SetTrailer(ctx, metadata.Pairs(StepTrailer, strconv.FormatUint(e.Step, 10)))
		}
		return nil, toStatus(r.err)
	case <-ctx.Done():
		return nil, status.FromContextError(ctx.Err()).Err()
	}
}

// holdAnswer waits until there is room for an answer among those of calls that have ended:
// gRPC keeps them until the client reads them, however many they are. Small ones, of which
// gRPC does not say when they are sent, are not counted.
func (g *Server) holdAnswer(ctx context.Context, r *request) error {
	n := 0
	for i := range r.response.Outputs {
		n += 4 * len(r.response.Outputs[i].Data)
	}
	c := connectionOf(ctx)
	if mem.IsBelowBufferPoolingThreshold(n) || c == nil {
		return nil
	}
	if r.held = c.hold(ctx, int64(n), 8*int64(g.infer.Options().MaxElements), g.options.WriteTimeout); r.held != nil {
		return nil
	}
	if ctx.Err() != nil {
		return status.FromContextError(ctx.Err()).Err()
	}
	g.closeUnread(c)
	return status.Error(codes.Unavailable, "earlier answers have not been read in time")
}

// closeUnread closes the connection of a client that does not read its answers.
func (g *Server) closeUnread(c *connection) {
	g.options.Logger.Warn("closing the connection of a client that does not read its answers",
		"client", c.Conn.RemoteAddr().String(), "timeout", g.options.WriteTimeout)
	_ = c.Close()
}
