package serving

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
)

// The lengths that a token may have, in bytes: a shorter one could be guessed.
const (
	leastOfToken = 16
	mostOfToken  = 4096
)

// A Token is what clients must send. Any number of goroutines may use it.
type Token struct {
	path string
	sum  atomic.Pointer[[sha256.Size]byte]
	free atomic.Int64 // calls of gRPC that need none, and have none
}

// ReadToken reads the token in a file, without the white space around it.
func ReadToken(path string) (*Token, error) {
	t := &Token{path: path}
	return t, t.Reload()
}

// Reload reads the file again. After an error the token is that from before.
func (t *Token) Reload() error {
	f, err := os.Open(t.path)
	if err != nil {
		return fmt.Errorf("the token: %w", err)
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, mostOfToken+100))
	if err != nil {
		return fmt.Errorf("the token: %w", err)
	}
	token := strings.TrimSpace(string(content))
	if len(token) < leastOfToken || len(token) > mostOfToken {
		return fmt.Errorf("the token in %s has %d bytes, want %d to %d", t.path, len(token), leastOfToken, mostOfToken)
	}
	for i := range len(token) {
		if token[i] <= ' ' || token[i] > '~' {
			return fmt.Errorf("the token in %s has the byte %#02x, want visible ASCII characters", t.path, token[i])
		}
	}
	sum := sha256.Sum256([]byte(token))
	t.sum.Store(&sum)
	return nil
}

// check tells whether a header Authorization has the token: as a bearer, or as the
// password of any user, which is what browsers can ask for. How long it takes says
// nothing of the token.
func (t *Token) check(authorization string) bool {
	scheme, token, _ := strings.Cut(authorization, " ")
	token = strings.TrimSpace(token)
	switch {
	case strings.EqualFold(scheme, "Bearer"):
	case strings.EqualFold(scheme, "Basic"):
		pair, err := base64.StdEncoding.DecodeString(token)
		if err != nil {
			return false
		}
		_, token, _ = strings.Cut(string(pair), ":")
	default:
		return false
	}
	sum := sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(sum[:], t.sum.Load()[:]) == 1
}

const noToken = "the request has not the token that this server asks for, want the header Authorization: Bearer TOKEN"

// Handler answers with next those requests that have the token, and the others, but
// for those of health, with 401.
func (t *Token) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isHealth(r) || t.check(r.Header.Get("Authorization")) {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Add("WWW-Authenticate", `Bearer realm="lstm-serve"`)
		w.Header().Add("WWW-Authenticate", `Basic realm="lstm-serve, the token is the password"`)
		writeError(w, http.StatusUnauthorized, noToken)
	})
}
