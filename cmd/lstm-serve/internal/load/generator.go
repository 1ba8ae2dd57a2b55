package load

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"
)

// Options are what load there is.
type Options struct {
	Sequences int // that are open at the same time
	Lanes     int // connections, which have an equal part of the sequences and of the rate
	InFlight  int // requests on their way, where as many are sent as are answered

	Lengths *Distribution // of sequences, in steps until the end, after which another begins
	Steps   *Distribution // of a request

	Constant bool // equal times between requests, instead of a Poisson process
	Numbered bool // steps have numbers, without which nothing is sent again
	Spin     bool // wait for points in time with the processor busy, to send more precisely

	WarmUp time.Duration // in which requests do not count
	Time   time.Duration // in which they do
	Retry  time.Duration // how long after it was due a request may be sent again
	Seed   uint64        // of all that is random

	outputSize int
}

// Check returns what makes no sense.
func (o *Options) Check() error {
	switch {
	case o.Lanes < 1:
		return fmt.Errorf("%d connections, want at least 1", o.Lanes)
	case o.Sequences < o.Lanes:
		return fmt.Errorf("%d sequences over %d connections, want at least one each", o.Sequences, o.Lanes)
	case o.InFlight < o.Lanes:
		return fmt.Errorf("%d requests on their way over %d connections, want at least one each", o.InFlight, o.Lanes)
	case o.WarmUp < 0:
		return fmt.Errorf("a warm-up of %v, want at least 0", o.WarmUp)
	case o.Time <= 0:
		return fmt.Errorf("a period of %v, want more than 0", o.Time)
	case o.Retry < 0:
		return fmt.Errorf("sending again for %v, want at least 0", o.Retry)
	case o.Lengths == nil || o.Steps == nil:
		return errors.New("no lengths of sequences or of requests")
	}
	return nil
}

// A Generator puts load on a target.
type Generator struct {
	o      Options
	random *rand.Rand
	lanes  []*lane

	processors int // before New
}

// New opens the connections. Until Close, GOMAXPROCS is greater by their number: a
// goroutine that sends holds one while the system has it asleep, and that is not to be
// one of those with which a server in this process computes.
func New(ctx context.Context, target Target, o Options) (*Generator, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	inputSize, outputSize := target.Sizes()
	o.outputSize = outputSize
	g := &Generator{o: o, random: newRandom(o.Seed, 1), processors: runtime.GOMAXPROCS(0)}
	runtime.GOMAXPROCS(g.processors + o.Lanes)
	in := newInputs(inputSize, o.Steps.Most(), g.random)
	// Sequences of another run, or of another connection, have other ids. An id is
	// below 2^63, for servers that take it for an int64.
	run := uint64(time.Now().Unix()) & 0x7fffff << 40
	for i := range o.Lanes {
		part := o.Sequences*(i+1)/o.Lanes - o.Sequences*i/o.Lanes
		random := newRandom(o.Seed, uint64(i)+2)
		l := newLane(&g.o, in, part, run|uint64(i)<<32, random)
		connection, err := target.Connect(ctx, l.answered)
		if err != nil {
			return nil, errors.Join(err, g.Close())
		}
		l.connection = connection
		g.lanes = append(g.lanes, l)
	}
	return g, nil
}

// Run sends so many requests a second, or as many as are answered if rate is 0, and
// returns what has become of them: until ctx is done, if it is before the period ends.
func (g *Generator) Run(ctx context.Context, rate float64) *Result {
	begin := time.Now()
	end := g.o.WarmUp + g.o.Time
	var lanes sync.WaitGroup
	for i, l := range g.lanes {
		l.begin = begin
		l.record.reset(g.o.WarmUp, end)
		l.inFlight = 0
		var s *schedule
		if rate > 0 {
			random := newRandom(g.random.Uint64(), 0)
			of := newSchedule(rate, g.o.Constant, i, len(g.lanes), random)
			s = &of
		} else {
			l.inFlight = g.o.InFlight*(i+1)/len(g.lanes) - g.o.InFlight*i/len(g.lanes)
		}
		lanes.Go(func() { l.run(ctx, s) })
	}
	lanes.Wait()
	all := newRecord()
	all.reset(g.o.WarmUp, end)
	for _, l := range g.lanes {
		l.mutex.Lock()
		all.end = min(all.end, l.record.end)
		all.merge(l.record)
		l.mutex.Unlock()
	}
	return newResult(rate, all)
}

// Close closes the connections, once.
func (g *Generator) Close() error {
	var errs []error
	for _, l := range g.lanes {
		errs = append(errs, l.connection.Close())
	}
	runtime.GOMAXPROCS(g.processors)
	return errors.Join(errs...)
}
