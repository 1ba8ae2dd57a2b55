package serving

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"
)

func newAdmission(t *testing.T) *Admission {
	token, err := ReadToken(writeFile(t, secret))
	require.NoError(t, err)
	return &Admission{Token: token, Calls: NewCalls(slog.New(slog.DiscardHandler)), Timeout: time.Hour}
}

func TestTokenOverGRPC(t *testing.T) {
	a := newAdmission(t)
	refused := uint64(0)
	for authorization, right := range authorizations {
		for method, free := range map[string]bool{
			"/inference.GRPCInferenceService/ModelInfer":                false,
			"/inference.GRPCInferenceService/ModelStreamInfer":          false,
			"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo": false,
			"/grpc.health.v1.Health/List":                               false,
			"/inference.GRPCInferenceService/ServerReady":               true,
			"/grpc.health.v1.Health/Check":                              true,
		} {
			_, err := a.Handle(t.Context(), &tap.Info{FullMethodName: method, Header: metadata.Pairs("authorization", authorization)})
			if right || free {
				require.NoError(t, err)
				continue
			}
			require.Equal(t, codes.Unauthenticated, status.Code(err), "%q %s", authorization, method)
			refused++
		}
	}
	_, calls := a.Calls.Counts()
	require.Equal(t, map[codes.Code]uint64{codes.Unauthenticated: refused}, calls)
}

// Calls that need no token cannot take all that others need.
func TestMostCallsWithoutToken(t *testing.T) {
	a := newAdmission(t)
	info := &tap.Info{FullMethodName: "/grpc.health.v1.Health/Watch"}
	call, end := context.WithCancel(t.Context())
	for range mostFree {
		_, err := a.Handle(call, info)
		require.NoError(t, err)
	}
	_, err := a.Handle(t.Context(), info)
	require.Equal(t, codes.ResourceExhausted, status.Code(err))
	_, err = a.Handle(t.Context(), &tap.Info{FullMethodName: info.FullMethodName, Header: metadata.Pairs("authorization", "Bearer "+secret)})
	require.NoError(t, err)
	end()
	require.Eventually(t, func() bool { return a.Token.free.Load() == 0 }, time.Minute, time.Millisecond)
	_, err = a.Handle(t.Context(), info)
	require.NoError(t, err)
}

func TestTimeoutOfCalls(t *testing.T) {
	a := &Admission{Timeout: time.Hour}
	for method, limited := range map[string]bool{
		"/inference.GRPCInferenceService/ModelInfer":       true,
		"/inference.GRPCInferenceService/ModelStreamInfer": false,
		"/grpc.health.v1.Health/Watch":                     false,
	} {
		ctx, err := a.Handle(t.Context(), &tap.Info{FullMethodName: method})
		require.NoError(t, err)
		_, has := ctx.Deadline()
		require.Equal(t, limited, has, method)
	}
}
