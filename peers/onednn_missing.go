//go:build !onednn

package main

import "errors"

func openOneDNN(bool) (peer, error) {
	return nil, errors.New("not built with -tags onednn, which needs oneDNN 2, Debian's libdnnl-dev")
}
