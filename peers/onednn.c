//go:build onednn

#include "onednn.h"

#include <oneapi/dnnl/dnnl.h>
#include <stdlib.h>
#include <string.h>

#if DNNL_VERSION_MAJOR != 2
#error "written for oneDNN 2, which Debian 12 has"
#endif

enum { ARGS = 10 };

struct onednn_lstm {
  dnnl_stream_t stream;
  dnnl_primitive_t lstm;
  dnnl_memory_t x, y;
  // Calls take turns: the states that one writes are those that the next reads.
  dnnl_exec_arg_t args[2][ARGS];
  int turn;
};

// An error of oneDNN ends the function that it happens in. What has been made is
// not given back: the program does not go on with this peer.
#define TRY(call) \
  if ((call) != dnnl_success) return NULL

static dnnl_status_t describe(dnnl_memory_desc_t *desc, dnnl_format_tag_t format,
                              int n, const dnnl_dims_t dims) {
  return dnnl_memory_desc_init_by_tag(desc, n, dims, dnnl_f32, format);
}

// zeros makes memory that belongs to oneDNN, which aligns it as it likes.
static dnnl_memory_t zeros(dnnl_engine_t engine, const dnnl_memory_desc_t *desc) {
  dnnl_memory_t m;
  void *data;
  TRY(dnnl_memory_create(&m, desc, engine, DNNL_MEMORY_ALLOCATE));
  TRY(dnnl_memory_get_data_handle(m, &data));
  memset(data, 0, dnnl_memory_desc_get_size(desc));
  return m;
}

// packed copies weights from PyTorch's layout to the one that the primitive has
// chosen for its argument.
static dnnl_memory_t packed(struct onednn_lstm *p, dnnl_engine_t engine, const_dnnl_primitive_desc_t pd,
                            int arg, const dnnl_memory_desc_t *desc, float *weights) {
  const dnnl_memory_desc_t *chosen = dnnl_primitive_desc_query_md(pd, dnnl_query_exec_arg_md, arg);
  dnnl_memory_t from, to = zeros(engine, chosen);
  dnnl_primitive_desc_t reorder_pd;
  dnnl_primitive_t reorder;
  if (to == NULL) return NULL;
  TRY(dnnl_memory_create(&from, desc, engine, weights));
  TRY(dnnl_reorder_primitive_desc_create(&reorder_pd, desc, engine, chosen, engine, NULL));
  TRY(dnnl_primitive_create(&reorder, reorder_pd));
  dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
  TRY(dnnl_primitive_execute(reorder, p->stream, 2, args));
  TRY(dnnl_stream_wait(p->stream));
  dnnl_primitive_destroy(reorder);
  dnnl_primitive_desc_destroy(reorder_pd);
  dnnl_memory_destroy(from);
  return to;
}

