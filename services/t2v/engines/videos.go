package engines

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"maps"
	"math"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"liveclip/internal/note"
)

// videos is a server with the OpenAI-style API: create, look, download, and delete, which aborts an order that runs.
type videos struct {
	cfg Config
	api *api
}

// video is a job as the server shows it.
type video struct {
	ID     string   `json:"id"`
	Status string   `json:"status"` // queued, in_progress, completed, failed; some servers say processing, succeeded, cancelled
	Model  string   `json:"model"`
	Error  apiError `json:"error"`
}

// apiError is an object with a message, or, from some servers, only the message.
type apiError struct{ Code, Type, Message string }

func (e *apiError) UnmarshalJSON(data []byte) error {
	var object struct {
		Code    any    `json:"code"`
		Type    string `json:"type"`
		Message string `json:"message"`
	}
	if json.Unmarshal(data, &object) == nil {
		code, _ := object.Code.(string)
		*e = apiError{code, object.Type, object.Message}
		return nil
	}
	return json.Unmarshal(data, &e.Message)
}

func (v *videos) Generate(ctx context.Context, o Order, sink io.Writer) (Made, error) {
	if why := v.cfg.Fits(o); why != "" {
		return Made{}, fault(Unfit, "%s", why)
	}
	within, alive, end := within(ctx, v.cfg)
	defer end()
	out := &bounded{out: sink, max: v.cfg.MaxBytes, alive: alive, started: time.Now()}
	made, err := out.whole(v.generate(within, o, out, alive))
	return made, settle(ctx, within, err)
}

func (v *videos) generate(ctx context.Context, o Order, out io.Writer, alive func()) (made Made, err error) {
	id, err := begin(ctx, func(ctx context.Context) (string, error) { return v.create(ctx, o) }, v.remove)
	if err != nil {
		return made, err
	}
	defer func() {
		if err == nil {
			go v.remove(id) // nobody waits for a server to tidy up
			return
		}
		v.remove(id)
	}()
	path := videoPath(id)
	accepted := time.Now()
	err = watch(ctx, v.cfg.Poll, alive, func() (bool, error) {
		body, err := v.api.call(ctx, request{method: http.MethodGet, path: path}, videosSaid)
		if err != nil {
			return false, err
		}
		var now video
		if err := readJSON(body, &now); err != nil {
			return false, err
		}
		made.Model = now.Model
		if now.Status == "queued" {
			made.Waited = time.Since(accepted)
		}
		return now.done()
	})
	if err != nil {
		return made, err
	}
	response, err := v.api.send(ctx, request{method: http.MethodGet, path: path + "/content", header: map[string]string{"Accept": "video/mp4"}})
	if err != nil {
		return made, err
	}
	defer func() { _ = response.Body.Close() }()
	return made, download(response, out, videosSaid)
}

func videoPath(id string) string { return "/v1/videos/" + url.PathEscape(id) }

// remove aborts what still runs, and frees the server's disk when it is done.
func (v *videos) remove(id string) {
	v.api.tell(request{method: http.MethodDelete, path: videoPath(id)})
}

func (v video) done() (bool, error) {
	switch v.Status {
	case "completed", "succeeded":
		return true, nil
	case "queued", "in_progress", "processing", "running", "pending":
		return false, nil
	case "failed", "error":
		f := sortWords(v.Error.Code+" "+v.Error.Type+" "+v.Error.Message, Away)
		f.Err = fault(f.Kind, note.EngineFailed.English, v.Error.Message)
		return false, f
	case "cancelled", "canceled", "deleted":
		return false, fault(Away, "the engine cancelled the order by itself")
	}
	return false, fault(Wrong, "the engine tells of a status %.40q", v.Status)
}

