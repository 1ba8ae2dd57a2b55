package lstm

import "slices"

// A HeadOutput says where in an output y of a network that of one head is:
// y[Offset:][:Size].
type HeadOutput struct {
	Name         string // that of the [Head]
	Offset, Size int
}

// Heads returns where the outputs of the heads are, in their order. It is nil without
// heads.
func (n *Network) Heads() []HeadOutput { return slices.Clone(n.heads) }

// HasHead reports whether the model that the network was made from has heads.
func (n *Network) HasHead() bool { return len(n.heads) > 0 }

// Heads returns where the outputs of the heads are, as [Network.Heads] does.
func (n *SequenceNetwork) Heads() []HeadOutput { return slices.Clone(n.heads) }

// HasHead reports whether the model that the network was made from has heads.
func (n *SequenceNetwork) HasHead() bool { return len(n.heads) > 0 }

// headOutputs are those of m, which has been checked.
func (m *Model) headOutputs() []HeadOutput {
	top := outputSize(m.Layers, 0)
	var heads []HeadOutput
	offset := 0
	for _, head := range m.Heads {
		size := outputSize(head.Layers, top)
		heads = append(heads, HeadOutput{Name: head.Name, Offset: offset, Size: size})
		offset += size
	}
	return heads
}

// outputSize is the features of the output of layers whose input has that many.
func outputSize(layers []Layer, input int) int {
	for _, layer := range layers {
		if out := layer.output(); out.n != 0 {
			input = out.n
		}
	}
	return input
}
