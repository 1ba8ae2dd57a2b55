package serving

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOrigins(t *testing.T) {
	ask := func(local bool, method, url string, header ...string) int {
		h := Origins(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {}), local)
		r := httptest.NewRequest(method, url, nil)
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			require.Equal(t, "application/json", w.Header().Get("Content-Type"))
			require.Contains(t, w.Body.String(), `{"error":`)
		}
		return w.Code
	}
	for host, want := range map[string]int{
		"localhost:8000": 200, "LOCALHOST": 200, "localhost.:8000": 200, "a.localhost": 200, "server": 200,
		"127.0.0.1:8000": 200, "127.0.0.1": 200, "[::1]:8000": 200, "[::1]": 200, "10.1.2.3:80": 200,
		"site.example": 403, "site.example:8000": 403, "site.example.": 403, "localhost.site.example": 403, "127.0.0.1.site.example:8000": 403,
	} {
		for _, method := range []string{"GET", "HEAD", "POST", "OPTIONS"} {
			// As a page has it that was loaded from that name, too.
			require.Equal(t, want, ask(true, method, "http://"+host+"/v2", "Origin", "http://"+host), "%s %s", method, host)
			require.Equal(t, 200, ask(false, method, "http://"+host+"/v2", "Origin", "http://"+host), "%s %s", method, host)
		}
		require.Equal(t, 200, ask(true, "GET", "http://"+host+"/v2/health/ready"), host)
	}
	for _, local := range []bool{true, false} {
		require.Equal(t, 403, ask(local, "POST", "http://localhost/v2", "Origin", "http://site.example"))
		require.Equal(t, 403, ask(local, "POST", "http://localhost/v2", "Origin", "null"))
		require.Equal(t, 403, ask(local, "POST", "http://localhost/v2", "Sec-Fetch-Site", "cross-site"))
	}
}
