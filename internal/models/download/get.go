package download

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"liveclip/internal/fetch"
	"liveclip/internal/models"
)

const (
	mostBytes = 8 << 30
	tries     = 4                // one after another without a single byte
	stalled   = 30 * time.Second // without a byte
)

// Getter downloads models into a folder.
type Getter struct {
	Folder   string
	Client   *http.Client
	Wait     func(ctx context.Context, d time.Duration) error // before another try
	Progress func(have, of int64)                             // of: 0 when it is not known
}

// Got is a model that lies in the folder.
type Got struct {
	Folder   string
	SHA256   string // of the download
	Recorded bool   // nobody knew the hash before: it was recorded now
	Here     bool   // it was there already
}

// Get downloads a model, unless it is there. It goes on with what an earlier run left.
func (g Getter) Get(ctx context.Context, m Model) (Got, error) {
	got := Got{Folder: filepath.Join(g.Folder, m.Name)}
	sums, err := readSums(g.Folder)
	if err != nil {
		return got, err
	}
	got.SHA256 = cmp.Or(m.SHA256, sums[m.Name])
	if err := check(got.Folder); err == nil {
		got.Here = true
		return got, nil
	} else if _, there := os.Stat(got.Folder); there == nil {
		return got, fmt.Errorf("get model %s: %s is there and cannot be loaded (%w): remove it to download again", m.Name, got.Folder, err)
	}
	if err := os.MkdirAll(g.Folder, 0o755); err != nil {
		return got, fmt.Errorf("get model %s: %w", m.Name, err)
	}
	part := filepath.Join(g.Folder, "."+m.Name+".part")
	if err := g.download(ctx, m, part); err != nil {
		return got, fmt.Errorf("get model %s: %w", m.Name, err)
	}
	sum, err := models.Sum(part)
	if err != nil {
		return got, fmt.Errorf("get model %s: %w", m.Name, err)
	}
	if got.SHA256 != "" && sum != got.SHA256 {
		_ = os.Remove(part)
		return got, fmt.Errorf("get model %s: what %s gave has the SHA-256 %s, and %s is recorded: it was not kept", m.Name, m.URL, sum, got.SHA256)
	}
	if err := g.place(m, part, got.Folder); err != nil {
		_ = os.Remove(part)
		return got, fmt.Errorf("get model %s: %w", m.Name, err)
	}
	if got.SHA256 == "" {
		got.Recorded, got.SHA256 = true, sum
		sums[m.Name] = sum
		if err := writeSums(g.Folder, sums); err != nil {
			return got, err
		}
	}
	_ = os.Remove(tagFile(part))
	return got, os.Remove(part)
}

// check tells whether a folder holds a model that can be loaded.
func check(folder string) error {
	m, err := models.Load(folder)
	if err != nil {
		return err
	}
	_, err = m.Verify()
	return err
}

// place unpacks a download beside its folder, looks at it, and moves it there.
func (g Getter) place(m Model, part, folder string) error {
	beside, err := os.MkdirTemp(g.Folder, ".unpacking-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(beside)
	if m.packed() {
		err = unpack(part, m.file(), beside)
	} else {
		err = os.Link(part, filepath.Join(beside, m.file()))
	}
	if err != nil {
		return err
	}
	if err := check(beside); err != nil {
		return fmt.Errorf("what came is no model that can be loaded: %w", err)
	}
	if err := os.Chmod(beside, 0o755); err != nil {
		return err
	}
	return os.Rename(beside, folder)
}

// download fills a file, from where an earlier try left it. A server that gives nothing new several times in a row is given up.
func (g Getter) download(ctx context.Context, m Model, part string) error {
	wait := 500 * time.Millisecond
	for failed := 0; ; {
		before := size(part)
		err := g.once(ctx, m, part)
		if err == nil || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		if r := (refusal)(0); errors.As(err, &r) && r < 500 && r != http.StatusTooManyRequests {
			return err
		}
		if size(part) > before {
			failed, wait = 0, 500*time.Millisecond
		}
		if failed++; failed == tries {
			return fmt.Errorf("no network, or %s does not answer; what came so far is kept: %w", hostOf(m.URL), err)
		}
		if err := g.Wait(ctx, wait); err != nil {
			return err
		}
		wait = min(2*wait, 8*time.Second)
	}
}

func size(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

func hostOf(address string) string {
	_, rest, _ := strings.Cut(address, "://")
	host, _, _ := strings.Cut(rest, "/")
	return host
}

// refusal is an HTTP status that is no download.
type refusal int

func (r refusal) Error() string {
	return fmt.Sprintf("server answers %d %s", int(r), http.StatusText(int(r)))
}

// once asks for what is missing. Whether that is of the same file is told by the tag beside it.
func (g Getter) once(ctx context.Context, m Model, part string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	watch := time.AfterFunc(stalled, cancel)
	defer watch.Stop()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, m.URL, nil)
	if err != nil {
		return err
	}
	have, tag := size(part), readTag(part)
	fetch.Rest(request, have, tag)
	response, err := g.Client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	total := response.ContentLength
	switch response.StatusCode {
	case http.StatusPartialContent:
		from, of, ok := fetch.ContentRange(response.Header.Get("Content-Range"))
		if !ok || from != have {
			_ = os.Remove(part)
			return fmt.Errorf("server answers with bytes %q that nobody asked for", response.Header.Get("Content-Range"))
		}
		total = of
	case http.StatusOK:
		have = 0
		if err := writeTag(part, response.Header); err != nil {
			return err
		}
	case http.StatusRequestedRangeNotSatisfiable:
		if response.Header.Get("Content-Range") == "bytes */"+strconv.FormatInt(have, 10) {
			return nil // all of it is here
		}
		_ = os.Remove(part)
		return errors.New("what an earlier run left is not of this file")
	default:
		return refusal(response.StatusCode)
	}
	if total > mostBytes {
		return fmt.Errorf("%d bytes are more than a model has", total)
	}
	return g.append(part, have, total, response.Body, watch)
}

func (g Getter) append(part string, have, total int64, body io.Reader, watch *time.Timer) (err error) {
	file, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := file.Truncate(have); err != nil {
		return err
	}
	if _, err := file.Seek(have, io.SeekStart); err != nil {
		return err
	}
	buffer := make([]byte, 256<<10)
	for {
		n, err := body.Read(buffer)
		if n > 0 {
			watch.Reset(stalled)
			if have += int64(n); have > mostBytes {
				return fmt.Errorf("more than %d bytes", int64(mostBytes))
			}
			if _, err := file.Write(buffer[:n]); err != nil {
				return err
			}
			g.Progress(have, max(0, total))
		}
		switch {
		case errors.Is(err, io.EOF) && total > 0 && have != total:
			return fmt.Errorf("broke off after %d of %d bytes", have, total)
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("broke off after %d bytes: %w", have, err)
		}
	}
}

// A download's tag tells whether the server's file is still the one that a part is of.
func tagFile(part string) string { return part + ".tag" }

func readTag(part string) string {
	tag, err := os.ReadFile(tagFile(part))
	if err != nil || len(tag) > 1000 {
		return ""
	}
	return string(tag)
}

func writeTag(part string, header http.Header) error {
	if err := os.WriteFile(tagFile(part), []byte(fetch.Tag(header)), 0o644); err != nil {
		return fmt.Errorf("keep the download's tag: %w", err)
	}
	return nil
}
