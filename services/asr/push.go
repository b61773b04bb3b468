package asr

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/yutopp/go-rtmp"
	"github.com/yutopp/go-rtmp/message"
	"golang.org/x/sync/semaphore"

	"liveclip/internal/domain"
)

const (
	publishTimeout   = 10 * time.Second // of connecting; then the connection is closed
	maxBeforePublish = 64 << 10         // bytes that a connection may send until it publishes
	maxTag           = 8 << 20          // bytes of one RTMP message
	pushQueue        = 512              // tags that wait for the recorder
	pushBytes        = 64 << 20         // of them
	stallTimeout     = 5 * time.Second  // full for so long: the stream is given up, so that the server need not wait
)

// publisher is one RTMP connection that publishes, or wants to.
type publisher struct {
	conn   net.Conn
	remote string
	ref    domain.Ref
	first  time.Time // wall clock of the first frame; valid once tags gave it
	tags   chan []byte
	budget *semaphore.Weighted // bytes that may still wait among tags

	ending sync.Once
	ended  chan struct{} // closed: nothing more comes
	reason error         // set before ended is closed
}

// end lets the publisher go; safe to repeat.
func (p *publisher) end(reason error) {
	p.ending.Do(func() {
		p.reason = reason
		close(p.ended)
		_ = p.conn.Close()
	})
}

// pushServer takes RTMP publishers. admit is asked for each; it returns once the publisher is in or refused.
type pushServer struct {
	limit   int
	idle    time.Duration
	admit   func(ctx context.Context, p *publisher, key string) error
	now     func() time.Time
	log     *slog.Logger
	open    atomic.Int64
	refused *prometheus.CounterVec
	ctx     context.Context // of serve
}

func newPushServer(limit int, idle time.Duration, admit func(context.Context, *publisher, string) error, now func() time.Time, log *slog.Logger, reg prometheus.Registerer) *pushServer {
	s := &pushServer{limit: limit, idle: idle, admit: admit, now: now, log: log,
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "liveclip_asr_pushes_refused_total", Help: "RTMP publishers turned away."}, []string{"reason"})}
	reg.MustRegister(s.refused)
	return s
}

// serve takes publishers until ctx ends, then closes their connections.
func (s *pushServer) serve(ctx context.Context, l net.Listener) error {
	s.ctx = ctx
	server := rtmp.NewServer(&rtmp.ServerConfig{OnConnect: s.connect})
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(retryListener{l, ctx, s.log}); err != nil && ctx.Err() == nil {
		return fmt.Errorf("serve RTMP on %s: %w", l.Addr(), err)
	}
	return nil
}

func (s *pushServer) connect(conn net.Conn) (io.ReadWriteCloser, *rtmp.ConnConfig) {
	h := &pushHandler{server: s, publisher: &publisher{conn: conn, remote: conn.RemoteAddr().String(), tags: make(chan []byte, pushQueue),
		budget: semaphore.NewWeighted(pushBytes), ended: make(chan struct{})}}
	h.stop = context.AfterFunc(s.ctx, func() { h.publisher.end(errShutdown) })
	if s.open.Add(1) > int64(s.limit) {
		s.refused.WithLabelValues("too many").Inc()
		_ = conn.Close()
	}
	h.wire = &timedConn{Conn: conn}
	h.wire.setReadTimeout(publishTimeout)
	return h.wire, &rtmp.ConnConfig{
		Handler: h,
		ControlState: rtmp.StreamControlStateConfig{
			MaxChunkSize: 1 << 20, MaxChunkStreams: 16, MaxMessageSize: maxTag, MaxMessageStreams: 8,
		},
	}
}

var errShutdown = errors.New("the server is shutting down")

// timedConn gives up a connection that is idle, or that talks much and never publishes.
type timedConn struct {
	net.Conn
	readTimeout atomic.Int64 // of one read
	unbounded   atomic.Bool
	received    int
	written     atomic.Int64
}

func (c *timedConn) setReadTimeout(d time.Duration) { c.readTimeout.Store(int64(d)) }

func (c *timedConn) Read(b []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(time.Duration(c.readTimeout.Load()))); err != nil {
		return 0, err
	}
	n, err := c.Conn.Read(b)
	if c.received += n; !c.unbounded.Load() && c.received > maxBeforePublish {
		return 0, errors.New("too much before publishing")
	}
	return n, err
}

func (c *timedConn) Write(b []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(publishTimeout)); err != nil {
		return 0, err
	}
	n, err := c.Conn.Write(b)
	c.written.Add(int64(n))
	return n, err
}

// pushHandler is one connection's side of the RTMP conversation. Its methods are called one after another.
type pushHandler struct {
	rtmp.DefaultHandler
	server     *pushServer
	publisher  *publisher
	wire       *timedConn
	conn       *rtmp.Conn
	app        string
	publishing bool
	stop       func() bool
}

func (h *pushHandler) OnServe(conn *rtmp.Conn) { h.conn = conn }

