package page

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"google.golang.org/grpc/codes"

	"example.com/lstm/cmd/lstm-serve/internal/infer"
	"example.com/lstm/cmd/lstm-serve/internal/inferr"
)

const (
	// WeatherSequence is the id of the sequence in which the weather model steps.
	WeatherSequence = "page"

	shownDays    = 120
	comparedDays = 30
	// beginDays are taken in one request when the data begin, so that there is something
	// to see.
	beginDays = 60
)

// A weather is the weather model on its way through its data: in a sequence of the
// server like those of clients, again and again.
type weather struct {
	*weatherData
	source source
	model  string
	pause  time.Duration // between two days

	at      int    // the next record
	days    []day  // that are shown
	problem string // why there are no more, if there are none
}

// A day is a record, and what was forecast with it.
type day struct {
	Date     string  `json:"date"`
	Highest  float64 `json:"highest"`  // °C
	Rain     float64 `json:"rain"`     // mm
	Sky      string  `json:"sky"`      // drizzle, rain, sun, snow or fog
	Forecast float64 `json:"forecast"` // of the next day's highest temperature, °C
}

// news are what has become of the weather.
type news struct {
	Days    []day  `json:"days"`    // that have come
	Begin   bool   `json:"begin"`   // no days are before these
	Problem string `json:"problem"` // why there are no days, if there are none
	HeldOut string `json:"heldOut"` // the date from which on the network has not been trained

	// The root-mean-square errors of the last Compared forecasts, in °C, and of as many
	// which say that tomorrow will be like today.
	Compared int     `json:"compared"`
	Error    float64 `json:"error"`
	Naive    float64 `json:"naive"`
}

// newWeather returns nil if there is no weather model.
func newWeather(s source, o *Options) (*weather, error) {
	if o.Weather == "" {
		return nil, nil
	}
	data, err := readWeather()
	if err != nil {
		return nil, err
	}
	return &weather{weatherData: data, source: s, model: o.Weather, pause: 250 * time.Millisecond}, nil
}

// next returns the next days, of which there is one, or more at the beginning.
func (w *weather) next(ctx context.Context) ([]day, error) {
	records := w.records[w.at:][:1]
	if w.at == 0 {
		records = w.records[:beginDays]
	}
	x := infer.Tensor{Name: "input", Datatype: "FP32", Shape: []int64{int64(len(records)), int64(len(records[0].x))}}
	for i := range records {
		x.Data = append(x.Data, records[i].x...)
	}
	y, err := w.ask(ctx, &infer.Request{
		Model:    w.model,
		Sequence: infer.Sequence{ID: WeatherSequence, Start: w.at == 0, Step: uint64(w.at) + 1},
		Inputs:   []infer.Tensor{x},
	})
	if err != nil {
		return nil, err
	}
	if len(y) != len(records) {
		return nil, fmt.Errorf("%d days had %d forecasts", len(records), len(y))
	}
	days := make([]day, len(records))
	for i := range records {
		r := &records[i]
		days[i] = day{r.date, r.highest, r.rain, r.sky, w.output.restore(y[i])}
		if f := days[i].Forecast; math.IsNaN(f) || math.IsInf(f, 0) {
			return nil, fmt.Errorf("the forecast after %s is %v, want a temperature", r.date, f)
		}
	}
	return days, nil
}

func (w *weather) ask(ctx context.Context, r *infer.Request) ([]float32, error) {
	type answer struct {
		y   []float32
		err error
	}
	answers := make(chan answer, 1)
	w.source.Infer(ctx, r, func(response *infer.Response, err error) {
		a := answer{err: err}
		if err == nil && len(response.Outputs) == 1 {
			a.y = append(a.y, response.Outputs[0].Data...)
		}
		answers <- a
	})
	select {
	case a := <-answers:
		return a.y, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// add takes in what next has returned. It tells whether the problem is a new one.
func (w *weather) add(days []day, err error) (isNew bool) {
	before := w.problem
	w.problem = ""
	if err != nil {
		w.problem = err.Error()
		// The same step may be asked for again, but where the sequence is elsewhere, or
		// gone, it starts over.
		var e *inferr.Error
		if errors.As(err, &e) && (e.Code == codes.FailedPrecondition || e.Code == codes.NotFound || e.Code == codes.InvalidArgument) {
			w.at = 0
		}
		return w.problem != before
	}
	if w.at == 0 {
		w.days = nil
	}
	w.days = keepLast(append(w.days, days...), shownDays)
	w.at = (w.at + len(days)) % len(w.records)
	return before != ""
}

// news returns what there is to say about the days that came last.
func (w *weather) news(days []day) *news {
	if days == nil {
		days = []day{}
	}
	n := &news{Days: days, Begin: len(days) == len(w.days), Problem: w.problem, HeldOut: w.heldOut}
	var squares, naive float64
	for i := max(1, len(w.days)-comparedDays); i < len(w.days); i++ {
		yesterday, today := &w.days[i-1], &w.days[i]
		squares += float64((yesterday.Forecast - today.Highest) * (yesterday.Forecast - today.Highest))
		naive += float64((yesterday.Highest - today.Highest) * (yesterday.Highest - today.Highest))
		n.Compared++
	}
	if n.Compared > 0 {
		n.Error = math.Sqrt(squares / float64(n.Compared))
		n.Naive = math.Sqrt(naive / float64(n.Compared))
	}
	return n
}
