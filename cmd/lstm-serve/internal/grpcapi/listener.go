package grpcapi

import (
	"context"
	"net"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/peer"
)

// A listener accepts connections that are known to the calls.
type listener struct{ net.Listener }

func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &connection{Conn: c, taken: make(chan struct{}, 1)}, nil
}

// A connection has itself in its remote address, which is what gRPC says of the peer of
// a call: gRPC has no other way from a call to its connection, and ending the call alone
// leaves what the client does not read in memory.
type connection struct {
	net.Conn
	unread atomic.Int64  // bytes of answers to calls that have ended, which the client has not read
	taken  chan struct{} // has an element if unread has become less
}

func (c *connection) RemoteAddr() net.Addr { return remote{c.Conn.RemoteAddr(), c} }

type remote struct {
	net.Addr
	connection *connection
}

// connectionOf returns the connection of a call, nil if the server does not listen by
// Server.Serve.
func connectionOf(ctx context.Context) *connection {
	if p, ok := peer.FromContext(ctx); ok {
		if r, ok := p.Addr.(remote); ok {
			return r.connection
		}
	}
	return nil
}

// hold waits until an answer of n bytes may be left to gRPC, which has at most limit
// bytes then, or that answer only. It returns nil if the client has not read enough
// within timeout, or if ctx ends.
func (c *connection) hold(ctx context.Context, n, limit int64, timeout time.Duration) *held {
	var late <-chan time.Time
	for {
		before := c.unread.Load()
		if before == 0 || before+n <= limit {
			if c.unread.CompareAndSwap(before, before+n) {
				c.wake() // others who wait, for whom there may be room, too
				return &held{c, n}
			}
			continue
		}
		if late == nil {
			timer := time.NewTimer(timeout)
			defer timer.Stop()
			late = timer.C
		}
		select {
		case <-c.taken:
		case <-late:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
}

func (c *connection) wake() {
	select {
	case c.taken <- struct{}{}:
	default:
	}
}

// A held is the place of one answer's bytes. gRPC knows it as the pool of their memory,
// to which it gives them back when they are sent, or will never be.
type held struct {
	connection *connection
	n          int64
}

// Get is not called: the memory does not come from here.
func (h *held) Get(n int) *[]byte {
	b := make([]byte, n)
	return &b
}

// Put ends that the bytes are held.
func (h *held) Put(*[]byte) {
	h.connection.unread.Add(-h.n)
	h.connection.wake()
}
