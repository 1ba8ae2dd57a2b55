package serving

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

const (
	otherOrigin = "the call comes from a page of another origin"
	otherHost   = "a server that is for this machine alone, and asks for no token, answers to localhost and to addresses only, not to other names"
)

// Origins answers with next, but for what a browser asks on behalf of pages of other
// sites. With local, which is for servers that only this machine can reach and that ask
// for no token, also requests to another host than localhost are refused, but for those of
// health: a site can let its own name become the address of this machine (DNS rebinding),
// and then its pages are of the same origin as the server. Its name is no address, and has
// a dot in it.
func Origins(next http.Handler, local bool) http.Handler {
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		writeError(w, http.StatusForbidden, otherOrigin)
	}))
	next = protection.Handler(next)
	if !local {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isHealth(r) || isThisMachine(r.Host) {
			next.ServeHTTP(w, r)
			return
		}
		writeError(w, http.StatusForbidden, otherHost)
	})
}

// isHealth tells whether r asks how the server is, which everybody may know.
func isHealth(r *http.Request) bool {
	return r.URL.Path == "/v2/health/live" || r.URL.Path == "/v2/health/ready"
}

func isThisMachine(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return true
	}
	return !strings.Contains(host, ".") || strings.HasSuffix(host, ".localhost")
}
