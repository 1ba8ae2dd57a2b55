//go:build !cgo

package main

import "errors"

func openONNXRuntime(string) (peer, error) {
	return nil, errors.New("built without cgo")
}
