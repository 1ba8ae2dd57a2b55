// Package restapi is the REST front end: the Open Inference Protocol, version 2, with
// Triton's extensions for binary tensors, for sequences and for repositories of models,
// and calls of our own for a sequence.
//
//	https://github.com/kserve/open-inference-protocol
//	https://github.com/triton-inference-server/server/tree/main/docs/protocol
//
// Numbers in JSON are FP32 to the bit, in both directions; null stands for NaN and, in
// answers, for infinities. An error is a JSON object with the message as "error" and, if
// it is about the steps of a sequence, the number of the last one as "sequence_step".
package restapi

import (
	"cmp"
	"context"
	"net/http"

	"google.golang.org/grpc/codes"

	"example.com/lstm/cmd/lstm-serve/internal/infer"
	"example.com/lstm/cmd/lstm-serve/internal/inferr"
)

// Options are how a front end works.
type Options struct {
	// Version of the server, as its metadata say it.
	Version string
	// MostBytes of the body of a request; default 32 MiB.
	MostBytes int64
	// MostBodies is how many bytes the bodies of all requests may have together that are
	// being read or answered; others are refused. Default 256 MiB, and MostBytes at least.
	MostBodies int64
	// Load loads a model from its file, as the call for that wishes. If it is nil, the call
	// has the code Unimplemented.
	Load func(ctx context.Context, model string) error
	// Ready returns why the server should get no requests, besides that of its models. It
	// may be nil.
	Ready func() error
}

type server struct {
	infer   *infer.Server
	options Options
	bodies  bodies
}

// New returns the handler of all paths at and below /v2. Calls that change something are
// refused to browsers on behalf of pages from elsewhere.
func New(s *infer.Server, o *Options) http.Handler {
	a := &server{infer: s}
	if o != nil {
		a.options = *o
	}
	if a.options.MostBytes == 0 {
		a.options.MostBytes = 32 << 20
	}
	a.bodies.most = max(cmp.Or(a.options.MostBodies, 256<<20), a.options.MostBytes+1)
	mux := http.NewServeMux()
	handle := func(pattern string, f func(w http.ResponseWriter, r *http.Request) error) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if err := f(w, r); err != nil {
				writeError(w, err)
			}
		})
	}
	handle("GET /v2", a.serverMetadata)
	handle("GET /v2/health/live", a.serverLive)
	handle("GET /v2/health/ready", a.serverReady)
	handle("POST /v2/repository/index", a.repositoryIndex)
	handle("POST /v2/repository/models/{model}/load", a.repositoryLoad)
	for _, model := range []string{"/v2/models/{model}", "/v2/models/{model}/versions/{version}"} {
		handle("GET "+model, a.modelMetadata)
		handle("GET "+model+"/ready", a.modelReady)
		handle("POST "+model+"/infer", a.modelInfer)
		handle("GET "+model+"/sequences/{id}", a.describe)
		handle("DELETE "+model+"/sequences/{id}", a.remove)
		handle("GET "+model+"/sequences/{id}/state", a.export)
		handle("PUT "+model+"/sequences/{id}/state", a.take)
		handle("POST "+model+"/sequences/{id}/release", a.release)
	}
	calls := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h, pattern := mux.Handler(r); pattern == "" {
			noSuchCall(w, r, h)
			return
		}
		mux.ServeHTTP(w, r)
	})
	// Pages of others must not use a server that a browser can reach.
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		writeError(w, inferr.Errorf(codes.PermissionDenied, "the call comes from a page of another origin"))
	}))
	return protection.Handler(calls)
}
