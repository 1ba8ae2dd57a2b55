package lstm

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"example.com/lstm/internal/contract"
	"example.com/lstm/internal/errkind"
	"example.com/lstm/internal/panel"
)

// A Cell says what the units of a layer do with the sums of their gates where it
// is not what PyTorch's nn.LSTM does, which is the zero Cell. Peepholes are among
// the [Weights]. All can be combined; docs/contract.md in the repository has the
// order of operations.
//
// A network whose cells are all zero Cells without peepholes is the fastest: it
// has kernels of its own.
type Cell struct {
	// Coupled is a forget gate that keeps what the input gate does not take in,
	// f = 1 - i, as with ONNX's input_forget. The rows of f of all weights and biases
	// are there, and are not used, and neither is PeepholeF.
	Coupled bool
	// Clip limits the sums of all four gates, peepholes included and normalized if they
	// are, to ±Clip before their activations, as ONNX's clip does. 0 is no limit;
	// others are from 2^-64 on, and finite.
	Clip float32
	// CellClip limits c' to ±CellClip, before o and h' are computed of it, as
	// TensorFlow's cell_clip does. 0 is no limit; others are from 2^-64 on, and
	// finite.
	CellClip float32
	// ProjClip limits h' to ±ProjClip after the projection, as TensorFlow's
	// proj_clip does. 0 is no limit; others are from 2^-64 on, and finite. Layers
	// without a projection have none.
	ProjClip float32
	// NormEpsilon is added to the variance of a gate's sums where they are normalized,
	// see [Weights.NormI]. 0 is 1e-8, as in TensorFlow Lite; others are from 2^-40 on,
	// and finite. Layers without normalization have none.
	NormEpsilon float32
	// Gate is the activation of the gates i, f and o, Candidate that of g, and Output
	// that of c' on its way to h', ONNX's f, g and h. The zero Activation is σ for the
	// gates, and tanh for the other two. ActivationSoftmax is for layers only.
	//
	// With activations that have no upper limit, like relu, c may grow until it is
	// infinite; infinities and NaNs are then the results, as IEEE 754 says.
	Gate, Candidate, Output Activation
}

// checkCell reports the first thing that is wrong with what a cell has besides
// weights and biases.
func (w *Weights) checkCell(name string) error {
	type tensor struct {
		name   string
		floats []float32
	}
	var tensors []tensor
	if w.hasPeepholes() {
		tensors = append(tensors, tensor{"PeepholeI", w.PeepholeI}, tensor{"PeepholeF", w.PeepholeF}, tensor{"PeepholeO", w.PeepholeO})
	}
	if w.isNormalized() {
		tensors = append(tensors, tensor{"NormI", w.NormI}, tensor{"NormF", w.NormF}, tensor{"NormG", w.NormG}, tensor{"NormO", w.NormO})
	} else if epsilon := w.Cell.NormEpsilon; epsilon != 0 {
		return errkind.Errorf(ErrUnsupported, "lstm: %s: Cell.NormEpsilon is %v, want 0 where NormI, NormF, NormG and NormO are nil", name, epsilon)
	}
	for _, t := range tensors {
		if err := checkTensor(name, t.name, t.floats, "[H]", w.HiddenSize); err != nil {
			return err
		}
	}
	return w.Cell.check(name)
}

// check reports the first thing that is wrong with the cell of owner.
func (c *Cell) check(owner string) error {
	for _, limit := range []struct {
		name  string
		value float32
	}{{"Clip", c.Clip}, {"CellClip", c.CellClip}, {"ProjClip", c.ProjClip}} {
		if v := limit.value; v != 0 && !(v >= contract.Tiny && v <= math.MaxFloat32) {
			return errkind.Errorf(ErrUnsupported, "lstm: %s: Cell.%s is %v, want 0 for no limit, or a finite number from 2^-64 on", owner, limit.name, v)
		}
	}
	if v := c.NormEpsilon; v != 0 && !(v >= leastEpsilon && v <= math.MaxFloat32) {
		return errkind.Errorf(ErrUnsupported, "lstm: %s: Cell.NormEpsilon is %v, want 0 for the usual one, or a finite number from 2^-40 on", owner, v)
	}
	for _, place := range c.activations() {
		name := owner + ": Cell." + place.field
		if place.activation.Function == ActivationSoftmax {
			return errkind.Errorf(ErrUnsupported, "lstm: %s: Function is softmax, want another, since this one is for layers only", name)
		}
		if err := place.activation.check(name); err != nil {
			return err
		}
	}
	return nil
}

