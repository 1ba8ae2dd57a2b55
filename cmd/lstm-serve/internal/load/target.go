package load

import (
	"context"
	"time"

	"example.com/lstm/cmd/lstm-serve/internal/inferr"
)

// A Target is what load is put on.
type Target interface {
	// Sizes are how many numbers a step takes and gives.
	Sizes() (input, output int)
	// Connect opens one of several connections. answered is to be called once for
	// each request, from any goroutine, and before Send has returned if need be.
	Connect(ctx context.Context, answered func(*Request, Answer)) (Connection, error)
}

// A Connection takes requests, of each sequence one at a time.
type Connection interface {
	// Send begins a request. It is called by one goroutine, and holds up the requests
	// after this one.
	Send(*Request)
	Close() error
}

// A Request is for the next steps of a sequence. It is the target's until it is
// answered.
type Request struct {
	Number     int    // which of the connection's sequences this is, from 0 on
	Sequence   uint64 // its id
	Start, End bool
	Step       uint64 // number of the first step, 0 if steps are not numbered
	Steps      int
	X          []float32 // [Steps, input], only to be read
	Raw        []byte    // the same in bytes, lowest first
	Kept       any       // by the connection, for the next request of this number

	last  uint64 // number of the last step, which the answer has to have
	due   time.Duration
	tried int
	again time.Duration // when it is to be sent again
	left  int           // steps of the sequence, this request's included
	onWay bool
	given bool // up: it will not count when it is answered
}

// An Answer is what has become of a request.
type Answer struct {
	Step    uint64 // number of the last step, 0 if the target does not say
	Numbers int    // of the output, of all steps
	Err     *inferr.Error
}
