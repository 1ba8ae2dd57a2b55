package main

import (
	"context"

	"github.com/urfave/cli/v3"

	"example.com/lstm/cmd/lstm/commandline"
)

func newServeCommand(std streams) *cli.Command {
	var o serveOptions
	return &cli.Command{
		Name:      "lstm-serve",
		Usage:     "serve LSTM networks over the Open Inference Protocol",
		UsageText: "lstm-serve [FLAGS]",
		Description: `Answers requests for inference, as gRPC and as REST, whose steps belong to sequences:
the server has the state of each, and takes the steps of many together. With -store
sequences outlive the process. A page at / shows what it does, /metrics has it for
Prometheus.

It listens on this machine alone. Who lets others in should ask them for a token, and
speak TLS, or leave both to a proxy.

SIGHUP reads the models again, and the token: live sequences go on with the new
weights. SIGTERM and SIGINT finish what has been asked, store all sequences, and leave.

Examples:
   lstm-serve                                           the model that is part of it
   curl localhost:8000/v2/models/seattle
   lstm-serve -models models -store /var/lib/lstm-serve
   lstm-serve -models models -http :8443 -grpc :8444 -tls-cert cert.pem -tls-key key.pem -token-file token`,
		Flags:        serveFlags(&o),
		OnUsageError: commandline.OnUsageError,
		Action: func(ctx context.Context, cmd *cli.Command) error {
			if err := finishOptions(cmd, &o); err != nil {
				return err
			}
			return serve(ctx, std, o)
		},
	}
}
