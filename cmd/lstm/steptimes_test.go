package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestStepTimes(t *testing.T) {
	s := newStepTimes()
	require.Zero(t, s.count())
	require.Zero(t, s.mean())
	for i := range 1000 {
		s.add(time.Duration(i+1) * time.Microsecond)
	}
	require.Equal(t, 1000, s.count())
	require.Equal(t, 500500*time.Nanosecond, s.mean())
	require.InEpsilon(t, 990*time.Microsecond, s.p99(), 0.002)

	s = newStepTimes()
	s.add(2 * time.Hour) // a machine that slept
	s.add(0)
	require.Equal(t, 2, s.count())
	require.Equal(t, time.Hour, s.mean())
	require.InEpsilon(t, longestStep, s.p99(), 0.002)
}
