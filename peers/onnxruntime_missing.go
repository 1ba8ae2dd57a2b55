//go:build !cgo

package main

import "errors"

func openONNXRuntime(string, bool) (peer, error) {
	return nil, errors.New("built without cgo")
}
