package engines

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"time"
)

// dashScope is Alibaba Cloud Model Studio's asynchronous text-to-video API: a task is created, looked at until it ended, and its
// video fetched from a URL that holds for a day. A task can be cancelled only while it is PENDING; one that runs is paid for.
type dashScope struct {
	cfg   Config
	api   *api
	fetch *http.Client // without the key
}

// task is what both of its calls answer.
type task struct {
	Output struct {
		ID      string `json:"task_id"`
		Status  string `json:"task_status"` // PENDING, RUNNING, SUCCEEDED, FAILED, CANCELED, UNKNOWN
		URL     string `json:"video_url"`
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"output"`
}

func (d *dashScope) Generate(ctx context.Context, o Order, sink io.Writer) (Made, error) {
	if why := d.cfg.Fits(o); why != "" {
		return Made{}, fault(Unfit, "%s", why)
	}
	within, alive, end := within(ctx, d.cfg)
	defer end()
	out := &bounded{out: sink, max: d.cfg.MaxBytes, alive: alive, started: time.Now()}
	made, err := out.whole(d.generate(within, o, out, alive))
	return made, settle(ctx, within, err)
}

func (d *dashScope) generate(ctx context.Context, o Order, out io.Writer, alive func()) (Made, error) {
	made := Made{Model: cmp.Or(o.Model, d.cfg.Model)}
	id, err := begin(ctx, func(ctx context.Context) (string, error) { return d.create(ctx, o) }, d.cancel)
	if err != nil {
		return made, err
	}
	accepted := time.Now()
	var ended task
	err = watch(ctx, d.cfg.Poll, alive, func() (bool, error) {
		var now task
		if err := d.look(ctx, id, &now); err != nil {
			return false, err
		}
		if now.Output.Status == "PENDING" {
			made.Waited = time.Since(accepted)
		}
		ended = now
		return now.done()
	})
	if err != nil {
		d.cancel(id)
		return made, err
	}
	return made, d.download(ctx, ended.Output.URL, out, alive)
}

func (d *dashScope) create(ctx context.Context, o Order) (string, error) {
	body, err := json.Marshal(map[string]any{
		"model": cmp.Or(o.Model, d.cfg.Model),
		"input": map[string]any{"prompt": o.Prompt, "negative_prompt": o.Negative},
		"parameters": map[string]any{
			"size":          fmt.Sprintf("%d*%d", o.Width, o.Height),
			"duration":      int(math.Ceil(d.cfg.Nearest(o.Length).Seconds())),
			"seed":          o.Seed & math.MaxInt32,
			"prompt_extend": false, // the prompt was versioned and hashed: it is to be what was recorded
			"watermark":     false, // the finisher labels
		},
	})
	if err != nil {
		return "", err
	}
	answer, err := d.api.call(ctx, request{
		method: http.MethodPost, path: "/api/v1/services/aigc/video-generation/video-synthesis",
		contentType: "application/json", body: body, header: map[string]string{"X-DashScope-Async": "enable"},
	}, dashScopeSaid)
	if err != nil {
		return "", err
	}
	var created task
	if err := readJSON(answer, &created); err != nil {
		return "", err
	}
	if created.Output.ID == "" {
		return "", fault(Wrong, "the engine created a task without an ID")
	}
	return created.Output.ID, nil
}

func (d *dashScope) look(ctx context.Context, id string, into *task) error {
	body, err := d.api.call(ctx, request{method: http.MethodGet, path: "/api/v1/tasks/" + url.PathEscape(id)}, dashScopeSaid)
	if err != nil {
		return err
	}
	return readJSON(body, into)
}

func (t task) done() (bool, error) {
	switch t.Output.Status {
	case "SUCCEEDED":
		return true, nil
	case "PENDING", "RUNNING", "SUSPENDED":
		return false, nil
	case "FAILED":
		f := sortWords(t.Output.Code+" "+t.Output.Message, Away)
		if t.Output.Code == "InvalidParameter" {
			f.Kind = Unfit
		}
		f.Err = fault(f.Kind, "the engine failed: %.60s: %.200s", t.Output.Code, t.Output.Message)
		return false, f
	case "CANCELED":
		return false, fault(Away, "the engine cancelled the order by itself")
	case "UNKNOWN":
		return false, fault(Away, "the engine knows nothing of the order any more")
	}
	return false, fault(Wrong, "the engine tells of a status %.40q", t.Output.Status)
}

func (d *dashScope) cancel(id string) {
	d.api.tell(request{method: http.MethodPost, path: "/api/v1/tasks/" + url.PathEscape(id) + "/cancel"})
}

func (d *dashScope) download(ctx context.Context, address string, out io.Writer, alive func()) error {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && (u.Scheme != "http" || !d.cfg.Private) || u.Host == "" {
		return fault(Wrong, "the engine gave no https address of its video")
	}
	c := &collection{client: d.fetch, address: address, out: out, stalled: d.cfg.Idle / 2, sum: sha256.New()}
	return c.collect(ctx, d.cfg.Poll, alive)
}

// dashScopeSaid sorts an error by its code; its messages are for people.
func dashScopeSaid(status int, body []byte) *Fault {
	var answer struct{ Code, Message string }
	if json.Unmarshal(body, &answer) != nil || answer.Code == "" {
		return nil //nolint:nilerr // the status says it then
	}
	f := sortWords(answer.Code, sortStatus(status))
	if answer.Code == "Arrearage" || answer.Code == "UnsupportedOperation" {
		f.Kind = Away
	}
	f.Err = fault(f.Kind, "%.60s: %.200s", answer.Code, answer.Message)
	return f
}

// Health asks for a task that cannot be: an answer of any kind but a refusal of the key tells that the API is there.
func (d *dashScope) Health(ctx context.Context) (Health, error) {
	_, err := d.api.call(ctx, request{method: http.MethodGet, path: "/api/v1/tasks/00000000-0000-0000-0000-000000000000"}, dashScopeSaid)
	if err != nil && KindOf(err) != Unfit {
		return Health{}, err
	}
	return Health{Ready: true}, nil
}

// Warm does nothing: the models are always there.
func (d *dashScope) Warm(context.Context, string) error { return nil }

func (d *dashScope) Close() error {
	d.api.client.CloseIdleConnections()
	d.fetch.CloseIdleConnections()
	return nil
}
