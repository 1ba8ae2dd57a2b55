package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"example.com/lstm/cmd/lstm-serve/internal/inference"
)

// unfinished makes a call whose message never comes, and returns what it ends with.
func unfinished(t *testing.T, c *grpc.ClientConn, method string) codes.Code {
	t.Helper()
	stream, err := c.NewStream(t.Context(), &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, method)
	require.NoError(t, err)
	return status.Code(stream.RecvMsg(&inference.ModelInferResponse{}))
}

// Calls without the token are refused before their messages are taken.
func TestTokenBeforeMessage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(path, []byte("a-token-that-is-long-enough"), 0o600))
	p := start(t, "-token-file", path)
	c, client := p.dial()
	require.Equal(t, codes.Unauthenticated, unfinished(t, c, inference.GRPCInferenceService_ModelInfer_FullMethodName))
	ctx := metadata.AppendToOutgoingContext(t.Context(), "a", strings.Repeat("a", 100<<10))
	_, err := client.ServerLive(ctx, &inference.ServerLiveRequest{})
	require.ErrorContains(t, err, "header list size")
	_, err = client.ServerLive(t.Context(), &inference.ServerLiveRequest{})
	require.NoError(t, err)
	code, body := p.do("GET", "/metrics", "", "Authorization", "Bearer a-token-that-is-long-enough")
	require.Equal(t, http.StatusOK, code)
	require.Contains(t, body, `lstm_serve_grpc_calls_total{code="Unauthenticated"} 1`)
}

// Calls of gRPC whose message does not come are cut off.
func TestSlowCalls(t *testing.T) {
	p := start(t, "-read-timeout", "50ms", "-write-timeout", "50ms")
	c, client := p.dial()
	stream, err := client.ModelStreamInfer(t.Context())
	require.NoError(t, err)
	for _, method := range []string{inference.GRPCInferenceService_ModelInfer_FullMethodName, inference.GRPCInferenceService_ServerReady_FullMethodName} {
		require.Equal(t, codes.DeadlineExceeded, unfinished(t, c, method), method)
	}
	// But not those that may wait.
	require.NoError(t, stream.Send(request("seattle", make([]float32, 4), 4, true, 1)))
	answer, err := stream.Recv()
	require.NoError(t, err)
	require.Empty(t, answer.ErrorMessage)
}

// A site whose name has become the address of this machine is no page of the server's.
func TestOtherHost(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	const token = "a-token-that-is-long-enough"
	require.NoError(t, os.WriteFile(path, []byte(token), 0o600))
	for name, c := range map[string]struct {
		args []string
		want int
	}{
		"without a token": {nil, http.StatusForbidden},
		"with a token":    {[]string{"-token-file", path}, http.StatusOK},
	} {
		t.Run(name, func(t *testing.T) {
			p := start(t, c.args...)
			r, err := http.NewRequest("GET", p.url("/v2/models/seattle"), nil)
			require.NoError(t, err)
			r.Host = "site.example:8000"
			r.Header.Set("Authorization", "Bearer "+token)
			client := p.client()
			client.Timeout = time.Minute
			response, err := client.Do(r)
			require.NoError(t, err)
			response.Body.Close()
			require.Equal(t, c.want, response.StatusCode)
		})
	}
}
