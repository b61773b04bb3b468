package note

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

func TestTheSystemsFailuresSayWhatToDo(t *testing.T) {
	dial := func(err error) error {
		return &url.Error{Op: "Get", URL: "http://a.example/", Err: &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", err)}}
	}
	file := func(err error) error { return &fs.PathError{Op: "open", Path: "/mnt/clips/a.mp4", Err: err} }
	for _, c := range []struct {
		err  error
		want Sentence
	}{
		{dial(syscall.ECONNREFUSED), NotListening}, {dial(syscall.ECONNRESET), BrokenOff}, {dial(syscall.EPIPE), BrokenOff},
		{dial(syscall.ETIMEDOUT), NoAnswer}, {dial(syscall.EHOSTUNREACH), NoRoute}, {dial(syscall.ENETUNREACH), NoRoute},
		{dial(syscall.EADDRINUSE), AddressTaken}, {dial(syscall.EADDRNOTAVAIL), NotOurs},
		{&net.OpError{Op: "read", Net: "tcp", Err: os.ErrDeadlineExceeded}, NoAnswer}, {context.DeadlineExceeded, NoAnswer},
		{&net.DNSError{Err: "no such host", Name: "a.example", IsNotFound: true}, NoSuchHost},
		{&net.DNSError{Err: "server misbehaving", Name: "a.example", IsTemporary: true}, NoResolver},
		{&net.DNSError{Err: "i/o timeout", Name: "a.example", IsTimeout: true}, NoResolver},
		{file(syscall.ENOENT), NoFile}, {fs.ErrNotExist, NoFile}, {file(syscall.EACCES), NotAllowed}, {file(syscall.EPERM), NotAllowed},
		{fs.ErrPermission, NotAllowed}, {file(syscall.ENOSPC), DiskFull}, {file(syscall.EDQUOT), QuotaUsed}, {file(syscall.EROFS), ReadOnly},
		{file(syscall.EIO), DiskFailed}, {file(syscall.ESTALE), StorageGone}, {file(syscall.EMFILE), TooManyFiles}, {file(syscall.ENFILE), TooManyFiles},
		{file(syscall.ENOMEM), NoMemory}, {file(syscall.EEXIST), Exists}, {file(syscall.ENOTDIR), NoFolder}, {file(syscall.EISDIR), IsFolder},
		{file(syscall.ENAMETOOLONG), NameTooLong}, {file(syscall.EFBIG), FileTooLarge},
		{&exec.Error{Name: "espeak-ng", Err: exec.ErrNotFound}, NoProgram},
		{x509.UnknownAuthorityError{}, Untrusted}, {x509.HostnameError{Certificate: new(x509.Certificate), Host: "a.example"}, OtherHost},
		{x509.CertificateInvalidError{Reason: x509.Expired}, Expired}, {tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}, NotTLS},
		{io.ErrUnexpectedEOF, CutShort}, {io.EOF, HungUp},
	} {
		err := Plain(fmt.Errorf("call shop: %w", c.err))
		want := c.want.English + " [call shop: " + c.err.Error() + "]"
		if err.Error() != want {
			t.Errorf("%v\nis   %q\nwant %q", c.err, err, want)
		}
		if got := Chinese(GaveUp.Say(3, c.err)); got != "试了 3 次后放弃："+c.want.Chinese {
			t.Errorf("%v is %q in Chinese", c.err, got)
		}
		if again := Plain(fmt.Errorf("twice: %w", err)).Error(); again != "twice: "+want {
			t.Errorf("what is plain is said once more: %q", again)
		}
	}
}

func TestOtherFailuresStayAsTheyAre(t *testing.T) {
	for _, err := range []error{nil, errors.New("connection refused"), context.Canceled, syscall.ENOTTY} {
		if got := Plain(err); got != err { //nolint:errorlint // the very same
			t.Errorf("%v became %v", err, got)
		}
	}
}

func TestWhatAnotherProcessWroteIsToldByTheSystemsWords(t *testing.T) {
	for text, want := range map[string]Sentence{
		"dial tcp 10.0.0.9:9: connect: connection refused": NotListening,
		"open /x: no space left on device":                 DiskFull,
		"dial tcp: lookup a on 10.0.0.2:53: i/o timeout":   NoAnswer,
	} {
		if got := Foreign(text).Error(); got != want.English+" ["+text+"]" {
			t.Errorf("%s is %q", text, got)
		}
	}
	if got := Foreign("it is Sunday").Error(); got != "it is Sunday" {
		t.Error(got)
	}
}

func TestStatusesSayWhatToDo(t *testing.T) {
	for code, want := range map[int]Sentence{
		400: BadCall, 401: NotKnown, 403: Forbade, 404: NotThere, 408: NoAnswer, 410: Gone, 413: TooLarge, 429: TooOften, 500: ServerFailed,
		501: ServerFailed, 502: ServerBusy, 503: ServerBusy, 504: NoAnswer,
	} {
		if got, ok := Status(code); !ok || got != want {
			t.Errorf("%d is %q", code, got.English)
		}
	}
	for _, code := range []int{200, 302, 418, 422} {
		if got, ok := Status(code); ok {
			t.Errorf("%d is %q", code, got.English)
		}
	}
}
