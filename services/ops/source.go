package ops

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"liveclip/internal/address"
	"liveclip/internal/domain"
	"liveclip/internal/fileurl"
)

// schemes a source may have. asr checks again, also after redirects and name look-ups.
var schemes = map[string]bool{"rtmp": true, "rtmps": true, "http": true, "https": true, "srt": true, "file": true}

const (
	schemeList = "rtmp://, rtmps://, http://, https://, srt:// or file://"
	maxSource  = 2048 // bytes
)

// checkSource gives the source in the form it is kept in, or the problem for which it is refused.
func (s *Service) checkSource(ctx context.Context, source string) (string, error) {
	if source == domain.SourcePush {
		return source, nil
	}
	if len(source) > maxSource {
		return "", unprocessable("source: longer than %d bytes", maxSource)
	}
	u, err := url.Parse(source)
	if err != nil || u.Scheme == "" {
		return "", unprocessable("source %.200q: must be \"push\" or a URL that begins with %s", source, schemeList)
	}
	u.Scheme = strings.ToLower(u.Scheme)
	switch {
	case !schemes[u.Scheme]:
		return "", unprocessable("source: scheme %.20q is not allowed; it must be %s", u.Scheme, schemeList)
	case u.Scheme == "file":
		return s.checkFile(u)
	case u.Hostname() == "":
		return "", unprocessable("source %.200q: names no host", u.Redacted())
	case s.cfg.AllowPrivate:
		return u.String(), nil
	}
	return u.String(), s.checkHost(ctx, u.Hostname())
}

// checkFile lets in files below ops.batch_root, also after symbolic links.
func (s *Service) checkFile(u *url.URL) (string, error) {
	if s.cfg.BatchRoot == "" {
		return "", unprocessable("source: files are not allowed here (ops.batch_root is not set)")
	}
	if u.Host != "" && u.Host != "localhost" {
		return "", unprocessable("source: a file URL names no host: file:///folder/file")
	}
	root, err := filepath.EvalSymlinks(s.cfg.BatchRoot)
	if err != nil {
		return "", unprocessable("source: ops.batch_root can't be read")
	}
	path, err := filepath.EvalSymlinks(filepath.Clean(u.Path))
	if err != nil && !os.IsNotExist(err) {
		return "", unprocessable("source %.200q: can't be read", u.Path)
	}
	inside, relErr := filepath.Rel(root, filepath.Clean(path))
	if err != nil || relErr != nil || inside == ".." || strings.HasPrefix(inside, "../") {
		return "", unprocessable("source %.200q: no such file below ops.batch_root", u.Path)
	}
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return "", unprocessable("source %.200q: is not a file", u.Path)
	}
	return fileurl.Of(path), nil
}

// numericHost is a last label that some resolvers read as an address in another notation ("127.1", "0x7f000001").
var numericHost = regexp.MustCompile(`(?i)(^|\.)(\d+|0x[0-9a-f]*)\.?$`)

func (s *Service) checkHost(ctx context.Context, host string) error {
	if addr, err := netip.ParseAddr(host); err == nil {
		if !address.Public(addr) {
			return unprocessable("source: %s is a private address (ops.allow_private, with asr.allow_private, lets it in)", host)
		}
		return nil
	}
	if numericHost.MatchString(host) {
		return unprocessable("source: %.100q is neither a host name nor an address in the usual notation", host)
	}
	if name := strings.ToLower(strings.TrimSuffix(host, ".")); name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return unprocessable("source: %s is this machine (ops.allow_private, with asr.allow_private, lets it in)", host)
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	addrs, err := s.resolve(ctx, host)
	if err != nil {
		return nil // asr, which may see other names, asks again and shows what it found
	}
	for _, addr := range addrs {
		if !address.Public(addr) {
			return unprocessable("source: %s is at the private address %s (ops.allow_private, with asr.allow_private, lets it in)", host, addr)
		}
	}
	return nil
}

func resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}

// fillTemplate puts values in place of a template's {names}. The caller has checked that no value can leave its place in a URL.
func fillTemplate(template string, values map[string]string) string {
	pairs := make([]string, 0, 2*len(values))
	for name, value := range values {
		pairs = append(pairs, "{"+name+"}", value)
	}
	return strings.NewReplacer(pairs...).Replace(template)
}

// templateSource is the source of a stream attached without one (ops.source_template).
func (s *Service) templateSource(ref domain.Ref) (string, error) {
	if s.cfg.SourceTemplate == "" {
		return "", unprocessable("source: none given, and there is no template to find stream %s by (ops.source_template)", ref.Stream)
	}
	return fillTemplate(s.cfg.SourceTemplate, map[string]string{"stream_id": string(ref.Stream), "tenant": string(ref.Tenant)}), nil
}

// redactSource is a source as people may see it: without its password and, for viewers, without its query, which may hold keys.
func redactSource(source string, r role) string {
	u, err := url.Parse(source)
	if err != nil || source == domain.SourcePush {
		return source
	}
	if r < operator && u.RawQuery != "" {
		u.RawQuery = "…"
		return fmt.Sprintf("%s?…", strings.SplitN(u.Redacted(), "?", 2)[0])
	}
	return u.Redacted()
}
