// Package record names the records of a clip that lie in the object store and must be written once: the plan, the cut, what
// was rendered, the verdicts, the manifest, the publication ledger, the take-down. All are JSON, written with
// blob.WriteNewJSON; whoever writes first wins and everybody else reads that.
package record

import (
	"fmt"

	"liveclip/internal/domain"
	"liveclip/internal/event"
)

// Of is a record: what was decided, and the envelope of the event that said so.
type Of[T any] struct {
	Envelope event.Envelope
	Value    T
}

func folder(t domain.Tenant, c domain.ClipID) string { return fmt.Sprintf("%s/clips/%s", t, c) }

// Plan is the key of a Of[domain.Plan].
func Plan(t domain.Tenant, c domain.ClipID, revision int) string {
	return fmt.Sprintf("%s/plan.%d.json", folder(t, c), revision)
}

// Cut is the key of a Of[domain.Cut].
func Cut(t domain.Tenant, c domain.ClipID, revision int) string {
	return fmt.Sprintf("%s/cut.%d.json", folder(t, c), revision)
}

// Rendered is the key of a Of[domain.Rendered].
func Rendered(t domain.Tenant, c domain.ClipID, revision int) string {
	return fmt.Sprintf("%s/rendered.%d.json", folder(t, c), revision)
}

// VerdictByRule is the key of a Of[domain.Decided] that moderation wrote.
func VerdictByRule(t domain.Tenant, c domain.ClipID, revision int) string {
	return fmt.Sprintf("%s/verdict.%d.rule.json", folder(t, c), revision)
}

// VerdictByPerson is the key of a Of[domain.Decided] that a person gave; it outweighs the rule's, and a person may change it.
func VerdictByPerson(t domain.Tenant, c domain.ClipID, revision int) string {
	return fmt.Sprintf("%s/verdict.%d.person.json", folder(t, c), revision)
}

// Manifest is the key of a domain.Manifest. It names the current revision; writing it makes the clip playable.
func Manifest(t domain.Tenant, c domain.ClipID) string { return folder(t, c) + "/manifest.json" }

// TakeDown is the key of a Of[domain.Decided]. While it exists every origin answers 410.
func TakeDown(t domain.Tenant, c domain.ClipID) string { return folder(t, c) + "/takedown.json" }

// Publication is the key of the ledger entry of one clip at one destination: a Of[domain.PublicationChanged], replaced
// with blob.Store.PutIf as its state changes.
func Publication(t domain.Tenant, c domain.ClipID, revision int, destination string) string {
	return fmt.Sprintf("%s/publication.%d.%s.json", folder(t, c), revision, destination)
}

// Publications is the prefix of the keys of all ledger entries of a clip.
func Publications(t domain.Tenant, c domain.ClipID) string { return folder(t, c) + "/publication." }

// OpenPublication is the key of the note that a ledger entry has something left to do. It lies apart from the clips, so that
// what is open can be listed; no tenant's name has a dot.
func OpenPublication(t domain.Tenant, c domain.ClipID, revision int, destination string) string {
	return fmt.Sprintf("%s%s/%s.%d.%s.json", OpenPublications, t, c, revision, destination)
}

// OpenPublications is the prefix of the keys of all OpenPublication.
const OpenPublications = "publications.open/"

// File is the key of a finished file; hash is domain.Rendered's Hash.
func File(t domain.Tenant, c domain.ClipID, hash, name string) string {
	return fmt.Sprintf("%s/%s/%s", folder(t, c), hash, name)
}

// Label is the key of a domain.Label: of one decision, which the event names, of a person on a clip.
func Label(t domain.Tenant, s domain.StreamID, c domain.ClipID, eventID string) string {
	return fmt.Sprintf("%s%s/%s.json", Labels(t, s), c, eventID)
}

// Labels is the prefix of the keys of a stream's labels, or of a tenant's where no stream is named.
func Labels(t domain.Tenant, s domain.StreamID) string {
	if s == "" {
		return fmt.Sprintf("%s/labels/", t)
	}
	return fmt.Sprintf("%s/labels/%s/", t, s)
}

// Shot is the key of a rendered or generated shot of a clip.
func Shot(t domain.Tenant, c domain.ClipID, revision, number int) string {
	return fmt.Sprintf("%s/shot.%d.%d.mp4", folder(t, c), revision, number)
}

// ShotMade is the key of how that shot was made.
func ShotMade(t domain.Tenant, c domain.ClipID, revision, number int) string {
	return fmt.Sprintf("%s/shot.%d.%d.json", folder(t, c), revision, number)
}
