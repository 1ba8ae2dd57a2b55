// Command lstm runs trained LSTM networks over tables of numbers.
//
// Without a file it has something to show: a small weather model and the
// measurements to run it on are part of the program.
//
//	lstm run
//	lstm run -model FILE.safetensors < rows.csv > forecasts.csv
//	lstm info FILE.safetensors
//	lstm bench
//	lstm verify
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ignoreBrokenPipes()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal asks for an orderly end; a second one, should that end
	// be held up by a pipe nobody reads, has its usual effect.
	context.AfterFunc(ctx, stop)

	os.Exit(execute(ctx, os.Args, os.Stdin, os.Stdout, os.Stderr))
}
