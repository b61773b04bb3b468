package t2v

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"liveclip/internal/domain"
	"liveclip/internal/record"
	enginev1 "liveclip/proto/engine/v1"
	mediav1 "liveclip/proto/media/v1"
)

// standIn is an engine on a real gRPC server whose pictures ffmpeg draws.
type standIn struct {
	enginev1.UnimplementedEngineServer
	ordered  chan *enginev1.Order
	generate func(order *enginev1.Order, chunks [][]byte, call enginev1.Engine_GenerateServer) error
	chunks   [][]byte
}

func (s *standIn) Generate(call enginev1.Engine_GenerateServer) error {
	request, err := call.Recv()
	if err != nil {
		return err
	}
	order := request.GetOrder()
	s.ordered <- order
	if err := call.Send(&enginev1.GenerateReply{Reply: &enginev1.GenerateReply_Accepted{Accepted: &enginev1.Accepted{}}}); err != nil {
		return err
	}
	return s.generate(order, s.chunks, call)
}

func send(call enginev1.Engine_GenerateServer, index int, data []byte) error {
	return call.Send(&enginev1.GenerateReply{Reply: &enginev1.GenerateReply_Chunk{Chunk: &enginev1.Chunk{Index: int64(index), Data: data}}})
}

// wholly is how an engine behaves.
func wholly(_ *enginev1.Order, chunks [][]byte, call enginev1.Engine_GenerateServer) error {
	for i, chunk := range chunks {
		if err := send(call, i, chunk); err != nil {
			return err
		}
	}
	return call.Send(&enginev1.GenerateReply{Reply: &enginev1.GenerateReply_Finished{Finished: &enginev1.Finished{Frames: 32}}})
}

func startEngine(t *testing.T, chunks [][]byte, generate func(*enginev1.Order, [][]byte, enginev1.Engine_GenerateServer) error) (EngineConfig, *standIn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &standIn{ordered: make(chan *enginev1.Order, 16), generate: generate, chunks: chunks}
	server := grpc.NewServer()
	enginev1.RegisterEngineServer(server, s)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	cfg := Defaults().Engine
	cfg.Address = listener.Addr().String()
	return cfg, s
}

// draw gives two seconds of H.264 as an engine streams it: fragmented MP4, the first chunk with the initialisation segment.
func draw(t *testing.T) [][]byte {
	t.Helper()
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Fatal("needs ffmpeg: make setup installs it")
	}
	out, err := exec.Command(ffmpeg, "-v", "error", "-f", "lavfi", "-i", "testsrc=size=320x180:rate=16:duration=2", "-c:v", "libx264", "-preset", "ultrafast",
		"-g", "8", "-pix_fmt", "yuv420p", "-f", "mp4", "-movflags", "frag_keyframe+empty_moov+default_base_moof", "pipe:1").Output()
	if err != nil {
		t.Fatal(err)
	}
	var chunks [][]byte
	begin := 0
	for at := 0; at+8 <= len(out); at += int(binary.BigEndian.Uint32(out[at:])) {
		if kind := string(out[at+4 : at+8]); kind == "moof" && at > begin && bytes.Contains(out[begin:at], []byte("mdat")) {
			chunks, begin = append(chunks, out[begin:at]), at
		}
	}
	return append(chunks, out[begin:])
}

// prober stands for the media child in tests of the engine alone: it asks ffprobe.
type prober struct{}

func (prober) Render(context.Context, *mediav1.RenderOrder) error { return errors.New("not asked") }

