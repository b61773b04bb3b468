package media

import (
	"errors"
	"fmt"
	"syscall"
	"testing"

	"github.com/asticode/go-astiav"

	"liveclip/internal/note"
)

func TestFFmpegsFailuresSayWhatToDo(t *testing.T) {
	for code, want := range map[error]note.Sentence{
		astiav.ErrInvaliddata:                      note.NotMedia,
		astiav.ErrHttpNotFound:                     note.NotThere,
		astiav.ErrHttpForbidden:                    note.Forbade,
		astiav.ErrHttpServerError:                  note.ServerFailed,
		astiav.ErrProtocolNotFound:                 note.NoProtocol,
		astiav.ErrDecoderNotFound:                  note.NoDecoder,
		astiav.Error(-int(syscall.ECONNREFUSED)):   note.NotListening,
		astiav.Error(-int(syscall.ETIMEDOUT)):      note.NoAnswer,
		astiav.Error(-int(syscall.ENOENT)):         note.NoFile,
		astiav.Error(-int(syscall.EACCES)):         note.NotAllowed,
		astiav.Error(-int(syscall.ENOSPC)):         note.DiskFull,
		astiav.Error(-int(syscall.EIO)):            note.DiskFailed,
		syscall.ECONNRESET:                         note.BrokenOff,
		fmt.Errorf("write: %w", syscall.ENOSPC):    note.DiskFull,
		note.DiskFull.Fault(errors.New("so full")): note.DiskFull,
	} {
		if got := note.Chinese(Plain(fmt.Errorf("open rtmp://a.example/live/x: %w", code)).Error()); got != want.Chinese && got != want.Chinese+"（rtmp://a.example/live/x）" {
			t.Errorf("%v is %q", code, got)
		}
	}
}
