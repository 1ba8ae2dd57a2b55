package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"

	"example.com/lstm/cmd/lstm-serve/internal/grpcapi"
	"example.com/lstm/cmd/lstm-serve/internal/infer"
	"example.com/lstm/cmd/lstm-serve/internal/metrics"
	"example.com/lstm/cmd/lstm-serve/internal/page"
	"example.com/lstm/cmd/lstm-serve/internal/repository"
	"example.com/lstm/cmd/lstm-serve/internal/restapi"
	"example.com/lstm/cmd/lstm-serve/internal/serving"
	"example.com/lstm/cmd/lstm-serve/internal/store"
)

// A server is all that runs.
type server struct {
	options serveOptions
	log     *slog.Logger

	token                      *serving.Token // nil: anybody may connect
	tls                        *tls.Config    // nil: no TLS
	httpListener, grpcListener net.Listener
	store                      *store.Store // nil: sequences are in memory only
	models                     *repository.Repository
	page                       *page.Page
	http                       *serving.HTTPServer
	grpc                       *grpcapi.Server
}

// serve serves until ctx ends, or something that it cannot do without does.
func serve(ctx context.Context, std streams, o serveOptions) error {
	stderr := &lockedWriter{w: std.err}
	s, err := newServer(newLogger(stderr, o.logFormat, o.logLevel), o)
	if err != nil {
		return err
	}
	reload, endReload := reloadSignals()
	defer endReload()

	// Health is answered while models are read, and says that they are not ready.
	failed := make(chan error, 2)
	go func() { failed <- s.http.Serve(s.httpListener) }()
	go func() { failed <- s.grpc.Serve(s.grpcListener) }()
	if err := s.openModels(ctx); err != nil {
		if ctx.Err() != nil {
			err = nil // it was told to end, which it does
		}
		return errors.Join(err, s.shutdown())
	}
	s.models.SetReady()
	if err := s.announce(stderr); err != nil {
		return errors.Join(err, s.shutdown())
	}
	for {
		select {
		case <-reload:
			s.reload(ctx)
		case err := <-failed:
			return errors.Join(err, s.shutdown())
		case <-ctx.Done():
			s.log.Info("stopping", "after", s.options.drainTime, "within", s.options.shutdownTime)
			if err := errors.Join(s.drain(failed), s.shutdown()); err != nil {
				return err
			}
			s.log.Info("stopped")
			return nil
		}
	}
}

// newServer makes a server, which listens, but neither accepts connections yet, nor has
// models.
func newServer(log *slog.Logger, o serveOptions) (s *server, err error) {
	s = &server{options: o, log: log, models: repository.New()}
	s.models.SetUnready("the server is starting")
	if o.tokenFile != "" {
		if s.token, err = serving.ReadToken(o.tokenFile); err != nil {
			return nil, err
		}
	}
	if o.tlsCert != "" {
		if s.tls, err = serving.TLS(o.tlsCert, o.tlsKey, log); err != nil {
			return nil, err
		}
	}
	if s.httpListener, err = serving.Listen(o.http, o.maxConnections); err != nil {
		return nil, fmt.Errorf("-http %s: %w", o.http, err)
	}
	if s.grpcListener, err = serving.Listen(o.grpc, o.maxConnections); err != nil {
		s.httpListener.Close()
		return nil, fmt.Errorf("-grpc %s: %w", o.grpc, err)
	}
	if err := s.build(); err != nil {
		s.httpListener.Close()
		s.grpcListener.Close()
		return nil, err
	}
	return s, nil
}

// build makes the front ends.
func (s *server) build() error {
	o := &s.options
	panics, calls := serving.NewPanics(s.log), serving.NewCalls(s.log)
	all := infer.New(s.models, &infer.Options{MaxSteps: o.maxSteps})
	ofREST, ofGRPC := all.Part(), all.Part()

	admission := &serving.Admission{Token: s.token, Calls: calls, Timeout: o.readTimeout + o.writeTimeout}
	more := []grpc.ServerOption{
		grpc.InTapHandle(admission.Handle),
		grpc.ChainUnaryInterceptor(calls.Unary, panics.Unary),
		grpc.ChainStreamInterceptor(calls.Stream, panics.Stream),
		grpc.MaxHeaderListSize(serving.MostOfHeader),
		grpc.ConnectionTimeout(o.headerTimeout),
		grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionIdle: o.keepAliveTime, Time: time.Minute, Timeout: 30 * time.Second}),
	}
	if s.tls != nil {
		more = append(more, grpc.Creds(credentials.NewTLS(s.tls)))
	}
	s.grpc = grpcapi.New(ofGRPC, &grpcapi.Options{
		Version:         version(),
		Load:            s.models.Load,
		MaxMessageBytes: int(o.maxMessage),
		MaxStreams:      o.maxStreams,
		WriteTimeout:    o.writeTimeout,
		Logger:          s.log,
	}, more...)

	mux := http.NewServeMux()
	rest := restapi.New(ofREST, &restapi.Options{Version: version(), MostBytes: o.maxMessage, Load: s.models.Load})
	mux.Handle("/v2", rest)
	mux.Handle("/v2/", rest)
	mux.Handle("GET /metrics", metrics.Handler(&metrics.Source{
		Version: version(), Models: s.models, Ready: all.Ready,
		Infer: map[string]*infer.Server{"rest": ofREST, "grpc": ofGRPC}, Calls: calls, Panics: panics,
	}, s.log))
	weather := ""
	if o.models == "" {
		weather = embeddedName
	}
	var err error
	if s.page, err = page.New(all, page.Options{Weather: weather, WriteTimeout: o.writeTimeout, Logger: s.log}); err != nil {
		return err
	}
	for _, pattern := range page.Patterns {
		mux.Handle(pattern, s.page)
	}
	var handler http.Handler = mux
	if s.token != nil {
		handler = s.token.Handler(handler)
	}
	handler = serving.Origins(handler, s.token == nil && serving.IsLoopback(s.httpListener.Addr()))
	handler = calls.Handler(panics.Handler(handler))
	s.http = serving.NewHTTPServer(handler, serving.Timeouts{
		Header: o.headerTimeout, Read: o.readTimeout, Write: o.writeTimeout, KeepAlive: o.keepAliveTime,
	}, s.tls, s.log)
	return nil
}

