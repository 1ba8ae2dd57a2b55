package serving

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// A certificate is one in files, which are read again when they change.
type certificate struct {
	certPath, keyPath string
	log               *slog.Logger

	mutex  sync.Mutex
	state  [2]fileState
	loaded *tls.Certificate
}

// A fileState differs after a file has been written or replaced.
type fileState struct {
	modified time.Time
	size     int64
}

// TLS returns how to speak TLS with the certificate and the private key in two files,
// which are looked at with every connection. If what is new there cannot be read, the
// old one stays.
func TLS(certPath, keyPath string, log *slog.Logger) (*tls.Config, error) {
	c := &certificate{certPath: certPath, keyPath: keyPath, log: log}
	state, err := c.look()
	if err != nil {
		return nil, fmt.Errorf("TLS: %w", err)
	}
	if err := c.load(); err != nil {
		return nil, err
	}
	c.state = state
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.get(), nil },
	}, nil
}

func (c *certificate) look() (state [2]fileState, err error) {
	for i, path := range []string{c.certPath, c.keyPath} {
		info, err := os.Stat(path)
		if err != nil {
			return state, err
		}
		state[i] = fileState{info.ModTime(), info.Size()}
	}
	return state, nil
}

func (c *certificate) load() error {
	loaded, err := tls.LoadX509KeyPair(c.certPath, c.keyPath)
	if err != nil {
		return fmt.Errorf("TLS: %s and %s: %w", c.certPath, c.keyPath, err)
	}
	c.loaded = &loaded
	return nil
}

func (c *certificate) get() *tls.Certificate {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	state, err := c.look()
	if err != nil || state == c.state {
		return c.loaded // files that are being replaced may be missing for a moment
	}
	c.state = state // one attempt, and one line in the log, for each change
	if err := c.load(); err != nil {
		c.log.Error("the new certificate cannot be read, the old one stays", "error", err)
	} else {
		c.log.Info("a new certificate is in use")
	}
	return c.loaded
}
