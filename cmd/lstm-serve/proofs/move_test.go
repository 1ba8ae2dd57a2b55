package proofs

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"example.com/lstm"
)

// A sequence goes from an amd64 process to an arm64 process and back, and computes the
// bits that it would have computed at home.
func TestMove(t *testing.T) {
	home := newServer(t, []string{program})
	away := newServer(t, emulated(t))
	homeClient, awayClient := home.dial(t), away.dial(t)
	home.waitReady(t, homeClient)
	away.waitReady(t, awayClient)

	network, err := lstm.New(randomModel)
	require.NoError(t, err)
	const steps = 12
	a := newAudit(network, 6, steps, homeClient, newTotals())
	ctx := t.Context()
	step := 1
	take := func(until int) {
		t.Helper()
		for ; step <= until; step++ {
			next, err := a.take(ctx, step)
			require.NoError(t, err)
			require.Equal(t, step+1, next)
		}
	}
	take(4)
	move(t, a.id, home, away)
	_, err = homeClient.ModelInfer(ctx, a.request(step))
	require.Equal(t, codes.FailedPrecondition, status.Code(err), "the sequence is still where it has left: %v", err)
	a.client = awayClient
	take(8)
	move(t, a.id, away, home)
	a.client = homeClient
	take(steps)
}

// move takes a sequence from one server to the other.
func move(t *testing.T, id string, from, to *server) {
	t.Helper()
	record := call(t, http.MethodPost, from.sequence(id)+"/release", nil)
	call(t, http.MethodPut, to.sequence(id)+"/state", record)
}

func (s *server) sequence(id string) string {
	return fmt.Sprintf("http://%s/v2/models/%s/sequences/%s", s.http, modelName, id)
}

// call makes a request and returns the body of its answer.
func call(t *testing.T, method, url string, body []byte) []byte {
	t.Helper()
	request, err := http.NewRequestWithContext(context.Background(), method, url, bytes.NewReader(body))
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, 2, response.StatusCode/100, "%s %s: %s\n%s", method, url, response.Status, answer)
	return answer
}

// emulated returns the command that runs lstm-serve on an emulated arm64 processor.
func emulated(t *testing.T) []string {
	t.Helper()
	if runtime.GOARCH != "amd64" {
		t.Skip("the other processor is emulated on amd64 only")
	}
	emulator, err := exec.LookPath("qemu-aarch64-static")
	if err != nil {
		require.Empty(t, os.Getenv("LSTM_REQUIRE_QEMU"), "LSTM_REQUIRE_QEMU is set: %v", err)
		t.Skip(err)
	}
	file, err := build(t.TempDir(), "arm64")
	require.NoError(t, err)
	return []string{emulator, file}
}
