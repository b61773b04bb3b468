package outlet

import (
	"errors"
	"io"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	step      = 512 << 10              // bytes: what a reader must take within its patience
	lookEvery = 500 * time.Millisecond // whether an answer that waits for its reader may go on
)

// What goes out of a file first shares a packet with the head before it. Up to onePacket that is all of it, and from
// manyPackets on as much as fits: Linux gauges by an answer's first packets how far to open the receiver's window (at 1 MiB
// 4 MB instead of 0.4, and twice the speed). Between them the packet is filled up to firstPacket, which costs less than how the
// kernel cuts more of it apart (at 64 KiB 24 µs of CPU an answer, not 39), and leaves 64 KiB one packet of a loopback less.
const (
	onePacket   = 48 << 10
	manyPackets = 256 << 10
	firstPacket = 1400 // bytes: what any way carries
)

// job is what is being written: bytes, then a part of a file.
type job struct {
	bytes []byte
	more  bool // what follows comes soon: it may share a packet
	file  int  // descriptor
	at    int64
	n     int64 // bytes of it
	warm  bool  // they are in memory, as far as it is known

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
	for {
		if err = c.raw.Write(c.tryWrite); !errors.Is(err, os.ErrDeadlineExceeded) || !time.Now().Before(c.takeBy) {
			break
		}
		if c.while != nil && !c.while.GoesOn() {
			err = ErrEnded
			break
		}
		c.limitWrite()
	}
	if err == nil {
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
				c.takeBy, j.mark = time.Now().Add(c.server.Patience), j.sent
			}
			if !c.timed {
				c.limitWrite()
			}
			return false
		default:
			j.err = err
			return true
		}
	}
	return true
}

// limitWrite gives the wait for the reader an end.
func (c *conn) limitWrite() {
	c.timed = true
	by := c.takeBy
	if look := time.Now().Add(lookEvery); c.while != nil && look.Before(by) {
		by = look
	}
	_ = c.tcp.SetWriteDeadline(by)
}

// once is one system call of the job.
func (j *job) once(socket uintptr) (n int, err error) {
	if len(j.bytes) > 0 {
		n, err = send(socket, j.bytes, j.more || j.n > 0 && (j.n <= onePacket || j.n >= manyPackets))
		j.bytes = j.bytes[n:]
		return n, err
	}
	part := min(j.n, maxPart)
	if j.n >= manyPackets {
		var last [1]byte
		j.warm = readWarm(j.file, last[:], j.at+part-1)
	}
	if n, err = sendfile(socket, j.file, &j.at, part, j.warm); err != nil {
		return 0, err
	}
	if n == 0 {
		return 0, io.ErrUnexpectedEOF // the file shrank
	}
	j.n -= int64(n)
	return n, nil
}

// What doesn't wait is called without telling the scheduler: it would take a system call of more than 20 µs for one that waits,
// and start a thread. At 64 KiB that is a fifth of an answer's CPU time.

const maxPart = 1 << 20 // bytes of a file in one call: the collector waits for it

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

// receive is read(2) of a socket.
func receive(socket uintptr, b []byte) (int, error) {
	n, _, errno := unix.RawSyscall(unix.SYS_READ, socket, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// sendfile is sendfile(2). What is not warm waits for the disk.
func sendfile(socket uintptr, file int, at *int64, n int64, warm bool) (int, error) {
	if !warm {
		return unix.Sendfile(int(socket), file, at, int(n))
	}
	sent, _, errno := unix.RawSyscall6(unix.SYS_SENDFILE, socket, uintptr(file), uintptr(unsafe.Pointer(at)), uintptr(n), 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(sent), nil
}

const nowait = 8 // RWF_NOWAIT

// readWarm fills b from the file, if that needs no wait for the disk: then what follows is likely in memory, too.
func readWarm(file int, b []byte, at int64) bool {
	to := unix.Iovec{Base: unsafe.SliceData(b), Len: uint64(len(b))}
	n, _, errno := unix.RawSyscall6(unix.SYS_PREADV2, uintptr(file), uintptr(unsafe.Pointer(&to)), 1, uintptr(at), 0, nowait)
	return errno == 0 && int(n) == len(b)
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
