package batch_test

import (
	"bufio"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A generator is a process that says when steps are due, on the clock that all
// processes of the machine share.
type generator struct {
	process *exec.Cmd
	pipe    io.ReadCloser
	bytes   [1 << 12]byte
	n       int // bytes of a time whose others have not come yet
	due     []time.Duration
}

// generatorRate and generatorSteps are the environment of the process.
const (
	generatorRate  = "BATCH_GENERATOR_RATE"
	generatorSteps = "BATCH_GENERATOR_STEPS"
)

// startGenerator starts the test binary again, as a process that is nothing but a
// generator: at times that are exponentially distributed it writes as many times as
// steps, each when it has come.
func startGenerator(rate float64, steps int) *generator {
	g := &generator{process: exec.Command(os.Args[0])}
	g.process.Env = append(os.Environ(), "GOMAXPROCS=1",
		generatorRate+"="+strconv.FormatFloat(rate, 'g', -1, 64), generatorSteps+"="+strconv.Itoa(steps))
	g.process.Stderr = os.Stderr
	var err error
	g.pipe, err = g.process.StdoutPipe()
	must(err)
	must(g.process.Start())
	return g
}

// next waits for steps to become due, and returns when they were.
func (g *generator) next() []time.Duration {
	n, err := g.pipe.Read(g.bytes[g.n:])
	must(err)
	n += g.n
	g.due = g.due[:0]
	at := 0
	for ; at+8 <= n; at += 8 {
		g.due = append(g.due, time.Duration(binary.LittleEndian.Uint64(g.bytes[at:])))
	}
	g.n = copy(g.bytes[:], g.bytes[at:n])
	return g.due
}

func (g *generator) end() { must(g.process.Wait()) }

// monotonic is the time of a clock that all processes share, read without a system call.
func monotonic() time.Duration { return processBegan + time.Since(processBeganHere) }

var processBeganHere, processBegan = time.Now(), monotonicOfSystem()

func monotonicOfSystem() time.Duration {
	var t unix.Timespec
	must(unix.ClockGettime(unix.CLOCK_MONOTONIC, &t))
	return time.Duration(t.Nano())
}

// TestMain is the generator, if it is told to be.
func TestMain(m *testing.M) {
	if os.Getenv(generatorRate) == "" {
		os.Exit(m.Run())
	}
	rate, err := strconv.ParseFloat(os.Getenv(generatorRate), 64)
	must(err)
	steps, err := strconv.Atoi(os.Getenv(generatorSteps))
	must(err)
	leaveProcessors()
	must(generate(os.Stdout, rate, steps))
}

// leaveProcessors keeps the generator off the processors that taskset has left to the
// benchmark, if there are others.
func leaveProcessors() {
	var theirs, others unix.CPUSet
	must(unix.SchedGetaffinity(0, &theirs))
	for cpu := range 1024 {
		if !theirs.IsSet(cpu) {
			others.Set(cpu)
		}
	}
	_ = unix.SchedSetaffinity(0, &others) // an error says that there are no others
}

func generate(w io.Writer, rate float64, steps int) error {
	// Waking up costs some microseconds, and so does writing: at high rates steps that
	// are due within this time are written together.
	const sleep = 20 * time.Microsecond
	if err := unix.Prctl(unix.PR_SET_TIMERSLACK, 1000, 0, 0, 0); err != nil {
		return err
	}
	r := rand.New(rand.NewPCG(1, 2))
	out := bufio.NewWriterSize(w, 1<<16)
	due := monotonic()
	for steps > 0 {
		for now := monotonic(); steps > 0 && due <= now; steps-- {
			var bytes [8]byte
			binary.LittleEndian.PutUint64(bytes[:], uint64(due))
			if _, err := out.Write(bytes[:]); err != nil {
				return err
			}
			due += time.Duration(r.ExpFloat64() / rate * float64(time.Second))
		}
		if err := out.Flush(); err != nil {
			return err
		}
		t := unix.NsecToTimespec(int64(max(due-monotonic(), sleep)))
		_ = unix.ClockNanosleep(unix.CLOCK_MONOTONIC, 0, &t, nil)
	}
	return nil
}
