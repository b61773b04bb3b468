// Package roomlog is the written form of everything detection takes of one room: what was said, how loud it was, what the
// audience and the shop did, and how far the broadcast was known, in order of arrival. Whoever has such a log can ask what
// would have been noticed in it, and, with labels beside it, how well.
//
// A log is JSON Lines: one entry a line, `at_s` never falling. Seconds are media time: from the broadcast's first frame. An
// entry has `at_s`, when it became known, and exactly one of line, audience, sound, progress, broadcast and context:
//
//	{"at_s": 0,    "context": {"category": "beauty", "language": "zh", "products": [{"id": "7", "name": "口红", "price": "¥99"}]}}
//	{"at_s": 61.9, "line": {"start_s": 58.2, "end_s": 61.4, "text": "今天全场五折"}}
//	{"at_s": 66,   "audience": {"kind": "comment", "user": "u1", "text": "抢到了"}}
//	{"at_s": 66.2, "audience": {"kind": "product", "action": "priced", "product": {"id": "7", "price": "¥49"}}}
//	{"at_s": 67,   "sound": {"start_s": 66, "step_s": 0.1, "lufs": [-21.5, -20.9]}}
//	{"at_s": 67.5, "progress": {"heard_to_s": 67}}
//
// That is also all that a stranger's labelled set needs; in what is left out, `line.id` is counted, `audience.at_s` is when
// it came, `audience.count` is 1, a line is final. A log with no progress at all is read through [Marked].
//
// A labelled set is a folder of NAME.jsonl (or NAME.jsonl.gz) and NAME.labels.json beside it:
//
//	{"moments": [{"start_s": 55, "end_s": 75, "kind": "discount"}]}
//
// where start and end are what a good editor would have cut, and kind may be empty.
package roomlog
