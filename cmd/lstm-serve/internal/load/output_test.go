package load

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func someResult(wanted float64) *Result {
	r := newRecord()
	r.reset(time.Second, 3*time.Second)
	for i := range 2000 {
		due := time.Second + time.Duration(i)*time.Millisecond/2
		r.sent(due, due+10*time.Microsecond)
		r.answered(due, due+time.Duration(i+1)*time.Microsecond, 2)
	}
	return newResult(wanted, r)
}

func TestTable(t *testing.T) {
	failed := someResult(0)
	failed.Errors = []ErrorCount{{"NotFound", 3, "there is no sequence 5"}}
	var text strings.Builder
	require.NoError(t, writeTable(&text, []*Result{someResult(1000), failed}))
	lines := strings.Split(text.String(), "\n")
	require.Equal(t, strings.Fields("1000 1000 2000 1 ms 1.80 ms 1.98 ms 2 ms 2 ms 10.0 µs 10.0 µs 10.0 µs 0 0 0")[:3], strings.Fields(lines[1])[:3])
	require.Equal(t, "max", strings.Fields(lines[2])[0])
	require.Equal(t, "3 × NotFound, for example: there is no sequence 5", lines[3])
}

func TestWhatIsOutsideThePeriodDoesNotCount(t *testing.T) {
	r := newRecord()
	r.reset(time.Second, 2*time.Second)
	for _, due := range []time.Duration{0, time.Second - 1, 2 * time.Second} {
		r.sent(due, due)
		r.retried(due)
		r.failed(due, due+1, "Internal", "no")
		r.neverSent(due, due+1)
	}
	r.answered(0, time.Second/2, 1)
	require.Zero(t, newResult(1, r).Requests)
	require.Empty(t, r.errors)
	require.Zero(t, r.retries+r.unsent+r.answers)
	r.answered(0, time.Second, 1) // comes within the period, but was due before
	require.Zero(t, newResult(1, r).Requests)
	require.EqualValues(t, 1, r.answers)
}

func TestDurations(t *testing.T) {
	for seconds, want := range map[float64]string{
		0: "0 µs", 1.234e-6: "1.23 µs", 0.99e-3: "990 µs", 0.9999e-3: "1 ms", 12.34e-3: "12.3 ms", 0.99996: "1 s", 123.4: "123 s",
	} {
		require.Equal(t, want, duration(seconds))
	}
}

func TestJSON(t *testing.T) {
	var text bytes.Buffer
	require.NoError(t, (&Report{Target: "grpc", Results: []*Result{someResult(1000)}}).WriteJSON(&text))
	var back Report
	require.NoError(t, json.Unmarshal(text.Bytes(), &back))
	require.Equal(t, "grpc", back.Target)
	require.InEpsilon(t, 1e-3, back.Results[0].Latency.P50, 0.01)
}

func TestSVG(t *testing.T) {
	for _, c := range []struct {
		results []*Result
		texts   []string
	}{
		{[]*Result{someResult(1000)}, []string{"a &lt;title&gt;", "percentile", "99", "1000 requests a second"}},
		{[]*Result{someResult(5000), someResult(0), someResult(1000)}, []string{"requests a second", "p50", "p99.9", "5,000"}},
	} {
		var svg bytes.Buffer
		require.NoError(t, writeSVG(&svg, "a <title>", c.results))
		for _, text := range c.texts {
			require.Contains(t, svg.String(), ">"+text+"<")
		}
		d := xml.NewDecoder(&svg)
		for {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else {
				require.NoError(t, err)
			}
		}
	}
	require.Error(t, writeSVG(io.Discard, "", []*Result{{}}))
}
