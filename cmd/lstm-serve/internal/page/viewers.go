package page

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"example.com/lstm"
)

// backlog is how many messages a viewer may be behind, some five seconds of them.
const backlog = 32

var (
	errTooMany = errors.New("as many people watch this page as may")
	errClosed  = errors.New("the server is stopping")
)

// viewers are those who watch, and what they are told.
type viewers struct {
	source  source
	most    int
	logger  *slog.Logger
	weather *weather      // nil if there is none
	joined  chan struct{} // somebody watches, who did not before

	mutex   sync.Mutex
	closed  bool
	all     map[*viewer]struct{}
	samples samples
	models  []byte // the last message about them
}

// A viewer is somebody who watches. The channel is closed when it is too far behind, or
// the page is.
type viewer struct{ messages chan []byte }

func newViewers(s source, o *Options, w *weather) *viewers {
	return &viewers{
		source:  s,
		most:    o.MostViewers,
		logger:  o.Logger,
		weather: w,
		joined:  make(chan struct{}, 1),
		all:     map[*viewer]struct{}{},
	}
}

// run tells the viewers what happens, until ctx is done.
func (v *viewers) run(ctx context.Context) {
	var group sync.WaitGroup
	if v.weather != nil {
		group.Go(func() { v.runWeather(ctx) })
	}
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	v.sample()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-ticker.C:
			v.sample()
		}
	}
	v.close()
	group.Wait()
}

func (v *viewers) sample() {
	now, snapshot := time.Now(), v.source.snapshot()
	v.mutex.Lock()
	defer v.mutex.Unlock()
	made := v.samples.add(now, snapshot)
	if m := message("models", snapshot.models); !bytes.Equal(m, v.models) {
		v.models = m
		v.tell(m)
	}
	if made != nil && len(v.all) > 0 {
		v.tell(message("sample", made))
	}
}

// runWeather takes the weather model through its data while anybody watches.
func (v *viewers) runWeather(ctx context.Context) {
	for {
		for !v.watched() {
			select {
			case <-ctx.Done():
				return
			case <-v.joined:
			}
		}
		days, err := v.weather.next(ctx)
		if ctx.Err() != nil {
			return
		}
		pause := v.weather.pause
		if err != nil {
			pause *= 8
		}
		v.mutex.Lock()
		if v.weather.add(days, err) && err != nil {
			v.logger.Warn("the page's weather model does not go on", "error", err)
		}
		v.tell(message("weather", v.weather.news(days)))
		v.mutex.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

func (v *viewers) watched() bool {
	v.mutex.Lock()
	defer v.mutex.Unlock()
	return len(v.all) > 0
}

// join adds a viewer, whose first message is all that the others know.
func (v *viewers) join() (*viewer, error) {
	v.mutex.Lock()
	defer v.mutex.Unlock()
	if v.closed {
		return nil, errClosed
	}
	if len(v.all) >= v.most {
		return nil, errTooMany
	}
	begin := struct {
		Machine machine  `json:"machine"`
		Samples []sample `json:"samples"`
		Weather *news    `json:"weather"`
	}{thisMachine(), append([]sample{}, v.samples.history...), nil}
	if v.weather != nil {
		begin.Weather = v.weather.news(v.weather.days)
	}
	one := &viewer{messages: make(chan []byte, backlog)}
	one.messages <- message("begin", begin)
	if v.models != nil {
		one.messages <- v.models
	}
	v.all[one] = struct{}{}
	select {
	case v.joined <- struct{}{}:
	default:
	}
	return one, nil
}

// leave removes a viewer. One who is gone already may leave.
func (v *viewers) leave(one *viewer) {
	v.mutex.Lock()
	defer v.mutex.Unlock()
	delete(v.all, one)
}

// tell gives all viewers a message, with the mutex held. Who is too far behind is cut
// off: a browser then comes back by itself, and begins anew.
func (v *viewers) tell(message []byte) {
	for one := range v.all {
		select {
		case one.messages <- message:
		default:
			close(one.messages)
			delete(v.all, one)
		}
	}
}

func (v *viewers) close() {
	v.mutex.Lock()
	defer v.mutex.Unlock()
	v.closed = true
	for one := range v.all {
		close(one.messages)
		delete(v.all, one)
	}
}

// A machine is what the server runs on.
type machine struct {
	Path       string `json:"path"`
	Processors int    `json:"processors"`
	Go         string `json:"go"`
}

func thisMachine() machine {
	return machine{lstm.Path(), runtime.GOMAXPROCS(0), runtime.Version()}
}

// message returns a server-sent event.
func message(event string, data any) []byte {
	text, err := json.Marshal(data)
	if err != nil {
		panic("page: " + err.Error()) // a number that is not finite
	}
	var b bytes.Buffer
	b.WriteString("event: " + event + "\ndata: ")
	b.Write(text)
	b.WriteString("\n\n")
	return b.Bytes()
}
