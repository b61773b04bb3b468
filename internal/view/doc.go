// Package view keeps what is known of streams and clips in Redis, folded from events: what the ops API shows.
//
// A view holds nothing of its own. Each fact is the event that said it, kept under a version so that an older one, or a
// repeat, changes nothing; a Redis that lost everything is filled again from the topics by Rebuild.
package view
