package restapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/lstm/cmd/lstm-serve/internal/infer"
	"example.com/lstm/cmd/lstm-serve/internal/sequences"
)

// Steps by JSON and by bytes, in turn in one sequence, are those of the network, bit by bit.
func TestStepsAreThoseOfTheNetwork(t *testing.T) {
	f := newFixture(t, nil, nil)
	state := f.plain.NewState()
	x, y := awkward(3*60), make([]float32, 2)
	for i := range 60 {
		c := input(infer.Sequence{ID: "s", Start: i == 0, End: i == 59, Step: uint64(i + 1)}, x[3*i:3*i+3], 3)
		c.ID, c.binary = "r", i%4 < 2
		text, outputs := f.infer(t, "/v2/models/plain", c, i%2 == 0).answer(t)
		f.plain.Step(state, x[3*i:3*i+3], y)
		requireBits(t, y, outputs["output"])
		require.Equal(t, "plain 1 r", text.Name+" "+text.Version+" "+text.ID)
		require.Equal(t, []int64{2}, text.Outputs[0].Shape)
		require.JSONEq(t, strconv.Itoa(i+1), string(text.Parameters["sequence_step"]))
		require.JSONEq(t, `"s"`, string(text.Parameters["sequence_id"]))
		require.JSONEq(t, `0`, string(text.Parameters["sequence_stored_step"]))
	}
	e := f.infer(t, "/v2/models/plain", input(infer.Sequence{ID: "s", Step: 61}, x[:3], 3), false).failure(t, http.StatusNotFound)
	require.Zero(t, *e.Step)
}

// A NaN, as null or as bits, is data; what it makes of the output is null or NaN.
func TestNaN(t *testing.T) {
	f := newFixture(t, nil, nil)
	x := []float32{1, float32(math.NaN()), 2}
	y := make([]float32, 2)
	f.plain.Step(f.plain.NewState(), x, y)
	require.True(t, math.IsNaN(float64(y[0])))
	for _, asBytes := range []bool{false, true} {
		c := input(infer.Sequence{}, x, 3)
		reply := f.infer(t, "/v2/models/plain", c, asBytes)
		require.Contains(t, string(reply.body), `"data":[null,null]`)
		c.binary = true
		_, outputs := f.infer(t, "/v2/models/plain", c, asBytes).answer(t)
		require.Equal(t, math.Float32bits(y[0]), math.Float32bits(outputs["output"][0]))
	}
}

func TestManyStepsWithoutSequence(t *testing.T) {
	f := newFixture(t, nil, nil)
	x := awkward(2 * 50 * 3)
	want := make([]float32, 2*50*2)
	for b := range 2 {
		f.plain.Forward(f.plain.NewState(), x[b*150:][:150], want[b*100:][:100])
	}
	for _, asBytes := range []bool{false, true} {
		text, outputs := f.infer(t, "/v2/models/plain/versions/1", input(infer.Sequence{}, x, 2, 50, 3), asBytes).answer(t)
		require.Nil(t, text.Parameters)
		require.Equal(t, []int64{2, 50, 2}, text.Outputs[0].Shape)
		requireBits(t, want, outputs["output"])
	}
}

func TestWantedOutputs(t *testing.T) {
	f := newFixture(t, nil, nil)
	y := make([]float32, 3)
	f.heads.Step(f.heads.NewState(), []float32{1, 2, 3}, y)
	c := input(infer.Sequence{}, []float32{1, 2, 3}, 1, 3)
	c.Outputs = []string{"spread", "mean"}
	for _, asBytes := range []map[string]bool{nil, {"mean": true}, {"mean": true, "spread": false}, {"mean": false, "spread": true}} {
		for _, c.binary = range []bool{false, true} {
			c.outputBinary = asBytes
			text, outputs := f.infer(t, "/v2/models/a%2Fb", c, false).answer(t)
			require.Equal(t, "spread", text.Outputs[0].Name)
			for i, name := range c.Outputs {
				_, got := text.Outputs[i].Parameters["binary_data_size"]
				want, says := asBytes[name]
				require.Equal(t, says && want || !says && c.binary, got)
			}
			requireBits(t, y[:1], outputs["mean"])
			requireBits(t, y[1:], outputs["spread"])
		}
	}
}

