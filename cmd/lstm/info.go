package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v3"
	"golang.org/x/sys/cpu"

	"example.com/lstm"
	"example.com/lstm/cmd/lstm/commandline"
	"example.com/lstm/internal/units"
)

func newInfoCommand(std streams) *cli.Command {
	return &cli.Command{
		Name:      "info",
		Usage:     "describe this machine's CPU and a network",
		UsageText: "lstm info [-prefix MODULE] [-lstm MODULES] [-head MODULE] [FILE]",
		Description: `Prints which CPU features there are, which path the computation takes and why,
and the layers, sizes and memory of the network in FILE, or of the embedded one,
with the names of the modules that they come from. With -weights it is the network
with its weights in that format.

Examples:
   lstm info
   lstm info model.safetensors
   lstm info checkpoint.pt
   lstm info -weights int8 model.safetensors
   GODEBUG=cpu.avx512f=off lstm info      as if the CPU had less`,
		Flags:        append(modelFlags(), commandline.WeightFlags("")...),
		OnUsageError: commandline.OnUsageError,
		Action: func(ctx context.Context, cmd *cli.Command) error {
			if cmd.Args().Len() > 1 {
				return commandline.NewUsageError(cmd, fmt.Errorf("unexpected argument %q", cmd.Args().Get(1)))
			}
			path := cmd.Args().First()
			if path == "" && cmd.Args().Present() {
				return commandline.NewUsageError(cmd, errors.New("the argument is empty, want the name of a file"))
			}
			choice, err := modelFlagsOf(cmd)
			if err != nil {
				return err
			}
			m, err := await(ctx, func() (*model, error) { return openModel(path, choice) })
			if err != nil {
				return err
			}
			w := tabwriter.NewWriter(std.out, 0, 0, 2, ' ', 0)
			describeMachine(w)
			describeModel(w, modelName(path), m)
			return w.Flush()
		},
	}
}

func describeMachine(w io.Writer) {
	fmt.Fprintf(w, "system\t%s/%s, %s\n", runtime.GOOS, runtime.GOARCH, runtime.Version())
	fmt.Fprintf(w, "CPU features\t%s\n", describeFeatures(cpuFeatures()))
	fmt.Fprintf(w, "path\t%s\n", describePath())
	fmt.Fprintf(w, "contract\t%d\n", lstm.Contract)
}

type feature struct {
	name string
	have bool
}

// cpuFeatures lists what the paths of this architecture are chosen by.
func cpuFeatures() []feature {
	switch runtime.GOARCH {
	case "amd64":
		return []feature{
			{"OSXSAVE", cpu.X86.HasOSXSAVE}, {"AVX", cpu.X86.HasAVX}, {"AVX2", cpu.X86.HasAVX2}, {"FMA", cpu.X86.HasFMA}, {"F16C", cpu.X86.HasF16C},
			{"AVX512F", cpu.X86.HasAVX512F}, {"AVX512VL", cpu.X86.HasAVX512VL},
			{"AVX512DQ", cpu.X86.HasAVX512DQ}, {"AVX512BW", cpu.X86.HasAVX512BW},
		}
	case "arm64":
		return []feature{{"ASIMD", cpu.ARM64.HasASIMD}, {"ASIMDDP", cpu.ARM64.HasASIMDDP}}
	}
	return nil
}

func describeFeatures(features []feature) string {
	if len(features) == 0 {
		return "none that matter on " + runtime.GOARCH
	}
	var have, lack []string
	for _, f := range features {
		if f.have {
			have = append(have, f.name)
		} else {
			lack = append(lack, f.name)
		}
	}
	text := strings.Join(have, " ")
	if len(lack) > 0 {
		text = strings.TrimPrefix(text+"; not "+strings.Join(lack, " "), "; ")
	}
	return text
}

// describePath says which path is in use, and why.
func describePath() string {
	paths := lstm.Paths()
	text := fmt.Sprintf("%s, the best of %s", lstm.Path(), strings.Join(paths, ", "))
	if tags := buildTags(); tags != "" {
		text += "; built with -tags " + tags
	}
	if off := cpuOptions(os.Getenv("GODEBUG")); off != "" {
		text += "; GODEBUG says " + off
	}
	return text
}

// buildTags returns those of the tags this program was built with that leave
// assembly out.
func buildTags() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	var tags []string
	for _, setting := range info.Settings {
		if setting.Key == "-tags" {
			tags = strings.Split(setting.Value, ",")
		}
	}
	return strings.Join(slices.DeleteFunc(tags, func(tag string) bool { return tag != "purego" && tag != "noasm" }), ",")
}

// cpuOptions returns the CPU options in the value of GODEBUG.
func cpuOptions(godebug string) string {
	options := strings.Split(godebug, ",")
	return strings.Join(slices.DeleteFunc(options, func(o string) bool { return !strings.HasPrefix(o, "cpu.") }), ",")
}

