package load

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"google.golang.org/grpc/codes"

	"example.com/lstm/cmd/lstm-serve/internal/inferr"
)

// REST is a server's REST front end.
type REST struct {
	Server
	text    bool
	senders int
	model   modelMetadata
}

// NewREST asks the server at the address for its model. Tensors are bytes behind the
// JSON text, or if text is set, in it. Each connection is senders connections of HTTP/1
// at most, of which each has a request at a time.
func NewREST(ctx context.Context, server Server, text bool, senders int) (*REST, error) {
	t := &REST{Server: server, text: text, senders: senders}
	client := t.client()
	defer client.CloseIdleConnections()
	type tensor struct {
		Name  string  `json:"name"`
		Shape []int64 `json:"shape"`
	}
	var m struct {
		Inputs  []tensor `json:"inputs"`
		Outputs []tensor `json:"outputs"`
	}
	request, err := t.request(ctx, http.MethodGet, "", nil)
	if err != nil {
		return nil, err
	}
	body, _, failed := do(client, request, nil)
	if failed != nil {
		return nil, fmt.Errorf("asking %s for model %q: %w", t.Address, t.Model, failed)
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return nil, fmt.Errorf("asking %s for model %q: %w", t.Address, t.Model, err)
	}
	var in, out [][]int64
	for _, t := range m.Inputs {
		in = append(in, t.Shape)
	}
	for _, t := range m.Outputs {
		out = append(out, t.Shape)
	}
	if t.model.inputs, t.model.outputs, err = sizes(in, out); err != nil {
		return nil, fmt.Errorf("model %q: %w", t.Model, err)
	}
	t.model.input = m.Inputs[0].Name
	return t, nil
}

func (t *REST) client() *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext:         (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		MaxIdleConnsPerHost: t.senders, MaxIdleConns: t.senders,
		TLSClientConfig: t.TLS, DisableCompression: true,
	}}
}

func (t *REST) request(ctx context.Context, method, call string, body io.Reader) (*http.Request, error) {
	scheme := "http"
	if t.TLS != nil {
		scheme = "https"
	}
	request, err := http.NewRequestWithContext(ctx, method, scheme+"://"+t.Address+"/v2/models/"+url.PathEscape(t.Model)+call, body)
	if err == nil && t.Token != "" {
		request.Header.Set("Authorization", "Bearer "+t.Token)
	}
	return request, err
}

