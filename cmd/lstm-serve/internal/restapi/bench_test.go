package restapi

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm"
	"example.com/lstm/cmd/lstm-serve/internal/infer"
	"example.com/lstm/cmd/lstm-serve/internal/repository"
)

// BenchmarkStep is one step of a network of hidden size 128 in the handler, and, with
// client=net/http, over a connection that is kept.
func BenchmarkStep(b *testing.B) {
	n := network(b, lstm.RandomModel(1, 8, 128, 128))
	m := &repository.Model{Name: "m", Version: "1", Stream: keep(b, n, nil)}
	handler := New(infer.New(repository.New(m), nil), nil)
	server := httptest.NewServer(handler)
	defer server.Close()
	for _, tensors := range []string{"json", "binary"} {
		c := input(infer.Sequence{ID: "s", Start: true}, awkward(128), 128)
		c.binary = tensors == "binary"
		body, header := encodeCall(b, c, c.binary)
		request := func(url string) *http.Request {
			r, err := http.NewRequest("POST", url+"/v2/models/m/infer", strings.NewReader(string(body)))
			require.NoError(b, err)
			r.Header.Set(headerLengthField, strconv.Itoa(header))
			return r
		}
		b.Run(fmt.Sprintf("tensors=%s/client=none", tensors), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				w := httptest.NewRecorder()
				handler.ServeHTTP(w, request(""))
				require.Equal(b, http.StatusOK, w.Code)
			}
		})
		b.Run(fmt.Sprintf("tensors=%s/client=net/http", tensors), func(b *testing.B) {
			for b.Loop() {
				response, err := http.DefaultClient.Do(request(server.URL))
				require.NoError(b, err)
				_, err = io.Copy(io.Discard, response.Body)
				require.NoError(b, err)
				response.Body.Close()
			}
		})
	}
}

// BenchmarkDecode is the decoding of a request with so many numbers.
func BenchmarkDecode(b *testing.B) {
	for _, n := range []int{3, 128, 65536} {
		for _, tensors := range []string{"json", "binary"} {
			body, header := encodeCall(b, input(infer.Sequence{ID: "s"}, awkward(n), int64(n)), tensors == "binary")
			b.Run(fmt.Sprintf("numbers=%d/tensors=%s", n, tensors), func(b *testing.B) {
				b.SetBytes(int64(len(body)))
				b.ReportAllocs()
				for b.Loop() {
					if _, err := decode(body, header); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
