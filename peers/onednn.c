//go:build onednn

#include "onednn.h"

#include <oneapi/dnnl/dnnl.h>
#include <stdlib.h>
#include <string.h>

#if DNNL_VERSION_MAJOR != 2
#error "written for oneDNN 2, which Debian 12 has"
#endif

enum { ARGS = 10 };

// One execution of a primitive.
struct execution {
  dnnl_primitive_t lstm;
  dnnl_exec_arg_t args[ARGS];
};

struct onednn_lstm {
  dnnl_stream_t stream;
  void *x;
  float *y;
  // A call makes each of the executions, from the next on; the states that one writes
  // are those that the next reads.
  struct execution *executions;
  int count, each, next;
};

// An error of oneDNN ends the function that it happens in. What has been made is
// not given back: the program does not go on with this peer.
#define TRY(call) \
  if ((call) != dnnl_success) return NULL

static dnnl_status_t describe(dnnl_memory_desc_t *desc, dnnl_data_type_t type, dnnl_format_tag_t format,
                              int n, const dnnl_dims_t dims) {
  return dnnl_memory_desc_init_by_tag(desc, n, dims, type, format);
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
// chosen for its argument, quantised as the attributes say.
static dnnl_memory_t packed(struct onednn_lstm *p, dnnl_engine_t engine, const_dnnl_primitive_attr_t attr,
                            const_dnnl_primitive_desc_t pd, int arg, const dnnl_memory_desc_t *desc, float *weights) {
  const dnnl_memory_desc_t *chosen = dnnl_primitive_desc_query_md(pd, dnnl_query_exec_arg_md, arg);
  dnnl_memory_t from, to = zeros(engine, chosen);
  dnnl_primitive_desc_t reorder_pd;
  dnnl_primitive_t reorder;
  if (to == NULL) return NULL;
  TRY(dnnl_memory_create(&from, desc, engine, weights));
  TRY(dnnl_reorder_primitive_desc_create(&reorder_pd, desc, engine, chosen, engine, attr));
  TRY(dnnl_primitive_create(&reorder, reorder_pd));
  dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
  TRY(dnnl_primitive_execute(reorder, p->stream, 2, args));
  TRY(dnnl_stream_wait(p->stream));
  dnnl_primitive_destroy(reorder);
  dnnl_primitive_desc_destroy(reorder_pd);
  dnnl_memory_destroy(from);
  return to;
}

// values makes memory that has those values.
static dnnl_memory_t values(dnnl_engine_t engine, const dnnl_memory_desc_t *desc, const float *from) {
  dnnl_memory_t m = zeros(engine, desc);
  void *data;
  if (m == NULL) return NULL;
  TRY(dnnl_memory_get_data_handle(m, &data));
  memcpy(data, from, dnnl_memory_desc_get_size(desc));
  return m;
}

// part is memory that lies at an address.
static dnnl_memory_t part(dnnl_engine_t engine, const dnnl_memory_desc_t *desc, void *at) {
  dnnl_memory_t m;
  TRY(dnnl_memory_create(&m, desc, engine, at));
  return m;
}

// room is a number of bytes that are all the same, on a line of the cache.
static void *room(size_t bytes, int value) {
  bytes = (bytes + 63) / 64 * 64;
  void *data = aligned_alloc(64, bytes);
  if (data != NULL) memset(data, value, bytes);
  return data;
}

// shift is what stands for 0 where x and h are bytes.
enum { shift = 128 };

// quantised returns the attributes of primitives whose weights are int8, and x and h
// bytes: a scale for each row of both matrices of weights, and one for x and h.
static dnnl_status_t quantised(dnnl_primitive_attr_t attr, const struct onednn_int8 *q, int hidden) {
  const int gates_and_units = 1 << 3 | 1 << 4;
  dnnl_status_t status = dnnl_primitive_attr_set_rnn_data_qparams(attr, q->scale, shift);
  if (status != dnnl_success) return status;
  return dnnl_primitive_attr_set_rnn_weights_qparams(attr, 4 * hidden, gates_and_units, q->weight_scales);
}

// A layer is what the primitives of a network have in common.
struct layer {
  dnnl_engine_t engine;
  dnnl_primitive_attr_t attr, packing; // of the network, and of what packs its weights
  dnnl_data_type_t vector, matrix; // of x and h, and of weights
  dnnl_format_tag_t rows;          // how the weights lie that are packed
  int input, hidden;
  float *weight_ih, *weight_hh;
  dnnl_memory_t bias;
};

// What a primitive works on.
struct shapes {
  dnnl_memory_desc_t x, y, h, c, scratchpad, ih_desc, hh_desc;
  dnnl_memory_t ih, hh;
};

// primitive makes the primitive of a stretch, number i of shapes. It chooses the
// format of its weights; stretches before it that have chosen the same share theirs.
static dnnl_primitive_t primitive(struct onednn_lstm *p, const struct layer *l, int steps, int streams,
                                  struct shapes *shapes, int i) {
  const dnnl_dims_t x_dims = {steps, streams, l->input}, y_dims = {steps, streams, l->hidden};
  const dnnl_dims_t state_dims = {1, 1, streams, l->hidden};
  const dnnl_dims_t ih_dims = {1, 1, l->input, 4, l->hidden}, hh_dims = {1, 1, l->hidden, 4, l->hidden};
  const dnnl_dims_t bias_dims = {1, 1, 4, l->hidden};
  struct shapes *s = &shapes[i];
  dnnl_memory_desc_t ih, hh, ih_any, hh_any, bias;
  TRY(describe(&s->x, l->vector, dnnl_tnc, 3, x_dims));
  TRY(describe(&s->y, dnnl_f32, dnnl_tnc, 3, y_dims));
  TRY(describe(&s->h, l->vector, dnnl_ldnc, 4, state_dims));
  TRY(describe(&s->c, dnnl_f32, dnnl_ldnc, 4, state_dims));
  TRY(describe(&ih, dnnl_f32, l->rows, 5, ih_dims));
  TRY(describe(&hh, dnnl_f32, l->rows, 5, hh_dims));
  TRY(describe(&ih_any, l->matrix, dnnl_format_tag_any, 5, ih_dims));
  TRY(describe(&hh_any, l->matrix, dnnl_format_tag_any, 5, hh_dims));
  TRY(describe(&bias, dnnl_f32, dnnl_ldgo, 4, bias_dims));

  dnnl_rnn_desc_t desc;
  dnnl_primitive_desc_t pd;
  dnnl_primitive_t lstm;
  TRY(dnnl_lstm_forward_desc_init(&desc, dnnl_forward_inference, dnnl_unidirectional_left2right,
                                  &s->x, &s->h, &s->c, &ih_any, &hh_any, &bias,
                                  &s->y, &s->h, &s->c, dnnl_rnn_flags_undef));
  TRY(dnnl_primitive_desc_create(&pd, &desc, l->attr, l->engine, NULL));
  TRY(dnnl_primitive_create(&lstm, pd));

  s->ih_desc = *dnnl_primitive_desc_query_md(pd, dnnl_query_exec_arg_md, DNNL_ARG_WEIGHTS_LAYER);
  s->hh_desc = *dnnl_primitive_desc_query_md(pd, dnnl_query_exec_arg_md, DNNL_ARG_WEIGHTS_ITER);
  for (int k = 0; k < i; k++) {
    if (dnnl_memory_desc_equal(&shapes[k].ih_desc, &s->ih_desc)) s->ih = shapes[k].ih;
    if (dnnl_memory_desc_equal(&shapes[k].hh_desc, &s->hh_desc)) s->hh = shapes[k].hh;
  }
  if (s->ih == NULL) s->ih = packed(p, l->engine, l->packing, pd, DNNL_ARG_WEIGHTS_LAYER, &ih, l->weight_ih);
  if (s->hh == NULL) s->hh = packed(p, l->engine, l->packing, pd, DNNL_ARG_WEIGHTS_ITER, &hh, l->weight_hh);
  s->scratchpad = *dnnl_primitive_desc_query_md(pd, dnnl_query_exec_arg_md, DNNL_ARG_SCRATCHPAD);
  dnnl_primitive_desc_destroy(pd);
  return lstm;
}

struct onednn_lstm *onednn_open(int input, int hidden, int stretches, const int *steps, const int *streams,
                                int sequences, float *weight_ih, float *weight_hh, float *bias,
                                const struct onednn_int8 *q) {
  struct onednn_lstm *p = calloc(1, sizeof *p);
  struct layer l = {
      .vector = q != NULL ? dnnl_u8 : dnnl_f32,
      .matrix = q != NULL ? dnnl_s8 : dnnl_f32,
      .rows = q != NULL ? dnnl_ldigo : dnnl_ldgoi,
      .input = input,
      .hidden = hidden,
      .weight_ih = weight_ih,
      .weight_hh = weight_hh,
  };
  TRY(dnnl_engine_create(&l.engine, dnnl_cpu, 0));
  TRY(dnnl_stream_create(&p->stream, l.engine, dnnl_stream_default_flags));
  // The scratchpad that oneDNN makes by itself belongs to a thread, and calls from
  // Go may come from any.
  TRY(dnnl_primitive_attr_create(&l.attr));
  TRY(dnnl_primitive_attr_set_scratchpad_mode(l.attr, dnnl_scratchpad_mode_user));
  TRY(dnnl_primitive_attr_create(&l.packing));
  if (q != NULL) {
    TRY(quantised(l.attr, q, hidden));
    TRY(quantised(l.packing, q, hidden));
  }
  const dnnl_dims_t bias_dims = {1, 1, 4, hidden};
  dnnl_memory_desc_t bias_desc;
  TRY(describe(&bias_desc, dnnl_f32, dnnl_ldgo, 4, bias_dims));
  l.bias = values(l.engine, &bias_desc, bias);

  const size_t size = q != NULL ? 1 : sizeof(float); // of an element of x and h
  size_t rows = 0, state = (size_t)streams[0] * hidden;
  for (int i = 0; i < stretches; i++) rows += (size_t)steps[i] * streams[i];
  p->x = room(rows * input * size, 0);
  p->y = room(rows * hidden * sizeof(float), 0);
  // States that are zeros, and two that take turns.
  void *h[3], *c[3];
  for (int i = 0; i < 3; i++) {
    h[i] = room(state * size, q != NULL ? shift : 0);
    c[i] = room(state * sizeof(float), 0);
    if (h[i] == NULL || c[i] == NULL) return NULL;
  }
  // Without sequences, the one stretch is there twice: a call, and the one after it.
  p->count = sequences ? stretches : 2;
  p->each = sequences ? stretches : 1;
  p->executions = calloc(p->count, sizeof *p->executions);
  if (p->x == NULL || p->y == NULL || p->executions == NULL) return NULL;

  struct shapes *shapes = calloc(p->count, sizeof *shapes);
  if (shapes == NULL) return NULL;
  size_t scratchpad_bytes = 0;
  for (int i = 0; i < p->count; i++) {
    const int stretch = sequences ? i : 0;
    struct execution *e = &p->executions[i];
    e->lstm = primitive(p, &l, steps[stretch], streams[stretch], shapes, i);
    if (e->lstm == NULL) return NULL;
    size_t bytes = dnnl_memory_desc_get_size(&shapes[i].scratchpad);
    if (bytes > scratchpad_bytes) scratchpad_bytes = bytes;
  }
  void *scratchpad = room(scratchpad_bytes + 1, 0);
  if (scratchpad == NULL) return NULL;

  char *at_x = p->x;
  float *at_y = p->y;
  for (int i = 0; i < p->count; i++) {
    const int before = sequences && i == 0 ? 2 : 1 - i % 2, after = i % 2;
    struct shapes *s = &shapes[i];
    const dnnl_exec_arg_t args[ARGS] = {
        {DNNL_ARG_SRC_LAYER, part(l.engine, &s->x, at_x)},
        {DNNL_ARG_SRC_ITER, part(l.engine, &s->h, h[before])},
        {DNNL_ARG_SRC_ITER_C, part(l.engine, &s->c, c[before])},
        {DNNL_ARG_WEIGHTS_LAYER, s->ih},
        {DNNL_ARG_WEIGHTS_ITER, s->hh},
        {DNNL_ARG_BIAS, l.bias},
        {DNNL_ARG_DST_LAYER, part(l.engine, &s->y, at_y)},
        {DNNL_ARG_DST_ITER, part(l.engine, &s->h, h[after])},
        {DNNL_ARG_DST_ITER_C, part(l.engine, &s->c, c[after])},
        {DNNL_ARG_SCRATCHPAD, part(l.engine, &s->scratchpad, scratchpad)},
    };
    for (int k = 0; k < ARGS; k++) {
      if (args[k].memory == NULL) return NULL;
    }
    memcpy(p->executions[i].args, args, sizeof args);
    if (sequences) {
      at_x += (size_t)steps[i] * streams[i] * input * size;
      at_y += (size_t)steps[i] * streams[i] * hidden;
    }
  }
  free(shapes);
  dnnl_primitive_attr_destroy(l.attr);
  dnnl_primitive_attr_destroy(l.packing);
  return p;
}

int onednn_run(struct onednn_lstm *p) {
  dnnl_status_t status = dnnl_success;
  for (int i = 0; i < p->each && status == dnnl_success; i++) {
    struct execution *e = &p->executions[p->next];
    status = dnnl_primitive_execute(e->lstm, p->stream, ARGS, e->args);
    p->next = (p->next + 1) % p->count;
  }
  if (status == dnnl_success) status = dnnl_stream_wait(p->stream);
  return status != dnnl_success;
}

void *onednn_x(struct onednn_lstm *p) { return p->x; }
float *onednn_y(struct onednn_lstm *p) { return p->y; }
