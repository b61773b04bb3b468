package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"liveclip/internal/blob"
	"liveclip/internal/domain"
	"liveclip/internal/embedded"
	"liveclip/internal/record"
	"liveclip/internal/sign"
)

const (
	filmLength = 64 * time.Second
	filmRate   = 2_000_000 // bit/s
	filmSize   = filmRate / 8 * int(filmLength/time.Second)
	ticks      = 100 // of CPU time in a second, as /proc counts them
)

// server is one that is measured.
type server struct {
	name    string
	address string
	admin   string // of liveclip
	log     string // of nginx, the bytes of each answer at logged, as they end
	logged  string
	target  string // the film's path, signed
	film    string // the file
	process *exec.Cmd
	choose  map[int]string // of nginx, the address that is best at a size
}

func (s *server) at(size int) string {
	if best := s.choose[size]; best != "" {
		return best
	}
	return s.address
}

// parts are what liveclip stands on: a broker for its accounts, in this process, and a Redis.
type parts struct {
	broker *embedded.Broker
	redis  *embedded.Redis
}

func startParts(ctx context.Context, folder string) (p parts, err error) {
	quiet := slog.New(slog.DiscardHandler)
	if p.broker, err = embedded.StartBroker(filepath.Join(folder, "kafka"), quiet); err != nil {
		return p, err
	}
	p.redis, err = embedded.StartRedis(ctx, filepath.Join(folder, "redis"), quiet)
	return p, err
}

func (p parts) stop() {
	if p.redis != nil {
		_ = p.redis.Close()
	}
	if p.broker != nil {
		_ = p.broker.Close()
	}
}

// patient is where what is sent is told at once.
func (s *server) patient() string { return cmp.Or(s.logged, s.address) }

// startLiveclip starts `liveclip serve publish` as it is shipped, and a published clip in its store.
func startLiveclip(ctx context.Context, bin, folder string, on parts) (*server, error) {
	key := sign.Key{ID: "bench", Secret: "a secret that is long enough"}
	film, err := publish(ctx, filepath.Join(folder, "store"))
	if err != nil {
		return nil, err
	}
	ports, err := freePorts(2)
	if err != nil {
		return nil, err
	}
	grant := sign.Grant{Path: "/vod/bench/hash/", Tenant: domain.DefaultTenant, Session: "viewer", Expires: time.Now().Add(24 * time.Hour)}
	s := &server{name: "liveclip", address: ports[0], admin: ports[1], film: film, target: sign.Keys{Current: key}.URL(grant, "720p.mp4")}
	path, err := filepath.Abs(filepath.Join(bin, "liveclip"))
	if err != nil {
		return nil, err
	}
	err = s.start(exec.CommandContext(ctx, path, "serve", "publish", "--listen.http="+ports[0], "--listen.admin="+ports[1],
		"--kafka.brokers="+on.broker.Address(), "--kafka.replication_factor=1", "--redis.addresses="+on.redis.Address(),
		"--store.url=file://"+filepath.Join(folder, "store"), "--keys.current.id="+key.ID, "--keys.current.secret="+key.Secret, "--log.level=warn"))
	if err != nil {
		return nil, err
	}
	return s, s.ready("http://" + s.admin + "/readyz")
}

// publish puts a clip into the store as review would; gives its film.
func publish(ctx context.Context, folder string) (string, error) {
	store, err := blob.OpenFiles(folder)
	if err != nil {
		return "", err
	}
	content := make([]byte, filmSize)
	noise := rand.NewChaCha8([32]byte{1})
	_, _ = noise.Read(content)
	sum := sha256.Sum256(content)
	key := record.File(domain.DefaultTenant, "bench", "hash", "720p.mp4")
	if _, err := store.Put(ctx, key, bytes.NewReader(content)); err != nil {
		return "", err
	}
	manifest, err := json.Marshal(domain.Manifest{Tenant: domain.DefaultTenant, Stream: "bench", Broadcast: "bench", Published: time.Now(), Rendered: domain.Rendered{
		Clip: "bench", Revision: 1, Hash: "hash",
		Renditions: []domain.Rendition{{
			Profile: "720p", Key: key, Width: 1280, Height: 720, Length: filmLength, Bytes: int64(len(content)), SHA256: hex.EncodeToString(sum[:]),
		}},
	}})
	if err != nil {
		return "", err
	}
	if _, err := store.Put(ctx, record.Manifest(domain.DefaultTenant, "bench"), bytes.NewReader(manifest)); err != nil {
		return "", err
	}
	return filepath.Join(folder, key), nil
}

