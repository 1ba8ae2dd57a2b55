package serving

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"
)

// MostOfHeader is how large the header of a request may be, in bytes.
const MostOfHeader = 64 << 10

// Timeouts are those of clients.
type Timeouts struct {
	Header    time.Duration // to connect, and to send the header of a request
	Read      time.Duration // to send a request
	Write     time.Duration // from the header of a request to the end of its answer
	KeepAlive time.Duration // without a request
}

// Listen listens on an address, for at most so many connections at a time. Others wait.
func Listen(address string, connections int) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	return netutil.LimitListener(l, connections), nil
}

// IsLoopback tells whether only this machine can connect to an address that a listener
// has.
func IsLoopback(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// An HTTPServer is a server of REST.
type HTTPServer struct{ server *http.Server }

// NewHTTPServer makes a server, which speaks TLS if t is not nil. With TLS it also
// speaks HTTP/2.
func NewHTTPServer(h http.Handler, timeouts Timeouts, t *tls.Config, log *slog.Logger) *HTTPServer {
	return &HTTPServer{&http.Server{
		Handler:           h,
		TLSConfig:         t,
		ReadHeaderTimeout: timeouts.Header,
		ReadTimeout:       timeouts.Read,
		WriteTimeout:      timeouts.Write,
		IdleTimeout:       timeouts.KeepAlive,
		MaxHeaderBytes:    MostOfHeader,
		// What strangers do to a port, such as to begin TLS and leave.
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}}
}

// Serve answers requests until Shutdown; then it returns nil.
func (s *HTTPServer) Serve(l net.Listener) error {
	serve := s.server.Serve
	if s.server.TLSConfig != nil {
		serve = func(l net.Listener) error { return s.server.ServeTLS(l, "", "") }
	}
	if err := serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving HTTP: %w", err)
	}
	return nil
}

// Shutdown stops accepting requests, and returns when the others are answered, or when
// ctx ends: then it closes their connections, and that is the error.
func (s *HTTPServer) Shutdown(ctx context.Context) error {
	if err := s.server.Shutdown(ctx); err != nil {
		s.server.Close()
		return err
	}
	return nil
}
