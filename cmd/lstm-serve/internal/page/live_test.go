package page

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// A pipe is a net.Listener for one connection, without a network and its buffers.
type pipe struct {
	net.Conn
	conns chan net.Conn
}

func (p *pipe) Addr() net.Addr { return p.LocalAddr() }

func (p *pipe) Close() error { return nil }

func (p *pipe) Accept() (net.Conn, error) {
	c, ok := <-p.conns
	if !ok {
		return nil, io.EOF
	}
	return c, nil
}

// watch asks a server, whose own time limits are a second, for live events. ended is
// closed when it has ended to send them.
func watch(t *testing.T, p *Page) (client net.Conn, ended chan struct{}) {
	client, conn := net.Pipe()
	l := &pipe{conn, make(chan net.Conn, 1)}
	l.conns <- conn
	ended = make(chan struct{})
	server := &http.Server{
		ReadTimeout: time.Second, WriteTimeout: time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer close(ended)
			p.ServeHTTP(w, r)
		}),
	}
	go server.Serve(l)
	t.Cleanup(func() {
		close(l.conns)
		client.Close()
		server.Close()
	})
	_, err := io.WriteString(client, "GET /live HTTP/1.1\r\nHost: here\r\n\r\n")
	require.NoError(t, err)
	return client, ended
}

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestWhoReadsNothingIsCutOff(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, _ *fakeServer, p *Page) {
		client, ended := watch(t, p)
		first := make([]byte, 100)
		_, err := client.Read(first)
		require.NoError(t, err)
		time.Sleep(8 * time.Second)
		require.False(t, isClosed(ended))
		time.Sleep(4 * time.Second)
		synctest.Wait()
		require.True(t, isClosed(ended))
	})
}

func TestLiveOutlivesTimeLimitsOfServer(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, _ *fakeServer, p *Page) {
		client, ended := watch(t, p)
		samples := 0
		for lines := bufio.NewReader(client); samples < 60; {
			line, err := lines.ReadString('\n')
			require.NoError(t, err)
			if strings.HasPrefix(line, "event: sample") {
				samples++
			}
		}
		require.False(t, isClosed(ended))
		client.Close()
		synctest.Wait()
		require.True(t, isClosed(ended), "the viewer has left")
		require.False(t, p.viewers.watched())
	})
}