// create sends a form: what all such servers take beside JSON. Fields that a server doesn't know it ignores.
func (v *videos) create(ctx context.Context, o Order) (string, error) {
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	rate := cmp.Or(o.FrameRate, v.cfg.FrameRate)
	length := v.cfg.Nearest(o.Length)
	fields := map[string]string{
		"prompt": o.Prompt, "negative_prompt": o.Negative, "model": cmp.Or(o.Model, v.cfg.Model),
		"size":  strconv.Itoa(o.Width) + "x" + strconv.Itoa(o.Height),
		"width": strconv.Itoa(o.Width), "height": strconv.Itoa(o.Height),
		"seconds":    strconv.FormatFloat(length.Seconds(), 'f', -1, 64),
		"fps":        strconv.FormatFloat(rate, 'f', -1, 64),
		"num_frames": strconv.Itoa(frames(length, rate)),
		"seed":       strconv.FormatUint(o.Seed&math.MaxInt32, 10),
		"user":       o.Tenant,
	}
	if steps := cmp.Or(o.Steps, v.cfg.Steps); steps > 0 {
		fields["num_inference_steps"] = strconv.Itoa(steps)
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if fields[name] == "" {
			continue
		}
		if err := w.WriteField(name, fields[name]); err != nil {
			return "", err
		}
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	body, err := v.api.call(ctx, request{method: http.MethodPost, path: "/v1/videos", contentType: w.FormDataContentType(), body: form.Bytes()}, videosSaid)
	if err != nil {
		return "", err
	}
	var created video
	if err := readJSON(body, &created); err != nil {
		return "", err
	}
	if created.ID == "" {
		return "", fault(Wrong, "the engine created a video without an ID")
	}
	return created.ID, nil
}

// frames of a length: Wan's models make 4n+1.
func frames(length time.Duration, rate float64) int {
	return int(math.Ceil(length.Seconds()*rate/4))*4 + 1
}

// videosSaid sorts an error in OpenAI's form.
func videosSaid(status int, body []byte) *Fault {
	var answer struct {
		Error  apiError `json:"error"`
		Detail any      `json:"detail"` // FastAPI
	}
	if json.Unmarshal(body, &answer) != nil {
		return nil //nolint:nilerr // the status says it then
	}
	words := answer.Error.Message
	if detail, ok := answer.Detail.(string); ok && words == "" {
		words = detail
	}
	if words == "" {
		return nil
	}
	f := sortWords(answer.Error.Code+" "+answer.Error.Type+" "+words, sortStatus(status))
	f.Err = fault(f.Kind, "%.200s", words)
	return f
}

// sortWords sorts a failure that only its words tell apart from another.
func sortWords(words string, otherwise Kind) *Fault {
	words = strings.ToLower(words)
	for _, known := range []struct {
		kind  Kind
		signs []string
	}{
		{Memory, []string{"out of memory", "out of gpu memory", "out_of_memory", "outofmemory", "cuda oom"}},
		{Refused, []string{"moderation", "content_policy", "content policy", "safety", "datainspection", "inappropriate"}},
		{Busy, []string{"throttling", "rate_limit", "rate limit", "queue is full", "too many requests", "overloaded"}},
	} {
		if slices.ContainsFunc(known.signs, func(sign string) bool { return strings.Contains(words, sign) }) {
			return &Fault{Kind: known.kind}
		}
	}
	return &Fault{Kind: otherwise}
}

// Health asks for the server's health, else for its models: not all have both.
func (v *videos) Health(ctx context.Context) (Health, error) {
	_, err := v.api.call(ctx, request{method: http.MethodGet, path: "/health"}, videosSaid)
	if KindOf(err) == Unfit { // no such path
		_, err = v.api.call(ctx, request{method: http.MethodGet, path: "/v1/models"}, videosSaid)
	}
	if err != nil {
		return Health{}, err
	}
	return Health{Ready: true}, nil
}

// Warm does nothing: such a server loads its one model at its start.
func (v *videos) Warm(context.Context, string) error { return nil }

func (v *videos) Close() error {
	v.api.client.CloseIdleConnections()
	return nil
}