// nginx is tuned as its manual advises for files. tcp_nopush holds the last part of some answers back for 40 ms here, so both
// ways listen, and at each size the faster one is measured.
const nginxConf = `
daemon off; pid %[1]s/nginx.pid; error_log %[1]s/error.log; worker_processes auto; events { worker_connections 15000; }
http {
	types { video/mp4 mp4; }
	access_log %[1]s/access.log combined buffer=64k flush=1s;
	client_body_temp_path %[1]s/t1; proxy_temp_path %[1]s/t2; fastcgi_temp_path %[1]s/t3; uwsgi_temp_path %[1]s/t4; scgi_temp_path %[1]s/t5;
	sendfile on; tcp_nodelay on; keepalive_requests 1000000000; keepalive_timeout 600;
	open_file_cache max=1000 inactive=60s; open_file_cache_valid 60s;
	server { listen %[2]s reuseport backlog=8192; tcp_nopush off; root %[1]s; %[4]s }
	server { listen %[3]s reuseport backlog=8192; tcp_nopush on; root %[1]s; %[4]s }
	log_format bytes "$body_bytes_sent";
	server { listen %[5]s; access_log %[1]s/sent.log bytes; tcp_nopush off; root %[1]s; %[4]s }
}`

const nginxSigned = `location / {
	secure_link $arg_md5,$arg_expires; secure_link_md5 "$secure_link_expires$uri secret";
	if ($secure_link = "") { return 403; }
	if ($secure_link = "0") { return 410; }
}`

func startNginx(ctx context.Context, folder, film string, sizes []int) (*server, error) {
	root := filepath.Join(folder, "nginx")
	if err := os.Mkdir(root, 0o755); err != nil {
		return nil, err
	}
	if err := os.Chmod(folder, 0o755); err != nil { // its workers are another user
		return nil, err
	}
	if err := os.Link(film, filepath.Join(root, "film.mp4")); err != nil {
		return nil, err
	}
	if err := os.Chmod(film, 0o644); err != nil {
		return nil, err
	}
	ports, err := freePorts(3)
	if err != nil {
		return nil, err
	}
	conf := filepath.Join(root, "nginx.conf")
	if err := os.WriteFile(conf, fmt.Appendf(nil, nginxConf, root, ports[0], ports[1], nginxSigned, ports[2]), 0o644); err != nil {
		return nil, err
	}
	expires := strconv.FormatInt(time.Now().Add(24*time.Hour).Unix(), 10)
	sum := md5.Sum([]byte(expires + "/film.mp4 secret"))
	s := &server{
		name: "nginx", address: ports[0], film: film, choose: map[int]string{},
		log: filepath.Join(root, "sent.log"), logged: ports[2],
		target: "/film.mp4?md5=" + base64.RawURLEncoding.EncodeToString(sum[:]) + "&expires=" + expires,
	}
	if err := s.start(exec.CommandContext(ctx, "nginx", "-p", root, "-c", conf)); err != nil {
		return nil, err
	}
	if err := s.ready("http://" + ports[0] + s.target); err != nil {
		return nil, err
	}
	for _, size := range sizes {
		best := 0.0
		for _, port := range ports[:2] {
			got, err := wrk(ctx, port, s.target, size, time.Second)
			if err != nil {
				return nil, err
			}
			if got.rate > best {
				best, s.choose[size] = got.rate, port
			}
		}
	}
	return s, nil
}

func (s *server) start(command *exec.Cmd) error {
	s.process = command
	command.Stderr = os.Stderr
	command.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGTERM}
	if err := command.Start(); err != nil {
		return fmt.Errorf("start %s: %w", s.name, err)
	}
	return nil
}

func (s *server) stop() {
	_ = s.process.Process.Signal(unix.SIGTERM)
	_ = s.process.Wait()
}

func (s *server) ready(url string) error {
	for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		response, err := http.Get(url)
		if err != nil {
			continue
		}
		_ = response.Body.Close()
		if response.StatusCode == http.StatusOK {
			return nil
		}
	}
	return fmt.Errorf("%s does not answer at %s", s.name, url)
}

// processes are those that answer: of nginx its workers.
func (s *server) processes() []int {
	pid := s.process.Process.Pid
	if s.name != "nginx" {
		return []int{pid}
	}
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	var all []int
	for _, field := range strings.Fields(string(text)) {
		child, _ := strconv.Atoi(field)
		all = append(all, child)
	}
	return all
}

// cpu is the CPU time that the server has used, in seconds.
func (s *server) cpu() float64 {
	sum := 0.0
	for _, pid := range s.processes() {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		_, after, _ := strings.Cut(string(text), ") ")
		if fields := strings.Fields(after); len(fields) > 12 {
			user, _ := strconv.ParseFloat(fields[11], 64)
			system, _ := strconv.ParseFloat(fields[12], 64)
			sum += (user + system) / ticks
		}
	}
	return sum
}

// memory is what the server holds, in MB.
func (s *server) memory() float64 {
	sum := 0.0
	for _, pid := range s.processes() {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		_, after, _ := strings.Cut(string(text), "VmRSS:")
		if fields := strings.Fields(after); len(fields) > 0 {
			kb, _ := strconv.ParseFloat(fields[0], 64)
			sum += kb / 1000
		}
	}
	return sum
}

func freePorts(n int) ([]string, error) {
	var all []string
	for range n {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer func() { _ = listener.Close() }()
		all = append(all, listener.Addr().String())
	}
	return all, nil
}
