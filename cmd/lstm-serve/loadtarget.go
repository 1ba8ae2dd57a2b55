package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"example.com/lstm"
	"example.com/lstm/batch"
	"example.com/lstm/cmd/lstm-serve/internal/grpcapi"
	"example.com/lstm/cmd/lstm-serve/internal/infer"
	"example.com/lstm/cmd/lstm-serve/internal/load"
	"example.com/lstm/cmd/lstm-serve/internal/repository"
	"example.com/lstm/cmd/lstm-serve/internal/restapi"
	"example.com/lstm/cmd/lstm-serve/internal/sequences"
	"example.com/lstm/cmd/lstm/seattle"
)

// open returns what load is put on, and how that is closed afterwards.
func (o *loadOptions) open(ctx context.Context) (load.Target, *load.Report, func() error, error) {
	report := &load.Report{Target: o.target, Model: o.name}
	if o.address != "" {
		target, err := o.connect(ctx, o.address)
		return target, report, func() error { return nil }, err
	}
	n, err := o.network()
	if err != nil {
		return nil, nil, nil, err
	}
	// What computes by default, which the generator adds to.
	o.workers = cmp.Or(o.workers, runtime.GOMAXPROCS(0))
	const barePeriod = time.Second
	report.Bare = load.Bare(n, o.generator.Sequences, barePeriod)
	switch {
	case o.model != "":
		report.Model = o.model
	case o.random != "":
		report.Model = "random " + o.random
	}
	if o.target == "direct" {
		b, err := batch.New(n, &batch.Options{
			Workers: o.workers, BatchSize: o.batchSize,
			QueueSize: max(batch.DefaultQueueSize, 2*o.generator.Sequences*o.generator.Steps.Most()),
		})
		if err != nil {
			return nil, nil, nil, err
		}
		return &load.Direct{Batcher: b}, report, func() error { b.Close(); return nil }, nil
	}
	of, err := sequences.New(n, &sequences.Options{Workers: o.workers, BatchSize: o.batchSize})
	if err != nil {
		return nil, nil, nil, err
	}
	server := infer.New(repository.New(&repository.Model{Name: o.name, Version: "1", Stream: of}), nil)
	target, closeFront, err := o.front(ctx, server)
	closeAll := func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		return errors.Join(closeFront(ctx), of.Close(ctx))
	}
	if err != nil {
		return nil, nil, nil, errors.Join(err, closeAll())
	}
	return target, report, closeAll, nil
}

// front returns the target of the server's front end that -target says, which listens
// on this machine alone, and how that is closed.
func (o *loadOptions) front(ctx context.Context, server *infer.Server) (load.Target, func(context.Context) error, error) {
	none := func(context.Context) error { return nil }
	if o.target == "process" {
		target, err := load.NewProcess(server, o.name)
		return target, none, err
	}
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		return nil, none, err
	}
	var closeFront func(context.Context) error
	if strings.HasPrefix(o.target, "grpc") {
		api := grpcapi.New(server, nil)
		go api.Serve(l) //nolint:errcheck // ends with Shutdown
		closeFront = api.Shutdown
	} else {
		api := &http.Server{Handler: restapi.New(server, nil)}
		go api.Serve(l) //nolint:errcheck // ends with Shutdown
		closeFront = api.Shutdown
	}
	target, err := o.connect(ctx, l.Addr().String())
	return target, closeFront, err
}

// connect returns the target of a server that listens at the address.
func (o *loadOptions) connect(ctx context.Context, address string) (load.Target, error) {
	server := load.Server{Address: address, Model: o.name}
	if o.tokenFile != "" {
		token, err := os.ReadFile(o.tokenFile)
		if err != nil {
			return nil, fmt.Errorf("-token-file: %w", err)
		}
		server.Token = strings.TrimSpace(string(token))
	}
	if o.tlsCA != "" {
		certificates, err := os.ReadFile(o.tlsCA)
		if err != nil {
			return nil, fmt.Errorf("-tls-ca: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(certificates) {
			return nil, fmt.Errorf("-tls-ca %s: no certificate in it, want PEM", o.tlsCA)
		}
		server.TLS = &tls.Config{RootCAs: pool}
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if strings.HasPrefix(o.target, "grpc") {
		return target(load.NewGRPC(ctx, server, o.target == "grpc-unary", o.calls))
	}
	return target(load.NewREST(ctx, server, o.target == "rest-json", o.calls))
}

// target has no type if there is an error.
func target[T load.Target](t T, err error) (load.Target, error) {
	if err != nil {
		return nil, err
	}
	return t, nil
}

// network is that of the process's own server.
func (o *loadOptions) network() (*lstm.Network, error) {
	switch {
	case o.model != "":
		return lstm.Open(o.model)
	case o.random != "":
		sizes, err := parseSizes(o.random)
		if err != nil {
			return nil, err
		}
		return lstm.New(lstm.RandomModel(o.generator.Seed, 0, sizes...))
	}
	return lstm.Read(bytes.NewReader(seattle.Model))
}

func parseSizes(text string) ([]int, error) {
	var sizes []int
	const most = 1 << 13
	for _, element := range strings.Split(text, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(element))
		if err != nil || n < 1 || n > most {
			return nil, fmt.Errorf("-random: size %q in %q, want 1 to %d", element, text, most)
		}
		sizes = append(sizes, n)
	}
	if len(sizes) < 2 {
		return nil, fmt.Errorf("-random %s: want the size of the input and of a layer, as in 64,64", text)
	}
	return sizes, nil
}
