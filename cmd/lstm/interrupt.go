package main

import (
	"context"
	"errors"
	"io"
)

var errInterrupted = errors.New("interrupted")

// interruptible returns a reader whose Read returns errInterrupted as soon as
// ctx is done, even while it waits for r, which may be a pipe or a terminal
// that has nothing to say for hours.
func interruptible(ctx context.Context, r io.Reader) io.Reader {
	ir := &interruptibleReader{
		done:   ctx.Done(),
		chunks: make(chan chunk),
		free:   make(chan []byte, 2),
	}
	for range cap(ir.free) {
		ir.free <- make([]byte, 32<<10)
	}
	go ir.fetch(r)
	return ir
}

type interruptibleReader struct {
	done   <-chan struct{}
	chunks chan chunk  // what fetch has read
	free   chan []byte // buffers fetch may read into

	current chunk
	unread  []byte // what is left of current
}

type chunk struct {
	buf []byte
	n   int
	err error
}

func (ir *interruptibleReader) fetch(r io.Reader) {
	for {
		select {
		case <-ir.done:
			return
		case buf := <-ir.free:
			n, err := r.Read(buf)
			select {
			case <-ir.done:
				return
			case ir.chunks <- chunk{buf, n, err}:
			}
			if err != nil {
				return
			}
		}
	}
}

func (ir *interruptibleReader) Read(p []byte) (int, error) {
	for len(ir.unread) == 0 {
		if ir.current.err != nil {
			return 0, ir.current.err
		}
		if ir.current.buf != nil {
			ir.free <- ir.current.buf
			ir.current = chunk{}
		}
		select {
		case <-ir.done:
			return 0, errInterrupted
		case ir.current = <-ir.chunks:
			ir.unread = ir.current.buf[:ir.current.n]
		}
	}
	n := copy(p, ir.unread)
	ir.unread = ir.unread[n:]
	return n, nil
}