// Sequences are numbered without loss, and an answer says the number as the request did.
func TestSequenceIDComesBackAsItWas(t *testing.T) {
	f := newFixture(t, nil, nil)
	for id, want := range map[string]string{
		"18446744073709551615": "18446744073709551615", `"18446744073709551615"`: `"18446744073709551615"`,
		"-1": "18446744073709551615", "9007199254740993": "9007199254740993", `"ü\n/"`: `"ü\n/"`,
	} {
		body := `{"parameters":{"sequence_start":true,"sequence_id":` + id + `},` + tensorText("[3]", "[1,2,3]")[1:]
		text, _ := f.do(t, "POST", "/v2/models/plain/infer", []byte(body)).answer(t)
		require.Equal(t, want, string(text.Parameters["sequence_id"]))
	}
	// A number and its text are the same sequence.
	e := f.infer(t, "/v2/models/plain", input(infer.Sequence{ID: "9007199254740993", Step: 9}, []float32{1, 2, 3}, 3), false)
	require.EqualValues(t, 1, *e.failure(t, http.StatusConflict).Step)
}

// A client that repeats gets the same, and one that skips learns where to go on.
func TestRetries(t *testing.T) {
	f := newFixture(t, nil, nil)
	send := func(s infer.Sequence, v float32) reply {
		return f.infer(t, "/v2/models/plain", input(s, []float32{v, 2, 3}, 3), false)
	}
	require.Zero(t, *send(infer.Sequence{ID: "s", Step: 1}, 1).failure(t, http.StatusNotFound).Step)
	first := send(infer.Sequence{ID: "s", Start: true, Step: 1}, 1)
	first.answer(t)
	second := send(infer.Sequence{ID: "s", Step: 2}, 2)
	second.answer(t)
	require.Equal(t, string(second.body), string(send(infer.Sequence{ID: "s", Step: 2}, 2).body))
	send(infer.Sequence{ID: "s", Step: 2}, 9).failure(t, http.StatusBadRequest)
	e := send(infer.Sequence{ID: "s", Step: 4}, 1).failure(t, http.StatusConflict)
	require.EqualValues(t, 2, *e.Step)
	send(infer.Sequence{ID: "s", Step: *e.Step + 1}, 1).answer(t)
}

// Hostile bodies are refused, and change nothing.
func TestHostileBodies(t *testing.T) {
	f := newFixture(t, nil, nil)
	for body := range hostileBodies {
		f.do(t, "POST", "/v2/models/plain/infer", []byte(body)).failure(t, http.StatusBadRequest)
	}
	body, header := binaryBody(make([]byte, 16), "18446744073709551612")
	for _, field := range []string{strconv.Itoa(header), strconv.Itoa(header + 1), strconv.Itoa(len(body) + 1), "0", "-1", "99999999999999999999"} {
		f.do(t, "POST", "/v2/models/plain/infer", body, headerLengthField, field).failure(t, http.StatusBadRequest)
	}
	f.do(t, "POST", "/v2/models/plain/infer", body).failure(t, http.StatusBadRequest)
	for _, c := range []*call{
		input(infer.Sequence{ID: "s", Start: true}, []float32{1, 2, 3}, 1, 1, 4),
		input(infer.Sequence{ID: "s", Start: true}, []float32{1, 2, 3}, math.MaxInt64, math.MaxInt64, 3),
		input(infer.Sequence{ID: "s", Start: true}, nil, 0, 3),
		input(infer.Sequence{Start: true}, []float32{1, 2, 3}, 3),
		input(infer.Sequence{ID: strings.Repeat("x", 257), Start: true}, []float32{1, 2, 3}, 3),
		{Request: infer.Request{Sequence: infer.Sequence{ID: "s", Start: true}}},
	} {
		for _, asBytes := range []bool{false, true} {
			f.infer(t, "/v2/models/plain", c, asBytes).failure(t, http.StatusBadRequest)
		}
	}
	wrong := input(infer.Sequence{ID: "s", Start: true}, []float32{1, 2, 3}, 3)
	wrong.Inputs[0].Datatype = "INT32"
	e := f.infer(t, "/v2/models/plain", wrong, false).failure(t, http.StatusBadRequest)
	require.Contains(t, e.Error, "INT32")
	f.do(t, "GET", "/v2/models/plain/sequences/s", nil).failure(t, http.StatusNotFound)
}

