package proofs

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"

	"example.com/lstm"
	"example.com/lstm/cmd/lstm-serve/internal/inference"
)

// The model that all processes serve.
const modelName = "random"

var randomModel = lstm.RandomModel(1, 4, 8, 32, 32)

// A server is a process of lstm-serve that is stopped and started again on the same
// addresses, models and store.
type server struct {
	http, grpc string // addresses
	command    []string
	process    *exec.Cmd
	log        *lockedBuffer
}

// newServer starts a server with a folder of its own. emulator, if there is one, runs
// the program.
func newServer(t *testing.T, command []string, flags ...string) *server {
	t.Helper()
	folder := t.TempDir()
	models := filepath.Join(folder, "models")
	require.NoError(t, os.Mkdir(models, 0o755))
	file, err := os.Create(filepath.Join(models, modelName+".safetensors"))
	require.NoError(t, err)
	require.NoError(t, randomModel.Write(file))
	require.NoError(t, file.Close())
	s := &server{http: freeAddress(t), grpc: freeAddress(t), log: &lockedBuffer{}}
	s.command = append(append(command, "-http", s.http, "-grpc", s.grpc, "-models", models,
		"-store", filepath.Join(folder, "store")), flags...)
	s.start(t)
	t.Cleanup(func() {
		s.process.Process.Kill()
		s.process.Wait()
		if t.Failed() {
			t.Logf("log of the server on %s:\n%s", s.grpc, s.log.String())
		}
	})
	return s
}

func (s *server) start(t *testing.T) {
	t.Helper()
	process := exec.Command(s.command[0], s.command[1:]...)
	process.Stdout, process.Stderr = s.log, s.log
	require.NoError(t, process.Start())
	s.process = process
}

// waitReady returns when the server answers that it is ready.
func (s *server) waitReady(t *testing.T, client inference.GRPCInferenceServiceClient) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		r, err := client.ServerReady(ctx, &inference.ServerReadyRequest{}, grpc.WaitForReady(true))
		if err == nil && r.Ready {
			return
		}
		require.NoError(t, ctx.Err(), "the server on %s is not ready: %v", s.grpc, err)
	}
}

// kill ends the process as a power failure would.
func (s *server) kill(t *testing.T) {
	t.Helper()
	require.NoError(t, s.process.Process.Kill())
	require.Error(t, s.process.Wait())
}

// stop ends the process as a service manager does, and requires that it leaves well.
func (s *server) stop(t *testing.T) {
	t.Helper()
	require.NoError(t, s.process.Process.Signal(syscall.SIGTERM))
	require.NoError(t, s.process.Wait(), "after SIGTERM")
}

// dial returns a client that connects again soon after its server has come back.
func (s *server) dial(t *testing.T) inference.GRPCInferenceServiceClient {
	t.Helper()
	connection, err := grpc.NewClient(s.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithConnectParams(grpc.ConnectParams{MinConnectTimeout: time.Second,
			Backoff: backoff.Config{BaseDelay: 10 * time.Millisecond, Multiplier: 1.5, MaxDelay: 200 * time.Millisecond}}))
	require.NoError(t, err)
	t.Cleanup(func() { connection.Close() })
	return inference.NewGRPCInferenceServiceClient(connection)
}

// freeAddress returns an address of this machine on which nobody listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

// A lockedBuffer is what a process writes while a test reads it.
type lockedBuffer struct {
	mutex sync.Mutex
	bytes bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.bytes.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.bytes.String()
}
