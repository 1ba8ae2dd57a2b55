package proofs

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"example.com/lstm"
	"example.com/lstm/cmd/lstm-serve/internal/inference"
)

// An audit takes one sequence through a server that may be gone at any time, as a
// careful client does, and compares every answer to the bit with what the network
// computes here.
type audit struct {
	id     string
	steps  int
	client inference.GRPCInferenceServiceClient

	inputs, wanted [][]float32
	stored         int // what the server has promised not to take back
	totals         *totals
}

func newAudit(network *lstm.Network, number, steps int, client inference.GRPCInferenceServiceClient, t *totals) *audit {
	a := &audit{id: strconv.Itoa(number + 1), steps: steps, client: client, totals: t}
	random := rand.New(rand.NewPCG(uint64(number), 15))
	state := network.NewState()
	for range steps {
		x, y := make([]float32, network.InputSize()), make([]float32, network.OutputSize())
		for i := range x {
			x[i] = float32(random.NormFloat64())
		}
		network.Step(state, x, y)
		a.inputs, a.wanted = append(a.inputs, x), append(a.wanted, y)
	}
	return a
}

// run takes all steps, the last of which ends the sequence.
func (a *audit) run(ctx context.Context) error {
	for step := 1; step <= a.steps; {
		next, err := a.take(ctx, step)
		if err != nil {
			return fmt.Errorf("sequence %s, step %d: %w", a.id, step, err)
		}
		step = next
	}
	return nil
}

// take asks for one step, and returns the number of the step to go on with.
func (a *audit) take(ctx context.Context, step int) (next int, err error) {
	var trailer metadata.MD
	response, err := a.client.ModelInfer(ctx, a.request(step), grpc.Trailer(&trailer), grpc.WaitForReady(true))
	switch status.Code(err) {
	case codes.OK:
		a.totals.answered()
		return step + 1, a.compare(step, response)
	case codes.Unavailable:
		a.totals.retries.Add(1)
		return step, ctx.Err()
	case codes.FailedPrecondition, codes.NotFound:
		return a.rewind(step, trailer, err)
	}
	return 0, err
}

func (a *audit) request(step int) *inference.ModelInferRequest {
	id, _ := strconv.ParseUint(a.id, 10, 64)
	return &inference.ModelInferRequest{
		ModelName: modelName,
		Id:        strconv.Itoa(step),
		Parameters: map[string]*inference.InferParameter{
			"sequence_id":    {ParameterChoice: &inference.InferParameter_Uint64Param{Uint64Param: id}},
			"sequence_start": {ParameterChoice: &inference.InferParameter_BoolParam{BoolParam: step == 1}},
			"sequence_end":   {ParameterChoice: &inference.InferParameter_BoolParam{BoolParam: step == a.steps}},
			"sequence_step":  {ParameterChoice: &inference.InferParameter_Int64Param{Int64Param: int64(step)}},
		},
		Inputs:           []*inference.ModelInferRequest_InferInputTensor{{Name: "input", Datatype: "FP32", Shape: []int64{int64(len(a.inputs[step-1]))}}},
		RawInputContents: [][]byte{encode(a.inputs[step-1])},
	}
}

func (a *audit) compare(step int, r *inference.ModelInferResponse) error {
	if r.Id != strconv.Itoa(step) {
		return fmt.Errorf("the answer has the id %q", r.Id)
	}
	if got := parameter(r, "sequence_step"); got != step {
		return fmt.Errorf("the answer is that of step %d", got)
	}
	a.stored = max(a.stored, parameter(r, "sequence_stored_step"))
	if len(r.RawOutputContents) != 1 {
		return fmt.Errorf("%d outputs", len(r.RawOutputContents))
	}
	want := a.wanted[step-1]
	if got := r.RawOutputContents[0]; string(got) != string(encode(want)) {
		return fmt.Errorf("output %x, want %x", got, encode(want))
	}
	return nil
}

// rewind goes back to where the server is, but not behind what it has stored.
func (a *audit) rewind(step int, trailer metadata.MD, cause error) (next int, err error) {
	values := trailer.Get("sequence-step")
	if len(values) != 1 {
		return 0, fmt.Errorf("no step to go on with in %v: %w", trailer, cause)
	}
	last, err := strconv.Atoi(values[0])
	if err != nil {
		return 0, err
	}
	if last < a.stored || last >= step-1 {
		return 0, fmt.Errorf("the server is at step %d, and has said that %d is stored: %w", last, a.stored, cause)
	}
	a.totals.rewinds.Add(int64(step - 1 - last))
	return last + 1, nil
}

// encode returns the bytes of numbers in raw tensors.
func encode(x []float32) []byte {
	b := make([]byte, 0, 4*len(x))
	for _, v := range x {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

// parameter returns a parameter of an answer that is a number, or -1.
func parameter(r *inference.ModelInferResponse, name string) int {
	p, ok := r.Parameters[name]
	if !ok {
		return -1
	}
	return int(p.GetInt64Param())
}
