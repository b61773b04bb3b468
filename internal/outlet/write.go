package outlet

import (
	"io"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const step = 512 << 10 // bytes: what a reader must take within its patience

// Of a file's part up to onePacket or from manyPackets on, the first bytes share a packet with the head before it. Between
// them a head of its own costs less than how the kernel cuts the two apart (at 64 KiB 26 µs of CPU an answer, not 39). A long
// answer that begins with a small packet is received slowly: Linux gauges by it how far to open its window (at 1 MiB 0.4 MB
// instead of 4, and half the speed).
const (
	onePacket   = 48 << 10
	manyPackets = 256 << 10
)

// job is what is being written: bytes, then a part of a file.
type job struct {
	bytes []byte
	more  bool // what follows comes soon: it may share a packet
	file  int  // descriptor
	at    int64
	n     int64 // bytes of it

	sent int64 // bytes of both
	mark int64 // sent, when the deadline was set
	err  error
}

// write does the job and counts it.
func (c *conn) write(j job) (sent int64, err error) {
	if c.timed {
		c.timed = false
		if err := c.tcp.SetWriteDeadline(time.Time{}); err != nil {
			return 0, err
		}
	}
	c.job = j
	if err = c.raw.Write(c.tryWrite); err == nil {
		err = c.job.err
	}
	sent = c.job.sent
	c.written += sent
	c.job = job{}
	return sent, err
}

func (c *conn) writeOnce(socket uintptr) (done bool) {
	j := &c.job
	for len(j.bytes) > 0 || j.n > 0 {
		n, err := j.once(socket)
		j.sent += int64(n)
		switch err {
		case nil, unix.EINTR: //nolint:errorlint // the kernel wraps nothing
		case unix.EAGAIN:
			if !c.timed || j.sent-j.mark >= step {
				c.timed, j.mark = true, j.sent
				_ = c.tcp.SetWriteDeadline(time.Now().Add(c.server.Patience))
			}
			return false
		default:
			j.err = err
			return true
		}
	}
	return true
}

// once is one system call of the job.
func (j *job) once(socket uintptr) (n int, err error) {
	if len(j.bytes) > 0 {
		n, err = send(socket, j.bytes, j.more || j.n > 0 && (j.n <= onePacket || j.n >= manyPackets))
		j.bytes = j.bytes[n:]
		return n, err
	}
	sent, _, errno := unix.RawSyscall6(unix.SYS_SENDFILE, socket, uintptr(j.file), uintptr(unsafe.Pointer(&j.at)), uintptr(min(j.n, 1<<20)), 0, 0)
	if errno != 0 {
		return 0, errno
	}
	n = int(sent)
	if n == 0 {
		return 0, io.ErrUnexpectedEOF // the file shrank
	}
	j.n -= int64(n)
	return n, nil
}

// send is send(2).
func send(socket uintptr, b []byte, more bool) (int, error) {
	flags := unix.MSG_NOSIGNAL
	if more {
		flags |= unix.MSG_MORE
	}
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, socket, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), uintptr(flags), 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// limitUnsent bounds what the kernel takes beyond what is under way; 0: as the system has it.
func (c *conn) limitUnsent(bytes int) {
	if c.unsent == bytes {
		return
	}
	c.unsent = bytes
	_ = c.raw.Control(func(socket uintptr) {
		_ = unix.SetsockoptInt(int(socket), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, bytes)
	})
}

// gone reports whether the client ended its half of the connection, or all of it.
func (c *conn) gone() bool {
	gone := false
	err := c.raw.Control(func(socket uintptr) {
		var b [1]byte
		n, _, err := unix.Recvfrom(int(socket), b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		gone = n == 0 && err == nil || err != nil && err != unix.EAGAIN && err != unix.EINTR
	})
	return gone || err != nil
}

// settle tells who waits for it how much of the last answer was acknowledged. all: every byte of it.
func (c *conn) settle(all bool) {
	owed := c.owed
	if owed == nil {
		return
	}
	c.owed = nil
	acked := c.body
	if !all {
		acked = min(c.body, max(0, c.acked()-c.from))
	}
	owed.Settled(acked)
}

// acked is how many bytes of the connection the client's side acknowledged.
func (c *conn) acked() (bytes int64) {
	_ = c.raw.Control(func(socket uintptr) {
		if info, err := unix.GetsockoptTCPInfo(int(socket), unix.IPPROTO_TCP, unix.TCP_INFO); err == nil {
			bytes = int64(info.Bytes_acked)
		}
	})
	return bytes
}
