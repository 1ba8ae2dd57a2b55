package restapi

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm/cmd/lstm-serve/internal/infer"
)

// Sequences are found by any id, escaped in the path, but for "/", which http.ServeMux
// takes for the end of a folder.
func TestDescribeAndRemove(t *testing.T) {
	f := newFixture(t, nil, nil)
	for _, id := range []string{"a", "a/b", "..", ".", "//", "a b", "%2F", "ü", "?x=1#y", "5", "\x00", "+", "state", "\n"} {
		path := "/v2/models/plain/sequences/" + everyByteEscaped(id)
		e := f.do(t, "GET", path, nil).failure(t, http.StatusNotFound)
		require.NotNil(t, e.Step, e.Error)
		require.Zero(t, *e.Step)
		f.infer(t, "/v2/models/plain", input(infer.Sequence{ID: id, Start: true}, awkward(6), 2, 3), false).answer(t)
		got := f.do(t, "GET", path, nil)
		require.Equal(t, http.StatusOK, got.status, "%q: %s", id, got.body)
		require.JSONEq(t, `{"sequence_id":`+string(appendString(nil, id))+
			`,"sequence_step":2,"sequence_stored_step":0,"live":true,"ended":false,"moved":false}`, string(got.body))
		got = f.do(t, "DELETE", path, nil)
		require.Equal(t, http.StatusNoContent, got.status)
		require.Empty(t, got.body)
		f.do(t, "DELETE", path, nil).failure(t, http.StatusNotFound)
		f.do(t, "GET", path, nil).failure(t, http.StatusNotFound)
	}
	f.do(t, "GET", "/v2/models/plain/sequences/%FF", nil).failure(t, http.StatusBadRequest)
	f.do(t, "GET", "/v2/models/both/sequences/a", nil).failure(t, http.StatusBadRequest)
	f.do(t, "GET", "/v2/models/none/sequences/a", nil).failure(t, http.StatusNotFound)
}

func everyByteEscaped(s string) string {
	const digits = "0123456789ABCDEF"
	var b []byte
	for i := range len(s) {
		b = append(b, '%', digits[s[i]>>4], digits[s[i]&15])
	}
	return string(b)
}

// A sequence that moves to another server goes on with the same bits, and is refused where
// it was.
func TestMove(t *testing.T) {
	from, to := newFixture(t, nil, nil), newFixture(t, nil, nil)
	const path = "/v2/models/plain/sequences/a%2Fb"
	send := func(f *fixture, step uint64) reply {
		s := infer.Sequence{ID: "a/b", Start: step == 1, Step: step}
		return f.infer(t, "/v2/models/plain", input(s, []float32{float32(step), 2, 3}, 3), step%2 == 0)
	}
	state, y := from.plain.NewState(), make([]float32, 2)
	want := func(step float32) []float32 {
		from.plain.Step(state, []float32{step, 2, 3}, y)
		return y
	}
	_, outputs := send(from, 1).answer(t)
	requireBits(t, want(1), outputs["output"])
	copied := from.do(t, "GET", path+"/state", nil)
	require.Equal(t, http.StatusOK, copied.status)
	require.Equal(t, "application/octet-stream", copied.header.Get("Content-Type"))
	_, outputs = send(from, 2).answer(t)
	requireBits(t, want(2), outputs["output"])

	moved := from.do(t, "POST", path+"/release", nil)
	require.Equal(t, http.StatusOK, moved.status)
	require.EqualValues(t, 2, *send(from, 3).failure(t, http.StatusConflict).Step)
	require.Contains(t, string(from.do(t, "GET", path, nil).body), `"moved":true`)

	got := to.do(t, "PUT", path+"/state", moved.body)
	require.Equal(t, http.StatusOK, got.status, "%s", got.body)
	require.Contains(t, string(got.body), `"sequence_step":2`)
	to.do(t, "PUT", path+"/state", copied.body).failure(t, http.StatusConflict)
	_, outputs = send(to, 2).answer(t) // once more
	requireBits(t, y, outputs["output"])
	_, outputs = send(to, 3).answer(t)
	requireBits(t, want(3), outputs["output"])

	for _, record := range [][]byte{nil, []byte("x"), moved.body[:len(moved.body)-1], append([]byte("x"), moved.body...)} {
		to.do(t, "PUT", path+"/state", record).failure(t, http.StatusBadRequest)
	}
	to.do(t, "GET", "/v2/models/plain/sequences/none/state", nil).failure(t, http.StatusNotFound)
	to.do(t, "POST", "/v2/models/plain/sequences/none/release", nil).failure(t, http.StatusNotFound)
	_, outputs = send(to, 4).answer(t)
	requireBits(t, want(4), outputs["output"])
}
