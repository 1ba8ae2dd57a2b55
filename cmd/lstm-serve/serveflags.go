package main

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"example.com/lstm"
	"example.com/lstm/cmd/lstm/commandline"
)

// The groups of flags in the help, which has them in alphabetical order.
const (
	categoryAddresses = "Addresses:"
	categoryLimits    = "Limits:"
	categoryLog       = "Log:"
	categoryModels    = "Models:"
	categorySafety    = "Who may connect:"
	categorySequences = "Sequences:"
	categoryTimes     = "Times:"
)

// serveOptions are the flags of lstm-serve; a name that is not given is "".
type serveOptions struct {
	models             string
	modelOptions       []lstm.Option
	workers, batchSize int

	http, grpc, addresses string
	tlsCert, tlsKey       string
	tokenFile             string

	store              string
	storeSize          int64 // 0: no limit
	checkpointInterval time.Duration
	idleTime           time.Duration
	expireTime         time.Duration
	sequences          int
	sequenceMemory     int64
	waiting            int

	maxMessage     int64
	maxSteps       int
	maxConnections int
	maxStreams     int

	headerTimeout, readTimeout, writeTimeout time.Duration
	keepAliveTime, drainTime, shutdownTime   time.Duration

	logFormat string
	logLevel  slog.Level
}

// serveFlags are all of them, with what they are if not given. They are local: other
// commands have none of them.
func serveFlags(o *serveOptions) []cli.Flag {
	return append([]cli.Flag{
		&cli.StringFlag{Local: true, Name: "models", Category: categoryModels, Destination: &o.models,
			Usage: "serve the models NAME.safetensors in `FOLDER`; by default the weather model seattle, which is part of the program"},
		&cli.IntFlag{Local: true, Name: "workers", Category: categoryModels, Destination: &o.workers,
			Usage: "compute `N` batches of a model at the same time, by default one on each processor"},
		&cli.IntFlag{Local: true, Name: "batch-size", Category: categoryModels, Destination: &o.batchSize,
			Usage: "take the steps of at most `N` sequences together, by default 8; 32 for networks whose weights fit no cache"},

		&cli.StringFlag{Local: true, Name: "http", Category: categoryAddresses, Destination: &o.http, Value: "localhost:8000",
			Usage: "listen for REST, metrics and browsers on `ADDRESS`, by default localhost:8000; port 0 is any free one"},
		&cli.StringFlag{Local: true, Name: "grpc", Category: categoryAddresses, Destination: &o.grpc, Value: "localhost:8001",
			Usage: "listen for gRPC on `ADDRESS`, by default localhost:8001"},
		&cli.StringFlag{Local: true, Name: "addresses", Category: categoryAddresses, Destination: &o.addresses,
			Usage: "once it is ready, write to `FILE` where it listens, as JSON, for programs that have asked for port 0"},

		&cli.StringFlag{Local: true, Name: "tls-cert", Category: categorySafety, Destination: &o.tlsCert,
			Usage: "speak TLS, with the certificates in `FILE`, PEM, which is read again when it changes"},
		&cli.StringFlag{Local: true, Name: "tls-key", Category: categorySafety, Destination: &o.tlsKey,
			Usage: "the private key for -tls-cert is in `FILE`, PEM"},
		&cli.StringFlag{Local: true, Name: "token-file", Category: categorySafety, Destination: &o.tokenFile,
			Usage: "answer only those who send the token in `FILE`, as Authorization: Bearer TOKEN, or as the password that a browser asks for; health alone is free. SIGHUP reads it again"},

		&cli.StringFlag{Local: true, Name: "store", Category: categorySequences, Destination: &o.store,
			Usage: "keep sequences in `FOLDER`, where the next process finds them; by default in memory only"},
		&cli.StringFlag{Local: true, Name: "store-size", Category: categorySequences,
			Usage: "let the store grow up to `SIZE`, by default as far as the disk goes"},
		&cli.DurationFlag{Local: true, Name: "checkpoint-interval", Category: categorySequences, Destination: &o.checkpointInterval, Value: time.Second,
			Usage: "store what has changed every `TIME`, by default 1s, which bounds what a kill can take back; with 0 each step before its answer"},
		&cli.DurationFlag{Local: true, Name: "idle-time", Category: categorySequences, Destination: &o.idleTime, Value: 5 * time.Minute,
			Usage: "move sequences without a request for `TIME` out of memory into the store, by default 5m"},
		&cli.DurationFlag{Local: true, Name: "expire-time", Category: categorySequences, Destination: &o.expireTime, Value: 24 * time.Hour,
			Usage: "drop sequences without a request for `TIME`, by default 24h"},
		&cli.IntFlag{Local: true, Name: "sequences", Category: categorySequences, Destination: &o.sequences, Value: 1_000_000,
			Usage: "have at most `N` sequences of a model, stored ones included, by default 1,000,000"},
		&cli.StringFlag{Local: true, Name: "sequence-memory", Category: categorySequences, Value: "256MiB",
			Usage: "keep the sequences of a model in `SIZE` of memory, by default 256MiB, as far as there is a store for the others"},
		&cli.IntFlag{Local: true, Name: "waiting", Category: categorySequences, Destination: &o.waiting, Value: 1 << 16,
			Usage: "let at most `N` requests wait for a model's sequences, by default 65536"},

		&cli.StringFlag{Local: true, Name: "max-message", Category: categoryLimits, Value: "4MiB",
			Usage: "refuse requests larger than `SIZE`, by default 4MiB"},
		&cli.IntFlag{Local: true, Name: "max-steps", Category: categoryLimits, Destination: &o.maxSteps, Value: 10_000,
			Usage: "refuse requests of more than `N` steps, by default 10,000"},
		&cli.IntFlag{Local: true, Name: "max-connections", Category: categoryLimits, Destination: &o.maxConnections, Value: 10_000,
			Usage: "have at most `N` connections, for each of REST and gRPC, by default 10,000; others wait"},
		&cli.IntFlag{Local: true, Name: "max-streams", Category: categoryLimits, Destination: &o.maxStreams, Value: 1000,
			Usage: "have at most `N` calls at once on a connection of gRPC, by default 1000; others wait"},

		&cli.DurationFlag{Local: true, Name: "header-timeout", Category: categoryTimes, Destination: &o.headerTimeout, Value: 5 * time.Second,
			Usage: "cut off clients that take longer than `TIME` to connect, or to send the header of a request, by default 5s"},
		&cli.DurationFlag{Local: true, Name: "read-timeout", Category: categoryTimes, Destination: &o.readTimeout, Value: 30 * time.Second,
			Usage: "cut off clients that take longer than `TIME` to send a request, by default 30s"},
		&cli.DurationFlag{Local: true, Name: "write-timeout", Category: categoryTimes, Destination: &o.writeTimeout, Value: time.Minute,
			Usage: "cut off clients that have not got their answer `TIME` after their request, or that read none of a stream for as long, by default 1m"},
		&cli.DurationFlag{Local: true, Name: "keep-alive-time", Category: categoryTimes, Destination: &o.keepAliveTime, Value: 2 * time.Minute,
			Usage: "close connections without a call for `TIME`, by default 2m"},
		&cli.DurationFlag{Local: true, Name: "drain-time", Category: categoryTimes, Destination: &o.drainTime,
			Usage: "after SIGTERM or SIGINT, go on for `TIME` before anything else, but say that the server is not ready, so that load balancers see it; by default 0"},
		&cli.DurationFlag{Local: true, Name: "shutdown-time", Category: categoryTimes, Destination: &o.shutdownTime, Value: 10 * time.Second,
			Usage: "after SIGTERM or SIGINT, finish and store within `TIME`, by default 10s; a second signal ends at once"},

		&cli.StringFlag{Local: true, Name: "log-format", Category: categoryLog, Destination: &o.logFormat, Value: "text",
			Usage: "log as `FORMAT`: text or json"},
		&cli.StringFlag{Local: true, Name: "log-level", Category: categoryLog, Value: "info",
			Usage: "log what is at least of `LEVEL`: debug, info, warn or error; requests are debug"},
	}, commandline.WeightFlags(categoryModels)...)
}