func (prober) Probe(ctx context.Context, file string) (*mediav1.Probed, error) {
	out, err := exec.CommandContext(ctx, "ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "stream=codec_name,width,height:format=duration", "-of", "csv=p=0", file).Output()
	if err != nil {
		return nil, fmt.Errorf("ffprobe: %w", err)
	}
	fields := strings.FieldsFunc(string(out), func(r rune) bool { return r == ',' || r == '\n' })
	p := &mediav1.Probed{Parameters: &mediav1.Parameters{VideoCodec: fields[0]}}
	var seconds float64
	if _, err := fmt.Sscan(strings.Join(fields[1:], " "), &p.Parameters.Width, &p.Parameters.Height, &seconds); err != nil {
		return nil, err
	}
	p.Duration = int64(seconds * 1e9)
	return p, nil
}

func TestAGeneratedShotBecomesOneFileInTheStore(t *testing.T) {
	chunks := draw(t)
	cfg, engine := startEngine(t, chunks, wholly)
	cfg.Steps = 4
	s, bus, _ := newService(t, cfg, prober{})
	_, j := planned(t, s, dreamt, footage)
	if err := s.makeShots(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	key := record.Shot("default", "c1", 1, 0)
	want := []domain.CutPart{{File: key, Generated: true}, {Window: footage.Window}}
	if cuts := bus.cuts(); len(cuts) != 1 || !reflect.DeepEqual(cuts[0].Parts, want) || cuts[0].Notes != nil {
		t.Errorf("cuts %+v, want %+v", cuts, want)
	}
	r, _, err := s.store.Get(t.Context(), key, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, bytes.Join(chunks, nil)) {
		t.Errorf("the file has %d bytes (%v), the engine sent %d", len(got), err, len(bytes.Join(chunks, nil)))
	}
	order := <-engine.ordered
	if order.GetId() != "c1/1/0" || order.GetPrompt() != "a mug" || order.GetWidth() != 640 || order.GetHeight() != 360 ||
		order.GetLength() != int64(2*time.Second) || order.GetSteps() != 4 || order.GetTenant() != "default" || order.GetSeed() == 0 {
		t.Errorf("ordered %v", order)
	}

	if err := s.makeShots(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	if len(engine.ordered) != 0 || len(bus.cuts()) != 2 {
		t.Error("the repeat generated the shot again, or told nothing")
	}
}

func TestAFailingEngineMeansFootageAndANote(t *testing.T) {
	chunks := draw(t)
	type behaviour = func(*enginev1.Order, [][]byte, enginev1.Engine_GenerateServer) error
	silent := func(_ *enginev1.Order, _ [][]byte, call enginev1.Engine_GenerateServer) error {
		<-call.Context().Done()
		return call.Context().Err()
	}
	for _, c := range []struct {
		name     string
		generate behaviour
		set      func(*EngineConfig)
		want     string
	}{
		{"refuses", func(*enginev1.Order, [][]byte, enginev1.Engine_GenerateServer) error {
			return status.Error(codes.ResourceExhausted, "out of GPU memory")
		}, nil, "engine: ResourceExhausted: out of GPU memory"},
		{"runs out of memory", func(*enginev1.Order, [][]byte, enginev1.Engine_GenerateServer) error {
			s, err := status.New(codes.ResourceExhausted, "out of memory").WithDetails(&enginev1.Failure{Code: enginev1.Code_CODE_OUT_OF_MEMORY, Reason: "2 GB more than there is"})
			if err != nil {
				return err
			}
			return s.Err()
		}, nil, "engine: out of memory: 2 GB more than there is"},
		{"goes silent", silent, func(c *EngineConfig) { c.Idle = 50 * time.Millisecond }, "the engine went silent"},
		{"never ends", silent, func(c *EngineConfig) { c.Timeout = 50 * time.Millisecond }, "the engine took too long"},
		{"stops in the middle", func(_ *enginev1.Order, chunks [][]byte, call enginev1.Engine_GenerateServer) error {
			return send(call, 0, chunks[0])
		}, nil, "the engine stopped after 1 chunks without finishing"},
		{"loses a chunk", func(_ *enginev1.Order, chunks [][]byte, call enginev1.Engine_GenerateServer) error {
			return errors.Join(send(call, 0, chunks[0]), send(call, 2, chunks[2]))
		}, nil, "the engine sent chunk 2 where 1 was due"},
		{"has no picture", func(_ *enginev1.Order, _ [][]byte, call enginev1.Engine_GenerateServer) error {
			return wholly(nil, nil, call)
		}, nil, "the engine finished without a picture"},
		{"sends no initialisation", func(_ *enginev1.Order, chunks [][]byte, call enginev1.Engine_GenerateServer) error {
			return wholly(nil, chunks[1:], call)
		}, nil, "the engine's first chunk is no initialisation segment"},
		{"sends rubbish", func(_ *enginev1.Order, _ [][]byte, call enginev1.Engine_GenerateServer) error {
			return wholly(nil, [][]byte{append([]byte{0, 0, 0, 16}, "ftypisom........"...)}, call)
		}, nil, "the engine's answer is no playable video"},
		{"sends too little", func(_ *enginev1.Order, chunks [][]byte, call enginev1.Engine_GenerateServer) error {
			return wholly(nil, chunks[:1], call)
		}, nil, "2s was ordered"},
		{"sends too much", wholly, func(c *EngineConfig) { c.MaxBytes = 1000 }, "the engine sent more than 1000 bytes"},
		{"is not there", wholly, func(c *EngineConfig) { c.Address = "127.0.0.1:1" }, "engine: Unavailable: "},
		{"is not configured", wholly, func(c *EngineConfig) { c.Address = "" }, "no generation engine configured: used footage instead"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg, _ := startEngine(t, chunks, c.generate)
			if c.set != nil {
				c.set(&cfg)
			}
			s, bus, _ := newService(t, cfg, prober{})
			_, j := planned(t, s, dreamt, footage)
			if err := s.makeShots(t.Context(), j); err != nil {
				t.Fatal(err)
			}
			cuts := bus.cuts()
			if len(cuts) != 1 || !reflect.DeepEqual(cuts[0].Parts, []domain.CutPart{{Window: footage.Window}}) || len(cuts[0].Notes) != 1 ||
				!strings.Contains(cuts[0].Notes[0], c.want) || !strings.Contains(cuts[0].Notes[0], "used footage instead") {
				t.Errorf("cuts %+v, want footage and a note with %q", cuts, c.want)
			}
			if steps := bus.steps(); len(steps) != 1 || !strings.Contains(steps[0], c.want) {
				t.Errorf("the story says %q, want %q", steps, c.want)
			}
			if left, _ := filepath.Glob(filepath.Join(s.cfg.Work, "*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestAShutdownIsNoReasonToFallBack(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cfg, _ := startEngine(t, nil, func(_ *enginev1.Order, _ [][]byte, call enginev1.Engine_GenerateServer) error {
		cancel()
		<-call.Context().Done()
		return call.Context().Err()
	})
	s, bus, _ := newService(t, cfg, prober{})
	_, j := planned(t, s, dreamt, footage)
	if err := s.makeShots(ctx, j); !errors.Is(err, context.Canceled) || len(bus.events) != 0 {
		t.Errorf("error %v, told %+v, want the job left for another", err, bus.events)
	}
}
