package publish

import (
	"context"
	"errors"
	"strings"

	"liveclip/internal/domain"
	"liveclip/internal/sign"
)

// cdn is a CDN before the VOD path, as a destination: it fetches a clip by itself once it is asked for it, so there is nothing
// to push, and to take a clip back is to have it purged. The call goes to a hook that knows the CDN's account; its body is
// what the CDN's own call takes.
type cdn struct {
	caller
	dest Destination
	cdn  sign.CDN
}

func (c cdn) repeatable() bool { return true } // a purge may be made twice
func (c cdn) profile() string  { return "" }

func (c cdn) push(context.Context, publication) (outcome, error) {
	return outcome{state: domain.PublicationVisible}, nil
}

func (c cdn) withdraw(ctx context.Context, p publication, _ string) error {
	key := p.String() + "/purged"
	status, said, err := c.call(ctx, c.purge(p, key), key)
	if err == nil && status/100 != 2 {
		err = domain.Permanent(errors.New(refusal(status, said)))
	}
	return err
}

const eventPurge = "clip.purge"

// purge asks for all that is cached below a revision's folder to be forgotten.
type purge struct {
	Event    string `json:"event"`
	ClipID   string `json:"clip_id"`
	Revision int    `json:"revision"`
	Tenant   string `json:"tenant"`
	Hash     string `json:"hash"`
	CDN      string `json:"cdn"`
	Form     string `json:"form"`
	Prefix   string `json:"prefix"` // a URL: everything below it
	// One of these, by the CDN's form; none for another.
	Aliyun     *aliyunPurge     `json:"RefreshObjectCaches,omitempty"`
	Tencent    *tencentPurge    `json:"PurgePathCache,omitempty"`
	CloudFront *cloudFrontPurge `json:"CreateInvalidation,omitempty"`
}

// aliyunPurge are the parameters of RefreshObjectCaches.
type aliyunPurge struct {
	ObjectPath string
	ObjectType string
}

// tencentPurge are the parameters of PurgePathCache.
type tencentPurge struct {
	Paths     []string
	FlushType string
}

// cloudFrontPurge is the InvalidationBatch of CreateInvalidation.
type cloudFrontPurge struct {
	CallerReference string
	Paths           struct {
		Quantity int
		Items    []string
	}
}

func (c cdn) purge(p publication, key string) purge {
	prefix := strings.TrimSuffix(c.cdn.Host, "/") + p.folder()
	m := purge{
		Event: eventPurge, ClipID: string(p.Clip), Revision: p.Revision, Tenant: string(p.Tenant), Hash: p.hash,
		CDN: c.cdn.Name, Form: string(c.cdn.Form), Prefix: prefix,
	}
	switch c.cdn.Form {
	case sign.AliyunA, sign.AliyunC:
		m.Aliyun = &aliyunPurge{ObjectPath: prefix, ObjectType: "Directory"}
	case sign.TencentD:
		m.Tencent = &tencentPurge{Paths: []string{prefix}, FlushType: "delete"}
	case sign.CloudFront:
		m.CloudFront = &cloudFrontPurge{CallerReference: key}
		m.CloudFront.Paths.Quantity, m.CloudFront.Paths.Items = 1, []string{p.folder() + "*"}
	}
	return m
}
