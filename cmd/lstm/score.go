package main

import "math"

// A score compares the forecasts of one output with the truth, which may come
// some rows later, and with persistence: the forecast that everything stays
// as it is. Its memory does not grow with the rows.
type score struct {
	output *output

	waiting []forecast // for their truth: a ring of output.Ahead places
	rows    int        // seen so far

	counted              int // rows that count: see settle
	squares, absolutes   float64
	baseSquares, baseAbs float64 // the same for persistence

	keepPoints bool // for a plot; they grow with the rows
	points     []point
}

// A reading is a value that may not be known.
type reading struct {
	value float64
	known bool
}

// A forecast waits for its truth.
type forecast struct {
	value     float64
	now       reading // the truth column in the row of the forecast
	evaluated bool
}

// A point is a truth and the forecast for it.
type point struct {
	row             int    // of the truth, from 0
	label           string // of that row
	truth, forecast float64
}

func newScore(o *output, keepPoints bool) *score {
	return &score{output: o, waiting: make([]forecast, o.Ahead), keepPoints: keepPoints}
}

// add takes the next row: what its truth column holds now, and the forecast
// made from it.
func (s *score) add(label string, now reading, value float64, evaluated bool) {
	f := forecast{value, now, evaluated}
	if s.output.Ahead == 0 {
		s.settle(label, now, f)
	} else {
		place := &s.waiting[s.rows%s.output.Ahead]
		if s.rows >= s.output.Ahead {
			s.settle(label, now, *place)
		}
		*place = f
	}
	s.rows++
}

// settle counts a forecast whose truth has come. A row counts where both the
// truth and persistence's forecast are known, so that the two errors are over
// the same rows.
func (s *score) settle(label string, truth reading, f forecast) {
	if !f.evaluated || !truth.known || s.hasBaseline() && !f.now.known {
		return
	}
	s.counted++
	e := f.value - truth.value
	s.squares += e * e
	s.absolutes += math.Abs(e)
	if s.hasBaseline() {
		e := f.now.value - truth.value
		s.baseSquares += e * e
		s.baseAbs += math.Abs(e)
	}
	if s.keepPoints {
		s.points = append(s.points, point{s.rows, label, truth.value, f.value})
	}
}

// hasBaseline is false for a truth in the row of the forecast itself, which
// persistence would merely repeat.
func (s *score) hasBaseline() bool { return s.output.Ahead > 0 }

// An accuracy is the error of one output's forecasts, and of persistence.
type accuracy struct {
	rows              int
	rmse, mae         float64
	baseRMSE, baseMAE float64
}

func (s *score) accuracy() accuracy {
	n := float64(s.counted)
	return accuracy{
		rows: s.counted,
		rmse: math.Sqrt(s.squares / n), mae: s.absolutes / n,
		baseRMSE: math.Sqrt(s.baseSquares / n), baseMAE: s.baseAbs / n,
	}
}
