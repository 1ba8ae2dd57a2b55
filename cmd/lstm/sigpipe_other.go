//go:build !unix && !windows && !wasip1

package main

// ignoreBrokenPipes has nothing to do where there are no such signals.
func ignoreBrokenPipes() {}
