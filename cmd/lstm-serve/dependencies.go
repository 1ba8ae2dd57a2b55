package main

import (
	_ "github.com/HdrHistogram/hdrhistogram-go"
	_ "github.com/prometheus/client_golang/prometheus"
	_ "github.com/prometheus/client_golang/prometheus/promhttp"
	_ "github.com/stretchr/testify/require"
	_ "github.com/urfave/cli/v3"
	_ "go.etcd.io/bbolt"
	_ "golang.org/x/net/netutil"
	_ "golang.org/x/sync/errgroup"
	_ "golang.org/x/sys/unix"
	_ "google.golang.org/grpc"
	_ "google.golang.org/grpc/health"
	_ "google.golang.org/grpc/reflection"

	_ "example.com/lstm"
	_ "example.com/lstm/batch"
	_ "example.com/lstm/cmd/lstm/seattle"

	_ "example.com/lstm/cmd/lstm-serve/internal/inference"
)