func describeModel(w io.Writer, name string, m *model) {
	fmt.Fprintf(w, "\nmodel\t%s\n", name)
	describeSource(w, m)
	fmt.Fprintf(w, "parameters\t%d, weights and biases\n", m.Parameters())
	fmt.Fprintf(w, "fingerprint\t%s\n", m.Fingerprint())
	fmt.Fprintf(w, "weights as\t%s\n", describeMemory(m))
	if m.stream != nil {
		fmt.Fprintf(w, "memory, packed\t%s, shared by all streams\n", units.Bytes(m.MemorySize()))
		fmt.Fprintf(w, "memory a stream\t%s\n", units.Bytes(m.stream.NewState().MemorySize()))
	} else {
		fmt.Fprintf(w, "memory, packed\t%s\n", units.Bytes(m.MemorySize()))
		fmt.Fprintf(w, "runs\twhole sequences only, since layers read them from the end\n")
	}

	describeLayers(w, m)

	metadata := m.Metadata()
	if len(metadata) == 0 {
		fmt.Fprintf(w, "\nmetadata\tnone: all columns are inputs, as they are\n")
		return
	}
	fmt.Fprintf(w, "\nmetadata\n")
	for _, key := range slices.Sorted(maps.Keys(metadata)) {
		label := printable(key, mostOfName)
		for _, line := range wrap(printable(metadata[key], 2000), 90) {
			fmt.Fprintf(w, "%s\t%s\n", label, line)
			label = ""
		}
	}
}

// describeLayers prints all layers from the input up, and those of the heads.
func describeLayers(w io.Writer, m *model) {
	fmt.Fprintf(w, "\nlayer\tinput\toutput\tweights\tformat\tcell\n")
	top, lstms := m.InputSize(), 0
	for _, layer := range m.model.Layers {
		name := fmt.Sprintf("lstm %d", lstms)
		switch layer := layer.(type) {
		case *lstm.Weights:
			top = describeLSTM(w, name, layer)
		case *lstm.Bidirectional:
			top = describeBoth(w, name, layer)
		default:
			top = describeDense(w, "", layer, top)
			continue
		}
		lstms++
	}
	for h, head := range m.model.Heads {
		prefix := headPrefix(m.model.Heads, h)
		size := top
		for _, layer := range head.Layers {
			size = describeDense(w, prefix, layer, size)
		}
	}
}

// describeDense prints a layer that is no LSTM, with that many inputs, and returns
// its outputs.
func describeDense(w io.Writer, prefix string, layer lstm.Layer, inputs int) (outputs int) {
	if d, ok := layer.(*lstm.Linear); ok {
		fmt.Fprintf(w, "%slinear\t%d\t%d\t%d\t%v\t\n", prefix, d.InFeatures, d.OutFeatures, len(d.Weight), d.Format)
		return d.OutFeatures
	}
	fmt.Fprintf(w, "%s%v\t%d\t%d\t\t\t\n", prefix, layer, inputs, inputs)
	return inputs
}

// describeBoth prints the directions of a layer, and returns its outputs.
func describeBoth(w io.Writer, name string, layer *lstm.Bidirectional) (outputs int) {
	last := ""
	if layer.Last {
		last = ", last"
	}
	if layer.Forward == nil {
		return describeLSTM(w, name+" reverse"+last, layer.Backward)
	}
	forward := describeLSTM(w, name+" forward", layer.Forward)
	outputs = describeLSTM(w, name+" backward", layer.Backward)
	if layer.Merge == lstm.MergeConcat {
		outputs += forward
	}
	fmt.Fprintf(w, "  both, %v%s\t\t%d\t\t\t\n", layer.Merge, last, outputs)
	return outputs
}

// describeLSTM prints one direction of a layer, and returns its outputs.
func describeLSTM(w io.Writer, name string, layer *lstm.Weights) (outputs int) {
	outputs = layer.HiddenSize
	if layer.ProjSize > 0 {
		name, outputs = fmt.Sprintf("%s, %d units", name, layer.HiddenSize), layer.ProjSize
	}
	weights := len(layer.WeightIH) + len(layer.WeightHH) + len(layer.WeightHR)
	fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%s\t%s\n", name, layer.InputSize, outputs, weights, describeFormat(layer), describeCell(layer))
	return outputs
}

// describeFormat says how the weights of a layer are stored.
func describeFormat(layer *lstm.Weights) string {
	if layer.InputBits != 0 {
		return fmt.Sprintf("%v, inputs of %d bits", layer.Format, layer.InputBits)
	}
	return layer.Format.String()
}

// describeMemory says what the network would take in each format.
func describeMemory(m *model) string {
	var sizes []string
	for _, f := range commandline.WeightFormats {
		text := "–"
		if n, err := newNetwork(withWeights(m.model, weightChoice{format: &f})); err == nil { // else a weight is too large for it
			text = units.Bytes(n.MemorySize())
		}
		sizes = append(sizes, fmt.Sprintf("%v %s", f, text))
	}
	return strings.Join(sizes, ", ")
}

// describeCell says which cell a layer has.
func describeCell(layer *lstm.Weights) string {
	var words []string
	if layer.NormI != nil {
		words = append(words, "normalized")
	}
	if layer.PeepholeI != nil {
		words = append(words, "peephole")
	}
	if layer.Cell != (lstm.Cell{}) || words == nil {
		words = append(words, layer.Cell.String())
	}
	return strings.Join(words, " ")
}