// activationPlace is where a cell has an activation.
type activationPlace struct {
	field, word string // what Cell and files call it
	activation  *Activation
	usual       ActivationFunction // what the zero Activation is there
}

func (c *Cell) activations() [3]activationPlace {
	return [...]activationPlace{
		{"Gate", "gate", &c.Gate, ActivationSigmoid},
		{"Candidate", "candidate", &c.Candidate, ActivationTanh},
		{"Output", "output", &c.Output, ActivationTanh},
	}
}

// used is c as it is used: what is another way to say the same is said in one, and
// what is tiny is zero.
func (c Cell) used() Cell {
	for _, place := range c.activations() {
		a := place.activation
		if a.Function == place.usual {
			*a = Activation{}
		}
		a.Alpha, a.Beta = contract.Flush(a.Alpha), contract.Flush(a.Beta)
	}
	if c.NormEpsilon == usualEpsilon {
		c.NormEpsilon = 0
	}
	return c
}

func (w *Weights) hasPeepholes() bool {
	return w.PeepholeI != nil || w.PeepholeF != nil || w.PeepholeO != nil
}

// cellKind is the kernel that computes the layer's cells, unless they run in stages.
func (w *Weights) cellKind() cellKind {
	switch {
	case w.hasPeepholes() && w.Cell.Coupled:
		return coupledPeepholeCell
	case w.hasPeepholes():
		return peepholeCell
	case w.Cell.Coupled:
		return coupledCell
	case w.Cell.Clip != 0 || w.Cell.CellClip != 0:
		return clippedCell
	}
	return plainCell
}

// peepholes are the vectors of peepholes that are used.
func (w *Weights) peepholes() [][]float32 {
	switch {
	case !w.hasPeepholes():
		return nil
	case w.Cell.Coupled:
		return [][]float32{w.PeepholeI, w.PeepholeO}
	}
	return [][]float32{w.PeepholeI, w.PeepholeF, w.PeepholeO}
}

// cellVectors are the parameters of the cell's kernel, in its order.
func (w *Weights) cellVectors() [][]float32 {
	if w.cellKind() == plainCell {
		return nil
	}
	limits := cellLimits(w.Cell.limits())
	vectors := append(w.peepholes(), w.same(limits.gateLeast), w.same(limits.gateMost), w.same(limits.candidateMost), w.same(limits.cellMost))
	if !w.hasPeepholes() {
		vectors = append(vectors, w.same(limits.outputMost))
	}
	return vectors
}

// same is a vector of the same number for each unit.
func (w *Weights) same(v float32) []float32 { return slices.Repeat([]float32{v}, w.HiddenSize) }

// vectorCount is how many vectors a unit of the layer has besides its weights.
func (w *Weights) vectorCount() int {
	switch {
	case w.isNormalized():
		return stageVectors + panel.Gates
	case w.isStaged():
		return stageVectors
	}
	return w.cellKind().vectors()
}

// limits are Clip and CellClip, infinite where there is no limit.
func (c *Cell) limits() (clip, cellClip float32) {
	clip, cellClip = c.Clip, c.CellClip
	if clip == 0 {
		clip = float32(math.Inf(1))
	}
	if cellClip == 0 {
		cellClip = float32(math.Inf(1))
	}
	return clip, cellClip
}

