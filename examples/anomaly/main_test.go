package main

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm"
	"example.com/lstm/internal/lstmtest"
)

// Many metrics at the same time, each a wave with noise, and in each one value that
// is far off: it has the highest score of all.
func TestAnomalyHasHighestScore(t *testing.T) {
	const metrics, values = 30, 200
	server := newServer(t)
	var group sync.WaitGroup
	for i := range metrics {
		group.Go(func() {
			r := lstmtest.NewRand(i)
			odd := 50 + r.IntN(values-50)
			var lines strings.Builder
			for j := range values {
				value := 50 + 10*math.Sin(float64(j)/20) + r.NormFloat64()
				if j == odd {
					value += 30
				}
				fmt.Fprintf(&lines, "metric%d %g\n", i, value)
			}
			scores := send(t, server, lines.String())
			if len(scores) != values {
				t.Errorf("metric %d has %d scores, want %d", i, len(scores), values)
				return
			}
			for j, score := range scores {
				if j != odd && score >= scores[odd] {
					t.Errorf("metric %d: value %d has score %v, value %d, which is odd, only %v", i, j, score, odd, scores[odd])
				}
			}
		})
	}
	group.Wait()
}

// What is wrong with a line is said in its place, and the metric goes on.
func TestBadLines(t *testing.T) {
	text := post(t, newServer(t), strings.Repeat("cpu 50\n", 11)+"cpu\ncpu NaN\ncpu 51\n")
	lines := strings.Split(strings.TrimSpace(text), "\n")[11:]
	require.Regexp(t, `^cpu 0 0 (EOF|unexpected)`, lines[0])
	require.Equal(t, "cpu NaN 0 batch: the result of the step is not finite", lines[1])
	require.Regexp(t, `^cpu 51 [1-9].* <nil>$`, lines[2])
}

func newServer(t *testing.T) *httptest.Server {
	t.Helper()
	n, err := lstm.New(model)
	require.NoError(t, err)
	s, err := newService(n)
	require.NoError(t, err)
	server := httptest.NewServer(s)
	t.Cleanup(func() {
		server.Close()
		s.batcher.Close()
	})
	return server
}

func post(t *testing.T, server *httptest.Server, lines string) string {
	t.Helper()
	response, err := http.Post(server.URL, "text/plain", strings.NewReader(lines))
	if err != nil {
		t.Error(err)
		return ""
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Error(err)
	}
	return string(text)
}

// send returns the scores.
func send(t *testing.T, server *httptest.Server, lines string) (scores []float64) {
	t.Helper()
	answer := bufio.NewScanner(strings.NewReader(post(t, server, lines)))
	for answer.Scan() {
		var name string
		var value, score float64
		if _, err := fmt.Sscan(answer.Text(), &name, &value, &score); err != nil {
			t.Error(answer.Text(), err)
		}
		scores = append(scores, score)
	}
	return scores
}
