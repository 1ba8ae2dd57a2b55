package load

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestConstantSchedule(t *testing.T) {
	a, b := newSchedule(1000, true, 0, 2, nil), newSchedule(1000, true, 1, 2, nil)
	for i := range 5 {
		require.Equal(t, time.Duration(2*i)*time.Millisecond, a.next())
		require.Equal(t, time.Duration(2*i+1)*time.Millisecond, b.next())
	}
}

// Of times that are exponentially distributed, mean and standard deviation are equal.
func TestPoissonSchedule(t *testing.T) {
	const n, rate = 100_000, 500
	s := newSchedule(rate, false, 0, 1, newRandom(1, 1))
	last, sum, squares := 0.0, 0.0, 0.0
	for range n {
		at := s.next().Seconds()
		sum += at - last
		squares += (at - last) * (at - last)
		last = at
	}
	mean := sum / n
	require.InEpsilon(t, 1.0/rate, mean, 0.02)
	require.InEpsilon(t, mean, math.Sqrt(squares/n-mean*mean), 0.02)
}

func TestRates(t *testing.T) {
	for text, want := range map[string][]Rate{
		"max":            {{Greatest: true}},
		"5000":           {{Value: 5000}},
		"50%, 1e4":       {{Value: 0.5, Part: true}, {Value: 1e4}},
		"100..400/3,max": {{Value: 100}, {Value: 200}, {Value: 400}, {Greatest: true}},
	} {
		rates, err := ParseRates(text)
		require.NoError(t, err)
		require.Len(t, rates, len(want))
		for i := range want {
			require.InDelta(t, want[i].Value, rates[i].Value, 1e-9)
			rates[i].Value = want[i].Value
		}
		require.Equal(t, want, rates)
	}
	for text, message := range map[string]string{
		"":                `rate "" is not max`,
		"0":               `rate "0"`,
		"NaN":             `rate "NaN"`,
		"-5%":             `rate "-5%"`,
		"1..2":            `range "1..2" has "" rates`,
		"1..2/1":          `has "1" rates`,
		"1..2%/3":         `from "1" to "2%"`,
		"max..2/3":        `from "max" to "2"`,
		"1..2/60,1..2/60": "are 120 rates, want at most 100",
	} {
		_, err := ParseRates(text)
		require.ErrorContains(t, err, message, text)
	}
}

func TestDistributions(t *testing.T) {
	random := newRandom(1, 1)
	for text, want := range map[string]map[int]float64{
		"7":                {7: 1},
		"1,8:0.1,100:0.01": {1: 0.89, 8: 0.1, 100: 0.01},
		"1,2":              {1: 0.5, 2: 0.5},
		"1:0.25,2:0.75":    {1: 0.25, 2: 0.75},
		"3:0,4":            {4: 1},
	} {
		d := distribution(t, text)
		require.Equal(t, text, d.String())
		const n = 100_000
		counts := make(map[int]float64)
		for range n {
			counts[d.draw(random)] += 1.0 / n
		}
		require.Len(t, counts, len(want))
		for value, part := range want {
			require.InDelta(t, part, counts[value], 0.01, text)
		}
	}
	require.Equal(t, 100, distribution(t, "1,100:0.1,8").Most())
	for text, message := range map[string]string{
		"":              `"" is not a whole number`,
		"0":             `"0" is not`,
		"1:x":           `the probability of 1 is "x"`,
		"1:NaN":         `is "NaN"`,
		"1:2":           `is "2"`,
		"1:0.5,2:0.4":   "add up to 0.9",
		"1:0.7,2:0.4,3": "add up to 1.1",
	} {
		_, err := ParseDistribution(text)
		require.ErrorContains(t, err, message, text)
	}
}
