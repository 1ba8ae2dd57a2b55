package serving

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestPanicsOverHTTP(t *testing.T) {
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	p, calls := NewPanics(logger), NewCalls(logger)
	server := httptest.NewServer(calls.Handler(p.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/begun":
			io.WriteString(w, "a part")
			http.NewResponseController(w).Flush()
			panic("in the middle")
		case "/abort":
			panic(http.ErrAbortHandler)
		}
		panic("at the beginning")
	}))))
	defer server.Close()
	for range 20 {
		response, err := http.Get(server.URL + "/")
		require.NoError(t, err)
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		require.NoError(t, err)
		require.Equal(t, http.StatusInternalServerError, response.StatusCode)
		require.JSONEq(t, `{"error": "`+internalError+`"}`, string(body))
		require.NotContains(t, string(body), "beginning")
	}
	response, err := http.Get(server.URL + "/begun")
	require.NoError(t, err)
	_, err = io.ReadAll(response.Body)
	response.Body.Close()
	require.Error(t, err, "half an answer does not look like one")
	_, err = http.Get(server.URL + "/abort")
	require.Error(t, err)

	require.Equal(t, uint64(21), p.Count())
	ofHTTP, _ := calls.Counts()
	require.Equal(t, uint64(20), ofHTTP[http.StatusInternalServerError])
	require.Contains(t, log.String(), `panic="at the beginning" request="GET /"`)
	require.Contains(t, log.String(), "panics_test.go", "the stack")
	require.Less(t, strings.Count(log.String(), "has caused a panic"), 20, "a client cannot flood the log")
}

func TestPanicsOverGRPC(t *testing.T) {
	var log bytes.Buffer
	p := NewPanics(slog.New(slog.NewTextHandler(&log, nil)))
	_, err := p.Unary(t.Context(), nil, &grpc.UnaryServerInfo{FullMethod: "/a/B"}, func(context.Context, any) (any, error) { panic("secret") })
	require.Equal(t, codes.Internal, status.Code(err))
	require.NotContains(t, err.Error(), "secret")
	err = p.Stream(nil, nil, &grpc.StreamServerInfo{FullMethod: "/a/B"}, func(any, grpc.ServerStream) error { panic("secret") })
	require.Equal(t, codes.Internal, status.Code(err))
	require.Equal(t, uint64(2), p.Count())
	require.Contains(t, log.String(), "request=/a/B")
}

func TestCalls(t *testing.T) {
	var log bytes.Buffer
	c := NewCalls(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	h := c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/404":
			w.WriteHeader(http.StatusNotFound)
		case "/hints":
			w.WriteHeader(http.StatusEarlyHints)
			io.WriteString(w, "text")
		}
	}))
	for _, path := range []string{"/404", "/hints", "/nothing", "/404"} {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", path, nil))
	}
	_, err := c.Unary(t.Context(), nil, &grpc.UnaryServerInfo{FullMethod: "/a/B"}, func(context.Context, any) (any, error) {
		return nil, status.Error(codes.NotFound, "")
	})
	require.Error(t, err)
	require.NoError(t, c.Stream(nil, stream{ctx: t.Context()}, &grpc.StreamServerInfo{FullMethod: "/a/C"}, func(any, grpc.ServerStream) error { return nil }))
	ofHTTP, ofGRPC := c.Counts()
	require.Equal(t, map[int]uint64{200: 2, 404: 2}, ofHTTP)
	require.Equal(t, map[codes.Code]uint64{codes.OK: 1, codes.NotFound: 1}, ofGRPC)
	require.Contains(t, log.String(), "path=/404 status=404")
	require.Contains(t, log.String(), "method=/a/B code=NotFound")
}

type stream struct {
	grpc.ServerStream
	ctx context.Context
}

func (s stream) Context() context.Context { return s.ctx }
