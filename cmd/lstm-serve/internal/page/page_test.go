package page

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// serve starts a server that has a page alone.
func serve(t *testing.T) (url string, p *Page) {
	p, err := newPage(newFakeServer(t), Options{Weather: "seattle"})
	require.NoError(t, err)
	return start(t, p), p
}

func start(t *testing.T, p *Page) (url string) {
	mux := http.NewServeMux()
	for _, pattern := range Patterns {
		mux.Handle(pattern, p)
	}
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	t.Cleanup(p.Close)
	return server.URL
}

func TestFiles(t *testing.T) {
	url, _ := serve(t)
	for path, kind := range map[string]string{
		"/":                "text/html; charset=utf-8",
		"/page/page.js":    "text/javascript; charset=utf-8",
		"/page/chart.js":   "text/javascript; charset=utf-8",
		"/page/weather.js": "text/javascript; charset=utf-8",
		"/page/text.js":    "text/javascript; charset=utf-8",
		"/page/page.css":   "text/css; charset=utf-8",
		"/page/icon.svg":   "image/svg+xml",
	} {
		r, err := http.Get(url + path)
		require.NoError(t, err)
		require.NoError(t, r.Body.Close())
		require.Equal(t, http.StatusOK, r.StatusCode, path)
		require.Equal(t, kind, r.Header.Get("Content-Type"), path)
		require.Equal(t, policy, r.Header.Get("Content-Security-Policy"), path)
		require.Equal(t, "nosniff", r.Header.Get("X-Content-Type-Options"), path)

		again, err := http.NewRequest(http.MethodGet, url+path, nil)
		require.NoError(t, err)
		again.Header.Set("If-None-Match", r.Header.Get("ETag"))
		r, err = http.DefaultClient.Do(again)
		require.NoError(t, err)
		require.NoError(t, r.Body.Close())
		require.Equal(t, http.StatusNotModified, r.StatusCode, path)
	}
	for _, path := range []string{"/page/", "/page/other.js", "/page/..%2fpage.go", "/page/%2e%2e", "/other"} {
		r, err := http.Get(url + path)
		require.NoError(t, err)
		require.NoError(t, r.Body.Close())
		require.Equal(t, http.StatusNotFound, r.StatusCode, path)
	}
}

func TestLive(t *testing.T) {
	url, p := serve(t)
	r, err := http.Get(url + "/live")
	require.NoError(t, err)
	defer r.Body.Close()
	require.Equal(t, "text/event-stream", r.Header.Get("Content-Type"))
	require.Equal(t, "no-store", r.Header.Get("Cache-Control"))
	lines := bufio.NewScanner(r.Body)
	next := func() (event string, data string) {
		require.True(t, lines.Scan())
		event = strings.TrimPrefix(lines.Text(), "event: ")
		require.True(t, lines.Scan())
		data = strings.TrimPrefix(lines.Text(), "data: ")
		require.True(t, lines.Scan())
		require.Empty(t, lines.Text())
		return event, data
	}
	event, data := next()
	require.Equal(t, "begin", event)
	require.JSONEq(t, "[]", string(member(t, data, "samples")))
	var got *news
	for got == nil {
		if event, data = next(); event == "weather" {
			require.NoError(t, json.Unmarshal([]byte(data), &got))
		}
	}
	require.Len(t, got.Days, beginDays)
	require.Equal(t, comparedDays, got.Compared)

	p.Close()
	for lines.Scan() {
	}
	require.NoError(t, lines.Err(), "the stream has ended well")
	r, err = http.Get(url + "/live")
	require.NoError(t, err)
	require.NoError(t, r.Body.Close())
	require.Equal(t, http.StatusServiceUnavailable, r.StatusCode)
	require.Equal(t, "10", r.Header.Get("Retry-After"))
}

func TestHeadOfLiveEnds(t *testing.T) {
	url, _ := serve(t)
	r, err := http.Head(url + "/live")
	require.NoError(t, err)
	require.NoError(t, r.Body.Close())
	require.Equal(t, http.StatusOK, r.StatusCode)
}

func member(t *testing.T, object, key string) json.RawMessage {
	var all map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(object), &all))
	return all[key]
}
