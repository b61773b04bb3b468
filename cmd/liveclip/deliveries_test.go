package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"liveclip/internal/delivery"
	"liveclip/internal/embedded/embeddedtest"
)

func TestACDNsLogBecomesLinesOfDeliveries(t *testing.T) {
	good := `192.0.2.1 - - [09/Jun/2015:01:58:09 +0800] "GET /vod/c1/h1/720p.mp4?session=s HTTP/1.1" 206 100 "-" "x" range="bytes=5-104"`
	path := filepath.Join(t.TempDir(), "access.log")
	if err := os.WriteFile(path, []byte(strings.Join([]string{good, "nonsense", strings.Replace(good, "/vod/", "/other/", 1), good}, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, problems := commandLine(t, "deliveries", "import", "--form", "nginx", "--origin", "edge-1", path)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	var first delivery.Line
	if err := json.Unmarshal([]byte(lines[0]), &first); err != nil {
		t.Fatal(err)
	}
	if first.ClipID != "c1" || first.Profile != "720p" || first.From != 5 || first.Sent != 100 || first.Session != "s" || first.Origin != "edge-1" || len(lines) != 2 {
		t.Errorf("%s", out)
	}
	if code != 1 || !strings.Contains(problems, path+": line 2: ") || !strings.Contains(problems, "2 deliveries, 1 lines not of the VOD path, 1 refused\n") {
		t.Errorf("exit %d, says %s", code, problems)
	}
	if code, _, problems := commandLine(t, "deliveries", "import", "--form", "akamai", path); code != 2 || !strings.Contains(problems, `no log form "akamai"`) {
		t.Errorf("exit %d, says %s", code, problems)
	}
	if code, _, _ := commandLine(t, "deliveries", "import", "--form", "nginx", path+".gone"); code != 1 {
		t.Errorf("of a file that is not there: exit %d", code)
	}
}

func TestPublishedDeliveriesGoUnderTheirClipsStream(t *testing.T) {
	folder := t.TempDir()
	manifest := filepath.Join(folder, "store", "default", "clips", "c1", "manifest.json")
	if err := os.MkdirAll(filepath.Dir(manifest), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(manifest, []byte(`{"Tenant":"default","Stream":"room","Broadcast":"b1"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(folder, "access.log")
	good := `192.0.2.1 - - [09/Jun/2015:01:58:09 +0800] "GET /vod/c1/h1/720p.mp4 HTTP/1.1" 200 100 "-" "x"`
	if err := os.WriteFile(log, []byte(good+"\n"+strings.Replace(good, "/c1/", "/c2/", 1)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	broker := embeddedtest.Broker(t)
	code, _, problems := commandLine(t, "deliveries", "import", "--form", "nginx", "--publish", "--kafka.brokers="+broker, "--kafka.partitions=2", "--kafka.replication_factor=1", "--store.url=file://"+filepath.Join(folder, "store"), log)
	if code != 1 || !strings.Contains(problems, "1 deliveries, 0 lines not of the VOD path, 1 refused") || !strings.Contains(problems, "clip c2 of tenant default: no such clip") {
		t.Errorf("exit %d, says %s", code, problems)
	}
}

func TestSettingsOfCDNsAndLimitsAreRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "settings.yaml")
	text := `
publish:
  cdn:
    - {name: ali, form: aliyun-a, host: "https://clips.example", keys: {current: {id: a, secret: "a key of the CDN"}}, valid: 30m, origin_secret: "a secret of sixteen"}
  destinations:
    - {name: ali, kind: cdn, cdn: ali, url: "https://hooks.example/purge", secret: "a secret of sixteen"}
  log: {path: /var/log/deliveries.jsonl}
  vod:
    referer: {allow: ["shop.example", "*.shop.example"], empty: true}
    limits:  {address: {rate: 100, burst: 300}}
    trusted_proxies: ["10.0.0.0/8"]
`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := loadSettings(defaultSettings(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if faults := s.Publish.Faults(); len(faults) > 0 {
		t.Errorf("%q", faults)
	}
	cdn := s.Publish.CDN[0]
	if cdn.Valid != 30*time.Minute || cdn.Keys.Current.Secret != "a key of the CDN" || s.Publish.VOD.Limits.Address.Burst != 300 || len(s.Publish.VOD.Referer.Allow) != 2 || s.Publish.Log.Bytes == 0 {
		t.Errorf("%+v", s.Publish)
	}
}
