package sequences

import (
	"fmt"
	"log/slog"
	"time"
)

// What an option that is 0 stands for.
const (
	DefaultMostWaiting   = 1 << 16
	DefaultMostSequences = 1 << 20
	DefaultLiveBytes     = 1 << 30
	DefaultIdleTime      = 5 * time.Minute
	DefaultExpireTime    = 24 * time.Hour
)

// Options are how Sequences work.
type Options struct {
	Workers, BatchSize int           // see batch.Options
	Wait               time.Duration // see batch.Options

	// MostWaiting is how many requests may be without an answer, those of which steps
	// are being taken included. More are refused.
	MostWaiting int

	// MostSequences is how many sequences there may be. More are not started.
	MostSequences int

	// LiveBytes is about how much memory sequences may occupy. If they occupy more, those
	// that have not been used for the longest time leave it, and no more start if
	// there is no Store, or storing fails. If they occupy twice as much, none starts and
	// none is brought back from the Store.
	LiveBytes int64

	// IdleTime is after how long without a request a sequence leaves the memory, if there
	// is a Store, and for how long the last answer of one that has ended is kept, so
	// that the request can be repeated.
	IdleTime time.Duration

	// ExpireTime is after how long without a request a sequence is forgotten. The
	// clock counts only across restarts.
	ExpireTime time.Duration

	// Store keeps sequences that are not in memory, and brings them back after the process
	// has ended, however it has. Nil is for none. Nobody else may write to it
	// before Close has returned.
	Store Store

	// CheckpointInterval is after how much time sequences are stored that have taken
	// steps, which is what a sudden end takes back. With 0, an answer is given only
	// when its steps are stored.
	CheckpointInterval time.Duration

	// Logger is told what nobody else is, nil for slog.Default.
	Logger *slog.Logger

	wall func() time.Time // the clock, for tests
}

// withDefaults returns o with numbers in place of 0, or an error if one makes no sense.
func (o *Options) withDefaults() (Options, error) {
	var all Options
	if o != nil {
		all = *o
	}
	for _, number := range []struct {
		name         string
		value        *int
		defaultValue int
	}{{"MostWaiting", &all.MostWaiting, DefaultMostWaiting}, {"MostSequences", &all.MostSequences, DefaultMostSequences}} {
		if *number.value < 0 {
			return all, fmt.Errorf("sequences: Options.%s is %d, want at least 0", number.name, *number.value)
		}
		if *number.value == 0 {
			*number.value = number.defaultValue
		}
	}
	if all.LiveBytes < 0 {
		return all, fmt.Errorf("sequences: Options.LiveBytes is %d, want at least 0", all.LiveBytes)
	}
	if all.LiveBytes == 0 {
		all.LiveBytes = DefaultLiveBytes
	}
	for _, d := range []struct {
		name         string
		value        *time.Duration
		defaultValue time.Duration
	}{{"IdleTime", &all.IdleTime, DefaultIdleTime}, {"ExpireTime", &all.ExpireTime, DefaultExpireTime}, {"CheckpointInterval", &all.CheckpointInterval, 0}} {
		if *d.value < 0 {
			return all, fmt.Errorf("sequences: Options.%s is %v, want at least 0", d.name, *d.value)
		}
		if *d.value == 0 {
			*d.value = d.defaultValue
		}
	}
	if all.Logger == nil {
		all.Logger = slog.Default()
	}
	if all.wall == nil {
		all.wall = time.Now
	}
	return all, nil
}
