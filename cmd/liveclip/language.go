package main

import (
	"cmp"
	"errors"
	"os"
	"strings"

	"liveclip/internal/opsclient"
)

// speaksChinese tells whether whoever runs a command reads Chinese (POSIX, 8.2: LC_ALL, LC_MESSAGES, LANG, the first that is set).
func speaksChinese() bool {
	return strings.HasPrefix(cmp.Or(os.Getenv("LC_ALL"), os.Getenv("LC_MESSAGES"), os.Getenv("LANG")), "zh")
}

// phrase picks a text's language; what has no Chinese is said in English.
func phrase(english, chinese string) string {
	if speaksChinese() {
		return cmp.Or(chinese, english)
	}
	return english
}

// explanation says what went wrong: the server's own words in the reader's language.
func explanation(err error) string {
	var p opsclient.Problem
	if errors.As(err, &p) && p.Chinese != "" {
		return strings.Replace(err.Error(), p.Detail, phrase(p.Detail, p.Chinese), 1)
	}
	return err.Error()
}
