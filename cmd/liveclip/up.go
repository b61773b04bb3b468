package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"liveclip/internal/app"
	"liveclip/internal/embedded"
	"liveclip/internal/fileurl"
	"liveclip/internal/sign"
	"liveclip/internal/telemetry"
	"liveclip/services/ops"
)

type logger = *slog.Logger

type upCommand struct {
	Data   string `help:"Folder for everything that is kept." default:"data" type:"path"`
	Listen string `help:"Address of the API, the console and the VOD path." default:"127.0.0.1:8080"`
	RTMP   string `name:"rtmp" help:"Address publishers push to." default:"127.0.0.1:1935"`
	Admin  string `help:"Address of /healthz, /readyz and /metrics." default:"127.0.0.1:8081"`
	Config string `help:"Settings file (YAML)." type:"path"`
}

func (upCommand) Help() string {
	return "Example: liveclip up --data ./data --listen 0.0.0.0:8080 --rtmp 0.0.0.0:1935"
}

func (c upCommand) Run(ctx context.Context, io stdio, flags settingFlags) error {
	defaults := defaultSettings()
	defaults.Log.Level = "warn"
	s, err := loadSettings(defaults, c.Config, flags)
	if err != nil {
		return failure{2, err}
	}
	log := telemetry.Logger(s.Log, io.err)
	ctx, stop := app.Signals(ctx, log)
	defer stop()
	s.Listen.HTTP, s.Listen.Admin = c.Listen, c.Admin
	s.ASR.RTMP = c.RTMP
	return up(ctx, s, c.Data, allServices, log, func(addresses map[string]string, token string) {
		face := s.Listen.scheme() + "://" + addresses["http"]
		fmt.Fprintf(io.out, "console 控制台   %s/#token=%s\nAPI              %s/v1/\nVOD              %s/vod/\nRTMP push        rtmp://%s/live/{stream_id}\nadmin            http://%s/metrics\ntoken            %s\n",
			face, token, face, face, c.RTMP, addresses["admin"], filepath.Join(c.Data, "token"))
	})
}

// up runs services on embedded parts whose data lie in folder, until ctx ends.
func up(ctx context.Context, s settings, folder string, chosen []string, log logger, started func(addresses map[string]string, token string)) error {
	embedded, err := openEmbedded(ctx, folder, log)
	if err != nil {
		return err
	}
	defer embedded.close()
	embedded.settle(&s)
	if err := s.check(chosen); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-embedded.redis.Ended():
			cancel(errRedisEnded)
		case <-ctx.Done():
		}
	}()
	err = serve(ctx, s, chosen, log, func(addresses map[string]string) { started(addresses, embedded.home.token) })
	if errors.Is(context.Cause(ctx), errRedisEnded) {
		err = errors.Join(errRedisEnded, err)
	}
	return err
}

// errRedisEnded: without its queues and leases an up records and finishes nothing, so it ends for whoever starts it again.
var errRedisEnded = errors.New("the embedded redis-server ended by itself")

// redisAddressFile in the data folder says where the redis-server of this start is, for liveclip jobs.
const redisAddressFile = "redis.address"

// embeddedParts are what an up brings: its data folder, a broker and a Redis server.
type embeddedParts struct {
	home   *home
	broker *embedded.Broker
	redis  *embedded.Redis
	log    logger
}

func openEmbedded(ctx context.Context, folder string, log logger) (_ *embeddedParts, err error) {
	parts := &embeddedParts{log: log}
	defer func() {
		if err != nil {
			parts.close()
		}
	}()
	if parts.home, err = openHome(folder); err != nil {
		return nil, err
	}
	if parts.broker, err = embedded.StartBroker(filepath.Join(folder, "kafka"), log); err != nil {
		return nil, fmt.Errorf("start the embedded broker: %w", err)
	}
	if parts.redis, err = embedded.StartRedis(ctx, filepath.Join(folder, "redis"), log); err != nil {
		return nil, fmt.Errorf("start redis-server: %w", err)
	}
	if err := os.WriteFile(filepath.Join(folder, redisAddressFile), []byte(parts.redis.Address()+"\n"), 0o600); err != nil {
		return nil, fmt.Errorf("write redis-server's address: %w", err)
	}
	return parts, nil
}

