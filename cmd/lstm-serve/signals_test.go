//go:build unix

package main

import (
	"fmt"
	"io"
	"net"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"example.com/lstm"
)

// SIGHUP puts new weights under live sequences.
func TestReload(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "a.safetensors")
	first, second := lstm.RandomModel(1, 2, 3, 4), lstm.RandomModel(2, 2, 3, 4)
	writeModel(t, path, first)
	p := start(t, "-models", folder)
	_, c := p.dial()
	x := []float32{1, 2, 3}
	n, err := lstm.New(first)
	require.NoError(t, err)
	s := n.NewState()
	y, _ := steps(t, c, request("a", x, 3, true, 1))
	require.Equal(t, step(n, s, x), y)

	writeModel(t, path, second)
	p.signal(syscall.SIGHUP)
	line := p.wait("a model is ready")
	n, err = lstm.New(second)
	require.NoError(t, err)
	require.Equal(t, n.Fingerprint().String(), line["fingerprint"])
	require.NoError(t, n.Adopt(s))
	y, last := steps(t, c, request("a", x, 3, false, 2))
	require.Equal(t, step(n, s, x), y)
	require.Equal(t, int64(2), last)

	writeModel(t, path, lstm.RandomModel(2, 2, 3, 5))
	p.signal(syscall.SIGHUP)
	p.wait("a model has not been read")
	y, _ = steps(t, c, request("a", x, 3, false, 3))
	require.Equal(t, step(n, s, x), y)
}

// Sequences go on in the next process, whichever way the first has ended.
func TestStore(t *testing.T) {
	n, xs := weather(t, 6)
	s := n.NewState()
	args := []string{"-store", filepath.Join(t.TempDir(), "new", "folder")}
	next := 0
	take := func(p *process, count int) {
		_, c := p.dial()
		for range count {
			y, last := steps(t, c, request("seattle", xs[next], 4, next == 0, int64(next+1)))
			require.Equal(t, step(n, s, xs[next]), y)
			next++
			require.Equal(t, int64(next), last)
		}
	}
	p := start(t, append(args, "-checkpoint-interval", "1h")...)
	take(p, 2)
	other := launch(t, args...)
	code, log := other.end()
	require.Equal(t, exitFailure, code)
	require.Contains(t, log, "in use by another process")
	p.signal(syscall.SIGTERM)
	code, log = p.end()
	require.Zero(t, code, log)
	require.Contains(t, log, `"msg":"stopped"`)

	p = start(t, append(args, "-checkpoint-interval", "0s")...)
	take(p, 2)
	require.NoError(t, p.cmd.Process.Kill())
	p.end()

	p = start(t, args...)
	take(p, 2)
}

// hold begins a request whose end does not come, so that the server cannot end.
func hold(t *testing.T, p *process) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", p.http)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	fmt.Fprintf(c, "POST /v2/models/seattle/infer HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n")
	answer := make([]byte, len("HTTP/1.1 100 Continue"))
	_, err = io.ReadFull(c, answer) // once the server reads the body
	require.NoError(t, err)
	require.Equal(t, "HTTP/1.1 100 Continue", string(answer))
	return c
}

// While it is stopping, the server says that it is not ready, and answers what has been
// asked.
func TestStop(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		p := start(t, "-shutdown-time", "1h")
		connection, _ := p.dial()
		watch, err := grpc_health_v1.NewHealthClient(connection).Watch(t.Context(), &grpc_health_v1.HealthCheckRequest{})
		require.NoError(t, err)
		health, err := watch.Recv()
		require.NoError(t, err)
		require.Equal(t, grpc_health_v1.HealthCheckResponse_SERVING, health.Status)

		held := hold(t, p)
		p.signal(signal)
		health, err = watch.Recv()
		require.NoError(t, err)
		require.Equal(t, grpc_health_v1.HealthCheckResponse_NOT_SERVING, health.Status)
		_, err = watch.Recv()
		require.Equal(t, codes.Unavailable, status.Code(err))

		io.WriteString(held, "no request")
		answer, err := io.ReadAll(held)
		require.NoError(t, err)
		require.Contains(t, string(answer), "HTTP/1.1 400 Bad Request")
		code, log := p.end()
		require.Zero(t, code, log)
	}
}

// While load balancers are given time to see that it is not ready, the server goes on.
func TestDrain(t *testing.T) {
	p := start(t, "-drain-time", "1h")
	connection, c := p.dial()
	watch, err := grpc_health_v1.NewHealthClient(connection).Watch(t.Context(), &grpc_health_v1.HealthCheckRequest{})
	require.NoError(t, err)
	_, err = watch.Recv()
	require.NoError(t, err)
	p.signal(syscall.SIGTERM)
	health, err := watch.Recv()
	require.NoError(t, err)
	require.Equal(t, grpc_health_v1.HealthCheckResponse_NOT_SERVING, health.Status)

	n, xs := weather(t, 1)
	y, _ := steps(t, c, request("seattle", xs[0], 4, true, 1))
	require.Equal(t, step(n, n.NewState(), xs[0]), y)
	p.signal(syscall.SIGTERM) // the second one ends it at once
	_, log := p.end()
	require.NotContains(t, log, `"msg":"stopped"`)
}

// Who does not end is not waited for.
func TestStopWithin(t *testing.T) {
	p := start(t, "-shutdown-time", "100ms")
	hold(t, p)
	p.signal(syscall.SIGTERM)
	code, log := p.end()
	require.Zero(t, code)
	require.Contains(t, log, "connections were closed before all requests on them were answered")
	require.Contains(t, log, `"msg":"stopped"`)
}

// A second signal ends the process at once.
func TestSecondSignal(t *testing.T) {
	p := start(t, "-shutdown-time", "1h")
	hold(t, p)
	p.signal(syscall.SIGTERM)
	p.wait("stopping")
	p.signal(syscall.SIGTERM)
	p.end()
	s, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	require.True(t, ok)
	require.Equal(t, syscall.SIGTERM, s.Signal())
}
