package sequences

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func records() []record {
	used := time.Unix(0, 1234567890123456789)
	return []record{
		{id: "a", used: used, step: 7, last: answer{first: 6, steps: 2, hash: 9, counted: true, y: []float32{1, 2, 3, 4}}, state: []byte("state")},
		{id: "5", used: used, step: 3, moved: true, last: answer{first: 3, steps: 1}, state: []byte("s")},
		{id: "ende", used: used, step: 3, ended: true, last: answer{first: 1, steps: 3, counted: true, y: make([]float32, 6)}},
		{id: "ü", used: time.Unix(0, -1), step: 0, state: []byte{0}},
	}
}

func TestRecord(t *testing.T) {
	for _, want := range records() {
		data := want.append([]byte("before"))[6:]
		require.Len(t, data, want.size())
		got, err := decodeRecord(data)
		require.NoError(t, err)
		if len(want.state) == 0 {
			got.state = nil
		}
		require.Equal(t, want, *got)
		for n := range data {
			_, err := decodeRecord(data[:n])
			require.Error(t, err)
			damaged := bytes.Clone(data)
			damaged[n] ^= 4
			_, err = decodeRecord(damaged)
			require.Error(t, err)
		}
	}
}

// What is wrong in spite of a good checksum is an error, too.
func TestRecordSenseless(t *testing.T) {
	for name, change := range map[string]func(r *record){
		"no id":            func(r *record) { r.id = "" },
		"broken id":        func(r *record) { r.id = "\xff" },
		"no state":         func(r *record) { r.state = nil },
		"ended with state": func(r *record) { r.ended = true },
		"step":             func(r *record) { r.step++ },
		"first":            func(r *record) { r.last.first = 0 },
		"after the last":   func(r *record) { r.last.first = 8 },
		"steps":            func(r *record) { r.last.steps = 3 },
		"outputs":          func(r *record) { r.last.y = r.last.y[:3] },
		"no answer":        func(r *record) { r.last.steps = 0 },
		"too many":         func(r *record) { r.step, r.last.first = 1<<62, 1<<62-1 },
	} {
		r := records()[0]
		change(&r)
		_, err := decodeRecord(r.append(nil))
		require.Error(t, err, name)
	}
}

func FuzzRecord(f *testing.F) {
	for _, r := range records() {
		f.Add(r.append(nil))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) >= 4 { // so that not all fail at the checksum
			data = bytes.Clone(data)
			end := len(data) - 4
			binary.LittleEndian.PutUint32(data[end:], crc32.Checksum(data[:end], castagnoli))
		}
		r, err := decodeRecord(data)
		if err == nil {
			require.Equal(t, data, r.append(nil))
		}
	})
}