func TestBodiesThatAreRefused(t *testing.T) {
	f := newFixture(t, &Options{MostBytes: 1000}, nil)
	large := []byte(tensorText("[3]", "[1,2,3]") + strings.Repeat(" ", 1000))
	e := f.do(t, "POST", "/v2/models/plain/infer", large).failure(t, http.StatusRequestEntityTooLarge)
	require.Contains(t, e.Error, "at most 1000 bytes")
	f.do(t, "POST", "/v2/models/plain/infer", large[:1000]).answer(t)
	f.do(t, "PUT", "/v2/models/plain/sequences/s/state", large).failure(t, http.StatusRequestEntityTooLarge)
	f.do(t, "POST", "/v2/repository/index", large).failure(t, http.StatusRequestEntityTooLarge)

	// Without a length, in pieces.
	r, err := http.NewRequest("POST", f.url+"/v2/models/plain/infer", struct{ *strings.Reader }{strings.NewReader(string(large))})
	require.NoError(t, err)
	require.Zero(t, r.ContentLength)
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	response.Body.Close()
	require.Equal(t, http.StatusRequestEntityTooLarge, response.StatusCode)

	small := large[:900]
	for _, encoding := range []string{"gzip", "deflate", "br"} {
		got := f.do(t, "POST", "/v2/models/plain/infer", small, "Content-Encoding", encoding)
		got.failure(t, http.StatusUnsupportedMediaType)
		require.Equal(t, "identity", got.header.Get("Accept-Encoding"))
	}
	for _, kind := range []string{"text/plain", "multipart/form-data; boundary=x", "application/xml", ";"} {
		f.do(t, "POST", "/v2/models/plain/infer", small, "Content-Type", kind).failure(t, http.StatusUnsupportedMediaType)
	}
	for _, kind := range []string{"", "application/json; charset=utf-8", "Application/JSON", "application/octet-stream", "application/x-www-form-urlencoded"} {
		f.do(t, "POST", "/v2/models/plain/infer", small, "Content-Type", kind, "Content-Encoding", "identity").answer(t)
	}
	f.do(t, "POST", "/v2/models/plain/infer", small, "Sec-Fetch-Site", "cross-site").failure(t, http.StatusForbidden)
	f.do(t, "POST", "/v2/models/plain/infer", small, "Origin", "http://elsewhere.example").failure(t, http.StatusForbidden)
	f.do(t, "POST", "/v2/models/plain/infer", small, "Origin", f.url).answer(t)
}

// A body may be as large as all of them together.
func TestLargestBody(t *testing.T) {
	const most = 33 << 10
	f := newFixture(t, &Options{MostBytes: most, MostBodies: 1}, nil)
	text := tensorText("[3]", "[1,2,3]")
	for range 3 {
		f.do(t, "POST", "/v2/models/plain/infer", []byte(text+strings.Repeat(" ", most-len(text)))).answer(t)
		f.do(t, "POST", "/v2/models/plain/infer", []byte(text+strings.Repeat(" ", most+1-len(text)))).failure(t, http.StatusRequestEntityTooLarge)
	}
}

// The bodies of all requests together are bounded, by what has come of them.
func TestMostBodies(t *testing.T) {
	f := newFixture(t, &Options{MostBytes: 100 << 10, MostBodies: 128 << 10}, nil)
	large := []byte(tensorText("[3]", "[1,2,3]") + strings.Repeat(" ", 60<<10))
	begin := func(sent int) net.Conn {
		c, err := net.Dial("tcp", strings.TrimPrefix(f.url, "http://"))
		require.NoError(t, err)
		t.Cleanup(func() { c.Close() })
		// The server asks for the body when it begins to read it.
		_, err = fmt.Fprintf(c, "POST /v2/models/plain/infer HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", len(large))
		require.NoError(t, err)
		const goOn = "HTTP/1.1 100 Continue\r\n\r\n"
		answer := make([]byte, len(goOn))
		_, err = io.ReadFull(c, answer)
		require.NoError(t, err)
		require.Equal(t, goOn, string(answer))
		_, err = c.Write(large[:sent])
		require.NoError(t, err)
		return c
	}
	// What clients only say that they will send counts little.
	for range 10 {
		begin(0)
	}
	f.do(t, "POST", "/v2/models/plain/infer", large).answer(t)
	first := begin(len(large) - 1)
	require.Eventually(t, func() bool { // it has come
		first.SetReadDeadline(time.Now().Add(time.Millisecond))
		if n, _ := first.Read(make([]byte, 1)); n > 0 { // refused: the last try had the room
			first = begin(len(large) - 1)
		}
		first.SetReadDeadline(time.Time{})
		return f.do(t, "POST", "/v2/models/plain/infer", large).status == http.StatusTooManyRequests
	}, time.Minute, time.Millisecond)
	f.do(t, "POST", "/v2/models/plain/infer", large).failure(t, http.StatusTooManyRequests)
	small := []byte(tensorText("[3]", "[1,2,3]"))
	f.do(t, "POST", "/v2/models/plain/infer", small).answer(t)
	// Answered ones have none any more.
	_, err := first.Write(large[len(large)-1:])
	require.NoError(t, err)
	_, err = io.ReadFull(first, make([]byte, 1))
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		return f.do(t, "POST", "/v2/models/plain/infer", large).status == http.StatusOK
	}, time.Minute, time.Millisecond)
	for range 10 {
		f.do(t, "POST", "/v2/models/plain/infer", large[1:]).failure(t, http.StatusBadRequest)
		f.do(t, "PUT", "/v2/models/plain/sequences/s/state", large).failure(t, http.StatusBadRequest)
	}
	f.do(t, "POST", "/v2/models/plain/infer", large).answer(t)
}