// addresses are where a server listens.
type addresses struct {
	HTTP string `json:"http"`
	GRPC string `json:"grpc"`
}

// announce says that the server is ready, and what to try first.
func (s *server) announce(w io.Writer) error {
	a := addresses{s.httpListener.Addr().String(), s.grpcListener.Addr().String()}
	if s.options.addresses != "" {
		if err := writeAddresses(s.options.addresses, a); err != nil {
			return err
		}
	}
	for _, l := range []struct {
		flag     string
		listener net.Listener
	}{{"-http", s.httpListener}, {"-grpc", s.grpcListener}} {
		if !serving.IsLoopback(l.listener.Addr()) {
			if s.token == nil {
				s.log.Warn("anybody who reaches this address may use the server, since there is no -token-file", "flag", l.flag, "address", l.listener.Addr().String())
			}
			if s.tls == nil {
				s.log.Warn("what goes over this address is not encrypted, since there is no -tls-cert", "flag", l.flag, "address", l.listener.Addr().String())
			}
		}
	}
	s.log.Info("serving", "http", a.HTTP, "grpc", a.GRPC)
	// For persons, who want to copy it: a log would put it in quotation marks.
	if s.options.logFormat == "text" && s.options.logLevel <= slog.LevelInfo {
		fmt.Fprintf(w, "\nTry it:\n  %s\n\n", s.example(a.HTTP))
	}
	return nil
}

// example is a command that takes a first step of a sequence.
func (s *server) example(address string) string {
	models := s.models.Models()
	scheme, header := "http", ""
	if s.tls != nil {
		scheme = "https"
	}
	if s.token != nil {
		header = fmt.Sprintf(" -H \"Authorization: Bearer $(cat %s)\"", s.options.tokenFile)
	}
	m := models[0]
	inputs := m.Network().InputSize()
	const most = 16
	if inputs > most {
		return fmt.Sprintf("curl%s %s://%s/v2/models/%s", header, scheme, address, m.Name)
	}
	parameters := ""
	if m.Stream != nil {
		parameters = `"parameters":{"sequence_id":1,"sequence_start":true},`
	}
	data, _ := json.Marshal(make([]float32, inputs))
	return fmt.Sprintf(`curl%s %s://%s/v2/models/%s/infer -d '{%s"inputs":[{"name":"input","datatype":"FP32","shape":[1,%d],"data":%s}]}'`,
		header, scheme, address, m.Name, parameters, inputs, data)
}

// writeAddresses writes a file that is whole as soon as it is there.
func writeAddresses(path string, a addresses) error {
	content, err := json.Marshal(a)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".addresses-*")
	if err != nil {
		return fmt.Errorf("-addresses: %w", err)
	}
	_, err = f.Write(append(content, '\n'))
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
		return fmt.Errorf("-addresses: %w", err)
	}
	return nil
}

// reload reads again what SIGHUP asks for.
func (s *server) reload(ctx context.Context) {
	s.log.Info("reading the models again")
	if s.token != nil {
		if err := s.token.Reload(); err != nil {
			s.log.Error("the new token cannot be read, the old one stays", "error", err)
		}
	}
	s.models.Reload(ctx)
}

// drain goes on for a while, so that those who ask whether the server is ready send new
// requests elsewhere before it refuses them.
func (s *server) drain(failed <-chan error) error {
	s.models.SetUnready(stopping)
	select {
	case <-time.After(s.options.drainTime):
		return nil
	case err := <-failed:
		return err
	}
}

// stopping is why a server is not ready that will end soon.
const stopping = "the server is stopping"

// shutdown answers what has been asked, stores all sequences, and leaves half of the time
// for each.
func (s *server) shutdown() error {
	ctx, cancel := context.WithTimeout(context.Background(), s.options.shutdownTime)
	defer cancel()
	s.models.SetUnready(stopping)
	answering, cancel := context.WithTimeout(ctx, s.options.shutdownTime/2)
	defer cancel()
	s.page.Close()
	var front errgroup.Group
	front.Go(func() error { return s.http.Shutdown(answering) })
	front.Go(func() error { return s.grpc.Shutdown(answering) })
	if err := front.Wait(); err != nil {
		s.log.Warn("connections were closed before all requests on them were answered", "error", err)
	}
	return s.closeModels(ctx)
}

// version is that of the module, or of its commit.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}
