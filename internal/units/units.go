// Package units writes measurements for people: three digits, in the unit that
// suits them.
package units

import (
	"fmt"
	"math"
)

// Absent stands for a number that is not known.
const Absent = "–"

// Digits is v with three digits, more only before the point. What is no finite
// number is Absent.
func Digits(v float64) string {
	switch a := math.Abs(v); {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return Absent
	case a < 9.995:
		return fmt.Sprintf("%.2f", v)
	case a < 99.95:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}

// Duration is a time in nanoseconds.
func Duration(ns float64) string {
	return inUnits(ns, 1000, "ns", "µs", "ms", "s")
}

// Bytes is a size in bytes, those below a KiB whole.
func Bytes(n int) string {
	if n < 1<<10 {
		return fmt.Sprintf("%d B", n)
	}
	return inUnits(float64(n)/(1<<10), 1<<10, "KiB", "MiB", "GiB", "TiB")
}

// inUnits is v, counted in the first of units, in the largest unit that it has
// at least one of. Each unit is as many times the one before it.
func inUnits(v, times float64, units ...string) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return Absent
	}
	for len(units) > 1 && v >= times-0.5 { // which would round to it
		v /= times
		units = units[1:]
	}
	return Digits(v) + " " + units[0]
}
