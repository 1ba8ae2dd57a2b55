package load

import (
	"time"

	"golang.org/x/sys/unix"
)

// preciseSleep blocks the thread. The system, which may be late by 50 µs otherwise, is
// asked for a microsecond each time, since it is never known which thread this is.
func preciseSleep(d time.Duration) {
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(time.Microsecond), 0, 0, 0)
	t := unix.NsecToTimespec(int64(d))
	// A signal may end it early, and then who waits looks at the clock anyway.
	_ = unix.ClockNanosleep(unix.CLOCK_MONOTONIC, 0, &t, nil)
}
