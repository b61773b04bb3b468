// Package download gets speech models that others publish, by name: known.yaml lists where they are. A download that breaks off
// goes on where it was, also in another run; what came is compared with the hash that is known of it, and the first time, where
// none is, its own is recorded beside it. Nothing is unpacked outside the model's folder, and a folder is seen whole or not at
// all.
package download
