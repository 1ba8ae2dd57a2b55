package grpcapi

import (
	"context"
	"net"

	"google.golang.org/grpc/peer"
)

// A listener accepts connections that closeConnection can close.
type listener struct{ net.Listener }

func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return connection{c}, nil
}

// A connection has itself in its remote address, which is what gRPC says of the peer of
// a call: gRPC has no other way from a call to its connection, and ending the call alone
// leaves what the client does not read in memory.
type connection struct{ net.Conn }

func (c connection) RemoteAddr() net.Addr { return remote{c.Conn.RemoteAddr(), c.Conn} }

type remote struct {
	net.Addr
	connection net.Conn
}

// closeConnection closes the connection of a call.
func closeConnection(ctx context.Context) {
	if p, ok := peer.FromContext(ctx); ok {
		if r, ok := p.Addr.(remote); ok {
			_ = r.connection.Close()
		}
	}
}