func TestResourceExhausted(t *testing.T) {
	f := newFixture(t, nil, &sequences.Options{MostSequences: 1})
	f.infer(t, "/v2/models/plain", input(infer.Sequence{ID: "a", Start: true}, []float32{1, 2, 3}, 3), false).answer(t)
	got := f.infer(t, "/v2/models/plain", input(infer.Sequence{ID: "b", Start: true}, []float32{1, 2, 3}, 3), false)
	got.failure(t, http.StatusTooManyRequests)
	require.Equal(t, "1", got.header.Get("Retry-After"))
}

// Requests of many clients at once are answered each with its own numbers.
func TestConcurrentClients(t *testing.T) {
	f := newFixture(t, nil, nil)
	for client := range 8 {
		t.Run(strconv.Itoa(client), func(t *testing.T) {
			t.Parallel()
			state, y := f.plain.NewState(), make([]float32, 2)
			for i := range 20 {
				x := []float32{float32(client), float32(i), 1}
				c := input(infer.Sequence{ID: fmt.Sprint("client ", client), Start: i == 0}, x, 1, 1, 3)
				_, outputs := f.infer(t, "/v2/models/plain", c, client%2 == 0).answer(t)
				f.plain.Step(state, x, y)
				requireBits(t, y, outputs["output"])
			}
		})
	}
}

func TestContextOfTheRequest(t *testing.T) {
	f := newFixture(t, nil, nil)
	handler := New(infer.New(plainRepository(f), nil), nil)
	body := tensorText("[3]", "[1,2,3]")
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancel := context.WithDeadline(t.Context(), time.Unix(1, 0))
	defer cancel()
	for status, ctx := range map[int]context.Context{499: cancelled, http.StatusGatewayTimeout: late} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequestWithContext(ctx, "POST", "/v2/models/plain/infer", strings.NewReader(body)))
		require.Equal(t, status, w.Code)
		require.True(t, json.Valid(w.Body.Bytes()))
	}
}

// A client that goes while its step waits to be taken finds it taken when it comes back.
func TestClientThatDoesNotWait(t *testing.T) {
	// The step of "a" waits for one of another sequence.
	f := newFixture(t, nil, &sequences.Options{Workers: 1, BatchSize: 2, Wait: time.Hour})
	handler := New(infer.New(plainRepository(f), nil), nil)
	first := input(infer.Sequence{ID: "a", Start: true, Step: 1}, []float32{1, 2, 3}, 3)
	body, _ := encodeCall(t, first, false)
	ctx, cancel := context.WithCancel(t.Context())
	w, done := httptest.NewRecorder(), make(chan struct{})
	go func() {
		handler.ServeHTTP(w, httptest.NewRequestWithContext(ctx, "POST", "/v2/models/plain/infer", bytes.NewReader(body)))
		close(done)
	}()
	for f.sequences.Stats().Waiting == 0 {
		runtime.Gosched()
	}
	cancel()
	<-done
	require.Equal(t, 499, w.Code)
	f.infer(t, "/v2/models/plain", input(infer.Sequence{ID: "b", Start: true}, []float32{4, 5, 6}, 3), false).answer(t)
	_, outputs := f.infer(t, "/v2/models/plain", first, false).answer(t)
	y := make([]float32, 2)
	f.plain.Step(f.plain.NewState(), []float32{1, 2, 3}, y)
	requireBits(t, y, outputs["output"])
	require.EqualValues(t, 1, f.sequences.Stats().Repeated)
}

// A client that breaks off within a body has asked for nothing.
func TestBodyThatBreaksOff(t *testing.T) {
	f := newFixture(t, nil, nil)
	body, _ := encodeCall(t, input(infer.Sequence{ID: "a", Start: true}, []float32{1, 2, 3}, 3), false)
	w := httptest.NewRecorder()
	r := httptest.NewRequest("POST", "/v2/models/plain/infer", io.MultiReader(bytes.NewReader(body), iotest.ErrReader(io.ErrUnexpectedEOF)))
	New(infer.New(plainRepository(f), nil), nil).ServeHTTP(w, r)
	require.Equal(t, 499, w.Code)
	require.Zero(t, f.sequences.Stats().Started)

	c, err := net.Dial("tcp", strings.TrimPrefix(f.url, "http://"))
	require.NoError(t, err)
	defer c.Close()
	_, err = fmt.Fprintf(c, "POST /v2/models/plain/infer HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(body)+1, body)
	require.NoError(t, err)
	require.NoError(t, c.(*net.TCPConn).CloseWrite())
	got, err := io.ReadAll(c)
	require.NoError(t, err)
	require.NotContains(t, string(got), "200 OK")
	require.Zero(t, f.sequences.Stats().Started)
}
