package infer

// A Request is an inference request as both protocols have it, with the tensors already
// in float32.
type Request struct {
	Model, Version string // the version may be empty
	ID             string // comes back with the answer
	Sequence       Sequence
	Inputs         []Tensor
	Outputs        []string // names of the wanted outputs; none is all
}

// A Sequence says which stream of data a request belongs to: what Triton's sequence
// extension calls sequence_id, sequence_start and sequence_end, and the number of the
// request's first step.
type Sequence struct {
	ID         string // a number in decimal, or a text; empty for a request without sequence
	Start, End bool
	Step       uint64 // of the request's first step, from 1 on; 0 if the client does not count
}

// A Tensor is a named array of float32 numbers, row by row.
type Tensor struct {
	Name     string
	Datatype string // FP32, or what the client says instead
	Shape    []int64
	Data     []float32
}

// A Response is the answer to a Request.
type Response struct {
	Model, Version, ID string
	Outputs            []Tensor
	SequenceID         string
	// Step is the number of the last step of the sequence, and StoredStep that of the last
	// one that a sudden end of the process cannot take back, 0 if there is none.
	Step, StoredStep uint64
}
