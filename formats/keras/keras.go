// Package keras reads models of Keras as TensorFlow.js saves them, a model.json
// and the files of its weights, and makes an [lstm.Model] of them. A .h5 or .keras
// file becomes such a folder by totfjs.py, a script beside this package. It needs
// neither TensorFlow nor Python at run time, and executes nothing.
//
// docs/keras.md in the repository says which layers and options are taken and
// which are refused, and where the outputs of a model stand that Keras gives one
// output for a whole sequence.
package keras

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"example.com/lstm"
)

// The keys of [lstm.Model.Metadata] that Open and Read set.
const (
	// VersionKey has the keras_version of the file, such as 2.15.0 or tfjs-layers
	// 4.22.0. There is none where the file has none.
	VersionKey = "keras.version"
	// InputKey says what an input is where the model begins with an Embedding: "one of
	// 80" is 80 numbers, of which one is 1 and the others are 0, instead of its place.
	// Other models have it not.
	InputKey = "keras.input"
	// OutputKey says where the outputs of Keras's model are among those of a network
	// here, which has one for each step: OutputEach, OutputLast, OutputFirst or
	// OutputReversed.
	OutputKey = "keras.output"
)

// The values of [OutputKey].
const (
	OutputEach     = "each"     // Keras has the same outputs, in the same order
	OutputLast     = "last"     // Keras has one output: that of the last step of the sequence
	OutputFirst    = "first"    // Keras has one output: that of the first step, which a layer with go_backwards comes to last
	OutputReversed = "reversed" // Keras has the same outputs, the one of the last step first
)

// Open reads the TensorFlow.js layers model whose model.json is at path. Weights
// come from files in the same folder or below it; names and links that lead out of
// it are refused.
//
// The model is one that [lstm.New] or, if it has bidirectional or reversed layers,
// [lstm.NewSequenceNetwork] makes a network of. Its Source has the names of the
// layers, and its Metadata are VersionKey, InputKey and OutputKey. Layers and options that it
// cannot do justice to are errors, never passed over: lstm.ErrUnsupported.
// lstm.ErrDamaged and lstm.ErrShape are for files that contradict themselves. A
// weight that is NaN or infinite is an ErrDamaged.
//
// Files may be hostile: nothing is allocated for weights before their sizes have
// been compared with those of the files. Reading weights allocates up to 8 times
// the bytes of their files, where those are uint8, and twice where they are float32;
// reading model.json up to 64 times its bytes, of which there may be 2 MiB, with
// 10,000 layers. Errors name the path.
func Open(path string) (*lstm.Model, error) {
	root, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("keras: %w", err)
	}
	defer root.Close()
	m, err := read(root.FS(), filepath.Base(path))
	if err != nil {
		return nil, fmt.Errorf("keras: %s: %w", path, err)
	}
	return m, nil
}

// Read is [Open] for the file of that name in fsys, and weights in the same folder
// of it or below. What links in fsys lead to is for fsys to say.
func Read(fsys fs.FS, name string) (*lstm.Model, error) {
	m, err := read(fsys, name)
	if err != nil {
		return nil, fmt.Errorf("keras: %s: %w", name, err)
	}
	return m, nil
}
