package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"
)

var (
	// errInterrupted is what a command returns that a signal has ended.
	errInterrupted = errors.New("interrupted")

	// errTerminated is the cause of a context that SIGTERM has ended.
	errTerminated = errors.New("terminated")
)

// untilSignal returns a context that the first SIGINT or SIGTERM ends. A second
// one, should an orderly end be held up by a pipe nobody reads, has its usual
// effect.
func untilSignal() context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		received := <-signals
		signal.Stop(signals)
		if received == os.Interrupt {
			cancel(errInterrupted)
		} else {
			cancel(errTerminated)
		}
	}()
	return ctx
}

// await returns what f returns, or errInterrupted as soon as ctx is done, for
// all that does not look at ctx itself: opening a pipe that nobody writes to, or
// drawing. f then goes on until the program ends, which should be soon.
func await[T any](ctx context.Context, f func() (T, error)) (T, error) {
	var none T
	if ctx.Err() != nil {
		return none, errInterrupted
	}
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := f()
		done <- result{value, err}
	}()
	select {
	case <-ctx.Done():
		return none, errInterrupted
	case r := <-done:
		if errors.Is(r.err, context.Canceled) {
			return none, errInterrupted
		}
		return r.value, r.err
	}
}

// awaitDone is await for what has no result.
func awaitDone(ctx context.Context, f func() error) error {
	_, err := await(ctx, func() (struct{}, error) { return struct{}{}, f() })
	return err
}

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
