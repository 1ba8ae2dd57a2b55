//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// reloadSignals returns a channel that gets SIGHUP, with which a server reads its models
// again, and a function that ends it.
func reloadSignals() (<-chan os.Signal, func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP)
	return signals, func() { signal.Stop(signals) }
}
