//go:build race

package apitest

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm"
	"example.com/lstm/internal/dispatch"
	"example.com/lstm/internal/lstmtest"
	"example.com/lstm/internal/panel"
)

// races are pairs of accesses that nothing keeps apart, of which one is a
// kernel's: to memory that Go code does not touch in the call.
var races = []struct {
	name string
	run  func(meanwhile func(func()))
}{
	{"writing c during Step", func(meanwhile func(func())) {
		n, s := raceNetwork()
		c := s.C(0)
		meanwhile(func() { c[3] = 1 })
		n.Step(s, []float32{1}, nil)
	}},
	{"reading c during Step", func(meanwhile func(func())) {
		n, s := raceNetwork()
		c := s.C(0)
		meanwhile(func() { _ = c[3] + c[4] })
		n.Step(s, []float32{1}, nil)
	}},
	{"writing h during Step", func(meanwhile func(func())) {
		n, s := raceNetwork()
		h := s.H(0)
		meanwhile(func() { h[3] = 1 })
		n.Step(s, []float32{1}, nil)
	}},
	{"writing c during StepBatch", func(meanwhile func(func())) {
		n, s := raceNetwork()
		c := s.C(0)
		meanwhile(func() { c[3] = 1 })
		n.StepBatch([]*lstm.State{n.NewState(), s}, [][]float32{{1}, {1}}, nil)
	}},
	{"writing c during ForwardBatch", func(meanwhile func(func())) {
		n, s := raceNetwork()
		c := s.C(0)
		meanwhile(func() { c[3] = 1 })
		n.ForwardBatch([]*lstm.State{n.NewState(), s, n.NewState()}, [][]float32{{1}, {1}, {1}}, nil)
	}},
	{"writing x during Forward", func(meanwhile func(func())) {
		const input = 8 + panel.ElementBlock // enough for inputs to be taken in on their own; a kernel reads the first of them
		n, err := lstm.New(lstm.RandomModel(1, 0, input, 20))
		if err != nil {
			panic(err)
		}
		x := make([]float32, 4*input)
		meanwhile(func() { x[3] = 1 })
		n.Forward(n.NewState(), x, nil)
	}},
	{"reading y during Step, written by the head", func(meanwhile func(func())) {
		n, s := raceNetwork()
		y := make([]float32, 5)
		meanwhile(func() { _ = y[3] + y[4] })
		n.Step(s, []float32{1}, y)
	}},
	{"writing x during Sigmoid", func(meanwhile func(func())) {
		dst, x := make([]float32, 16), make([]float32, 16)
		meanwhile(func() { x[3] = 1 })
		lstm.Sigmoid(dst, x)
	}},
	{"reading dst during Tanh", func(meanwhile func(func())) {
		dst, x := make([]float32, 16), make([]float32, 16)
		meanwhile(func() { _ = dst[3] + dst[4] })
		lstm.Tanh(dst, x)
	}},
}

func raceNetwork() (*lstm.Network, *lstm.State) {
	n, err := lstm.New(lstm.RandomModel(1, 5, 1, 20))
	if err != nil {
		panic(err)
	}
	return n, n.NewState()
}

// raceVariable makes a child process of this test run one of the races.
const raceVariable = "LSTM_TEST_RACE"

// raceTries is how often a race is run until it is reported. The detector
// remembers but the last few accesses to a word, and may have forgotten one.
const raceTries = 10

// The detector ends a process whose test has raced as failed, so each race has
// a process of its own.
func TestRacesAreReported(t *testing.T) {
	lstmtest.EachPath(t, func(t *testing.T) {
		for _, race := range races {
			var output []byte
			var err error
			for try := 0; try < raceTries && err == nil; try++ {
				child := exec.Command(os.Args[0], "-test.run=^TestRaceInChild$", "-test.v")
				child.Env = append(os.Environ(), raceVariable+"="+race.name+"@"+lstm.Path())
				output, err = child.CombinedOutput()
			}
			require.Error(t, err, race.name)
			require.Contains(t, string(output), "WARNING: DATA RACE", race.name)
			if !dispatch.PureGo(lstm.Path()) {
				require.Regexp(t, `runtime\.race(read|write)range\(\)`, string(output), race.name)
			}
		}
	})
}

func TestRaceInChild(t *testing.T) {
	for _, race := range races {
		for _, path := range lstm.Paths() {
			if os.Getenv(raceVariable) == race.name+"@"+path {
				lstmtest.UsePath(t, path)
				// Nothing orders what the goroutine does and what follows its start,
				// not even the end of the test, which waits for it.
				done := make(chan bool)
				race.run(func(f func()) {
					go func() {
						f()
						close(done)
					}()
				})
				<-done
			}
		}
	}
}

// Reads by several goroutines are no race: of weights and of inputs.
func TestSharedReadsAreNotReported(t *testing.T) {
	lstmtest.EachPath(t, func(t *testing.T) {
		n, _ := raceNetwork()
		x, done := make([]float32, 16), make(chan bool)
		for range 4 {
			go func() {
				n.Forward(n.NewState(), x, nil)
				lstm.Tanh(make([]float32, 16), x)
				done <- true
			}()
		}
		for range 4 {
			<-done
		}
	})
}
