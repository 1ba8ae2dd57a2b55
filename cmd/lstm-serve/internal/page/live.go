package page

import (
	"errors"
	"net/http"
	"time"
)

// live sends a viewer server-sent events, until it leaves, is too slow, or the page is
// closed.
func (p *Page) live(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // a proxy passes each event on at once
	if r.Method == http.MethodHead {
		h.Set("Content-Type", eventStream)
		return
	}
	one, err := p.viewers.join()
	if err != nil {
		h.Set("Retry-After", "10")
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	defer p.viewers.leave(one)
	h.Set("Content-Type", eventStream)

	// The time limits of the server are for requests that end.
	c := http.NewResponseController(w)
	if !set(c.SetReadDeadline(time.Time{})) {
		return
	}
	for {
		select {
		case <-r.Context().Done():
			return
		case m, more := <-one.messages:
			if !more || !set(c.SetWriteDeadline(time.Now().Add(p.options.WriteTimeout))) {
				return
			}
			if _, err := w.Write(m); err != nil {
				return
			}
			if err := c.Flush(); err != nil {
				return
			}
		}
	}
}

const eventStream = "text/event-stream"

// set tells whether a deadline has been set, or there are none here.
func set(err error) bool { return err == nil || errors.Is(err, http.ErrNotSupported) }
