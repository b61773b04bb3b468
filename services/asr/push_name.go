package asr

import (
	"fmt"
	"net/url"
	"strings"

	"liveclip/internal/domain"
)

// parsePublishName reads what a publisher names: the RTMP application, "live" or "live/{tenant}", and the publishing name,
// "{stream_id}?key={push key}". Encoders that put the query on the application are understood too.
func parsePublishName(app, name string) (ref domain.Ref, key string, err error) {
	app, appQuery, _ := strings.Cut(app, "?")
	name, query, _ := strings.Cut(name, "?")
	if query == "" {
		query = appQuery
	}
	root, tenant, named := strings.Cut(strings.Trim(app, "/"), "/")
	if root != "live" {
		return domain.Ref{}, "", domain.Permanent(fmt.Errorf("application %.80q: must be live or live/{tenant}", app))
	}
	ref.Tenant = domain.DefaultTenant
	if named {
		if ref.Tenant, err = domain.ParseTenant(tenant); err != nil {
			return domain.Ref{}, "", err
		}
	}
	if ref.Stream, err = domain.ParseStreamID(strings.Trim(name, "/")); err != nil {
		return domain.Ref{}, "", err
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return domain.Ref{}, "", domain.Permanent(fmt.Errorf("query of stream %s cannot be read", ref))
	}
	return ref, values.Get("key"), nil
}
