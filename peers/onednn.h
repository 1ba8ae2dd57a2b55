// One layer of LSTM by oneDNN, for calls of fixed numbers of steps and streams.
struct onednn_lstm;

// onednn_open makes one of PyTorch's weights; NULL is no more than a failure. A call
// is of one stretch, steps of streams, and goes on from the state that the last call
// has left; or, if sequences is not 0, of all of the stretches, each with streams that
// the one before has had too, and begins at zero.
struct onednn_lstm *onednn_open(int input, int hidden, int stretches, const int *steps, const int *streams,
                                int sequences, float *weight_ih, float *weight_hh, float *bias);

// onednn_run runs a call; 0 is success.
int onednn_run(struct onednn_lstm *p);

// Its inputs [steps, streams, input], stretch after stretch, and its outputs
// [steps, streams, hidden].
float *onednn_x(struct onednn_lstm *p);
float *onednn_y(struct onednn_lstm *p);
