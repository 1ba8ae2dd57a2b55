package main

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func known(v float64) reading { return reading{v, true} }

func TestScore(t *testing.T) {
	s := newScore(&output{Truth: "t", Ahead: 2}, true)
	s.add("a", known(1), 3.5, true)  // for c
	s.add("b", known(2), 4, false)   // for d: not evaluated
	s.add("c", known(3), 6, true)    // for e
	s.add("d", known(5), 0, true)    // for f: never known
	s.add("e", known(8), 9, true)    // for g
	s.add("f", reading{}, 100, true) // for h: persistence has no forecast
	s.add("g", known(6), 0, true)
	s.add("h", known(7), 0, true)

	a := s.accuracy()
	require.Equal(t, 3, a.rows) // c, e and g
	require.InDelta(t, math.Sqrt((0.5*0.5+2*2+3*3)/3), a.rmse, 1e-12)
	require.InDelta(t, (0.5+2+3)/3, a.mae, 1e-12)
	require.InDelta(t, math.Sqrt((2*2+5*5+2*2)/3.0), a.baseRMSE, 1e-12)
	require.InDelta(t, (2+5+2)/3.0, a.baseMAE, 1e-12)
	require.Equal(t, []point{{2, "c", 3, 3.5}, {4, "e", 8, 6}, {6, "g", 6, 9}}, s.points)
}

func TestScoreInTheSameRow(t *testing.T) {
	s := newScore(&output{Truth: "t"}, false)
	s.add("a", known(1), 3, true)
	s.add("b", reading{}, 4, true)
	s.add("c", known(5), 5, true)
	require.False(t, s.hasBaseline())
	a := s.accuracy()
	require.Equal(t, 2, a.rows)
	require.InDelta(t, math.Sqrt(2), a.rmse, 1e-12)
	require.InDelta(t, 1, a.mae, 1e-12)
	require.Empty(t, s.points)
}

func TestDifference(t *testing.T) {
	require.Equal(t, ": 25.0 % better", difference(3, 4))
	require.Equal(t, ": 50.0 % worse", difference(6, 4))
	require.Equal(t, ": 0.0 % better", difference(4, 4))
	require.Empty(t, difference(4, 0))
	require.Empty(t, difference(math.NaN(), 4))
}