// limits are what the kernels of cells limit numbers to: where σ and tanh limit
// their arguments anyway, the narrower of the two.
type limits struct {
	gateLeast, gateMost float32 // of the sum of a gate
	candidateMost       float32 // of the magnitude of the sum of a candidate
	cellMost            float32 // of the magnitude of c'
	outputMost          float32 // of the same for tanh
}

func cellLimits(clip, cellClip float32) limits {
	return limits{
		gateLeast:     max(contract.Shut, -clip),
		gateMost:      min(contract.Sigmoid.Max, clip),
		candidateMost: min(contract.Tanh.Max, clip),
		cellMost:      cellClip,
		outputMost:    min(contract.Tanh.Max, cellClip),
	}
}

// The numbers of gates among the four.
const (
	inputGate = iota
	forgetGate
	candidateGate
	outputGate
)

// String returns which cell c is, in the words that files have: "coupled clip=3",
// or "plain" for PyTorch's.
func (c Cell) String() string {
	if text := c.text(); text != "" {
		return text
	}
	return "plain"
}

// text says all of c in words that parseCell reads, "" of the zero Cell. Numbers
// are the shortest decimals that are these float32.
func (c *Cell) text() string {
	var words []string
	number := func(name string, v float32) {
		if v != 0 {
			words = append(words, name+"="+shortest(v))
		}
	}
	if c.Coupled {
		words = append(words, "coupled")
	}
	number("clip", c.Clip)
	number("cell_clip", c.CellClip)
	number("proj_clip", c.ProjClip)
	number("norm_epsilon", c.NormEpsilon)
	for _, place := range c.activations() {
		if a := place.activation; a.Function != ActivationDefault {
			words = append(words, place.word+"="+a.word())
		}
	}
	return strings.Join(words, " ")
}

func shortest(v float32) string { return strconv.FormatFloat(float64(v), 'g', -1, 32) }

// parseCell reads what text has written.
func parseCell(text string) (Cell, error) {
	var c Cell
	if len(text) <= maxCellText {
		for _, word := range strings.Fields(text) {
			name, value, _ := strings.Cut(word, "=")
			switch name {
			case "coupled":
				c.Coupled = true
			case "clip":
				c.Clip = parseFloat32(value)
			case "cell_clip":
				c.CellClip = parseFloat32(value)
			case "proj_clip":
				c.ProjClip = parseFloat32(value)
			case "norm_epsilon":
				c.NormEpsilon = parseFloat32(value)
			}
			for _, place := range c.activations() {
				if name == place.word {
					*place.activation = parseActivation(value)
				}
			}
		}
	}
	if c.text() != text || c == (Cell{}) {
		return Cell{}, errkind.Errorf(ErrUnsupported, "cell is %.80q, want words of coupled, clip=NUMBER, cell_clip=NUMBER, proj_clip=NUMBER, norm_epsilon=NUMBER, gate=ACTIVATION, "+
			"candidate=ACTIVATION and output=ACTIVATION, in this order, with numbers as short as can be", text)
	}
	if err := c.check(fmt.Sprintf("cell is %q", text)); err != nil {
		return Cell{}, errkind.Errorf(ErrUnsupported, "%s", strings.TrimPrefix(err.Error(), "lstm: "))
	}
	return c, nil
}

// maxCellText is more than text writes.
const maxCellText = 300

// parseFloat32 is NaN for what is no number.
func parseFloat32(text string) float32 {
	v, err := strconv.ParseFloat(text, 32)
	if err != nil {
		return float32(math.NaN())
	}
	return float32(v)
}

// cellText says which cell the layer has, for the fingerprint.
func (l *layer) cellText() string {
	var words []string
	if l.normalization != nil {
		words = append(words, "normalized")
	}
	if len(l.peepholes) > 0 {
		words = append(words, "peephole")
	}
	if used := l.definition.used(); used != (Cell{}) || words == nil {
		words = append(words, used.String())
	}
	return strings.Join(words, " ")
}
