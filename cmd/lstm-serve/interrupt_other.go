//go:build !unix

package main

import "os"

// reloadSignals returns a channel that gets nothing: there is no signal for it. The
// protocol's call RepositoryModelLoad reads a model again.
func reloadSignals() (<-chan os.Signal, func()) { return nil, func() {} }
