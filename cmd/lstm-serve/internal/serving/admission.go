package serving

import (
	"context"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"
)

// An Admission decides about calls of gRPC when their headers have come: interceptors are
// asked only after the message of a call, which may be large, has been taken.
type Admission struct {
	Token *Token // nil: none is needed
	Calls *Calls // counts those that are refused
	// Timeout is how long calls may take that are no streams, from their header on.
	Timeout time.Duration
}

// endless are the calls that last as long as a client likes.
var endless = map[string]bool{
	"/inference.GRPCInferenceService/ModelStreamInfer":               true,
	"/grpc.health.v1.Health/Watch":                                   true,
	"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo":      true,
	"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": true,
}

// Handle is for grpc.InTapHandle.
func (a *Admission) Handle(ctx context.Context, info *tap.Info) (context.Context, error) {
	if a.Token != nil {
		if err := a.Token.admit(ctx, info); err != nil {
			a.Calls.countCall(ctx, info.FullMethodName, time.Now(), err)
			return ctx, err
		}
	}
	if !endless[info.FullMethodName] {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, a.Timeout)
		_ = cancel // the context above it ends with the call, and this one with it
	}
	return ctx, nil
}

// freeMethods need no token.
var freeMethods = map[string]bool{
	"/inference.GRPCInferenceService/ServerLive":  true,
	"/inference.GRPCInferenceService/ServerReady": true,
	"/grpc.health.v1.Health/Check":                true,
	"/grpc.health.v1.Health/Watch":                true,
}

// mostFree is how many calls of them there may be at the same time: anybody can make some
// that do not end, or whose message does not.
const mostFree = 256

// admit refuses calls that have not the token, but for those that need none.
func (t *Token) admit(ctx context.Context, info *tap.Info) error {
	for _, value := range info.Header.Get("authorization") {
		if t.check(value) {
			return nil
		}
	}
	if !freeMethods[info.FullMethodName] {
		return status.Error(codes.Unauthenticated, noToken)
	}
	if t.free.Add(1) > mostFree {
		t.free.Add(-1)
		return status.Errorf(codes.ResourceExhausted, "there are %d calls without a token already", mostFree)
	}
	context.AfterFunc(ctx, func() { t.free.Add(-1) })
	return nil
}
