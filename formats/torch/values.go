package torch

import (
	"fmt"

	"example.com/lstm/internal/safetensors"
)

// What a pickle makes: nil, bool, int64, float64, string, opaque, class, *dict, *list,
// *tuple, *storage and *tensor.
type (
	// A dict has the keys as they came, perhaps one twice.
	dict struct {
		keys, values []any
		ordered      bool // a collections.OrderedDict
	}
	list  struct{ items []any }
	tuple struct{ items []any }
	// A class is one that may be in a file, or a function, by module and name.
	class string
	// opaque is a value that no parameter needs: bytes, and integers beyond 64 bits.
	opaque struct{ what string }
)

// describe says what a value is, in an error.
func describe(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case string:
		return safetensors.Quote(v)
	case opaque:
		return v.what
	case class:
		return "class " + safetensors.Quote(string(v))
	case *dict:
		return "a dictionary"
	case *list:
		return "a list"
	case *tuple:
		return fmt.Sprintf("a tuple of %d", len(v.items))
	case *storage:
		return "a storage"
	case *tensor:
		return "a tensor"
	}
	return fmt.Sprint(v)
}
