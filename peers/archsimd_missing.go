//go:build !goexperiment.simd || !amd64

package main

import "errors"

func openArchSIMD() (peer, error) {
	return nil, errors.New("it needs amd64 and GOEXPERIMENT=simd when this command is built")
}
