package main

import (
	"io"
	"log/slog"
	"sync"
)

func newLogger(w io.Writer, format string, level slog.Level) *slog.Logger {
	o := &slog.HandlerOptions{Level: level}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

// A lockedWriter is written to by one goroutine at a time, so that what is no log does
// not come into the middle of a line of it.
type lockedWriter struct {
	mutex sync.Mutex
	w     io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.w.Write(p)
}
