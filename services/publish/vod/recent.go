package vod

import "sync"

// recent keeps the entries that were used lately, at most size of them, in two generations: when the younger is full the
// older is forgotten. Safe for concurrent use.
type recent[K comparable, V any] struct {
	size int

	mu           sync.Mutex
	young, older map[K]V
}

func newRecent[K comparable, V any](size int) *recent[K, V] {
	return &recent[K, V]{size: size, young: map[K]V{}}
}

func (r *recent[K, V]) get(key K) (V, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.find(key)
}

// find needs the lock.
func (r *recent[K, V]) find(key K) (V, bool) {
	v, ok := r.young[key]
	if !ok {
		if v, ok = r.older[key]; ok {
			r.add(key, v)
		}
	}
	return v, ok
}

func (r *recent[K, V]) put(key K, v V) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.add(key, v)
}

// getOr gives what is there, or else puts what fresh makes.
func (r *recent[K, V]) getOr(key K, fresh func() V) V {
	r.mu.Lock()
	defer r.mu.Unlock()
	v, ok := r.find(key)
	if !ok {
		v = fresh()
		r.add(key, v)
	}
	return v
}

// add needs the lock.
func (r *recent[K, V]) add(key K, v V) {
	if len(r.young) >= max(1, r.size/2) {
		r.young, r.older = make(map[K]V, len(r.young)), r.young
	}
	r.young[key] = v
}
