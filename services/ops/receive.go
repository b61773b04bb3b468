package ops

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"liveclip/internal/audience"
	"liveclip/internal/audience/douyin"
	"liveclip/internal/audience/kuaishou"
	"liveclip/internal/domain"
	opsv1 "liveclip/proto/ops/v1"
)

// Receiver takes a platform's own callbacks, which carry its signature and no token.
type Receiver struct {
	Name   string            `koanf:"name"`   // in its address: POST /v1/receivers/{name}
	Form   string            `koanf:"form"`   // douyin-push
	Secret string            `koanf:"secret"` // of the platform's application
	Tenant string            `koanf:"tenant"` // default: "default"
	Stream string            `koanf:"stream"` // stream ID of a room; {room} is the platform's ID. Default: "{room}"
	Rooms  map[string]string `koanf:"rooms"`  // stream IDs of rooms by the platform's ID, before Stream
}

const (
	formDouyinPush  = "douyin-push"
	formDouyinWeb   = "douyin-web"
	formKuaishouWeb = "kuaishou-web"
	receiveTime     = 1500 * time.Millisecond // Douyin counts an answer after 2 s as a failure, and ten in a row end its calls
)

var receiverName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// stream gives the stream of a platform's room.
func (r Receiver) stream(room string) (domain.Ref, error) {
	name := r.Rooms[room]
	if name == "" {
		template := r.Stream
		if template == "" {
			template = "{room}"
		}
		name = strings.ReplaceAll(template, "{room}", room)
	}
	id, err := domain.ParseStreamID(name)
	return domain.Ref{Tenant: domain.Tenant(tenantOf(r.Tenant)), Stream: id}, err
}

