package main

import (
	"encoding/csv"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The embedded model forecasts the year that it was not trained on as PyTorch
// does, and better than by taking tomorrow to be like today.
func TestEmbeddedModelAndData(t *testing.T) {
	r := lstmWith(t, "", "run")
	require.Zero(t, r.code, r.err)
	got := readTable(t, r.out)
	want := readTable(t, readFile(t, "seattle/forecast.csv"))
	require.Equal(t, want[0], got[0])
	require.Len(t, got, 1+1461)

	byDate := map[string][]string{}
	for _, row := range got[1:] {
		byDate[row[0]] = row
	}
	year := 0
	for _, row := range want[1:] {
		if !strings.HasPrefix(row[0], "2015-") {
			continue
		}
		year++
		require.Contains(t, byDate, row[0])
		for i := range row[1:] {
			require.InDelta(t, number(t, row[1+i]), number(t, byDate[row[0]][1+i]), 1e-4, row[0])
		}
	}
	require.GreaterOrEqual(t, year, 364)

	better := regexp.MustCompile(`RMSE .* against .* for persistence .*: ([0-9.]+) % better`).FindStringSubmatch(r.err)
	require.NotNil(t, better, r.err)
	require.GreaterOrEqual(t, number(t, better[1]), 8.0)
}

func readTable(t *testing.T, text string) [][]string {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	require.NoError(t, err)
	return rows
}

func number(t *testing.T, text string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(text, 64)
	require.NoError(t, err)
	return v
}