// do returns the body of the answer, in the memory of buffer if it has room.
func do(client *http.Client, request *http.Request, buffer []byte) (body []byte, header http.Header, failed *inferr.Error) {
	response, err := client.Do(request)
	if err != nil {
		var urlError *url.Error
		if errors.As(err, &urlError) {
			err = urlError.Err // the address is known
		}
		return nil, nil, inferr.Errorf(codes.Unavailable, "%v", err)
	}
	defer response.Body.Close()
	const most = 1 << 30
	b := bytes.NewBuffer(buffer[:0])
	if _, err := b.ReadFrom(io.LimitReader(response.Body, most)); err != nil {
		return nil, nil, inferr.Errorf(codes.Unavailable, "%v", err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, nil, restError(response.StatusCode, b.Bytes())
	}
	return b.Bytes(), response.Header, nil
}

// restError is the error that the status and the body say.
func restError(status int, body []byte) *inferr.Error {
	code, ok := map[int]codes.Code{
		http.StatusBadRequest: codes.InvalidArgument, http.StatusUnauthorized: codes.Unauthenticated,
		http.StatusForbidden: codes.PermissionDenied, http.StatusNotFound: codes.NotFound,
		http.StatusConflict: codes.FailedPrecondition, http.StatusTooManyRequests: codes.ResourceExhausted,
		http.StatusServiceUnavailable: codes.Unavailable, http.StatusGatewayTimeout: codes.DeadlineExceeded,
	}[status]
	if !ok {
		code = codes.Unknown
	}
	var said struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(body, &said) != nil || said.Error == "" {
		said.Error = fmt.Sprintf("%.200q", body)
	}
	return inferr.Errorf(code, "status %d: %s", status, said.Error)
}

// Sizes are the model's.
func (t *REST) Sizes() (input, output int) { return t.model.inputs, t.model.outputs }

// Connect opens connections as they are needed.
func (t *REST) Connect(ctx context.Context, answered func(*Request, Answer)) (Connection, error) {
	c := &restConnection{client: t.client()}
	var cancel context.CancelFunc
	ctx, cancel = context.WithCancel(context.WithoutCancel(ctx))
	c.cancel = cancel
	c.senders = newSenders(t.senders, func() func(*Request) {
		call := restCall{target: t, client: c.client}
		return func(r *Request) { answered(r, call.do(ctx, r)) }
	})
	return c, nil
}

type restConnection struct {
	*senders
	client *http.Client
	cancel context.CancelFunc
}

func (c *restConnection) Close() error {
	c.cancel()
	c.senders.close()
	c.client.CloseIdleConnections()
	return nil
}

// A restCall has the memory of a request at a time.
type restCall struct {
	target      *REST
	client      *http.Client
	body, reply []byte
}

const headerLength = "Inference-Header-Content-Length"

func (c *restCall) do(ctx context.Context, r *Request) Answer {
	header := c.encode(r)
	request, err := c.target.request(ctx, http.MethodPost, "/infer", bytes.NewReader(c.body))
	if err != nil {
		return Answer{Err: inferr.Errorf(codes.Internal, "%v", err)}
	}
	request.Header.Set("Content-Type", "application/json")
	if !c.target.text {
		request.Header.Set("Content-Type", "application/octet-stream")
		request.Header.Set(headerLength, strconv.Itoa(header))
	}
	reply, fields, failed := do(c.client, request, c.reply)
	if failed != nil {
		return Answer{Err: failed}
	}
	c.reply = reply
	text := reply
	if length := fields.Get(headerLength); length != "" {
		n, err := strconv.Atoi(length)
		if err != nil || n < 0 || n > len(reply) {
			return Answer{Err: inferr.Errorf(wrongAnswer, "%s is %q, but the answer has %d bytes", headerLength, length, len(reply))}
		}
		text = reply[:n]
	}
	var said struct {
		Parameters struct {
			Step uint64 `json:"sequence_step"`
		} `json:"parameters"`
		Outputs []struct {
			Data []json.RawMessage `json:"data"`
		} `json:"outputs"`
	}
	if err := json.Unmarshal(text, &said); err != nil {
		return Answer{Err: inferr.Errorf(wrongAnswer, "the answer is no JSON: %v", err)}
	}
	a := Answer{Step: said.Parameters.Step, Numbers: (len(reply) - len(text)) / 4}
	for _, t := range said.Outputs {
		a.Numbers += len(t.Data)
	}
	return a
}

// encode makes the body of r, and returns the length of its JSON text.
func (c *restCall) encode(r *Request) int {
	b := append(c.body[:0], `{"parameters":{"sequence_id":`...)
	b = strconv.AppendUint(b, r.Sequence, 10)
	b = append(b, `,"sequence_start":`...)
	b = strconv.AppendBool(b, r.Start)
	b = append(b, `,"sequence_end":`...)
	b = strconv.AppendBool(b, r.End)
	if r.Step > 0 {
		b = append(b, `,"sequence_step":`...)
		b = strconv.AppendUint(b, r.Step, 10)
	}
	if !c.target.text {
		b = append(b, `,"binary_data_output":true`...)
	}
	name, _ := json.Marshal(c.target.model.input) // a string
	b = append(append(b, `},"inputs":[{"name":`...), name...)
	b = append(b, `,"datatype":"FP32","shape":[`...)
	b = strconv.AppendInt(b, int64(r.Steps), 10)
	b = append(b, ',')
	b = strconv.AppendInt(b, int64(c.target.model.inputs), 10)
	if !c.target.text {
		b = append(b, `],"parameters":{"binary_data_size":`...)
		b = strconv.AppendInt(b, int64(len(r.Raw)), 10)
		b = append(b, `}}]}`...)
		header := len(b)
		c.body = append(b, r.Raw...)
		return header
	}
	b = append(b, `],"data":[`...)
	for i, v := range r.X {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendFloat(b, float64(v), 'g', -1, 32)
	}
	c.body = append(b, `]}]}`...)
	return len(c.body)
}
