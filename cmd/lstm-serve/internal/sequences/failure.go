package sequences

import (
	"fmt"
	"time"
)

// A failure is one of the store that has not ended.
type failure struct {
	err    error
	since  time.Duration
	logged time.Duration // when last, 0 if never
}

func (f *failure) is() bool { return f.err != nil }

// The log says at most once in this time that storing fails.
const failureLogTime = time.Minute

// note takes notice of how a transaction has ended.
func (k *keeper) note(err error, now time.Duration) {
	k.mutex.Lock()
	f := &k.failing
	ended := err == nil && f.is()
	switch {
	case err == nil:
		f.err = nil
	case !f.is():
		f.err, f.since = err, now
	default:
		f.err = err
	}
	lasted := now - f.since
	log := err != nil && (f.logged == 0 || now-f.logged >= failureLogTime)
	if log {
		f.logged = now
	}
	k.mutex.Unlock()
	if err != nil {
		k.all.counts.failures.Add(1)
	}
	if log {
		k.all.options.Logger.Error("sequences cannot be stored, and go on in memory", "error", err, "since", lasted)
	}
	if ended {
		k.all.options.Logger.Info("sequences can be stored again", "after", lasted)
	}
}

// fails reports whether the last transaction has failed.
func (k *keeper) fails() bool {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	return k.failing.is()
}

// ready returns an error if storing has failed for more than three checkpoints.
func (k *keeper) ready() error {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if f := &k.failing; f.is() && k.all.now()-f.since > 3*k.interval() {
		return fmt.Errorf("sequences cannot be stored: %w", f.err)
	}
	return nil
}