struct onednn_lstm *onednn_open(int input, int hidden, int steps, int streams,
                                float *weight_ih, float *weight_hh, float *bias) {
  struct onednn_lstm *p = calloc(1, sizeof *p);
  dnnl_engine_t engine;
  TRY(dnnl_engine_create(&engine, dnnl_cpu, 0));
  TRY(dnnl_stream_create(&p->stream, engine, dnnl_stream_default_flags));

  const dnnl_dims_t x_dims = {steps, streams, input}, y_dims = {steps, streams, hidden};
  const dnnl_dims_t state_dims = {1, 1, streams, hidden};
  const dnnl_dims_t ih_dims = {1, 1, input, 4, hidden}, hh_dims = {1, 1, hidden, 4, hidden};
  const dnnl_dims_t bias_dims = {1, 1, 4, hidden};
  dnnl_memory_desc_t x, y, state, ih, hh, ih_any, hh_any, b;
  TRY(describe(&x, dnnl_tnc, 3, x_dims));
  TRY(describe(&y, dnnl_tnc, 3, y_dims));
  TRY(describe(&state, dnnl_ldnc, 4, state_dims));
  TRY(describe(&ih, dnnl_ldgoi, 5, ih_dims));
  TRY(describe(&hh, dnnl_ldgoi, 5, hh_dims));
  TRY(describe(&ih_any, dnnl_format_tag_any, 5, ih_dims));
  TRY(describe(&hh_any, dnnl_format_tag_any, 5, hh_dims));
  TRY(describe(&b, dnnl_ldgo, 4, bias_dims));

  // The scratchpad that oneDNN makes by itself belongs to a thread, and calls from
  // Go may come from any.
  dnnl_primitive_attr_t attr;
  TRY(dnnl_primitive_attr_create(&attr));
  TRY(dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user));

  dnnl_rnn_desc_t desc;
  dnnl_primitive_desc_t pd;
  TRY(dnnl_lstm_forward_desc_init(&desc, dnnl_forward_inference, dnnl_unidirectional_left2right,
                                  &x, &state, &state, &ih_any, &hh_any, &b, &y, &state, &state,
                                  dnnl_rnn_flags_undef));
  TRY(dnnl_primitive_desc_create(&pd, &desc, attr, engine, NULL));
  TRY(dnnl_primitive_create(&p->lstm, pd));

  dnnl_memory_t ih_packed = packed(p, engine, pd, DNNL_ARG_WEIGHTS_LAYER, &ih, weight_ih);
  dnnl_memory_t hh_packed = packed(p, engine, pd, DNNL_ARG_WEIGHTS_ITER, &hh, weight_hh);
  dnnl_memory_t bias_memory = zeros(engine, &b);
  dnnl_memory_t scratchpad = zeros(engine, dnnl_primitive_desc_query_md(pd, dnnl_query_exec_arg_md, DNNL_ARG_SCRATCHPAD));
  p->x = zeros(engine, &x);
  p->y = zeros(engine, &y);
  void *data;
  TRY(dnnl_memory_get_data_handle(bias_memory, &data));
  memcpy(data, bias, sizeof(float) * 4 * hidden);

  dnnl_memory_t h[2], c[2];
  for (int i = 0; i < 2; i++) {
    h[i] = zeros(engine, &state);
    c[i] = zeros(engine, &state);
  }
  for (int i = 0; i < 2; i++) {
    const dnnl_exec_arg_t args[ARGS] = {
        {DNNL_ARG_SRC_LAYER, p->x},
        {DNNL_ARG_SRC_ITER, h[i]},
        {DNNL_ARG_SRC_ITER_C, c[i]},
        {DNNL_ARG_WEIGHTS_LAYER, ih_packed},
        {DNNL_ARG_WEIGHTS_ITER, hh_packed},
        {DNNL_ARG_BIAS, bias_memory},
        {DNNL_ARG_DST_LAYER, p->y},
        {DNNL_ARG_DST_ITER, h[1 - i]},
        {DNNL_ARG_DST_ITER_C, c[1 - i]},
        {DNNL_ARG_SCRATCHPAD, scratchpad},
    };
    for (int k = 0; k < ARGS; k++) {
      if (args[k].memory == NULL) return NULL;
    }
    memcpy(p->args[i], args, sizeof args);
  }
  dnnl_primitive_desc_destroy(pd);
  dnnl_primitive_attr_destroy(attr);
  return p;
}

int onednn_run(struct onednn_lstm *p) {
  dnnl_status_t status = dnnl_primitive_execute(p->lstm, p->stream, ARGS, p->args[p->turn]);
  if (status == dnnl_success) status = dnnl_stream_wait(p->stream);
  p->turn = 1 - p->turn;
  return status != dnnl_success;
}

static float *data_of(dnnl_memory_t m) {
  void *data = NULL;
  dnnl_memory_get_data_handle(m, &data);
  return data;
}

float *onednn_x(struct onednn_lstm *p) { return data_of(p->x); }
float *onednn_y(struct onednn_lstm *p) { return data_of(p->y); }
