package serving

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Calls counts requests of HTTP by the status of their answers, and calls of gRPC by
// their codes, and logs each at level debug. Any number of goroutines may use it.
type Calls struct {
	log   *slog.Logger
	mutex sync.Mutex
	http  map[int]uint64
	grpc  map[codes.Code]uint64
}

// NewCalls makes a Calls that has counted nothing.
func NewCalls(log *slog.Logger) *Calls {
	return &Calls{log: log, http: make(map[int]uint64), grpc: make(map[codes.Code]uint64)}
}

// Counts returns how many there have been of each status, and of each code.
func (c *Calls) Counts() (http map[int]uint64, grpc map[codes.Code]uint64) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return maps.Clone(c.http), maps.Clone(c.grpc)
}

// An answer knows the status that has been sent, 0 before.
type answer struct {
	http.ResponseWriter
	status int
}

func (a *answer) WriteHeader(status int) {
	if a.status == 0 && status >= 200 {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(p []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	return a.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// Handler counts what next answers.
func (c *Calls) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begin := time.Now()
		a := &answer{ResponseWriter: w}
		defer func() {
			if a.status == 0 {
				a.status = http.StatusOK // as net/http answers then
			}
			c.mutex.Lock()
			c.http[a.status]++
			c.mutex.Unlock()
			if c.log.Enabled(r.Context(), slog.LevelDebug) {
				c.log.Debug("answered", "method", r.Method, "path", r.URL.Path, "status", a.status,
					"time", time.Since(begin), "from", r.RemoteAddr)
			}
		}()
		next.ServeHTTP(a, r)
	})
}

// Unary is an interceptor of gRPC.
func (c *Calls) Unary(ctx context.Context, r any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	begin := time.Now()
	response, err := next(ctx, r)
	c.countCall(ctx, info.FullMethod, begin, err)
	return response, err
}

// Stream is Unary for streams.
func (c *Calls) Stream(s any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	begin := time.Now()
	err := next(s, stream)
	c.countCall(stream.Context(), info.FullMethod, begin, err)
	return err
}

func (c *Calls) countCall(ctx context.Context, method string, begin time.Time, err error) {
	code := status.Code(err)
	c.mutex.Lock()
	c.grpc[code]++
	c.mutex.Unlock()
	if c.log.Enabled(ctx, slog.LevelDebug) {
		c.log.Debug("answered", "method", method, "code", code.String(), "time", time.Since(begin))
	}
}
