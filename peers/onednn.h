// One layer of LSTM by oneDNN, for calls of a fixed number of steps and streams.
struct onednn_lstm;

// onednn_open makes one of PyTorch's weights; NULL is no more than a failure.
struct onednn_lstm *onednn_open(int input, int hidden, int steps, int streams,
                                float *weight_ih, float *weight_hh, float *bias);

// onednn_run runs a call from the state that the last one has left; 0 is success.
int onednn_run(struct onednn_lstm *p);

// Its inputs [steps, streams, input] and outputs [steps, streams, hidden].
float *onednn_x(struct onednn_lstm *p);
float *onednn_y(struct onednn_lstm *p);
