package units

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDigits(t *testing.T) {
	for want, v := range map[string]float64{
		"0.00": 0, "1.23": 1.234, "9.99": 9.994, "10.0": 9.996, "12.3": 12.34, "99.9": 99.94, "100": 99.96, "1234": 1234.4, "-10.0": -9.996,
		Absent: math.NaN(),
	} {
		require.Equal(t, want, Digits(v))
	}
	require.Equal(t, Absent, Digits(math.Inf(-1)))
}

func TestDuration(t *testing.T) {
	for want, ns := range map[string]float64{
		"0.30 ns": 0.3, "214 ns": 214, "1.00 µs": 999.7, "1.23 µs": 1234, "28.6 µs": 28599, "1.50 ms": 1.5e6, "12.0 s": 12e9, "3600 s": 3600e9,
		Absent: math.NaN(),
	} {
		require.Equal(t, want, Duration(ns))
	}
}

func TestBytes(t *testing.T) {
	for want, n := range map[string]int{
		"0 B": 0, "416 B": 416, "1023 B": 1023, "1.50 KiB": 1536, "514 KiB": 514 << 10, "1.00 MiB": 1<<20 - 1, "2.00 MiB": 2 << 20, "1.00 GiB": 1 << 30,
	} {
		require.Equal(t, want, Bytes(n))
	}
}
