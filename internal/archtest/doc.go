// Package archtest holds the house to its rules: which package may import which, which service is on which end of a topic,
// and that the README draws it so.
package archtest
