// One layer of LSTM by oneDNN, for calls of fixed numbers of steps and streams.
struct onednn_lstm;

// The scales that floats are multiplied with to be integers: of x and h, and of the
// 4·hidden rows of both matrices of weights.
struct onednn_int8 {
  float scale;
  const float *weight_scales;
};

// onednn_open makes one of PyTorch's weights; NULL is no more than a failure. A call
// is of one stretch, steps of streams, and goes on from the state that the last call
// has left; or, if sequences is not 0, of all of the stretches, each with streams that
// the one before has had too, and begins at zero.
// With q, weights are int8, and come transposed, since oneDNN quantises no others, and
// x and h are unsigned bytes, round(v·scale) + 128.
struct onednn_lstm *onednn_open(int input, int hidden, int stretches, const int *steps, const int *streams,
                                int sequences, float *weight_ih, float *weight_hh, float *bias,
                                const struct onednn_int8 *q);

// onednn_run runs a call; 0 is success.
int onednn_run(struct onednn_lstm *p);

// Its inputs [steps, streams, input], stretch after stretch, floats or with q bytes,
// and its outputs [steps, streams, hidden].
void *onednn_x(struct onednn_lstm *p);
float *onednn_y(struct onednn_lstm *p);
