// What is used of sherpa-onnx 1.12.15's C interface (c-api.h). It is opened when it is asked for, not linked: recorders and
// finishers, the same program, never map it, and a machine without it still records. The layout is checked by the version.
#ifndef LIVECLIP_SHERPA_API_H
#define LIVECLIP_SHERPA_API_H
#include <stdint.h>

typedef struct { const char *encoder, *decoder, *joiner; } sherpa_transducer;
typedef struct { const char *encoder, *decoder; } sherpa_paraformer;
typedef struct { const char *model; } sherpa_single;

typedef struct {
  sherpa_transducer transducer;
  sherpa_paraformer paraformer;
  sherpa_single zipformer2_ctc;
  const char *tokens;
  int32_t num_threads;
  const char *provider;
  int32_t debug;
  const char *model_type, *modeling_unit, *bpe_vocab;
  const char *tokens_buf;
  int32_t tokens_buf_size;
  sherpa_single nemo_ctc, t_one_ctc;
} sherpa_model;

typedef struct {
  int32_t sample_rate, feature_dim;
  sherpa_model model;
  const char *decoding_method;
  int32_t max_active_paths, enable_endpoint;
  float rule1_min_trailing_silence, rule2_min_trailing_silence, rule3_min_utterance_length;
  const char *hotwords_file;
  float hotwords_score;
  struct { const char *graph; int32_t max_active; } ctc_fst;
  const char *rule_fsts, *rule_fars;
  float blank_penalty;
  const char *hotwords_buf;
  int32_t hotwords_buf_size;
  struct { const char *dict_dir, *lexicon, *rule_fsts; } homophones;
} sherpa_config;

typedef struct {
  const char *text, *tokens;
  const char *const *tokens_arr;
  float *timestamps; // seconds; NULL: none
  int32_t count;
  const char *json;
} sherpa_result;

typedef struct {
  const char *(*version)(void);
  const void *(*recogniser)(const sherpa_config *);
  void (*free_recogniser)(const void *recogniser);
  const void *(*stream)(const void *recogniser);
  const void *(*stream_with_hotwords)(const void *recogniser, const char *hotwords);
  void (*free_stream)(const void *stream);
  void (*accept)(const void *stream, int32_t rate, const float *samples, int32_t n);
  void (*finished)(const void *stream);
  int32_t (*ready)(const void *recogniser, const void *stream);
  void (*decode)(const void *recogniser, const void **streams, int32_t n);
  const sherpa_result *(*result)(const void *recogniser, const void *stream);
  void (*free_result)(const sherpa_result *);
} sherpa_api;

// sherpa_open fills the table from the library; NULL, or what went wrong, to be freed.
char *sherpa_open(const char *library, sherpa_api *api);

// The calls of the table: Go can't call a pointer.
const char *sherpa_version(sherpa_api *a);
const void *sherpa_recogniser(sherpa_api *a, const sherpa_config *c);
void sherpa_free_recogniser(sherpa_api *a, const void *r);
const void *sherpa_stream(sherpa_api *a, const void *r, const char *hotwords); // hotwords NULL: none
void sherpa_free_stream(sherpa_api *a, const void *s);
void sherpa_accept(sherpa_api *a, const void *s, const float *samples, int32_t n);
void sherpa_finished(sherpa_api *a, const void *s);
int32_t sherpa_ready(sherpa_api *a, const void *r, const void *s);
void sherpa_decode(sherpa_api *a, const void *r, const void **s, int32_t n);
const sherpa_result *sherpa_get_result(sherpa_api *a, const void *r, const void *s);
void sherpa_free_result(sherpa_api *a, const sherpa_result *r);
const char *sherpa_token(const sherpa_result *r, int32_t i);

#endif
