package media

import (
	"errors"
	"syscall"

	"github.com/asticode/go-astiav"

	"liveclip/internal/note"
)

// codes are FFmpeg's own errors. Its others are the system's numbers, negated.
var codes = map[astiav.Error]note.Sentence{
	astiav.ErrInvaliddata: note.NotMedia, astiav.ErrDemuxerNotFound: note.NotMedia, astiav.ErrPatchwelcome: note.NotMedia,
	astiav.ErrProtocolNotFound: note.NoProtocol, astiav.ErrDecoderNotFound: note.NoDecoder, astiav.ErrStreamNotFound: note.NoStream,
	astiav.ErrEof: note.SourceEnded, errInvalid: note.NotMedia, // a format outside demuxers
	astiav.ErrHttpBadRequest: note.BadCall, astiav.ErrHttpUnauthorized: note.NotKnown, astiav.ErrHttpForbidden: note.Forbade,
	astiav.ErrHttpNotFound: note.NotThere, astiav.ErrHttpOther4Xx: note.BadCall, astiav.ErrHttpServerError: note.ServerFailed,
}

// Plain says FFmpeg's and the system's usual failures so that an operator knows what to do.
func Plain(err error) error {
	var code astiav.Error
	if errors.As(err, &code) {
		if said, known := codes[code]; known {
			return said.Fault(err)
		}
		if said, known := note.Number(syscall.Errno(-code)); known {
			return said.Fault(err)
		}
	}
	return note.Plain(err)
}
