package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPage watches the page of the whole command, as a browser does that has asked a
// person for the token, until the command is told to end.
func TestPage(t *testing.T) {
	const token = "a-token-that-is-long-enough"
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte(token), 0o600))
	ctx, end := context.WithCancel(t.Context())
	defer end()
	output, said := io.Pipe()
	status := make(chan int, 1)
	go func() {
		status <- execute(ctx, []string{"lstm-serve", "-http", "localhost:0", "-grpc", "localhost:0", "-token-file", file}, io.Discard, said)
		said.Close()
	}()
	var address []string
	lines := bufio.NewScanner(output)
	for find := regexp.MustCompile(`http://[^/]+`); address == nil && lines.Scan(); {
		address = find.FindStringSubmatch(lines.Text())
	}
	require.NotNil(t, address)
	go io.Copy(io.Discard, output)

	get := func(path, password string) *http.Response {
		r, err := http.NewRequest(http.MethodGet, address[0]+path, nil)
		require.NoError(t, err)
		r.SetBasicAuth("anybody", password)
		response, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		t.Cleanup(func() { response.Body.Close() })
		return response
	}
	require.Equal(t, http.StatusUnauthorized, get("/", "").StatusCode)
	for _, path := range []string{"/", "/page/page.js"} {
		require.Equal(t, http.StatusOK, get(path, token).StatusCode, path)
	}
	require.Equal(t, http.StatusNotFound, get("/other", token).StatusCode)

	events := bufio.NewScanner(get("/live", token).Body)
	events.Buffer(nil, 1<<20)
	for days := 0; days < 2 && events.Scan(); {
		if strings.HasPrefix(events.Text(), `data: {"days":[{"date":"2012-`) {
			days++
		}
	}
	end()
	for events.Scan() {
	}
	require.NoError(t, events.Err(), "the stream has ended well")
	require.Zero(t, <-status)
}
