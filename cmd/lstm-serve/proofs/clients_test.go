package proofs

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm"
)

// Clients that people have, which know nothing of this project: curl, grpcurl by
// reflection, and grpc-js by the protocol's messages. Each takes three steps of a
// sequence, of which the answers are those of the network.
func TestClients(t *testing.T) {
	s := newServer(t, []string{program})
	s.waitReady(t, s.dial(t))
	network, err := lstm.New(randomModel)
	require.NoError(t, err)
	for i, c := range []struct {
		name    string
		outputs func(t *testing.T, s *server, a *audit) [][]float32
	}{
		{"curl", curlOutputs},
		{"grpcurl", grpcurlOutputs},
		{"grpc-js", nodeOutputs},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := newAudit(network, i, 3, nil, nil)
			require.Equal(t, a.wanted, c.outputs(t, s, a))
		})
	}
}

func curlOutputs(t *testing.T, s *server, a *audit) (outputs [][]float32) {
	curl := tool(t, "curl", "LSTM_CURL")
	for step, x := range a.inputs {
		body, err := json.Marshal(map[string]any{
			"parameters": map[string]any{"sequence_id": a.id, "sequence_start": step == 0, "sequence_end": step == len(a.inputs)-1},
			"inputs":     []any{map[string]any{"name": "input", "datatype": "FP32", "shape": []int{1, len(x)}, "data": x}},
		})
		require.NoError(t, err)
		answer := output(t, exec.Command(curl, "--silent", "--show-error", "--fail-with-body", "--data-binary", string(body),
			fmt.Sprintf("http://%s/v2/models/%s/infer", s.http, modelName)))
		var response struct {
			Outputs []struct{ Data []float32 }
		}
		require.NoError(t, json.Unmarshal(answer, &response), "%s", answer)
		require.Len(t, response.Outputs, 1)
		outputs = append(outputs, response.Outputs[0].Data)
	}
	return outputs
}

// grpcurl takes all steps over one stream.
func grpcurlOutputs(t *testing.T, s *server, a *audit) (outputs [][]float32) {
	grpcurl := tool(t, "grpcurl", "LSTM_GRPCURL")
	var requests strings.Builder
	for step, x := range a.inputs {
		require.NoError(t, json.NewEncoder(&requests).Encode(map[string]any{
			"model_name": modelName,
			"parameters": map[string]any{
				"sequence_id":    map[string]any{"string_param": a.id},
				"sequence_start": map[string]any{"bool_param": step == 0},
				"sequence_end":   map[string]any{"bool_param": step == len(a.inputs)-1},
			},
			"inputs": []any{map[string]any{"name": "input", "datatype": "FP32", "shape": []int{1, len(x)}, "contents": map[string]any{"fp32_contents": x}}},
		}))
	}
	command := exec.Command(grpcurl, "-plaintext", "-d", "@", s.grpc, "inference.GRPCInferenceService/ModelStreamInfer")
	command.Stdin = strings.NewReader(requests.String())
	answers := json.NewDecoder(strings.NewReader(string(output(t, command))))
	for range a.inputs {
		var answer struct {
			ErrorMessage  string
			InferResponse struct {
				Outputs []struct {
					Contents struct{ Fp32Contents []float32 }
				}
			}
		}
		require.NoError(t, answers.Decode(&answer))
		require.Empty(t, answer.ErrorMessage)
		require.Len(t, answer.InferResponse.Outputs, 1)
		outputs = append(outputs, answer.InferResponse.Outputs[0].Contents.Fp32Contents)
	}
	return outputs
}

// LSTM_GRPC_JS is a folder in which npm has installed @grpc/grpc-js and
// @grpc/proto-loader.
func nodeOutputs(t *testing.T, s *server, a *audit) (outputs [][]float32) {
	modules := os.Getenv("LSTM_GRPC_JS")
	if modules == "" {
		require.Empty(t, os.Getenv("LSTM_REQUIRE_CLIENTS"), "LSTM_GRPC_JS is not set")
		t.Skip("LSTM_GRPC_JS is not set")
	}
	command := exec.Command(tool(t, "node", "LSTM_NODE"), "testdata/client.js", modules, s.grpc, modelName, a.id)
	inputs, err := json.Marshal(a.inputs)
	require.NoError(t, err)
	command.Stdin = strings.NewReader(string(inputs))
	require.NoError(t, json.Unmarshal(output(t, command), &outputs))
	return outputs
}

// tool returns the program that the variable names, or else the one of that name.
func tool(t *testing.T, name, variable string) string {
	t.Helper()
	if file := os.Getenv(variable); file != "" {
		name = file
	}
	file, err := exec.LookPath(name)
	if err != nil {
		require.Empty(t, os.Getenv("LSTM_REQUIRE_CLIENTS"), "LSTM_REQUIRE_CLIENTS is set: %v", err)
		t.Skip(err)
	}
	return file
}

func output(t *testing.T, c *exec.Cmd) []byte {
	t.Helper()
	var complaints strings.Builder
	c.Stderr = &complaints
	out, err := c.Output()
	require.NoError(t, err, "%s\n%s%s", c, out, complaints.String())
	return out
}
