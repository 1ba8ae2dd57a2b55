package restapi

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"example.com/lstm/cmd/lstm-serve/internal/infer"
	"example.com/lstm/cmd/lstm-serve/internal/inferr"
	"example.com/lstm/cmd/lstm-serve/internal/repository"
)

func plainRepository(f *fixture) *repository.Repository {
	return repository.New(&repository.Model{Name: "plain", Version: "1", Stream: f.sequences})
}

func TestHealthAndMetadata(t *testing.T) {
	f := newFixture(t, &Options{Version: "v1.2.3"}, nil)
	for path, want := range map[string]string{
		"/v2/health/live":                   `{"live":true}`,
		"/v2/health/ready":                  `{"ready":true}`,
		"/v2/models/plain/ready":            `{"name":"plain","ready":true}`,
		"/v2/models/a%2Fb/versions/1/ready": `{"name":"a/b","ready":true}`,
		"/v2": `{"name":"lstm-serve","version":"v1.2.3",
			"extensions":["sequence","sequence(string_id)","model_repository","binary_tensor_data","parameters"]}`,
		"/v2/models/a%2Fb/versions/1": `{"name":"a/b","versions":["1"],"platform":"lstm",
			"inputs":[{"name":"input","datatype":"FP32","shape":[-1,3]}],
			"outputs":[{"name":"mean","datatype":"FP32","shape":[-1,1]},{"name":"spread","datatype":"FP32","shape":[-1,2]}],
			"properties":{"sequences":"true","fingerprint":"` + f.heads.Fingerprint().String() + `"}}`,
	} {
		got := f.do(t, "GET", path, nil)
		require.Equal(t, http.StatusOK, got.status, path)
		require.JSONEq(t, want, string(got.body), path)
		require.Equal(t, "application/json", got.header.Get("Content-Type"))
		require.Equal(t, http.StatusOK, f.do(t, "HEAD", path, nil).status)
	}
	for _, path := range []string{"/v2/models/none", "/v2/models/none/ready", "/v2/models/plain/versions/2", "/v2/models/plain/versions/2/ready"} {
		f.do(t, "GET", path, nil).failure(t, http.StatusNotFound)
	}
	f.do(t, "POST", "/v2/models/..%2Fplain/infer", nil).failure(t, http.StatusNotFound)
}

func TestNotReady(t *testing.T) {
	var stopping error
	f := newFixture(t, &Options{Ready: func() error { return stopping }}, nil)
	require.Equal(t, http.StatusOK, f.do(t, "GET", "/v2/health/ready", nil).status)
	stopping = errors.New("the server is stopping")
	e := f.do(t, "GET", "/v2/health/ready", nil).failure(t, http.StatusServiceUnavailable)
	require.Contains(t, e.Error, "stopping")
	require.Equal(t, http.StatusOK, f.do(t, "GET", "/v2/health/live", nil).status)

	f = newFixture(t, nil, nil)
	require.NoError(t, f.sequences.Close(t.Context()))
	for _, path := range []string{"/v2/health/ready", "/v2/models/plain/ready"} {
		f.do(t, "GET", path, nil).failure(t, http.StatusServiceUnavailable)
	}
	// Anybody may ask for the first, with or without a token.
	e = f.do(t, "GET", "/v2/health/ready", nil).failure(t, http.StatusServiceUnavailable)
	require.NotContains(t, e.Error, "plain")
	got := f.infer(t, "/v2/models/plain", input(infer.Sequence{ID: "s", Start: true}, []float32{1, 2, 3}, 3), false)
	got.failure(t, http.StatusServiceUnavailable)
	require.Equal(t, "1", got.header.Get("Retry-After"))
}

func TestRepository(t *testing.T) {
	var loaded []string
	f := newFixture(t, &Options{Load: func(_ context.Context, model string) error {
		if model == "none" {
			return inferr.Errorf(codes.NotFound, "there is no file of model %q", model)
		}
		loaded = append(loaded, model)
		return nil
	}}, nil)
	const both = `{"name":"a/b","version":"1","state":"READY","reason":""},{"name":"both","version":"1","state":"READY","reason":""}`
	const plain = `,{"name":"plain","version":"1","state":"READY","reason":""}`
	for _, body := range []string{"", "  ", "{}", `{"ready":true}`, `{"ready":false,"x":[]}`} {
		require.JSONEq(t, "["+both+plain+"]", string(f.do(t, "POST", "/v2/repository/index", []byte(body)).body))
	}
	require.NoError(t, f.sequences.Close(t.Context()))
	require.JSONEq(t, "["+both+"]", string(f.do(t, "POST", "/v2/repository/index", []byte(`{"ready":true}`)).body))
	require.Contains(t, string(f.do(t, "POST", "/v2/repository/index", nil).body), `"UNAVAILABLE"`)
	for _, body := range []string{"x", "[]", `{"ready":1}`, `{} {}`, "\xff", "\x00"} {
		f.do(t, "POST", "/v2/repository/index", []byte(body)).failure(t, http.StatusBadRequest)
	}

	for _, body := range []string{"", "{}", `{"parameters":{}}`} {
		require.Equal(t, http.StatusOK, f.do(t, "POST", "/v2/repository/models/a%2Fb/load", []byte(body)).status)
	}
	require.Equal(t, []string{"a/b", "a/b", "a/b"}, loaded)
	f.do(t, "POST", "/v2/repository/models/none/load", nil).failure(t, http.StatusNotFound)
	f.do(t, "POST", "/v2/repository/models/a/load", []byte(`{"parameters":{"config":"{}"}}`)).failure(t, http.StatusBadRequest)
	newFixture(t, nil, nil).do(t, "POST", "/v2/repository/models/a/load", nil).failure(t, http.StatusNotImplemented)
}

func TestCallsThatThereAreNot(t *testing.T) {
	f := newFixture(t, nil, nil)
	for _, path := range []string{"/", "/v1", "/v2/", "/v2/models", "/v2/models/plain/sequences", "/v2/models/plain/x", "/v2/health"} {
		require.Contains(t, f.do(t, "GET", path, nil).failure(t, http.StatusNotFound).Error, path)
	}
	got := f.do(t, "GET", "/v2/models/plain/infer", nil)
	require.Contains(t, got.failure(t, http.StatusMethodNotAllowed).Error, "only POST")
	require.Equal(t, "POST", got.header.Get("Allow"))
	f.do(t, "POST", "/v2", nil).failure(t, http.StatusMethodNotAllowed)
}

func TestEveryCodeHasAStatus(t *testing.T) {
	for code := codes.OK; code <= codes.Unauthenticated; code++ {
		require.Contains(t, statuses, code)
	}
}
