#include "sherpa_api.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

static char *copied(const char *text) { return strdup(text ? text : "unknown error"); }

char *sherpa_open(const char *library, sherpa_api *api) {
  // What it needs itself, ONNX Runtime, lies beside it: its search path says so.
  void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
  if (!handle) return copied(dlerror());
  const struct { const char *name; void **into; } names[] = {
      {"SherpaOnnxGetVersionStr", (void **)&api->version},
      {"SherpaOnnxCreateOnlineRecognizer", (void **)&api->recogniser},
      {"SherpaOnnxDestroyOnlineRecognizer", (void **)&api->free_recogniser},
      {"SherpaOnnxCreateOnlineStream", (void **)&api->stream},
      {"SherpaOnnxCreateOnlineStreamWithHotwords", (void **)&api->stream_with_hotwords},
      {"SherpaOnnxDestroyOnlineStream", (void **)&api->free_stream},
      {"SherpaOnnxOnlineStreamAcceptWaveform", (void **)&api->accept},
      {"SherpaOnnxOnlineStreamInputFinished", (void **)&api->finished},
      {"SherpaOnnxIsOnlineStreamReady", (void **)&api->ready},
      {"SherpaOnnxDecodeMultipleOnlineStreams", (void **)&api->decode},
      {"SherpaOnnxGetOnlineStreamResult", (void **)&api->result},
      {"SherpaOnnxDestroyOnlineRecognizerResult", (void **)&api->free_result},
  };
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
    *names[i].into = dlsym(handle, names[i].name);
    if (!*names[i].into) {
      char *why = copied(dlerror());
      dlclose(handle);
      return why;
    }
  }
  return NULL; // the library stays open: C++ libraries do not like to be closed
}

const char *sherpa_version(sherpa_api *a) { return a->version(); }
const void *sherpa_recogniser(sherpa_api *a, const sherpa_config *c) { return a->recogniser(c); }
void sherpa_free_recogniser(sherpa_api *a, const void *r) { a->free_recogniser(r); }
const void *sherpa_stream(sherpa_api *a, const void *r, const char *hotwords) {
  return hotwords ? a->stream_with_hotwords(r, hotwords) : a->stream(r);
}
void sherpa_free_stream(sherpa_api *a, const void *s) { a->free_stream(s); }
void sherpa_accept(sherpa_api *a, const void *s, const float *samples, int32_t n) { a->accept(s, 16000, samples, n); }
void sherpa_finished(sherpa_api *a, const void *s) { a->finished(s); }
int32_t sherpa_ready(sherpa_api *a, const void *r, const void *s) { return a->ready(r, s); }
void sherpa_decode(sherpa_api *a, const void *r, const void **s, int32_t n) { a->decode(r, s, n); }
const sherpa_result *sherpa_get_result(sherpa_api *a, const void *r, const void *s) { return a->result(r, s); }
void sherpa_free_result(sherpa_api *a, const sherpa_result *r) { a->free_result(r); }
const char *sherpa_token(const sherpa_result *r, int32_t i) { return r->tokens_arr[i]; }
