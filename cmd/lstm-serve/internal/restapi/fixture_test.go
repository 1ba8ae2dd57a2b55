package restapi

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm"
	"example.com/lstm/cmd/lstm-serve/internal/infer"
	"example.com/lstm/cmd/lstm-serve/internal/repository"
	"example.com/lstm/cmd/lstm-serve/internal/sequences"
)

// fixture serves three models by HTTP: "plain" with inputs of 3 and outputs of 2, "a/b"
// with inputs of 3 and heads "mean" of 1 and "spread" of 2, and "both", of both
// directions, with inputs of 2 and outputs of 8.
type fixture struct {
	url          string
	plain, heads *lstm.Network
	sequences    *sequences.Sequences // of plain
}

func newFixture(t testing.TB, o *Options, s *sequences.Options) *fixture {
	f := &fixture{plain: network(t, lstm.RandomModel(1, 2, 3, 8))}
	heads := lstm.RandomModel(2, 0, 3, 8)
	for seed, name := range []string{"mean", "spread"} {
		head := lstm.RandomModel(uint64(seed), seed+1, 3, 8).Heads[0]
		head.Name = name
		heads.Heads = append(heads.Heads, head)
	}
	f.heads = network(t, heads)
	layer := func(seed uint64) *lstm.Weights { return lstm.RandomModel(seed, 0, 2, 4).Layers[0].(*lstm.Weights) }
	both, err := lstm.NewSequenceNetwork(&lstm.Model{Layers: []lstm.Layer{&lstm.Bidirectional{Forward: layer(1), Backward: layer(2)}}})
	require.NoError(t, err)
	f.sequences = keep(t, f.plain, s)
	server := httptest.NewServer(New(infer.New(repository.New(
		&repository.Model{Name: "plain", Version: "1", Stream: f.sequences},
		&repository.Model{Name: "a/b", Version: "1", Stream: keep(t, f.heads, nil)},
		&repository.Model{Name: "both", Version: "1", Whole: both},
	), nil), o))
	t.Cleanup(server.Close)
	f.url = server.URL
	return f
}

func network(t testing.TB, m *lstm.Model) *lstm.Network {
	n, err := lstm.New(m)
	require.NoError(t, err)
	return n
}

func keep(t testing.TB, n *lstm.Network, o *sequences.Options) *sequences.Sequences {
	s, err := sequences.New(n, o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close(context.Background())) })
	return s
}

// A reply is an answer, read.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// do makes a call. headers are names and values.
func (f *fixture) do(t testing.TB, method, path string, body []byte, headers ...string) reply {
	t.Helper()
	r, err := http.NewRequest(method, f.url+path, bytes.NewReader(body))
	require.NoError(t, err)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return reply{response.StatusCode, response.Header, got}
}

// infer makes an inference request, its tensors as JSON or as bytes.
func (f *fixture) infer(t testing.TB, path string, c *call, asBytes bool) reply {
	t.Helper()
	body, header := encodeCall(t, c, asBytes)
	if asBytes {
		return f.do(t, "POST", path+"/infer", body, headerLengthField, strconv.Itoa(header))
	}
	return f.do(t, "POST", path+"/infer", body, "Content-Type", "application/json")
}

// A responseText is the JSON text of an answer.
type responseText struct {
	Name       string                     `json:"model_name"`
	Version    string                     `json:"model_version"`
	ID         string                     `json:"id"`
	Parameters map[string]json.RawMessage `json:"parameters"`
	Outputs    []struct {
		Name       string         `json:"name"`
		Datatype   string         `json:"datatype"`
		Shape      []int64        `json:"shape"`
		Parameters map[string]int `json:"parameters"`
		Data       []*float64     `json:"data"` // read twice rounded, as JavaScript does
	} `json:"outputs"`
}

// answer reads an answer as clients do, and its outputs by name.
func (r reply) answer(t testing.TB) (text responseText, outputs map[string][]float32) {
	t.Helper()
	require.Equal(t, http.StatusOK, r.status, "%s", r.body)
	header, rest := r.body, []byte(nil)
	if field := r.header.Get(headerLengthField); field != "" {
		require.Equal(t, "application/octet-stream", r.header.Get("Content-Type"))
		n, err := strconv.Atoi(field)
		require.NoError(t, err)
		header, rest = r.body[:n], r.body[n:]
	} else {
		require.Equal(t, "application/json", r.header.Get("Content-Type"))
	}
	require.NoError(t, json.Unmarshal(header, &text), "%s", header)
	outputs = map[string][]float32{}
	for _, o := range text.Outputs {
		require.Equal(t, "FP32", o.Datatype)
		data := make([]float32, 0, len(o.Data))
		for _, v := range o.Data {
			if v == nil {
				data = append(data, float32(math.NaN()))
			} else {
				data = append(data, float32(*v))
			}
		}
		if size, binaryData := o.Parameters["binary_data_size"]; binaryData {
			require.Nil(t, o.Data)
			for ; size > 0; size -= 4 {
				data = append(data, math.Float32frombits(binary.LittleEndian.Uint32(rest)))
				rest = rest[4:]
			}
		}
		outputs[o.Name] = data
	}
	require.Empty(t, rest)
	return text, outputs
}

// failure reads an error.
func (r reply) failure(t testing.TB, status int) failure {
	t.Helper()
	require.Equal(t, status, r.status, "%s", r.body)
	require.Equal(t, "application/json", r.header.Get("Content-Type"))
	d := json.NewDecoder(bytes.NewReader(r.body))
	d.DisallowUnknownFields()
	var e failure
	require.NoError(t, d.Decode(&e), "%s", r.body)
	require.NotEmpty(t, e.Error)
	return e
}

// input is a request with an input.
func input(sequence infer.Sequence, x []float32, shape ...int64) *call {
	return &call{Request: infer.Request{
		Sequence: sequence,
		Inputs:   []infer.Tensor{{Name: infer.InputName, Datatype: infer.FP32, Shape: shape, Data: x}},
	}}
}

// awkward returns n inputs, in turn awkward ones and usual ones. Without NaN, which every
// later output of a sequence would be.
func awkward(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(i%7)/7 - 0.3
		if i%3 == 0 {
			x[i] = awkwardFloats[i%len(awkwardFloats)]
		}
	}
	return x
}
