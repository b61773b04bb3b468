package ops

import (
	"encoding/json"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"liveclip/internal/domain"
)

// callback is what a media server says when a publisher comes or goes.
type callback struct {
	publish bool // else unpublish
	ignored bool // of another kind
	values  map[string]string
}

// urlPart is what the name of an app, a stream or a host may hold: nothing that could leave its place in a URL.
var urlPart = regexp.MustCompile(`^[A-Za-z0-9_.~-]{1,128}$`)

// serveHook attaches a stream when a media server says that its publisher came, has it detached when the publisher went and
// stays away, and answers as that server expects.
func (s *Service) serveHook(w http.ResponseWriter, r *http.Request) {
	c := r.Context().Value(callerKey{}).(caller)
	server := r.PathValue("server")
	read, template := callbackReader(server, s.cfg.Hooks)
	if read == nil {
		writeProblem(w, r, problem{http.StatusNotFound, "no such media server: " + server + "; known are srs, nginx-rtmp and mediamtx"})
		return
	}
	said, err := read(r)
	if err == nil && !said.ignored {
		err = s.applyCallback(r, c, said, template)
	}
	if err != nil {
		p := problemOf(s.Log, r.URL.Path, err)
		s.Log.Warn("media server's callback refused", "server", server, "status", p.status, "detail", p.detail)
		writeProblem(w, r, p) // every one of them takes a status other than 2xx for a refusal
		return
	}
	if server == "srs" {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"code":0,"data":null}`)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, "ok\n")
}

func callbackReader(server string, hooks Hooks) (read func(r *http.Request) (callback, error), template string) {
	switch server {
	case "srs":
		return readSRS, hooks.SRS
	case "nginx-rtmp":
		return readNginx, hooks.NginxRTMP
	case "mediamtx":
		return readMediaMTX, hooks.MediaMTX
	}
	return nil, ""
}

// applyCallback attaches the stream of a publisher that came, from the URL that the template gives; it schedules the detaching of
// one whose publisher went.
func (s *Service) applyCallback(r *http.Request, c caller, said callback, template string) error {
	stream, err := domain.ParseStreamID(said.values["stream"])
	if err != nil {
		return badRequest("%s", err)
	}
	ref := c.ref(stream)
	if template == "" {
		return unprocessable("no template for the pull URL is set (ops.hooks)")
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return badRequest("the caller's address %q can't be read", r.RemoteAddr)
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	said.values["server"] = host
	source := fillTemplate(template, said.values)
	if said.publish {
		_, err := s.attach(r.Context(), ref, attachment{source: source, lane: domain.LaneLive})
		return err
	}
	known, err := s.streamOrNew(r.Context(), ref)
	if err != nil || !known.State.Attached {
		return err // gone already
	}
	if source, err = s.checkSource(r.Context(), source); err != nil || source != known.State.Source {
		return err // attached by another, from elsewhere: not this publisher's to end
	}
	return s.scheduleDetach(r.Context(), ref)
}

// readSRS reads what SRS posts to on_publish and on_unpublish: one JSON object, action and names in it.
func readSRS(r *http.Request) (callback, error) {
	var body struct {
		Action string `json:"action"`
		Vhost  string `json:"vhost"`
		App    string `json:"app"`
		Stream string `json:"stream"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return callback{}, badRequest("SRS callback: the body is not JSON: %s", err)
	}
	said := callback{publish: body.Action == "on_publish", ignored: body.Action != "on_publish" && body.Action != "on_unpublish"}
	return said.withValues(map[string]string{"vhost": body.Vhost, "app": body.App, "stream": body.Stream})
}

// readNginx reads what nginx-rtmp's on_publish and on_publish_done send: a form, or a query with notify_method get.
func readNginx(r *http.Request) (callback, error) {
	form, err := readForm(r)
	if err != nil {
		return callback{}, err
	}
	call := form.Get("call")
	said := callback{publish: call == "publish", ignored: call != "publish" && call != "publish_done"}
	return said.withValues(map[string]string{"app": form.Get("app"), "stream": form.Get("name")})
}

// readMediaMTX reads what the commands of runOnReady and runOnNotReady are told to send, as JSON, a form or a query:
//
//	runOnReady:    curl -fsS -H "Authorization: Bearer $T" -d event=ready -d path=$MTX_PATH http://ops/v1/hooks/mediamtx
//	runOnNotReady: curl -fsS -H "Authorization: Bearer $T" -d event=not_ready -d path=$MTX_PATH http://ops/v1/hooks/mediamtx
func readMediaMTX(r *http.Request) (callback, error) {
	var event, path string
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind == "application/json" {
		var body struct {
			Event string `json:"event"`
			Path  string `json:"path"`
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			return callback{}, badRequest("MediaMTX callback: the body is not JSON: %s", err)
		}
		event, path = body.Event, body.Path
	} else {
		form, err := readForm(r)
		if err != nil {
			return callback{}, err
		}
		event, path = form.Get("event"), form.Get("path")
	}
	if event != "ready" && event != "not_ready" {
		return callback{}, badRequest("MediaMTX callback: event must be ready or not_ready, is %.40q", event)
	}
	path = strings.Trim(path, "/")
	names := strings.Split(path, "/")
	for _, name := range names {
		if !urlPart.MatchString(name) || strings.Trim(name, ".") == "" {
			return callback{}, badRequest("MediaMTX callback: path %.200q can't be part of a URL", path)
		}
	}
	said, err := callback{publish: event == "ready"}.withValues(map[string]string{"stream": names[len(names)-1]})
	if err == nil {
		said.values["path"] = path
	}
	return said, err
}

// withValues takes the names after checking them: they come from whoever publishes.
func (c callback) withValues(values map[string]string) (callback, error) {
	c.values = values
	if c.ignored {
		return c, nil
	}
	for name, value := range values {
		if value != "" && (!urlPart.MatchString(value) || strings.Trim(value, ".") == "") {
			return c, badRequest("callback: %s %.200q can't be part of a URL", name, value)
		}
	}
	return c, nil
}

func readForm(r *http.Request) (url.Values, error) {
	body, _ := io.ReadAll(r.Body)
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, badRequest("callback: the body is not a form: %s", err)
	}
	for name, values := range r.URL.Query() {
		if name != "access_token" && !form.Has(name) {
			form[name] = values
		}
	}
	return form, nil
}
