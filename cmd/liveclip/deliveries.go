package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"liveclip/internal/blob"
	"liveclip/internal/bus"
	"liveclip/internal/delivery"
	"liveclip/internal/domain"
	"liveclip/internal/event"
	"liveclip/internal/record"
	"liveclip/internal/telemetry"
)

type deliveriesCommand struct {
	Import importCommand `cmd:"" help:"Read the logs of a CDN, or of nginx, into the records of deliveries."`
}

type importCommand struct {
	Files   []string `arg:"" help:"Log files, plain or gzip; - is standard input."`
	Form    string   `help:"What wrote them: aliyun, tencent, cloudfront, nginx, or liveclip." required:""`
	Origin  string   `help:"What the records call it; without it, the form's name."`
	Publish bool     `help:"Publish to Kafka, in place of printing lines of JSON: the streams of the clips are looked up in the store."`
	Config  string   `help:"Settings file (YAML), for --publish." type:"path" env:"LIVECLIP_CONFIG"`
}

func (importCommand) Help() string {
	return "A line that cannot be read is told on standard error with its number and reason, and the others go on; the exit code is 1 then.\nLines of something else than the VOD path are counted only. The same log again gives the same records.\n\nExample: liveclip deliveries import --form aliyun cdn.example_2026_03_01_*.gz > deliveries.jsonl\n         liveclip deliveries import --form cloudfront --publish --config /etc/liveclip.yaml E2EXAMPLE.*.gz"
}

func (c importCommand) Run(ctx context.Context, io stdio, flags settingFlags) error {
	if _, err := delivery.NewImporter(c.Form, c.Origin); err != nil {
		return failure{2, err}
	}
	var into deliveries = printed{json.NewEncoder(io.out)}
	if c.Publish {
		target, err := openDeliveries(ctx, c.Config, flags, io)
		if err != nil {
			return err
		}
		defer target.close()
		into = target
	}
	var count imports
	for _, path := range c.Files {
		if err := count.file(ctx, c, path, into, io.err); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	if err := into.flush(ctx); err != nil {
		return err
	}
	fmt.Fprintf(io.err, "%d deliveries, %d lines not of the VOD path, %d refused\n", count.taken, count.elsewhere, count.refused)
	if count.refused > 0 {
		return fmt.Errorf("%d lines could not be read", count.refused)
	}
	return nil
}

// imports counts lines.
type imports struct{ taken, elsewhere, refused int }

// file reads one log. Its error ends the command: it is of what takes the records, or of a file that is not there.
func (n *imports) file(ctx context.Context, c importCommand, path string, into deliveries, faults io.Writer) error {
	from := io.ReadCloser(os.Stdin)
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		from = f
	}
	defer func() { _ = from.Close() }()
	importer, err := delivery.NewImporter(c.Form, c.Origin)
	if err != nil {
		return err
	}
	for record, err := range importer.Read(from) {
		if err == nil {
			err = into.take(ctx, record)
			if err != nil && !errors.Is(err, errNoClip) {
				return err
			}
		}
		switch {
		case errors.Is(err, delivery.ErrElsewhere):
			n.elsewhere++
		case err != nil:
			n.refused++
			fmt.Fprintf(faults, "%s: %v\n", path, err)
		default:
			n.taken++
		}
	}
	return nil
}

// deliveries take records.
type deliveries interface {
	take(ctx context.Context, d delivery.Imported) error
	flush(ctx context.Context) error
}

// errNoClip says that the store knows no such clip.
var errNoClip = errors.New("no such clip")

// printed is lines of JSON.
type printed struct{ to *json.Encoder }

func (p printed) take(_ context.Context, d delivery.Imported) error {
	return p.to.Encode(delivery.LineOf(d.Envelope, d.Delivery))
}
func (printed) flush(context.Context) error { return nil }

// published sends records to Kafka, under the streams of their clips.
type published struct {
	bus     *bus.Bus
	store   blob.Store
	streams map[domain.ClipID]event.Envelope
	batch   []event.Event
}

const importBatch = 1000

func openDeliveries(ctx context.Context, file string, flags settingFlags, io stdio) (*published, error) {
	s, err := loadSettings(defaultSettings(), file, flags)
	if err != nil {
		return nil, failure{2, err}
	}
	if len(s.Kafka.Brokers) == 0 || s.Store.URL == "" {
		return nil, failure{2, errors.New("--publish needs kafka.brokers and store.url, in --config or as --kafka.brokers=… --store.url=…")}
	}
	store, err := blob.Open(ctx, s.Store)
	if err != nil {
		return nil, err
	}
	to := bus.New(s.Kafka, telemetry.Logger(s.Log, io.err), prometheus.NewRegistry())
	p := &published{bus: to, store: store, streams: map[domain.ClipID]event.Envelope{}}
	if err := to.Ensure(ctx); err != nil {
		p.close()
		return nil, fmt.Errorf("create topics: %w", err)
	}
	return p, nil
}

func (p *published) take(ctx context.Context, d delivery.Imported) error {
	stream, ok := p.streams[d.Clip]
	if !ok {
		var m domain.Manifest
		_, err := blob.ReadJSON(ctx, p.store, record.Manifest(d.Tenant, d.Clip), &m)
		if errors.Is(err, blob.ErrNotFound) {
			return fmt.Errorf("clip %s of tenant %s: %w", d.Clip, d.Tenant, errNoClip)
		}
		if err != nil {
			return err
		}
		stream = event.Envelope{Stream: m.Stream, Broadcast: m.Broadcast}
		if len(p.streams) == 1<<16 {
			clear(p.streams)
		}
		p.streams[d.Clip] = stream
	}
	d.Stream, d.Broadcast = stream.Stream, stream.Broadcast
	if p.batch = append(p.batch, event.Event{Envelope: d.Envelope, Payload: d.Delivery}); len(p.batch) == importBatch {
		return p.flush(ctx)
	}
	return nil
}

func (p *published) flush(ctx context.Context) error {
	if len(p.batch) == 0 {
		return nil
	}
	err := p.bus.Publish(ctx, p.batch...)
	p.batch = p.batch[:0]
	return err
}

func (p *published) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_ = p.bus.Close(ctx)
}
