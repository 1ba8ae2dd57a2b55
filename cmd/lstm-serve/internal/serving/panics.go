package serving

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// panicInterval is how often a panic is logged at most: a client may cause any number.
const panicInterval = time.Second

// Panics makes errors of panics in handlers, so that one request does not end the server
// for all others. Any number of goroutines may use it.
type Panics struct {
	log   *slog.Logger
	last  atomic.Int64 // when one was logged, in ns after started
	count atomic.Uint64
}

// NewPanics makes a Panics that logs some of them.
func NewPanics(log *slog.Logger) *Panics {
	p := &Panics{log: log}
	p.last.Store(-int64(panicInterval))
	return p
}

// Count returns how many panics there were.
func (p *Panics) Count() uint64 { return p.count.Load() }

var started = time.Now()

func (p *Panics) report(what any, request string) {
	count := p.count.Add(1)
	now, last := int64(time.Since(started)), p.last.Load()
	if now-last >= int64(panicInterval) && p.last.CompareAndSwap(last, now) {
		p.log.Error("a request has caused a panic",
			"panic", fmt.Sprint(what), "request", request, "panics", count, "stack", string(debug.Stack()))
	}
}

const internalError = "a mistake in the server, which has logged it"

// Handler answers 500 where next panics.
func (p *Panics) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := &answer{ResponseWriter: w}
		defer func() {
			what := recover()
			if what == nil {
				return
			}
			if what != http.ErrAbortHandler {
				p.report(what, r.Method+" "+r.URL.Path)
				if a.status == 0 {
					writeError(w, http.StatusInternalServerError, internalError)
					return
				}
			}
			panic(http.ErrAbortHandler) // part of an answer may be out: end the connection
		}()
		next.ServeHTTP(a, r)
	})
}

// Unary is an interceptor of gRPC that answers Internal where the call panics.
func (p *Panics) Unary(ctx context.Context, r any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (_ any, err error) {
	defer p.recoverCall(info.FullMethod, &err)
	return next(ctx, r)
}

// Stream is Unary for streams.
func (p *Panics) Stream(s any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) (err error) {
	defer p.recoverCall(info.FullMethod, &err)
	return next(s, stream)
}

func (p *Panics) recoverCall(method string, err *error) {
	if what := recover(); what != nil {
		p.report(what, method)
		*err = status.Error(codes.Internal, internalError)
	}
}

// writeError answers as REST does.
func writeError(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]string{"error": message})
}
