// Package grpcapi answers the calls of inference.proto, and those of gRPC's health and
// reflection services.
package grpcapi

import (
	"cmp"
	"context"
	"log/slog"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"

	"example.com/lstm/cmd/lstm-serve/internal/infer"
	"example.com/lstm/cmd/lstm-serve/internal/inference"
)

// Options are how a Server works. The zero value, and a nil pointer, stand for the
// defaults.
type Options struct {
	// Version is what the server says of itself in ServerMetadata.
	Version string
	// Load loads a model from its file, or again if it is loaded; nil if there are no
	// files. Its errors are *inferr.Error.
	Load func(ctx context.Context, model string) error

	MaxMessageBytes int // of a request; default 16 MiB and 64 KiB for what is around a tensor
	// MaxPending is how many requests of a ModelStreamInfer may wait for their answers to
	// be sent, before no more are read; default 128.
	MaxPending int
	// MaxStreams is how many calls, ModelStreamInfer or other, a connection may have at the
	// same time; default 1,000.
	MaxStreams int
	// WriteTimeout is how long an answer may wait for a client that does not read, until
	// its connection is closed; default 30 seconds.
	WriteTimeout time.Duration
	// HealthInterval is how often a Watch of the health service looks; default 1 second.
	HealthInterval time.Duration

	Logger *slog.Logger // nil: none
}

// A Server answers the calls.
type Server struct {
	inference.UnimplementedGRPCInferenceServiceServer
	healthpb.UnimplementedHealthServer

	infer    *infer.Server
	options  Options
	grpc     *grpc.Server
	stopping chan struct{} // closed when no more requests are accepted
	stop     sync.Once
}

// New makes a Server. more are options of the grpc.Server, such as credentials and
// interceptors.
func New(s *infer.Server, o *Options, more ...grpc.ServerOption) *Server {
	g := &Server{infer: s, stopping: make(chan struct{})}
	if o != nil {
		g.options = *o
	}
	o = &g.options
	o.MaxMessageBytes = cmp.Or(o.MaxMessageBytes, 16<<20+64<<10)
	o.MaxPending = cmp.Or(o.MaxPending, 128)
	o.MaxStreams = cmp.Or(o.MaxStreams, 1000)
	o.WriteTimeout = cmp.Or(o.WriteTimeout, 30*time.Second)
	o.HealthInterval = cmp.Or(o.HealthInterval, time.Second)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	g.grpc = grpc.NewServer(append([]grpc.ServerOption{
		grpc.ForceServerCodecV2(newCodec()),
		grpc.MaxRecvMsgSize(o.MaxMessageBytes),
		grpc.MaxConcurrentStreams(uint32(o.MaxStreams)),
		grpc.ConnectionTimeout(10 * time.Second),
		// A client that has vanished without a word is noticed within a minute and a half.
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: time.Minute, Timeout: 30 * time.Second}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
		// Fixed windows bound what a connection has in memory that nobody has read yet, and
		// spare the pings by which gRPC finds out how far it may go beyond.
		grpc.InitialWindowSize(256 << 10),
		grpc.InitialConnWindowSize(1 << 20),
		// Goroutines that have the stack that a call needs; if all are busy, there are others.
		grpc.NumStreamWorkers(64),
		grpc.WaitForHandlers(true),
	}, more...)...)
	g.grpc.RegisterService(serviceDesc(), g)
	healthpb.RegisterHealthServer(g.grpc, g)
	reflection.Register(g.grpc)
	return g
}

// Serve answers the calls of connections that l accepts, until Shutdown; then it returns
// nil.
func (g *Server) Serve(l net.Listener) error {
	return g.grpc.Serve(listener{l})
}

// Shutdown stops accepting requests, answers those that have been accepted, and returns
// when all calls have ended. If ctx ends before, connections are closed, and the error is
// that of ctx. A ModelStreamInfer ends with the code Unavailable once all of its requests
// that have been accepted are answered; those that come later are not taken.
func (g *Server) Shutdown(ctx context.Context) error {
	g.stop.Do(func() { close(g.stopping) })
	ended := make(chan struct{})
	go func() {
		g.grpc.GracefulStop()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		g.grpc.Stop()
		<-ended
		return ctx.Err()
	}
}