func (e *embeddedParts) settle(s *settings) {
	s.Kafka.Brokers, s.Kafka.ReplicationFactor, s.Kafka.Partitions = []string{e.broker.Address()}, 1, 4
	s.Redis.Addresses = []string{e.redis.Address()}
	e.home.settle(s)
}

// close ends what was opened, the data folder last.
func (e *embeddedParts) close() {
	if e.redis != nil {
		e.log.Debug("redis closed", "error", e.redis.Close())
	}
	if e.broker != nil {
		e.log.Debug("broker closed", "error", e.broker.Close())
	}
	if e.home != nil {
		e.home.close()
	}
}

// home is the data folder of an up: one process at a time.
type home struct {
	folder string
	lock   *os.File
	token  string
	keys   sign.Keys
}

func openHome(folder string) (*home, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(folder, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the data folder: %w", err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		lock.Close()
		return nil, fmt.Errorf("data folder %s: another liveclip up uses it", folder)
	}
	h := &home{folder: folder, lock: lock}
	if err := h.readSecrets(); err != nil {
		lock.Close()
		return nil, err
	}
	return h, nil
}

func (h *home) close() { h.lock.Close() }

func (h *home) readSecrets() error {
	token, err := keep(filepath.Join(h.folder, "token"), func() ([]byte, error) { return []byte(random() + "\n"), nil })
	if err != nil {
		return err
	}
	h.token = strings.TrimSpace(string(token))
	text, err := keep(filepath.Join(h.folder, "keys.json"), func() ([]byte, error) {
		return json.Marshal(sign.Keys{Current: sign.Key{ID: "k1", Secret: random()}})
	})
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &h.keys); err != nil {
		return fmt.Errorf("read %s: %w", filepath.Join(h.folder, "keys.json"), err)
	}
	return nil
}

// keep reads a small private file, made on first use.
func keep(path string, make func() ([]byte, error)) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err == nil || !errors.Is(err, os.ErrNotExist) {
		return text, err
	}
	if text, err = make(); err != nil {
		return nil, err
	}
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		return nil, fmt.Errorf("write %s: %w", path, err)
	}
	return text, os.Rename(path+".new", path)
}

func random() string {
	var bytes [24]byte
	_, _ = rand.Read(bytes[:]) // never fails
	return hex.EncodeToString(bytes[:])
}

// settle fills in what lies in the data folder, where the settings say nothing else.
func (h *home) settle(s *settings) {
	set := func(setting *string, value string) {
		if *setting == "" {
			*setting = value
		}
	}
	set(&s.Store.URL, fileurl.Of(filepath.Join(h.folder, "store")))
	set(&s.ASR.Spool, filepath.Join(h.folder, "spool"))
	set(&s.ASR.Process, "up") // the folder has one process at a time: after a kill its streams need not wait for a lease
	set(&s.T2V.Cache, filepath.Join(h.folder, "templates"))
	if s.Keys.Current.Secret == "" {
		s.Keys = h.keys
	}
	if len(s.Ops.Tokens) == 0 {
		s.Ops.Tokens = []ops.Token{{Token: h.token, Name: "operator", Role: "admin", Tenant: "default"}}
	}
	set(&s.Publish.URL, s.Listen.scheme()+"://"+reachable(s.Listen.HTTP))
}

// reachable gives an address a client on this machine can use for one a server listens on.
func reachable(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil || (host != "" && host != "0.0.0.0" && host != "::") {
		return listen
	}
	return net.JoinHostPort("127.0.0.1", port)
}
