package infer

import (
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"

	"example.com/lstm/cmd/lstm-serve/internal/latency"
)

// Stats are what a Server has done so far.
type Stats struct {
	// Answered[c] is how many requests were answered with the code c, OK included.
	Answered [codes.Unauthenticated + 1]uint64
	// Latency is how long the answers took, those that are errors included: from the call
	// of Infer to that of done.
	Latency latency.Counts
}

type counts struct {
	answered [codes.Unauthenticated + 1]atomic.Uint64
	latency  latency.Histogram
	whole    *counts // that also count this, nil for none
}

func (c *counts) add(began time.Time, err error) {
	code := codes.OK
	if err != nil {
		code = inError(err).Code
	}
	took := time.Since(began)
	for ; c != nil; c = c.whole {
		c.answered[min(code, codes.Unauthenticated)].Add(1)
		c.latency.Add(took)
	}
}

// Stats returns what s has done until now.
func (s *Server) Stats() Stats {
	all := Stats{Latency: s.counts.latency.Counts()}
	for i := range all.Answered {
		all.Answered[i] = s.counts.answered[i].Load()
	}
	return all
}
