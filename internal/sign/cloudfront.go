package sign

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // CloudFront's choice
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// cloudPolicy is what a CloudFront URL allows, in the form that is signed.
type cloudPolicy struct {
	Statement []cloudStatement `json:"Statement"`
}

type cloudStatement struct {
	Resource  string         `json:"Resource"` // a URL; '*' stands for any characters, '?' for one
	Condition cloudCondition `json:"Condition"`
}

type cloudCondition struct {
	Before *cloudTime `json:"DateLessThan,omitempty"`
	After  *cloudTime `json:"DateGreaterThan,omitempty"`
	From   *struct {
		Source string `json:"AWS:SourceIp"`
	} `json:"IpAddress,omitempty"`
}

type cloudTime struct {
	Epoch int64 `json:"AWS:EpochTime"`
}

// cloudEncoding is base64 as CloudFront has it in URLs.
var cloudEncoding = base64.NewEncoding("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-~").WithPadding('_')

// policy signs a custom policy for all under the grant's path: one signature serves playlist and files.
func (c CDN) policy(g Grant) (map[string]string, error) {
	text := policyText(strings.TrimSuffix(c.Host, "/")+g.Path+"*", g.Expires.Unix())
	signature, err := cloudSign(c.Keys.Current, text)
	if err != nil {
		return nil, fmt.Errorf("sign for CDN %s: %w", c.Name, err)
	}
	return map[string]string{
		"Policy": cloudEncoding.EncodeToString(text), "Signature": signature, "Key-Pair-Id": c.Keys.Current.ID,
	}, nil
}

// policyText is also, letter by letter, what CloudFront makes of a canned policy's URL.
func policyText(resource string, expires int64) []byte {
	// Written by hand: encoding/json would write '&' otherwise.
	quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(resource)
	return []byte(`{"Statement":[{"Resource":"` + quoted + `","Condition":{"DateLessThan":{"AWS:EpochTime":` + strconv.FormatInt(expires, 10) + `}}}]}`)
}

func cloudSign(key Key, text []byte) (string, error) {
	private, err := privateKey(key)
	if err != nil {
		return "", err
	}
	digest := sha1.Sum(text) //nolint:gosec // likewise
	signature, err := rsa.SignPKCS1v15(nil, private, crypto.SHA1, digest[:])
	if err != nil {
		return "", err
	}
	return cloudEncoding.EncodeToString(signature), nil
}

// checkPolicy verifies a custom or a canned policy and gives when it ends. Policies that ask for what the origin does not
// see, the viewer's address, are refused; so are those not begun, and several statements.
func (c CDN) checkPolicy(key Key, u *url.URL, query url.Values) (time.Time, bool) {
	if key.ID != query.Get("Key-Pair-Id") {
		return time.Time{}, false
	}
	asked := strings.TrimSuffix(c.Host, "/") + u.Path
	if rest := withoutCloud(u.RawQuery); rest != "" {
		asked += "?" + rest
	}
	text, err := cloudEncoding.DecodeString(query.Get("Policy"))
	canned := !query.Has("Policy")
	if canned {
		expires, faulty := strconv.ParseInt(query.Get("Expires"), 10, 64)
		text, err = policyText(asked, expires), faulty
	}
	signature, undecoded := cloudEncoding.DecodeString(query.Get("Signature"))
	private, unusable := privateKey(key)
	if errors.Join(err, undecoded, unusable) != nil {
		return time.Time{}, false
	}
	digest := sha1.Sum(text) //nolint:gosec // likewise
	if rsa.VerifyPKCS1v15(&private.PublicKey, crypto.SHA1, digest[:], signature) != nil {
		return time.Time{}, false
	}
	var policy cloudPolicy
	if json.Unmarshal(text, &policy) != nil || len(policy.Statement) != 1 {
		return time.Time{}, false
	}
	s := policy.Statement[0]
	if s.Condition.Before == nil || s.Condition.After != nil || s.Condition.From != nil || s.Condition.Before.Epoch > maxUnix {
		return time.Time{}, false
	}
	return time.Unix(s.Condition.Before.Epoch, 0).UTC(), canned || matches(s.Resource, asked)
}

// withoutCloud is the query without CloudFront's own parameters, in its order: what a canned policy was signed over.
func withoutCloud(query string) string {
	var kept []string
	for part := range strings.SplitSeq(query, "&") {
		switch name, _, _ := strings.Cut(part, "="); name {
		case "", "Policy", "Expires", "Signature", "Key-Pair-Id":
		default:
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, "&")
}

// matches compares with '*' for any characters and '?' for one, in time of the order of both lengths' product.
func matches(pattern, s string) bool {
	star, from := -1, 0
	p, i := 0, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p++
			i++
		case star >= 0:
			from++
			p, i = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

func privateKey(key Key) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode([]byte(key.Secret))
	if block == nil {
		return nil, errors.New("must be an RSA private key in PEM")
	}
	if private, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return private, nil
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("must be an RSA private key in PEM: %w", err)
	}
	private, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("must be an RSA private key in PEM")
	}
	return private, nil
}
