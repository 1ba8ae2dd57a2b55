package batch

import (
	"fmt"
	"runtime"
	"time"
)

// What an option that is 0 stands for.
const (
	// DefaultBatchSize is the most steps of a batch: greater ones do no more, but
	// for the largest networks, and each step of them waits for more others.
	DefaultBatchSize = 8
	// DefaultQueueSize is how many steps may wait.
	DefaultQueueSize = 1 << 16
)

// Options are how a [Batcher] works. The zero value, and a nil pointer, are for a
// service on a machine of its own.
type Options struct {
	// Workers is how many batches may be computed at the same time, one on each
	// worker, to which streams are assigned in turn. 0 stands for GOMAXPROCS. More
	// than that do not help.
	Workers int

	// BatchSize is the most steps of a batch. 0 stands for DefaultBatchSize. For
	// networks whose weights fit no cache, some 10 MB, 32 do more.
	BatchSize int

	// QueueSize is how many steps may wait for their turn, which each worker has
	// an equal part of; those that find it full are an ErrQueueFull. A service that
	// promises answers within some time has a queue no longer than it computes in
	// that time. 0 stands for DefaultQueueSize.
	QueueSize int

	// Wait is how long a worker with fewer steps than a whole batch waits for
	// others. With 0, which suits nearly everyone, it does not: a batch is what has
	// come while the last one ran. Otherwise every step of an idle service takes as
	// much longer, for batches that are greater at medium load, and computing that
	// is less.
	Wait time.Duration

	// IdleTime is after how long without a step, and without a Do, a stream is
	// closed. It is found within as much time again. 0 stands for never.
	IdleTime time.Duration

	// OnIdle is called with each stream that has been closed because it was idle,
	// if it is not nil: to store its state, which Stream.Do still gives. It runs
	// on a goroutine of its own for each worker, and may take its time.
	OnIdle func(*Stream)

	// NonFinite says what happens if the output of a step, or the state that it
	// leaves, has a NaN or an infinity. Looking for them reads both once.
	NonFinite NonFinite
}

// NonFinite is what happens after a step whose output, or whose state, has a NaN or an
// infinity: with a NaN in one input, the state of a stream stays NaN for good.
type NonFinite int

const (
	// KeepNonFinite: nothing, they are data. It costs nothing either.
	KeepNonFinite NonFinite = iota
	// ReportNonFinite: the step ends with ErrNonFinite. y has the output, and the
	// state is what the step has left behind.
	ReportNonFinite
	// ResetNonFinite: as with ReportNonFinite, but the state is the beginning of a
	// stream again.
	ResetNonFinite
	// UndoNonFinite: as with ReportNonFinite, but the state is as it was before the
	// step. It costs a copy of the state for every step.
	UndoNonFinite
)

// withDefaults returns o with numbers in place of 0, or an error if one makes no
// sense.
func (o *Options) withDefaults() (Options, error) {
	var all Options
	if o != nil {
		all = *o
	}
	for _, number := range []struct {
		name         string
		value        *int
		defaultValue int
	}{
		{"Workers", &all.Workers, runtime.GOMAXPROCS(0)},
		{"BatchSize", &all.BatchSize, DefaultBatchSize},
		{"QueueSize", &all.QueueSize, DefaultQueueSize},
	} {
		if *number.value < 0 {
			return all, fmt.Errorf("batch: Options.%s is %d, want at least 0", number.name, *number.value)
		}
		if *number.value == 0 {
			*number.value = number.defaultValue
		}
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{{"Wait", all.Wait}, {"IdleTime", all.IdleTime}} {
		if d.value < 0 {
			return all, fmt.Errorf("batch: Options.%s is %v, want at least 0", d.name, d.value)
		}
	}
	if all.NonFinite < KeepNonFinite || all.NonFinite > UndoNonFinite {
		return all, fmt.Errorf("batch: Options.NonFinite is %d, want KeepNonFinite to UndoNonFinite", all.NonFinite)
	}
	return all, nil
}