func (h *pushHandler) OnConnect(_ uint32, cmd *message.NetConnectionConnect) error {
	h.app = cmd.Command.App
	return nil
}

func (h *pushHandler) OnPublish(ctx *rtmp.StreamContext, at uint32, cmd *message.NetStreamPublish) error {
	p := h.publisher
	ref, key, err := parsePublishName(h.app, cmd.PublishingName)
	if err == nil {
		p.ref = ref
		err = h.server.admit(h.server.ctx, p, key)
	}
	if err == nil {
		h.publishing = true
		h.wire.setReadTimeout(h.server.idle)
		h.wire.unbounded.Store(true)
		h.server.log.Info("publisher taken", "stream_id", ref, "remote", p.remote)
		return nil
	}
	reason := "other"
	var no refusal
	if errors.As(err, &no) {
		reason = no.label
	}
	h.server.refused.WithLabelValues(reason).Inc()
	h.server.log.Warn("publisher refused", "stream_id", p.ref, "remote", p.remote, "error", err)
	h.sendRefusal(ctx, at, err)
	return err
}

// refusal is why a publisher was not admitted, as it is told; label is bounded.
type refusal struct {
	label string
	err   error
}

func (r refusal) Error() string { return r.err.Error() }
func (r refusal) Unwrap() error { return r.err }

// sendRefusal tells the publisher why, before the library says only that publishing failed.
func (h *pushHandler) sendRefusal(stream *rtmp.StreamContext, at uint32, why error) {
	body := new(bytes.Buffer)
	status := &message.NetStreamOnStatus{InfoObject: message.NetStreamOnStatusInfoObject{
		Level: message.NetStreamOnStatusLevelError, Code: message.NetStreamOnStatusCodePublishBadName, Description: why.Error(),
	}}
	if err := message.EncodeBodyAnyValues(message.NewAMFEncoder(body, message.EncodingTypeAMF0), status); err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(h.server.ctx, publishTimeout)
	defer cancel()
	before := h.wire.written.Load()
	err := h.conn.Write(ctx, 3, at, &rtmp.ChunkMessage{StreamID: stream.StreamID, Message: &message.CommandMessage{
		CommandName: "onStatus", Encoding: message.EncodingTypeAMF0, Body: body,
	}})
	if err == nil {
		h.awaitDeparture(before)
	}
}

// awaitDeparture waits until the refusal is sent and the publisher has gone, so that neither the library's own answer nor a reset
// of the connection overtakes it.
func (h *pushHandler) awaitDeparture(before int64) {
	gone := time.Now().Add(publishTimeout)
	for h.wire.written.Load() == before && time.Now().Before(gone) {
		time.Sleep(time.Millisecond) // the library does not tell when it has written
	}
	if h.wire.SetReadDeadline(gone) == nil {
		_, _ = io.Copy(io.Discard, io.LimitReader(h.wire.Conn, maxBeforePublish))
	}
}

func (h *pushHandler) OnAudio(at uint32, payload io.Reader) error {
	return h.tag(flvAudio, at, payload)
}
func (h *pushHandler) OnVideo(at uint32, payload io.Reader) error {
	return h.tag(flvVideo, at, payload)
}

func (h *pushHandler) OnSetDataFrame(at uint32, data *message.NetStreamSetDataFrame) error {
	return h.tag(flvScript, at, bytes.NewReader(data.Payload))
}

// tag queues one message for the recorder.
func (h *pushHandler) tag(kind byte, at uint32, payload io.Reader) error {
	if !h.publishing {
		return errors.New("media before publish")
	}
	body, err := io.ReadAll(io.LimitReader(payload, maxTag+1))
	if err != nil {
		return err
	}
	if len(body) > maxTag {
		return fmt.Errorf("message of stream %s is longer than %d bytes", h.publisher.ref, maxTag)
	}
	p := h.publisher
	if p.first.IsZero() {
		p.first = h.server.now()
	}
	return p.enqueue(flvTag(kind, at, body))
}

// enqueue queues a tag for the recorder, and ends the publisher when the recorder stalls.
func (p *publisher) enqueue(tag []byte) error {
	if p.budget.TryAcquire(int64(len(tag))) {
		select {
		case p.tags <- tag:
			return nil
		default:
			p.budget.Release(int64(len(tag)))
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), stallTimeout)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { p.end(fmt.Errorf("the recorder of stream %s stalls", p.ref)) })
	defer stop()
	if p.budget.Acquire(ctx, int64(len(tag))) == nil {
		select {
		case p.tags <- tag:
			return nil
		case <-p.ended:
			return p.reason
		}
	}
	<-p.ended
	return p.reason
}

// dequeue takes a tag's bytes off the budget.
func (p *publisher) dequeue(tag []byte) []byte {
	p.budget.Release(int64(len(tag)))
	return tag
}

func (h *pushHandler) OnClose() {
	h.stop()
	h.server.open.Add(-1)
	h.publisher.end(errors.New("the publisher left"))
}
