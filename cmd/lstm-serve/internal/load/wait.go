package load

import (
	"runtime"
	"time"
)

// spinTime is how long before the time it is waited for without the system's help, and
// shortestSleep how long is slept at least: going to sleep and waking up cost a few
// microseconds, which at high rates would be more than all requests do.
const (
	spinTime      = 60 * time.Microsecond
	shortestSleep = 20 * time.Microsecond
)

// A waiter waits for points in time. The runtime's timers can be late by a
// millisecond, so it lets the system wake it where there is a call for it.
type waiter struct{ spin bool }

// wait returns at a time since begin, or a little later.
func (w *waiter) wait(begin time.Time, until time.Duration) {
	rest := until - time.Since(begin)
	if rest <= 0 {
		return
	}
	if w.spin {
		if rest > spinTime {
			runtime.Gosched()
			preciseSleep(rest - spinTime)
		}
		for time.Since(begin) < until {
			runtime.Gosched()
		}
		return
	}
	// What this goroutine has made ready would wait while it sleeps.
	runtime.Gosched()
	if rest = until - time.Since(begin); rest > 0 {
		preciseSleep(max(rest, shortestSleep))
	}
}