// serveReceiver answers a platform's callback. What is signed and cannot be used is dropped, counted and answered with 200:
// a platform that is refused too often stops calling, for every room.
func (s *Service) serveReceiver(w http.ResponseWriter, r *http.Request) {
	i := slices.IndexFunc(s.cfg.Receivers, func(known Receiver) bool { return known.Name == r.PathValue("name") })
	if i < 0 {
		writeProblem(w, r, problem{http.StatusNotFound, "no such receiver; ops.receivers names them"})
		return
	}
	receiver := s.cfg.Receivers[i]
	body, _ := io.ReadAll(r.Body)
	push, err := douyin.OpenPush(r.Header, body, receiver.Secret, s.Now())
	if err != nil {
		s.Log.Warn("callback refused", "receiver", receiver.Name, "error", err)
		writeProblem(w, r, problem{http.StatusUnauthorized, err.Error()})
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), receiveTime)
	defer cancel()
	if err := s.acceptPush(ctx, receiver, push, body); err != nil {
		s.Log.Error("callback not taken", "receiver", receiver.Name, "error", err)
		writeProblem(w, r, problem{http.StatusServiceUnavailable, "these messages could not be taken now"})
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"err_no":0,"err_msg":""}`)
}

// acceptPush accepts a callback's messages. An error is always this service's own: what the platform sent amiss is dropped.
func (s *Service) acceptPush(ctx context.Context, receiver Receiver, push douyin.Push, body []byte) error {
	messages, err := push.Messages(body)
	var ref domain.Ref
	if err == nil {
		ref, err = receiver.stream(push.Room)
	}
	if err == nil {
		_, err = s.acceptMessages(ctx, ref, messages)
		if err != nil && !isCallerFault(err) {
			return err
		}
	}
	if err != nil {
		s.metrics.audience.WithLabelValues("dropped").Add(float64(len(messages)))
		s.Log.Warn("callback of no use", "receiver", receiver.Name, "kind", push.Kind, "stream_id", ref, "error", err)
	}
	return nil
}

// isCallerFault reports whether what was sent, or when, is at fault, and not this service.
func isCallerFault(err error) bool {
	var p problem
	return errors.As(err, &p) && p.status < http.StatusInternalServerError
}

// serveFrame takes a frame of a platform's web feed, as whoever is connected to it got it. The answer's body is what the
// platform wants to hear back; what became of the frame is in the headers Liveclip-Accepted and Liveclip-Dropped.
func (s *Service) serveFrame(w http.ResponseWriter, r *http.Request) {
	accepted, dropped, answer, err := s.acceptFrame(r)
	if err != nil {
		writeProblem(w, r, problemOf(s.Log, r.URL.Path, err))
		return
	}
	header := w.Header()
	header.Set("Liveclip-Accepted", strconv.Itoa(accepted))
	header.Set("Liveclip-Dropped", strconv.Itoa(dropped))
	header.Set("Content-Type", "application/octet-stream")
	_, _ = w.Write(answer)
}

func (s *Service) acceptFrame(r *http.Request) (accepted, dropped int, answer []byte, err error) {
	c, err := s.authorize(r.Context(), operator)
	if err != nil {
		return 0, 0, nil, err
	}
	ref, err := streamRef(c, r.PathValue("stream"))
	if err != nil {
		return 0, 0, nil, err
	}
	frame, _ := io.ReadAll(r.Body)
	var messages []audience.Message
	switch form := r.PathValue("form"); form {
	case formDouyinWeb:
		messages, answer, err = douyin.ReadFrame(frame)
	case formKuaishouWeb:
		messages, err = kuaishou.ReadFrame(frame)
	default:
		return 0, 0, nil, notFound("no such form: %.40s; known are %s and %s", form, formDouyinWeb, formKuaishouWeb)
	}
	if err != nil {
		return 0, 0, nil, unprocessable("%s", err)
	}
	reply, err := s.acceptMessages(r.Context(), ref, messages)
	return int(reply.GetAccepted()), int(reply.GetDropped()), answer, err
}

// acceptMessages accepts a platform's messages as audience signals.
func (s *Service) acceptMessages(ctx context.Context, ref domain.Ref, messages []audience.Message) (*opsv1.SendAudienceReply, error) {
	total := &opsv1.SendAudienceReply{Reasons: map[string]int32{}}
	for some := range slices.Chunk(messages, maxSignals) {
		said := make([]*opsv1.AudienceSignal, len(some))
		for i, m := range some {
			said[i] = messageSignal(m)
		}
		reply, err := s.acceptAudience(ctx, ref, said)
		if err != nil {
			return total, err
		}
		total.Accepted += reply.Accepted
		total.Dropped += reply.Dropped
		for why, count := range reply.Reasons {
			total.Reasons[why] += count
		}
	}
	return total, nil
}

func messageSignal(m audience.Message) *opsv1.AudienceSignal {
	signal := &opsv1.AudienceSignal{
		Id: m.ID, Kind: string(m.Kind), Text: m.Text, User: m.User, Count: m.Count, Action: string(m.Action),
	}
	if !m.At.IsZero() {
		signal.At = timestamppb.New(m.At)
	}
	if m.Item != (domain.Product{}) {
		signal.Item = &opsv1.Product{Id: m.Item.ID, Name: m.Item.Name, Price: m.Item.Price, Image: m.Item.Image, Was: m.Item.Was}
	}
	return signal
}

func (r Receiver) faults() []string {
	var faults []string
	if !receiverName.MatchString(r.Name) {
		faults = append(faults, fmt.Sprintf("name: must be 1 to 64 of letters, digits, - and _, is %q", r.Name))
	}
	if r.Form != formDouyinPush {
		faults = append(faults, fmt.Sprintf("form: must be %s, is %q", formDouyinPush, r.Form))
	}
	if r.Secret == "" {
		faults = append(faults, "secret: must be given: callbacks carry no token")
	}
	if _, err := domain.ParseTenant(tenantOf(r.Tenant)); err != nil {
		faults = append(faults, err.Error())
	}
	if r.Stream != "" && !strings.Contains(r.Stream, "{room}") {
		faults = append(faults, fmt.Sprintf("stream: must hold {room}, is %q", r.Stream))
	}
	for room, stream := range r.Rooms {
		if _, err := domain.ParseStreamID(stream); err != nil {
			faults = append(faults, fmt.Sprintf("rooms[%s]: %s", room, err))
		}
	}
	return faults
}
