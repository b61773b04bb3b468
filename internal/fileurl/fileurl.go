// Package fileurl writes paths as file URLs and reads them again, whatever stands in their names: 直播 50%#1.mp4.
package fileurl

import "net/url"

// Of is the URL of an absolute path.
func Of(path string) string { return (&url.URL{Scheme: "file", Path: path}).String() }

// Path is the path that a file URL names; ok is false for any other address.
func Path(address string) (path string, ok bool) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "file" || u.Opaque != "" || u.Path == "" || u.Host != "" && u.Host != "localhost" {
		return "", false
	}
	return u.Path, true
}
