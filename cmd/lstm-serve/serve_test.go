package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"example.com/lstm"
	"example.com/lstm/cmd/lstm-serve/internal/inference"
	"example.com/lstm/cmd/lstm/seattle"
)

// weather is the embedded model, and inputs of it that are as good as others.
func weather(t *testing.T, count int) (n *lstm.Network, xs [][]float32) {
	t.Helper()
	n, err := lstm.Read(bytes.NewReader(seattle.Model))
	require.NoError(t, err)
	for i := range count {
		xs = append(xs, []float32{float32(i), 0.5, -1, 2})
	}
	return n, xs
}

// step takes a step.
func step(n *lstm.Network, s *lstm.State, x []float32) []float32 {
	y := make([]float32, n.OutputSize())
	n.Step(s, x, y)
	return y
}

func writeModel(t *testing.T, path string, m *lstm.Model) {
	t.Helper()
	var data bytes.Buffer
	require.NoError(t, m.Write(&data))
	// As a whole, since a server may read it at any time.
	require.NoError(t, os.WriteFile(path+".new", data.Bytes(), 0o666))
	require.NoError(t, os.Rename(path+".new", path))
}

// Both protocols answer with the bits of the library, about the same sequence.
func TestServe(t *testing.T) {
	file := filepath.Join(t.TempDir(), "addresses")
	p := start(t, "-addresses", file)
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	require.JSONEq(t, `{"http": "`+p.http+`", "grpc": "`+p.grpc+`"}`, string(content))

	n, xs := weather(t, 2)
	s := n.NewState()
	_, c := p.dial()
	y, last := steps(t, c, request("seattle", xs[0], 4, true, 1))
	require.Equal(t, step(n, s, xs[0]), y)
	require.Equal(t, int64(1), last)

	code, body := p.do("POST", "/v2/models/seattle/infer",
		`{"parameters": {"sequence_id": 7, "sequence_step": 2}, "inputs": [{"name": "input", "datatype": "FP32", "shape": [1, 4], "data": [1, 0.5, -1, 2]}]}`)
	require.Equal(t, 200, code, body)
	var response struct {
		Parameters map[string]int64
		Outputs    []struct{ Data []float32 }
	}
	require.NoError(t, json.Unmarshal([]byte(body), &response))
	require.Equal(t, step(n, s, xs[1]), response.Outputs[0].Data)
	require.Equal(t, int64(2), response.Parameters["sequence_step"])

	for path, want := range map[string]string{
		"/v2/health/live":  `"live":true`,
		"/v2/health/ready": `"ready":true`,
		"/metrics":         `lstm_serve_steps_total{model="seattle"} 2`,
		"/":                "<html",
	} {
		code, body := p.do("GET", path, "")
		require.Equal(t, 200, code, path)
		require.Contains(t, body, want)
	}
	code, _ = p.do("POST", "/v2/models/seattle/infer", "{}", "Sec-Fetch-Site", "cross-site")
	require.Equal(t, 403, code, "a page of another site")
	code, _ = p.do("POST", "/v2/repository/models/..%2fseattle/load", "")
	require.Equal(t, 400, code)
}

// A broken file does not stop the others, but nothing does without any.
func TestBrokenModels(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "broken.safetensors"), []byte(`{"a": not a model`), 0o666))
	p := launch(t, "-models", folder)
	code, log := p.end()
	require.Equal(t, exitFailure, code)
	require.Contains(t, log, "lstm-serve: broken.safetensors: ")

	writeModel(t, filepath.Join(folder, "good.safetensors"), lstm.RandomModel(1, 2, 3, 4))
	p = start(t, "-models", folder, "-weights", "int8")
	_, c := p.dial()
	index, err := c.RepositoryIndex(t.Context(), &inference.RepositoryIndexRequest{})
	require.NoError(t, err)
	require.Len(t, index.Models, 2)
	require.Equal(t, "UNAVAILABLE", index.Models[0].State)
	require.True(t, strings.HasPrefix(index.Models[0].Reason, "broken.safetensors: "), index.Models[0].Reason)
	require.Equal(t, "READY", index.Models[1].State)
	code, _ = p.do("GET", "/v2/health/ready", "")
	require.Equal(t, 200, code)

	// In the chosen format of weights.
	n, err := lstm.New(lstm.RandomModel(1, 2, 3, 4), lstm.WithWeights(lstm.Int8))
	require.NoError(t, err)
	x := []float32{1, 2, 3}
	y, _ := steps(t, c, request("good", x, 3, true, 1))
	require.Equal(t, step(n, n.NewState(), x), y)

	writeModel(t, filepath.Join(folder, "broken.safetensors"), lstm.RandomModel(1, 2, 3, 4))
	_, err = c.RepositoryModelLoad(t.Context(), &inference.RepositoryModelLoadRequest{ModelName: "broken"})
	require.NoError(t, err)
	index, err = c.RepositoryIndex(t.Context(), &inference.RepositoryIndexRequest{Ready: true})
	require.NoError(t, err)
	require.Len(t, index.Models, 2)
	_, err = c.RepositoryModelLoad(t.Context(), &inference.RepositoryModelLoadRequest{ModelName: "../good"})
	require.Equal(t, codes.InvalidArgument, status.Code(err))
}
