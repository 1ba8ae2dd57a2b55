package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"example.com/lstm/cmd/lstm-serve/internal/inference"
)

// asCommand is set in the environment of a process that is the command, and not its test.
const asCommand = "LSTM_SERVE_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
	}
	os.Exit(m.Run())
}

// A process is a server in a process of its own, which is killed when the test ends.
type process struct {
	t          *testing.T
	cmd        *exec.Cmd
	http, grpc string // addresses
	tls        *tls.Config

	mutex sync.Mutex
	lines []map[string]any // of the log
	text  bytes.Buffer     // the log, and what else is on stderr
	more  *sync.Cond       // a line has come, or the last one
	ended bool
}

// launch starts a server with the flags args, and with any free ports.
func launch(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{t: t}
	p.more = sync.NewCond(&p.mutex)
	p.cmd = exec.Command(os.Args[0], append([]string{"-http", "localhost:0", "-grpc", "localhost:0", "-log-format", "json"}, args...)...)
	p.cmd.Env = append(os.Environ(), asCommand+"=1")
	stderr, err := p.cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	go p.read(stderr)
	t.Cleanup(func() {
		p.cmd.Process.Kill()
		p.cmd.Wait()
		if t.Failed() {
			t.Logf("the log:\n%s", p.log())
		}
	})
	return p
}

// start is launch, and waits until the server is ready.
func start(t *testing.T, args ...string) *process {
	t.Helper()
	p := launch(t, args...)
	line := p.wait("serving")
	p.http, p.grpc = line["http"].(string), line["grpc"].(string)
	return p
}

func (p *process) read(r io.Reader) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line map[string]any
		json.Unmarshal(lines.Bytes(), &line)
		p.mutex.Lock()
		p.lines = append(p.lines, line)
		p.text.WriteString(lines.Text() + "\n")
		p.mutex.Unlock()
		p.more.Broadcast()
	}
	p.mutex.Lock()
	p.ended = true
	p.mutex.Unlock()
	p.more.Broadcast()
}

// wait waits for a line of the log and forgets the lines before it.
func (p *process) wait(message string) map[string]any {
	p.t.Helper()
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for {
		for len(p.lines) > 0 {
			line := p.lines[0]
			p.lines = p.lines[1:]
			if line["msg"] == message {
				return line
			}
		}
		require.False(p.t, p.ended, "the log has no line %q", message)
		p.more.Wait()
	}
}

func (p *process) log() string {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.text.String()
}

func (p *process) signal(s os.Signal) {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Signal(s))
}

// end waits until the process has ended, and returns its exit code and what it has
// written.
func (p *process) end() (code int, log string) {
	p.t.Helper()
	p.mutex.Lock()
	for !p.ended {
		p.more.Wait()
	}
	p.mutex.Unlock()
	p.cmd.Wait()
	return p.cmd.ProcessState.ExitCode(), p.log()
}

// client returns a client of HTTP with connections of its own.
func (p *process) client() *http.Client {
	transport := &http.Transport{TLSClientConfig: p.tls, ForceAttemptHTTP2: p.tls != nil}
	p.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func (p *process) url(path string) string {
	if p.tls != nil {
		return "https://" + p.http + path
	}
	return "http://" + p.http + path
}

// do sends a request and returns the status and the body of the answer.
func (p *process) do(method, path, body string, header ...string) (int, string) {
	p.t.Helper()
	r, err := http.NewRequest(method, p.url(path), bytes.NewReader([]byte(body)))
	require.NoError(p.t, err)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := p.client().Do(r)
	require.NoError(p.t, err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	require.NoError(p.t, err)
	return response.StatusCode, string(content)
}

// dial connects over gRPC.
func (p *process) dial(options ...grpc.DialOption) (*grpc.ClientConn, inference.GRPCInferenceServiceClient) {
	p.t.Helper()
	c := insecure.NewCredentials()
	if p.tls != nil {
		c = credentials.NewTLS(p.tls)
	}
	connection, err := grpc.NewClient(p.grpc, append(options, grpc.WithTransportCredentials(c))...)
	require.NoError(p.t, err)
	p.t.Cleanup(func() { connection.Close() })
	return connection, inference.NewGRPCInferenceServiceClient(connection)
}

// request is for steps of the sequence 7, whose inputs are x.
func request(model string, x []float32, inputs int, begin bool, step int64) *inference.ModelInferRequest {
	return &inference.ModelInferRequest{
		ModelName: model,
		Parameters: map[string]*inference.InferParameter{
			"sequence_id":    {ParameterChoice: &inference.InferParameter_Int64Param{Int64Param: 7}},
			"sequence_start": {ParameterChoice: &inference.InferParameter_BoolParam{BoolParam: begin}},
			"sequence_step":  {ParameterChoice: &inference.InferParameter_Int64Param{Int64Param: step}},
		},
		Inputs: []*inference.ModelInferRequest_InferInputTensor{{
			Name: "input", Datatype: "FP32", Shape: []int64{int64(len(x) / inputs), int64(inputs)},
			Contents: &inference.InferTensorContents{Fp32Contents: x},
		}},
	}
}

// steps asks for steps of the sequence 7, and returns the outputs and the number of the
// last step.
func steps(t *testing.T, c inference.GRPCInferenceServiceClient, r *inference.ModelInferRequest) (y []float32, last int64) {
	t.Helper()
	response, err := c.ModelInfer(t.Context(), r)
	require.NoError(t, err)
	return response.Outputs[0].Contents.Fp32Contents, response.Parameters["sequence_step"].GetInt64Param()
}
