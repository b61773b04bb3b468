package models

// Roles of files.
const (
	only       = "model" // the one .onnx of kinds that have one
	tokens     = "tokens"
	vocabulary = "vocabulary" // of the pieces that words are made of, for hot words
)

// need is what a kind's file must have, or the library that loads it ends the process.
type need struct {
	role     string
	metadata []string
	inputs   int // at least
	// by the metadata "model_type", what else it must have; nil: any type will do
	types map[string][]string
}

var (
	nemoStates = []string{"window_size", "chunk_shift", "subsampling_factor", "vocab_size", "cache_last_channel_dim1", "cache_last_channel_dim2",
		"cache_last_channel_dim3", "cache_last_time_dim1", "cache_last_time_dim2", "cache_last_time_dim3"}
	zipformer2 = []string{"encoder_dims", "query_head_dims", "value_head_dims", "num_heads", "num_encoder_layers", "cnn_module_kernels",
		"left_context_len", "T", "decode_chunk_len"}
)

// needs are from sherpa-onnx 1.12.15 (SHERPA_ONNX_READ_META_DATA in csrc/online-*-model.cc).
var needs = map[string][]need{
	Transducer: {
		{role: "encoder", inputs: 2, types: map[string][]string{
			"zipformer2": zipformer2,
			"zipformer":  {"encoder_dims", "attention_dims", "num_encoder_layers", "cnn_module_kernels", "left_context_len", "T", "decode_chunk_len"},
			"conformer":  {"num_encoder_layers", "T", "decode_chunk_len", "left_context", "encoder_dim", "pad_length", "cnn_module_kernel"},
			"lstm":       {"num_encoder_layers", "T", "decode_chunk_len", "rnn_hidden_size", "d_model"},
		}},
		{role: "decoder", metadata: []string{"vocab_size", "context_size"}, inputs: 1},
		{role: "joiner", inputs: 2},
	},
	Paraformer: {
		{role: "encoder", inputs: 2, metadata: []string{"vocab_size", "lfr_window_size", "lfr_window_shift", "encoder_output_size",
			"decoder_num_blocks", "decoder_kernel_size", "neg_mean", "inv_stddev"}},
		{role: "decoder", inputs: 4},
	},
	Zipformer2CTC: {{role: only, metadata: zipformer2, inputs: 2}},
	NemoCTC:       {{role: only, metadata: nemoStates, inputs: 5}},
	ToneCTC:       {{role: only, metadata: []string{"frame_length_ms", "state_dim", "sample_rate"}, inputs: 2}},
	Silero:        {{role: only, inputs: 3}},
}
