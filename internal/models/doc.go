// Package models knows model folders: what lies in them (model.yaml, the manifest, or what the names of the files tell), and
// whether that can be loaded. Native code ends its process over a file that is missing, cut short or of another kind, so a
// folder is verified before it is given to any: presence, hash, header, what its kind needs.
//
// It is pure Go: the service, the doctor and the child that loads a model all look with the same eyes.
package models
