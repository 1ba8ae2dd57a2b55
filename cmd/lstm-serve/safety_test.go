package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"example.com/lstm/cmd/lstm-serve/internal/inference"
)

// writeCertificate writes a certificate for localhost and its key, and returns a client
// that trusts it alone.
func writeCertificate(t *testing.T, folder string) (certPath, keyPath string, client *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	certPath, keyPath = filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	require.NoError(t, os.WriteFile(certPath, certPEM, 0o600))
	require.NoError(t, os.WriteFile(keyPath, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600))
	client = &tls.Config{RootCAs: x509.NewCertPool()}
	require.True(t, client.RootCAs.AppendCertsFromPEM(certPEM))
	return certPath, keyPath, client
}

func TestTLSAndToken(t *testing.T) {
	const token = "a-token-that-is-long-enough"
	folder := t.TempDir()
	certPath, keyPath, client := writeCertificate(t, folder)
	tokenPath := filepath.Join(folder, "token")
	require.NoError(t, os.WriteFile(tokenPath, []byte(token+"\n"), 0o600))
	p := start(t, "-tls-cert", certPath, "-tls-key", keyPath, "-token-file", tokenPath)
	p.tls = client

	// REST, in HTTP/2.
	for path, free := range map[string]bool{
		"/v2/health/live": true, "/v2/health/ready": true,
		"/v2": false, "/v2/models/seattle": false, "/metrics": false, "/": false, "/other": false,
	} {
		code, _ := p.do("GET", path, "")
		require.Equal(t, free, code == 200, "%s: %d", path, code)
		code, _ = p.do("GET", path, "", "Authorization", "Bearer "+token+"x")
		require.Equal(t, free, code == 200, "%s: %d", path, code)
		code, _ = p.do("GET", path, "", "Authorization", "Bearer "+token)
		require.Equal(t, path != "/other", code == 200, "%s: %d", path, code)
	}
	response, err := p.client().Get(p.url("/v2/health/live"))
	require.NoError(t, err)
	response.Body.Close()
	require.Equal(t, 2, response.ProtoMajor)
	response, err = http.Get("http://" + p.http + "/v2/health/live")
	require.NoError(t, err)
	response.Body.Close()
	require.Equal(t, http.StatusBadRequest, response.StatusCode, "without TLS")
	old := &tls.Config{RootCAs: client.RootCAs, MinVersion: tls.VersionTLS11, MaxVersion: tls.VersionTLS11}
	for _, address := range []string{p.http, p.grpc} {
		_, err = tls.Dial("tcp", address, old)
		require.ErrorContains(t, err, "protocol version")
	}

	// gRPC.
	_, c := p.dial()
	_, err = c.ServerReady(t.Context(), &inference.ServerReadyRequest{})
	require.NoError(t, err)
	_, err = c.ServerMetadata(t.Context(), &inference.ServerMetadataRequest{})
	require.Equal(t, codes.Unauthenticated, status.Code(err))
	stream, err := c.ModelStreamInfer(t.Context())
	require.NoError(t, err)
	_, err = stream.Recv()
	require.Equal(t, codes.Unauthenticated, status.Code(err))
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+token)
	_, err = c.ServerMetadata(ctx, &inference.ServerMetadataRequest{})
	require.NoError(t, err)
	stream, err = c.ModelStreamInfer(ctx)
	require.NoError(t, err)
	require.NoError(t, stream.Send(request("seattle", make([]float32, 4), 4, true, 1)))
	answer, err := stream.Recv()
	require.NoError(t, err)
	require.Empty(t, answer.ErrorMessage)

	p.cmd.Process.Kill()
	_, log := p.end()
	require.NotContains(t, log, token)
}

func TestLimits(t *testing.T) {
	p := start(t, "-max-message", "100KiB", "-max-steps", "10", "-sequences", "1")
	_, c := p.dial()
	_, err := c.ModelInfer(t.Context(), request("seattle", make([]float32, 100<<10), 4, true, 1))
	require.Equal(t, codes.ResourceExhausted, status.Code(err))
	_, err = c.ModelInfer(t.Context(), request("seattle", make([]float32, 4*11), 4, true, 1))
	require.Equal(t, codes.InvalidArgument, status.Code(err))
	steps(t, c, request("seattle", make([]float32, 4*10), 4, true, 1))
	code, body := p.do("POST", "/v2/models/seattle/infer", strings.Repeat(" ", 200<<10))
	require.Equal(t, http.StatusRequestEntityTooLarge, code, body)
	code, body = p.do("POST", "/v2/models/seattle/infer",
		`{"parameters": {"sequence_id": 8, "sequence_start": true}, "inputs": [{"name": "input", "datatype": "FP32", "shape": [1, 4], "data": [1, 1, 1, 1]}]}`)
	require.Equal(t, http.StatusTooManyRequests, code, body)
}

// Connections beyond the limit wait for others to end.
func TestMaxConnections(t *testing.T) {
	p := start(t, "-max-connections", "1")
	get := func() (c net.Conn, answer *bufio.Reader) {
		c, err := net.Dial("tcp", p.http)
		require.NoError(t, err)
		t.Cleanup(func() { c.Close() })
		fmt.Fprintf(c, "GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n")
		return c, bufio.NewReader(c)
	}
	first, answer := get()
	_, err := answer.Peek(1)
	require.NoError(t, err)
	_, later := get()
	answered := make(chan error, 1)
	go func() {
		_, err := later.Peek(1)
		answered <- err
	}()
	for range 20 {
		fmt.Fprintf(first, "GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n")
		response, err := http.ReadResponse(answer, nil)
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, response.Body)
		require.NoError(t, err)
	}
	require.Empty(t, answered)
	first.Close()
	require.NoError(t, <-answered)
}

// Clients that take too long are cut off, whatever they wait with.
func TestSlowClients(t *testing.T) {
	p := start(t, "-header-timeout", "50ms", "-read-timeout", "100ms", "-keep-alive-time", "150ms")
	for name, c := range map[string]struct{ address, sends, answer string }{
		"HTTP, nothing":          {p.http, "", ""},
		"HTTP, half a header":    {p.http, "GET / HTTP/1.1\r\nHost: x\r\n", ""},
		"HTTP, half a body":      {p.http, "POST /v2/models/seattle/infer HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{", "HTTP/1.1 4"},
		"HTTP, no next request":  {p.http, "GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK"},
		"gRPC, nothing":          {p.grpc, "", ""},
		"gRPC, half the preface": {p.grpc, "PRI * HTTP/2.0\r\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			connection, err := net.Dial("tcp", c.address)
			require.NoError(t, err)
			defer connection.Close()
			_, err = io.WriteString(connection, c.sends)
			require.NoError(t, err)
			answer, err := io.ReadAll(connection) // ends when the server ends the connection
			if err == nil && c.answer != "" {
				require.True(t, strings.HasPrefix(string(answer), c.answer), "%s", answer)
			}
		})
	}
}
