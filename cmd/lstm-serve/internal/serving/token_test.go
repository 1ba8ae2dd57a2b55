package serving

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const secret = "correct-horse-battery"

func writeFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func TestReadToken(t *testing.T) {
	for content, want := range map[string]string{
		"":                        "has 0 bytes, want 16 to 4096",
		"short\n":                 "has 5 bytes, want 16 to 4096",
		strings.Repeat("a", 5000): "has 4196 bytes, want 16 to 4096",
		"with spaces in between":  "has the byte 0x20, want visible ASCII characters",
		"not-ASCII-but-ümlauts":   "has the byte 0xc3, want visible ASCII characters",
	} {
		_, err := ReadToken(writeFile(t, content))
		require.ErrorContains(t, err, want)
	}
	_, err := ReadToken(filepath.Join(t.TempDir(), "missing"))
	require.ErrorContains(t, err, "the token: ")

	path := writeFile(t, " "+secret+"\n")
	token, err := ReadToken(path)
	require.NoError(t, err)
	require.True(t, token.check("Bearer "+secret))
	require.NoError(t, os.WriteFile(path, []byte("too short"), 0o600))
	require.Error(t, token.Reload())
	require.True(t, token.check("Bearer "+secret), "the old one stays")
	require.NoError(t, os.WriteFile(path, []byte("another-secret-of-mine"), 0o600))
	require.NoError(t, token.Reload())
	require.False(t, token.check("Bearer "+secret))
	require.True(t, token.check("Bearer another-secret-of-mine"))
}

// authorizations are those that are right, and those that are not.
var authorizations = map[string]bool{
	"Bearer " + secret:       true,
	"bearer  " + secret:      true,
	"Basic " + basic(secret): true,
	"":                       false,
	"Bearer":                 false,
	"Bearer " + secret + "x": false,
	"Bearer " + secret[1:]:   false,
	"Digest " + secret:       false,
	secret:                   false,
	"Basic " + secret:        false,
	"Basic " + basic("x"):    false,
	"Basic !":                false,
}

func basic(password string) string {
	return base64.StdEncoding.EncodeToString([]byte("anybody:" + password))
}

func TestTokenOverHTTP(t *testing.T) {
	token, err := ReadToken(writeFile(t, secret))
	require.NoError(t, err)
	h := token.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {}))
	for authorization, right := range authorizations {
		for path, free := range map[string]bool{
			"/": false, "/metrics": false, "/v2/models/a/infer": false, "/v2/health": false, "//v2/health/live": false,
			"/v2/health/live": true, "/v2/health/ready": true,
		} {
			r := httptest.NewRequest("GET", "http://host"+path, nil)
			r.Header.Set("Authorization", authorization)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if right || free {
				require.Equal(t, http.StatusOK, w.Code, "%q %s", authorization, path)
				continue
			}
			require.Equal(t, http.StatusUnauthorized, w.Code, "%q %s", authorization, path)
			require.Len(t, w.Header().Values("WWW-Authenticate"), 2)
			require.JSONEq(t, `{"error": "`+noToken+`"}`, w.Body.String())
		}
	}
}
