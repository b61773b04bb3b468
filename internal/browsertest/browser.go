// Package browsertest drives a headless Chromium for tests, by its DevTools protocol.
package browsertest

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// Page is a tab of a browser of its own. For one goroutine.
type Page struct {
	t    testing.TB
	conn *websocket.Conn
	last int
}

const patience = 2 * time.Minute // for the browser to start, and for every answer

// Open starts a browser with an empty page; the test's end ends it. Without one on this machine the test is skipped.
func Open(t testing.TB) *Page {
	t.Helper()
	program := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			program = found
			break
		}
	}
	if program == "" {
		t.Skip("needs chromium (apt-get install chromium)")
	}
	data, err := os.MkdirTemp("", "browsertest")
	if err != nil {
		t.Fatal(err)
	}
	browser := exec.Command(program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--mute-audio", "--autoplay-policy=no-user-gesture-required",
		"--window-size=800,600", "--remote-debugging-port=0", "--user-data-dir="+data, "about:blank")
	if err := browser.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = browser.Wait(); close(ended) }()
	t.Cleanup(func() {
		_ = browser.Process.Kill()
		<-ended
		for range 50 { // its children write a little longer
			if os.RemoveAll(data) == nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	})
	p := &Page{t: t}
	deadline := time.Now().Add(patience)
	for p.conn == nil {
		if err = p.connect(filepath.Join(data, "DevToolsActivePort")); err == nil {
			break
		}
		select {
		case <-ended:
			t.Fatalf("%s ended", program)
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %v", program, err)
		}
	}
	t.Cleanup(func() { _ = p.conn.CloseNow() })
	return p
}

// connect finds the page's address once the browser has written where it listens.
func (p *Page) connect(active string) error {
	port, err := os.ReadFile(active)
	if err != nil {
		return err
	}
	first, _, _ := strings.Cut(string(port), "\n")
	r, err := http.Get("http://127.0.0.1:" + first + "/json/list")
	if err != nil {
		return err
	}
	defer func() { _ = r.Body.Close() }()
	var tabs []struct {
		Type    string `json:"type"`
		Address string `json:"webSocketDebuggerUrl"`
	}
	if err := json.NewDecoder(r.Body).Decode(&tabs); err != nil {
		return err
	}
	for _, tab := range tabs {
		if tab.Type == "page" {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			p.conn, _, err = websocket.Dial(ctx, tab.Address, nil)
			if err == nil {
				p.conn.SetReadLimit(64 << 20)
			}
			return err
		}
	}
	return fmt.Errorf("no page yet")
}

// call asks the browser and waits for its answer.
func (p *Page) call(method string, params any, answer any) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	p.last++
	request, err := json.Marshal(map[string]any{"id": p.last, "method": method, "params": params})
	if err != nil {
		p.t.Fatal(err)
	}
	if err := p.conn.Write(ctx, websocket.MessageText, request); err != nil {
		p.t.Fatalf("%s: %v", method, err)
	}
	for {
		_, data, err := p.conn.Read(ctx)
		if err != nil {
			p.t.Fatalf("%s: %v", method, err)
		}
		var said struct {
			ID     int             `json:"id"`
			Result json.RawMessage `json:"result"`
			Error  *struct {
				Message string `json:"message"`
			} `json:"error"`
		}
		if err := json.Unmarshal(data, &said); err != nil {
			p.t.Fatal(err)
		}
		if said.ID != p.last {
			continue // an event
		}
		if said.Error != nil {
			p.t.Fatalf("%s: %s", method, said.Error.Message)
		}
		if answer != nil {
			if err := json.Unmarshal(said.Result, answer); err != nil {
				p.t.Fatal(err)
			}
		}
		return
	}
}

// Visit loads a page.
func (p *Page) Visit(url string) {
	p.t.Helper()
	p.call("Page.navigate", map[string]any{"url": url}, nil)
	p.Run(`new Promise(done => document.readyState == "complete" && location.href != "about:blank" ? done() : addEventListener("load", () => done()))`, nil)
}

// Run evaluates an expression, waits if it is a promise, and reads its value, as JSON has it, into result.
func (p *Page) Run(expression string, result any) {
	p.t.Helper()
	var answer struct {
		Result struct {
			Value json.RawMessage `json:"value"`
		} `json:"result"`
		Exception *struct {
			Text      string `json:"text"`
			Exception struct {
				Description string          `json:"description"`
				Value       json.RawMessage `json:"value"`
			} `json:"exception"`
		} `json:"exceptionDetails"`
	}
	p.call("Runtime.evaluate", map[string]any{"expression": expression, "awaitPromise": true, "returnByValue": true}, &answer)
	if e := answer.Exception; e != nil {
		p.t.Fatalf("%.80s…: %s %s %s", expression, e.Text, e.Exception.Description, e.Exception.Value)
	}
	if result != nil {
		if err := json.Unmarshal(answer.Result.Value, result); err != nil {
			p.t.Fatalf("%.80s…: %v", expression, err)
		}
	}
}

// Screenshot is the page as a PNG.
func (p *Page) Screenshot() []byte {
	p.t.Helper()
	var shot struct {
		Data string `json:"data"`
	}
	p.call("Page.captureScreenshot", map[string]any{"format": "png"}, &shot)
	picture, err := base64.StdEncoding.DecodeString(shot.Data)
	if err != nil {
		p.t.Fatal(err)
	}
	return picture
}
