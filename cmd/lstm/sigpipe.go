//go:build unix || windows || wasip1

package main

import (
	"os/signal"
	"syscall"
)

// ignoreBrokenPipes makes a write to a closed pipe return an error that is
// reported like any other, instead of ending the program without a word.
func ignoreBrokenPipes() { signal.Ignore(syscall.SIGPIPE) }
