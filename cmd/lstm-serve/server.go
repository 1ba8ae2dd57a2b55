package main

import "context"

// serve serves until ctx ends.
func serve(ctx context.Context, std streams, o serveOptions) error {
	log := newLogger(std.err, o.logFormat, o.logLevel)
	log.Info("starting")
	<-ctx.Done()
	return nil
}
