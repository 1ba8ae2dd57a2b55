package keras_test

import (
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"example.com/lstm"
	"example.com/lstm/formats/keras"
)

// Whatever the files are, reading them ends, and what it takes for a model is one.
func FuzzRead(f *testing.F) {
	for _, model := range []string{
		"activation_layers", "both_stack", "both_go_backwards", "dense_first", "functional_heads", "functional_states", "go_backwards_twice", "lstm_defaults", "no_bias", "rnn_cells", "stack", "uint8", "uint16", "float16",
	} {
		fsys := files(f, model)
		f.Add(fsys["model.json"].Data, fsys["weights.bin"].Data)
	}
	f.Add([]byte(`{"modelTopology":{"class_name":"Functional","module":"keras","config":{"layers":[{"class_name":"InputLayer","config":{"name":"x"},"inbound_nodes":[]},{"class_name":"LSTM","config":`+
		`{"name":"l","units":1,"activation":"tanh","recurrent_activation":"hard_sigmoid"},"inbound_nodes":[{"args":[{"class_name":"__keras_tensor__","config":{"keras_history":["x",0,0]}}],"kwargs":{}}]}],`+
		`"output_layers":["l",0,0]}},"weightsManifest":[{"paths":["weights.bin"],"weights":[{"name":"l/l/cell/kernel","shape":[1,4],"dtype":"float32"},{"name":"l/recurrent_kernel","shape":[1,4],"dtype":"float32"},`+
		`{"name":"l/bias","shape":[8],"dtype":"float32"}]}]}`), make([]byte, 64))
	f.Fuzz(func(t *testing.T, document, weights []byte) {
		m, err := keras.Read(fstest.MapFS{"model.json": {Data: document}, "weights.bin": {Data: weights}}, "model.json")
		if err != nil {
			require.Less(t, len(err.Error()), 10_000)
			return
		}
		_, err = lstm.NewSequenceNetwork(m)
		require.NoError(t, err)
	})
}
