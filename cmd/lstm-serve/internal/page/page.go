// Package page serves the page at /, on which a person sees what the server does: its
// models, and charts of the last minutes that go on by themselves. Where the embedded
// weather model is served, the page also shows it at work.
package page

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"path"
	"time"

	"example.com/lstm/cmd/lstm-serve/internal/infer"
)

// Options are how a page works.
type Options struct {
	// Weather is the name of the model that is package seattle's, empty if there is none.
	Weather string

	// MostViewers is how many may watch at the same time. 0 stands for 64.
	MostViewers int
	// WriteTimeout is after how long a viewer who reads nothing is cut off. 0 stands for
	// 10 seconds.
	WriteTimeout time.Duration

	Logger *slog.Logger // nil stands for slog.Default()
}

// Patterns are those of the requests that a Page answers, for http.ServeMux. The handler
// that they are given to has authenticated them.
var Patterns = []string{"GET /{$}", "GET /live", "GET /page/{file}"}

// A Page is the handler of Patterns.
type Page struct {
	options Options
	mux     *http.ServeMux
	viewers *viewers
	stop    context.CancelFunc
	stopped chan struct{}
}

// New makes a Page, which looks at the server once a second until Close.
func New(s *infer.Server, o Options) (*Page, error) { return newPage(server{s}, o) }

func newPage(s source, o Options) (*Page, error) {
	if o.MostViewers == 0 {
		o.MostViewers = 64
	}
	if o.WriteTimeout == 0 {
		o.WriteTimeout = 10 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	w, err := newWeather(s, &o)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	p := &Page{
		options: o,
		mux:     http.NewServeMux(),
		viewers: newViewers(s, &o, w),
		stop:    stop,
		stopped: make(chan struct{}),
	}
	files, err := fs.Sub(assets, "assets")
	if err != nil {
		return nil, err
	}
	p.mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { serveFile(w, r, files, "page.html") })
	p.mux.HandleFunc("GET /page/{file}", func(w http.ResponseWriter, r *http.Request) {
		serveFile(w, r, files, r.PathValue("file"))
	})
	p.mux.HandleFunc("GET /live", p.live)
	go func() {
		defer close(p.stopped)
		p.viewers.run(ctx)
	}()
	return p, nil
}

// Close ends the streams of all viewers, and returns when nothing of the page runs any
// longer. It comes before http.Server.Shutdown, which waits for them. More calls do
// nothing.
func (p *Page) Close() {
	p.stop()
	<-p.stopped
}

// policy lets the page load what is the server's own, and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	p.mux.ServeHTTP(w, r)
}

//go:embed assets
var assets embed.FS

// contentTypes are set here because those of mime depend on the machine.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

func serveFile(w http.ResponseWriter, r *http.Request, files fs.FS, name string) {
	data, err := fs.ReadFile(files, name)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	sum := sha256.Sum256(data)
	w.Header().Set("Content-Type", contentTypes[path.Ext(name)])
	w.Header().Set("Cache-Control", "no-cache") // but ask whether it is still the same
	w.Header().Set("ETag", fmt.Sprintf("%q", hex.EncodeToString(sum[:8])))
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(data))
}
