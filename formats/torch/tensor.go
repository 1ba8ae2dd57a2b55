package torch

import (
	"encoding/binary"
	"math"

	"example.com/lstm"
	"example.com/lstm/internal/errkind"
	"example.com/lstm/internal/float16"
	"example.com/lstm/internal/safetensors"
	"example.com/lstm/internal/sizes"
)

// An elementType is what the elements of a storage are.
type elementType struct {
	class   string // of the storage, in a pickle
	name    string // in Python
	size    int    // bytes
	float32 func(order binary.ByteOrder, b []byte) float32
}

// elementTypes are those that there are in checkpoints. Tensors of one that does not become
// a float32 may be there, and cannot be parameters.
var elementTypes = []*elementType{
	{"torch.FloatStorage", "torch.float32", 4, func(order binary.ByteOrder, b []byte) float32 { return math.Float32frombits(order.Uint32(b)) }},
	{"torch.HalfStorage", "torch.float16", 2, func(order binary.ByteOrder, b []byte) float32 { return float16.Widen(order.Uint16(b)) }},
	{"torch.BFloat16Storage", "torch.bfloat16", 2, func(order binary.ByteOrder, b []byte) float32 {
		return math.Float32frombits(uint32(order.Uint16(b)) << 16)
	}},
	{"torch.DoubleStorage", "torch.float64", 8, func(order binary.ByteOrder, b []byte) float32 { return float32(math.Float64frombits(order.Uint64(b))) }},
	{"torch.LongStorage", "torch.int64", 8, nil},
	{"torch.IntStorage", "torch.int32", 4, nil},
	{"torch.ShortStorage", "torch.int16", 2, nil},
	{"torch.CharStorage", "torch.int8", 1, nil},
	{"torch.ByteStorage", "torch.uint8", 1, nil},
	{"torch.BoolStorage", "torch.bool", 1, nil},
	{"torch.ComplexFloatStorage", "torch.complex64", 8, nil},
	{"torch.ComplexDoubleStorage", "torch.complex128", 16, nil},
}

// A storage is the elements of tensors, as a pickle speaks of them.
type storage struct {
	of       *elementType
	key      string // of the record
	elements int
}

// A tensor is a view of a storage: element i, j, … is that at offset + i·strides[0] +
// j·strides[1] + …. All of them lie within it.
type tensor struct {
	storage        *storage
	offset, extent int // extent elements from offset on hold those of the tensor
	shape, strides []int
	elements       int
}

// newStorage makes what a pickle's persistent identifier speaks of.
func newStorage(id any) (*storage, error) {
	const want = "('storage', class, key, location, elements)"
	t, _ := id.(*tuple)
	if t == nil || len(t.items) != 5 || t.items[0] != "storage" {
		return nil, errkind.Errorf(lstm.ErrUnsupported, "a persistent identifier is %s, want %s", describe(id), want)
	}
	name, ok := t.items[1].(class)
	key, ok2 := t.items[2].(string)
	n, ok3 := t.items[4].(int64)
	if !ok || !ok2 || !ok3 || n < 0 || n > math.MaxInt/16 {
		return nil, errkind.Errorf(lstm.ErrDamaged, "a persistent identifier has %s, %s and %s, want %s", describe(t.items[1]), describe(t.items[2]), describe(t.items[4]), want)
	}
	for _, e := range elementTypes {
		if e.class == string(name) {
			return &storage{of: e, key: key, elements: int(n)}, nil
		}
	}
	return nil, errkind.Errorf(lstm.ErrUnsupported, "class %s is that of a storage, want one of tensors", safetensors.Quote(string(name)))
}

// newTensor makes what _rebuild_tensor_v2 makes of its arguments: the storage, the offset,
// the sizes, the strides, and three that do not matter here.
func newTensor(args []any) (any, error) {
	if len(args) < 6 || len(args) > 7 {
		return nil, errkind.Errorf(lstm.ErrDamaged, "a tensor is made of %d arguments, want 6 or 7", len(args))
	}
	s, ok := args[0].(*storage)
	offset, ok2 := args[1].(int64)
	shape, ok3 := sizesOf(args[2])
	strides, ok4 := sizesOf(args[3])
	if !ok || !ok2 || !ok3 || !ok4 || offset < 0 || offset > math.MaxInt || len(shape) != len(strides) {
		return nil, errkind.Errorf(lstm.ErrDamaged, "a tensor is made of %s, %s, %s and %s, want its storage, offset, sizes and as many strides, none negative, at most %d",
			describe(args[0]), describe(args[1]), describe(args[2]), describe(args[3]), safetensors.MaxDimensions)
	}
	t := &tensor{storage: s, offset: int(offset), shape: shape, strides: strides}
	if t.elements, ok = sizes.Product(shape...); !ok {
		return nil, errkind.Errorf(lstm.ErrDamaged, "a tensor has the sizes %s, more elements than can be addressed", safetensors.SizesText(shape))
	}
	if t.elements == 0 {
		return t, nil
	}
	t.extent = 1
	for d, size := range shape {
		reach, ok := sizes.Product(size-1, strides[d])
		if !ok || reach >= s.elements {
			reach = s.elements
		}
		t.extent = min(t.extent+reach, s.elements+1)
	}
	if t.offset > s.elements || t.extent > s.elements-t.offset {
		return nil, errkind.Errorf(lstm.ErrDamaged, "a tensor has the sizes %s, strides %s and offset %d, want a view within the %d elements of its storage %s",
			safetensors.SizesText(shape), safetensors.SizesText(strides), t.offset, s.elements, safetensors.Quote(s.key))
	}
	if t.elements > t.extent {
		return nil, errkind.Errorf(lstm.ErrUnsupported, "a tensor has the sizes %s and strides %s, which repeat elements, want each once: tensor.contiguous() copies them",
			safetensors.SizesText(shape), safetensors.SizesText(strides))
	}
	return t, nil
}

// sizesOf returns the numbers of a tuple.
func sizesOf(v any) (list []int, ok bool) {
	t, _ := v.(*tuple)
	if t == nil || len(t.items) > safetensors.MaxDimensions {
		return nil, false
	}
	list = make([]int, len(t.items))
	for i, item := range t.items {
		n, ok := item.(int64)
		if !ok || n < 0 || n > math.MaxInt {
			return nil, false
		}
		list[i] = int(n)
	}
	return list, true
}

// elements reads a tensor.
func (a *archive) elements(t *tensor) ([]float32, error) {
	of := t.storage.of
	if of.float32 == nil {
		return nil, errkind.Errorf(lstm.ErrUnsupported, "its elements are %s, want float32, float16, bfloat16 or float64", of.name)
	}
	size, begin, err := a.record("data/" + t.storage.key)
	if err != nil {
		return nil, err
	}
	if want := int64(t.storage.elements) * int64(of.size); size != want {
		return nil, errkind.Errorf(lstm.ErrDamaged, "record %s has %d bytes, want %d for %d elements of %s", safetensors.Quote("data/"+t.storage.key), size, want, t.storage.elements, of.name)
	}
	b := make([]byte, t.extent*of.size)
	if err := a.readAt(b, begin+int64(t.offset)*int64(of.size)); err != nil {
		return nil, err
	}
	data := make([]float32, t.elements)
	index := make([]int, len(t.shape))
	at := 0
	for i := range data {
		data[i] = of.float32(a.order, b[at*of.size:])
		for d := len(index) - 1; d >= 0; d-- {
			if index[d]++; index[d] < t.shape[d] {
				at += t.strides[d]
				break
			}
			at -= (t.shape[d] - 1) * t.strides[d]
			index[d] = 0
		}
	}
	return data, nil
}
