// Package whisper asks a server that speaks OpenAI's transcription API (POST …/v1/audio/transcriptions: faster-whisper, FunASR,
// vLLM and others) what was said in an utterance.
//
// It gives words with times where the server does, the times of segments where it knows no words, and else the whole utterance
// as one. A server that is slow, busy or broken is asked again, as often and as late as the budget of an utterance allows; what
// it answers is checked: a wrong answer is an error with its beginning, never a line.
//
// Such a server hears whole utterances only: there are no partial lines, and a line comes one request after its end.
package whisper
