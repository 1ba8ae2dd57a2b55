package page

import (
	"encoding/csv"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"example.com/lstm/cmd/lstm-serve/internal/inferr"
)

func weatherOf(t *testing.T, f *fakeServer) *weather {
	w, err := newWeather(f, &Options{Weather: "seattle"})
	require.NoError(t, err)
	return w
}

// TestWeatherForecasts goes through all days, and on to the first ones again. The
// forecasts are PyTorch's.
func TestWeatherForecasts(t *testing.T) {
	file, err := os.Open("../../../lstm/seattle/forecast.csv")
	require.NoError(t, err)
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	require.NoError(t, err)
	want := map[string]float64{}
	for _, row := range rows[1:] {
		want[row[0]], err = strconv.ParseFloat(row[1], 64)
		require.NoError(t, err)
	}

	f := newFakeServer(t)
	w := weatherOf(t, f)
	require.Equal(t, "2015-01-01", w.heldOut)
	compared, previous := 0, ""
	for w.at != 0 || previous == "" {
		days, err := w.next(t.Context())
		require.NoError(t, err)
		w.add(days, nil)
		for _, d := range days {
			require.Less(t, previous, d.Date)
			previous = d.Date
			if v, ok := want[d.Date]; ok {
				require.InDelta(t, v, d.Forecast, 1e-4, d.Date)
				compared++
			}
		}
	}
	require.Equal(t, len(want), compared)
	require.Equal(t, "2015-12-31", previous)
	require.Len(t, w.days, shownDays)

	days, err := w.next(t.Context())
	require.NoError(t, err)
	w.add(days, nil)
	require.Equal(t, days, w.days, "those of the last year are gone")
	require.Equal(t, "2012-01-01", days[0].Date)
	n := w.news(days)
	require.True(t, n.Begin)
	last := f.asked()[len(f.asked())-1]
	require.True(t, last.Sequence.Start)
	require.Equal(t, uint64(1), last.Sequence.Step)
	require.Equal(t, []int64{beginDays, 4}, last.Inputs[0].Shape)
}

func TestWeatherErrors(t *testing.T) {
	w := &weather{weatherData: &weatherData{}}
	require.Zero(t, w.news(nil).Compared)
	w.days = []day{{Highest: 10, Forecast: 13}, {Highest: 14, Forecast: 15}, {Highest: 12}}
	n := w.news(w.days[2:])
	require.Equal(t, 2, n.Compared)
	require.InDelta(t, 2.2360679, n.Error, 1e-6, "of -1 and 3")
	require.InDelta(t, 3.1622776, n.Naive, 1e-6, "of 4 and -2")
	require.False(t, n.Begin)

	w.days = make([]day, shownDays)
	require.Equal(t, comparedDays, w.news(nil).Compared)
}

func TestWeatherGoesOnAfterAProblem(t *testing.T) {
	f := newFakeServer(t)
	w := weatherOf(t, f)
	take := func() error {
		days, err := w.next(t.Context())
		w.add(days, err)
		return err
	}
	require.NoError(t, take())
	require.NoError(t, take())

	f.fail(inferr.Errorf(codes.ResourceExhausted, "too many wait"))
	require.Error(t, take())
	n := w.news(nil)
	require.Equal(t, "too many wait", n.Problem)
	require.NotNil(t, n.Days)
	f.fail(nil)
	require.NoError(t, take(), "the same step again")
	require.Empty(t, w.problem)
	require.Equal(t, beginDays+2, w.at)

	f.step = 7 // as if somebody else had its sequence
	require.Error(t, take())
	require.NoError(t, take(), "from the beginning")
	require.Equal(t, beginDays, w.at)
	require.Len(t, w.days, beginDays)
}