// finishOptions puts into o what cmd's flags say and the library cannot, and returns an
// error that names the first flag that makes no sense.
func finishOptions(cmd *cli.Command, o *serveOptions) (err error) {
	defer func() {
		if err != nil {
			err = commandline.NewUsageError(cmd, err)
		}
	}()
	if cmd.Args().Present() {
		return fmt.Errorf("unexpected argument %q", cmd.Args().First())
	}
	for _, flag := range []string{"models", "http", "grpc", "addresses", "tls-cert", "tls-key", "token-file", "store"} {
		if cmd.IsSet(flag) && cmd.String(flag) == "" {
			return fmt.Errorf("-%s is empty", flag)
		}
	}
	for _, flag := range []string{"workers", "batch-size"} {
		if cmd.IsSet(flag) && cmd.Int(flag) < 1 {
			return fmt.Errorf("-%s is %d, want at least 1", flag, cmd.Int(flag))
		}
	}
	for _, flag := range []string{"sequences", "waiting", "max-steps", "max-connections", "max-streams"} {
		if n := cmd.Int(flag); n < 1 || n > 1<<31-1 {
			return fmt.Errorf("-%s is %d, want 1 to 2147483647", flag, n)
		}
	}
	for _, flag := range []string{"idle-time", "expire-time", "header-timeout", "read-timeout", "write-timeout", "keep-alive-time", "shutdown-time"} {
		if t := cmd.Duration(flag); t <= 0 {
			return fmt.Errorf("-%s is %v, want more than 0", flag, t)
		}
	}
	for _, flag := range []string{"checkpoint-interval", "drain-time"} {
		if t := cmd.Duration(flag); t < 0 {
			return fmt.Errorf("-%s is %v, want at least 0", flag, t)
		}
	}
	for _, flag := range []string{"checkpoint-interval", "store-size"} {
		if o.store == "" && cmd.IsSet(flag) {
			return fmt.Errorf("-%s is of no use without -store", flag)
		}
	}
	if cmd.IsSet("store-size") {
		if o.storeSize, err = parseSize("store-size", cmd.String("store-size")); err != nil {
			return err
		}
	}
	if o.sequenceMemory, err = parseSize("sequence-memory", cmd.String("sequence-memory")); err != nil {
		return err
	}
	if o.maxMessage, err = parseSize("max-message", cmd.String("max-message")); err != nil {
		return err
	}
	if o.maxMessage > 1<<30 {
		return fmt.Errorf("-max-message is %q, want at most 1GiB", cmd.String("max-message"))
	}
	if (o.tlsCert == "") != (o.tlsKey == "") {
		return errors.New("-tls-cert and -tls-key are of no use without each other")
	}
	if o.logFormat != "text" && o.logFormat != "json" {
		return fmt.Errorf("-log-format is %q, want text or json", o.logFormat)
	}
	if err := o.logLevel.UnmarshalText([]byte(cmd.String("log-level"))); err != nil || strings.ContainsAny(cmd.String("log-level"), "+-") {
		return fmt.Errorf("-log-level is %q, want debug, info, warn or error", cmd.String("log-level"))
	}
	o.modelOptions, err = weightOptionsOf(cmd)
	return err
}
